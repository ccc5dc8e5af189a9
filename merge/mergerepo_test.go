package merge_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrepofs/merge"
	"vrepofs/repodata"
	"vrepofs/rpm"
)

// TestMergerepo compares what Packages takes, and from where, with what mergerepo_c takes of the same random sources, in each of its
// modes: 500 cases a mode, 10,000 with VREPOFS_LONG. Cases share runs, each with names of its own. Views are of several arches, with multilib.
//
// Not tried, as mergerepo_c's own answer depends on the order of a hash table there: in one source, two files of one version; in
// ModeRepo of one name and arch; in ModeTS of one name, arch and time; in ModeKoji versions that differ in the epoch alone.
func TestMergerepo(t *testing.T) {
	if _, err := exec.LookPath("mergerepo_c"); err != nil {
		t.Skip("mergerepo_c is not installed: it is the oracle of this test")
	}
	n := 500
	if os.Getenv("VREPOFS_LONG") != "" {
		n = 10000
	}
	for _, m := range methods() {
		t.Run(string(m.mode), func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			r := rand.New(rand.NewPCG(seed, 0))
			fates := map[merge.Fate]int{}
			for i := range n / casesPerRun {
				dir := t.TempDir()
				view := views[r.IntN(len(views))]
				repos := randomRepos(r, m.mode, view)
				args := append([]string{"--no-database", "--compress-type=gz", "-o", filepath.Join(dir, "out")}, m.flags...)
				args = append(args, "-a", view[0]) // the last counts
				place := merge.Place(view[0], nil, merge.Contents{Multilib: []string{merge.MultilibAll}})
				rules := merge.Rules{Koji: true, InArch: place.InArch}
				if m.blocks {
					var blocked []byte
					for c := range casesPerRun {
						blocked = fmt.Appendf(blocked, "c%d-s1\n", c)
					}
					if err := os.WriteFile(filepath.Join(dir, "blocked"), blocked, 0o644); err != nil {
						t.Fatal(err)
					}
					args = append(args, "-b", filepath.Join(dir, "blocked"))
					rules.Blocked = func(source string) bool { return strings.HasSuffix(source, "s1") }
				}
				for i, repo := range repos {
					at := filepath.Join(dir, fmt.Sprint("repo", i))
					writeRepo(t, at, repo)
					args = append(args, "-r", "file://"+at)
				}
				mergerepo(t, args)
				want := readMerged(t, dir, m.origins)
				var got []string
				for _, p := range merge.Packages(repos, rules) {
					fates[p.Fate]++
					if p.Fate == merge.Taken {
						k := repos[p.Repo].Packages[p.Index]
						k.Epoch = cmp.Or(k.Epoch, "0")
						got = append(got, fmt.Sprintf("%s %x repo%d", k.NEVRA, k.PkgID[:4], p.Repo))
					}
				}
				slices.Sort(got)
				if !slices.Equal(got, want) {
					for c := range casesPerRun {
						of := fmt.Sprintf("c%d-", c)
						if a, b := only(got, of), only(want, of); !slices.Equal(a, b) {
							t.Errorf("seed %d, run %d:\n%s\ntaken\n  %s\nmergerepo_c takes\n  %s", seed, i, describe(repos, of),
								strings.Join(a, "\n  "), strings.Join(b, "\n  "))
						}
					}
					return
				}
				os.RemoveAll(dir)
			}
			t.Logf("%d cases, seed %d: %v", n, seed, fates)
		})
	}
}

// method is how mergerepo_c is told to merge.
type method struct {
	mode    merge.Mode
	flags   []string
	blocks  bool // takes a list of blocked source packages
	origins bool // the first source's packages have no base
}

// methods are those of each mode, for the same arches.
func methods() []method {
	return []method{
		{merge.ModeKoji, []string{"--koji", "-a", "x86_64"}, true, true},
		{merge.ModeSimple, []string{"--koji", "--simple", "-a", "x86_64"}, true, true},
		{merge.ModeBare, []string{"--pkgorigins", "--all", "--arch-expand", "-a", "x86_64"}, false, true},
		{merge.ModeAll, []string{"--all", "--arch-expand", "-a", "x86_64"}, false, false},
		{merge.ModeRepo, []string{"--arch-expand", "-a", "x86_64"}, false, false},
		{merge.ModeTS, []string{"--method=ts", "--arch-expand", "-a", "x86_64"}, false, false},
		{merge.ModeNVR, []string{"--method=nvr", "--arch-expand", "-a", "x86_64"}, false, false},
	}
}

// expanded are the arches of methods: mergerepo_c expands x86_64 and adds its multilib.
func expanded(arch string) bool {
	p := merge.Place("x86_64", nil, merge.Contents{Multilib: []string{merge.MultilibAll}})
	return p.InArch(arch)
}

// mergerepo runs mergerepo_c.
func mergerepo(t *testing.T, args []string) {
	t.Helper()
	if out, err := exec.Command("mergerepo_c", args...).CombinedOutput(); err != nil {
		t.Fatalf("mergerepo_c %v: %v\n%s", args, err, out)
	}
}

// views are the views that are tried, with arches of packages: the first is that of the view.
var views = [][]string{
	{"x86_64", "x86_64", "i686", "noarch", "s390x", "src"},
	{"x86_64", "x86_64", "noarch", "noarch", "i386", "i486", "i586", "i686", "athlon", "geode", "amd64", "ia32e", "ppc", "s390", "aarch64"},
	{"s390x", "s390x", "s390", "noarch", "x86_64", "i686", "ppc"},
	{"ppc64", "ppc64iseries", "ppc64pseries", "ppc", "ppc64le", "noarch", "s390", "src"},
	{"i386", "i686", "athlon", "x86_64", "noarch"},
	{"aarch64", "armv7hl", "noarch", "src"},
}

// casesPerRun is how many cases share a run of mergerepo_c, which takes longer to start than to merge.
const casesPerRun = 50

// only returns the lines of one case.
func only(lines []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.HasPrefix(l, prefix) })
}

// randomRepos makes two or three sources with the packages of many cases.
func randomRepos(r *rand.Rand, mode merge.Mode, arches []string) []merge.Repo {
	repos := make([]merge.Repo, 2+r.IntN(2))
	for i := range repos {
		repos[i] = merge.Repo{Name: fmt.Sprint("repo", i), Mode: mode}
	}
	for c := range casesPerRun {
		addCase(r, repos, fmt.Sprintf("c%d-", c), arches)
	}
	return repos
}

// addCase adds packages to sources that share names, versions and files.
func addCase(r *rand.Rand, repos []merge.Repo, prefix string, arches []string) {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	var all []merge.Package
	for i := range repos {
		repo := &repos[i]
		mode := repo.Mode
		seen, ids := map[string]bool{}, map[[32]byte]bool{}
		// "1.0" and "1.00" compare equal. Each source has one of them: which of both it would give is the hash's choice, too.
		one, other := "1.0", "1.00"
		if i%2 == 1 {
			one, other = other, one
		}
		add := func(k merge.Package) {
			if k.Version == other {
				return
			}
			key := k.Name + " " + k.Arch
			switch mode {
			case merge.ModeRepo:
			case merge.ModeTS:
				key += fmt.Sprint(" ", k.Time)
			case merge.ModeKoji, merge.ModeSimple:
				key += " " + k.Version + "-" + k.Release
			default:
				key += " " + cmp.Or(k.Epoch, "0") + ":" + k.Version + "-" + k.Release
			}
			if seen[key] || ids[k.PkgID] {
				return
			}
			seen[key], ids[k.PkgID] = true, true
			repo.Packages = append(repo.Packages, k)
			all = append(all, k)
		}
		for j := range r.IntN(14) {
			if len(all) > 0 && r.IntN(8) == 0 {
				add(all[r.IntN(len(all))]) // the same file in another source
				continue
			}
			source, version := prefix+pick("s1", "s2", "s3"), pick("1", one, "1.0~rc", "2", "10")
			k := merge.Package{
				NEVRA: rpm.NEVRA{
					Name: pick(source, source+"-libs", prefix+"shared"), Arch: pick(arches...),
					EVR: rpm.EVR{Epoch: pick("", "0", "1"), Version: version, Release: pick("1", "2")},
				},
				Time:  int64(1000 + r.IntN(5)),
				PkgID: sha256.Sum256(fmt.Append(nil, i, j, r.Uint64())),
			}
			switch {
			case k.Arch == "src":
			case r.IntN(25) == 0:
				k.Source = pick("", prefix+"strange")
			case r.IntN(6) == 0: // a subpackage with a version of its own
				k.Source = source + "-" + pick("1", "2") + "-1.src.rpm"
			default:
				k.Source = source + "-" + k.Version + "-" + k.Release + ".src.rpm"
			}
			add(k)
		}
	}
}

func describe(repos []merge.Repo, prefix string) string {
	var b strings.Builder
	for _, r := range repos {
		fmt.Fprintf(&b, "%s\n", r.Name)
		for _, k := range r.Packages {
			if !strings.HasPrefix(k.Name, prefix) {
				continue
			}
			fmt.Fprintf(&b, "  %s %x of %q, time %d\n", k.NEVRA, k.PkgID[:4], k.Source, k.Time)
		}
	}
	return b.String()
}

// writeRepo writes a source as repodata without its RPM files, which mergerepo_c does not read.
func writeRepo(t *testing.T, dir string, repo merge.Repo) {
	t.Helper()
	n := len(repo.Packages)
	primary, filelists, other := repodata.PrimaryHead(n), repodata.FilelistsHead(n), repodata.OtherHead(n)
	for _, k := range repo.Packages {
		p := rpm.Package{NEVRA: k.NEVRA, PkgID: k.PkgID, SourceRPM: k.Source, FileSize: 1, License: "x", Group: "x"}
		primary = repodata.AppendPrimary(primary, &p, repodata.Place{Href: hex.EncodeToString(k.PkgID[:4]) + "/" + k.NVRA() + ".rpm", FileTime: k.Time})
		filelists = repodata.AppendFilelists(filelists, &p)
		other = repodata.AppendOther(other, &p, repodata.Options{})
	}
	if err := os.MkdirAll(filepath.Join(dir, "repodata"), 0o755); err != nil {
		t.Fatal(err)
	}
	md := repodata.Repomd{Revision: "1"}
	for _, f := range []struct {
		kind string
		text []byte
	}{
		{"primary", append(primary, repodata.PrimaryTail()...)},
		{"filelists", append(filelists, repodata.FilelistsTail()...)},
		{"other", append(other, repodata.OtherTail()...)},
	} {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(f.text); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		rec := repodata.NewRecord(f.kind)
		sum := sha256.Sum256(z.Bytes())
		rec.ChecksumType, rec.Checksum, rec.Href = "sha256", hex.EncodeToString(sum[:]), "repodata/"+f.kind+".xml.gz"
		rec.Size, rec.OpenSize, rec.Timestamp = int64(z.Len()), int64(len(f.text)), 1
		md.Records = append(md.Records, rec)
		if err := os.WriteFile(filepath.Join(dir, rec.Href), z.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "repodata/repomd.xml"), md.Marshal(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// readMerged lists the packages of a merged repository with the source that each comes from.
func readMerged(t *testing.T, dir string, origins bool) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "out/repodata/*primary.xml.gz"))
	if err != nil || len(files) != 1 {
		t.Fatalf("primary of the merged repository: %v, %v", files, err)
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := repodata.Decompress(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := []string{}
	err = repodata.ReadPrimary(z, func(p *repodata.PrimaryPackage) error {
		from := filepath.Base(p.XMLBase)
		if p.XMLBase == "" && origins {
			from = "repo0"
		}
		p.Epoch = cmp.Or(p.Epoch, "0")
		out = append(out, fmt.Sprintf("%s %s %s", p.NEVRA, p.Checksum.Hex[:8], from))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}
