package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// verdict is what shared/data's oracle says of one repository: are all declared RPMs and metadata files there, as declared?
type verdict struct {
	Repo      string
	Packages  *int     `json:"pkgs"`
	Good      int      `json:"rpm_ok"`
	BadSum    int      `json:"rpm_badsum"`
	Absent    int      `json:"rpm_absent"`
	Missing   []string `json:"md_missing"`
	BadMD     []string `json:"md_badsum"`
	NoPrimary string   `json:"primary_err"`
}

func (v verdict) complete() bool {
	return v.Packages != nil && v.Good == *v.Packages && v.BadSum == 0 && v.Absent == 0 && len(v.Missing) == 0 && len(v.BadMD) == 0
}

// verdicts are those of all repositories.
func verdicts(t *testing.T, data string) []verdict {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(data, "oracle/repo-consistency.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []verdict
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestEveryCompleteRepository imports every complete repository of shared/data. Mounted, each is the original byte for byte, and dnf
// lists the same packages from it.
func TestEveryCompleteRepository(t *testing.T) {
	data := sharedData(t)
	needs(t, "dnf")
	b := newBox(t)
	b.mount()
	type repo struct {
		name, dir string
		verdict
	}
	var repos []repo
	for _, v := range verdicts(t, data) {
		if v.complete() {
			repos = append(repos, repo{fmt.Sprintf("r%02d", len(repos)), filepath.Join(data, v.Repo), v})
		}
	}
	if len(repos) < 60 {
		t.Fatalf("%d complete repositories, want at least 60", len(repos))
	}
	total := 0
	var differ strings.Builder
	for _, r := range repos {
		var got struct {
			Snapshot struct {
				Mode string
				RPMs int
			}
		}
		res := b.vrepofs("repo", "import", r.name, r.dir, "--json")
		if res.code != 0 {
			t.Errorf("import %s: exit %d\n%s", r.Repo, res.code, res.err)
			continue
		}
		if err := json.Unmarshal([]byte(res.out), &got); err != nil {
			t.Fatal(err)
		}
		if got.Snapshot.Mode != "verbatim" || got.Snapshot.RPMs != *r.Packages {
			t.Errorf("import %s: %+v, want %d RPMs, verbatim", r.Repo, got.Snapshot, *r.Packages)
		}
		total += got.Snapshot.RPMs
		fmt.Fprintf(&differ, "diff -r '%s' $MNT/repos/%s/latest/ || exit 1\n", r.dir, r.name)
	}
	b.sh(differ.String())
	if t.Failed() {
		return
	}
	// All originals and all snapshots in a few processes: starting dnf costs more than what it does here.
	originals, snapshots := map[string]string{}, map[string]string{}
	for batch := range slices.Chunk(repos, 23) {
		var args []string
		for _, r := range batch {
			args = append(args, "--repofrompath=o-"+r.name+",file://"+r.dir, "--repofrompath=m-"+r.name+",file://"+b.mnt+"/repos/"+r.name+"/latest",
				"--repo=o-"+r.name, "--repo=m-"+r.name)
		}
		args = append(args, "repoquery", "--available", "--disable-modular-filtering",
			"--qf=%{repoid} %{name}-%{epoch}:%{version}-%{release}.%{arch} %{sourcerpm} %{location} %{downloadsize} %{installsize} %{buildtime} %{summary}")
		for line := range strings.SplitSeq(b.dnfOK("shared", "file://"+repos[0].dir, args...), "\n") {
			id, rest, _ := strings.Cut(line, " ")
			switch side, name, _ := strings.Cut(id, "-"); side {
			case "o":
				originals[name] += rest + "\n"
			case "m":
				snapshots[name] += rest + "\n"
			}
		}
	}
	listed, sources := 0, 0
	for _, r := range repos {
		same(t, "dnf's list of "+r.Repo, snapshots[r.name], originals[r.name])
		n := strings.Count(originals[r.name], "\n")
		if n != *r.Packages {
			t.Errorf("dnf lists %d packages of %s, its primary has %d", n, r.Repo, *r.Packages)
		}
		listed += n
		sources += strings.Count(originals[r.name], ".src ")
	}
	t.Logf("%d complete repositories, %d RPMs, %d listed by dnf (%d source RPMs)", len(repos), total, listed, sources)
	if sources < 50 {
		t.Errorf("%d source RPMs, want many", sources)
	}
	b.ok("verify")
}

// TestEveryIncompleteRepository is refused with a reason that names what does not agree; nothing is imported.
func TestEveryIncompleteRepository(t *testing.T) {
	data := sharedData(t)
	b := newBox(t)
	refused := 0
	for _, v := range verdicts(t, data) {
		if v.complete() {
			continue
		}
		dir := filepath.Join(data, v.Repo)
		r := b.vrepofs("repo", "import", "r", dir)
		if r.code != 1 {
			t.Errorf("import %s: exit %d, want 1: oracle says %+v\n%s%s", v.Repo, r.code, v, r.out, r.err)
			continue
		}
		refused++
		if !strings.Contains(r.err, v.Repo) {
			t.Errorf("import %s: the reason does not name it: %s", v.Repo, r.err)
		}
		for _, word := range v.Missing {
			if !strings.Contains(r.err, word) {
				t.Errorf("import %s: the reason does not name %s: %s", v.Repo, word, r.err)
			}
		}
		if v.Absent > 0 && len(v.Missing) == 0 && len(v.BadMD) == 0 && !strings.Contains(r.err, ".rpm") {
			t.Errorf("import %s: the reason names no RPM that is absent: %s", v.Repo, r.err)
		}
	}
	t.Logf("%d incomplete repositories refused", refused)
	// The one that has RPM files is imported with repodata of ours.
	const some = "fixtures/release-engineering+repo-autoindex/tests/sample_kickstart_repo"
	b.ok("repo", "import", "regenerated", filepath.Join(data, some), "--regenerate")
	b.mount()
	if got, err := readRepository(b.mnt + "/repos/regenerated/latest"); err != nil || len(got) != 1 {
		t.Errorf("%s, regenerated: %q, %v; want one package", some, got, err)
	}
	if out := b.ok("repo", "list"); strings.Contains(out, "\nr ") {
		t.Errorf("something was imported:\n%s", out)
	}
}
