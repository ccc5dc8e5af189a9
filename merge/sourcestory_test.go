package merge_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"vrepofs/merge"
	"vrepofs/rpm"
)

// TestSourceStories runs testdata/sources/*.txtar: what of several sources is in a view of x86_64. A story has the sources in their order, the
// first first:
//
//	-- NAME MODE --
//	NEVRA of SOURCE            a package and the name-version-release of its source RPM; without "of": a source RPM, or a package that names none
//	NEVRA of SOURCE time=5     its file's time, for mode ts
//	NEVRA of SOURCE bytes=x    packages with the same word are one file
//
// then, if any, the source packages that are blocked, one a line:
//
//	-- blocked --
//
// and what became of each package, by default and as mergerepo_c has it (koji):
//
//	-- view --
//	-- view koji --
//
// Where all sources have one mode, mergerepo_c itself is asked what it takes, if it is installed, unless the story says that it is not asked and why.
func TestSourceStories(t *testing.T) {
	files, err := filepath.Glob("testdata/sources/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("stories: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var repos []merge.Repo
			var blocked []string
			for i, f := range a.Files {
				switch words := strings.Fields(f.Name); {
				case f.Name == "blocked":
					blocked = strings.Fields(string(f.Data))
				case f.Name == "view" || f.Name == "view koji":
					koji := f.Name == "view koji"
					rules := merge.Rules{Koji: koji, InArch: expanded, Blocked: func(s string) bool { return slices.Contains(blocked, s) }}
					picks := merge.Packages(repos, rules)
					if got := tellPicks(repos, picks); *update {
						a.Files[i].Data = []byte(got)
					} else if got != string(f.Data) {
						t.Errorf("%s:\n%s\nwant:\n%s", f.Name, got, f.Data)
					}
					if koji && !strings.Contains(string(a.Comment), "mergerepo_c is not asked") {
						askMergerepo(t, repos, blocked, picks)
					}
				case len(words) == 2:
					repos = append(repos, storySource(t, words[0], merge.Mode(words[1]), string(f.Data)))
				default:
					t.Fatalf("part %q: want NAME MODE, blocked, view or view koji", f.Name)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func storySource(t *testing.T, name string, mode merge.Mode, text string) merge.Repo {
	t.Helper()
	if err := mode.Check(); err != nil {
		t.Fatal(err)
	}
	r := merge.Repo{Name: name, Mode: mode}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		n, err := rpm.ParseNEVRA(words[0])
		if err != nil {
			t.Fatal(err)
		}
		k := merge.Package{NEVRA: n, PkgID: sha256.Sum256([]byte(name + " " + line))}
		for i := 1; i < len(words); i++ {
			switch key, value, _ := strings.Cut(words[i], "="); {
			case key == "of" && i+1 < len(words):
				i++
				k.Source = words[i] + ".src.rpm"
			case key == "bytes":
				k.PkgID = sha256.Sum256([]byte(value))
			case key == "time":
				if k.Time, err = strconv.ParseInt(value, 10, 64); err != nil {
					t.Fatal(err)
				}
			default:
				t.Fatalf("line %q: what is %q?", line, words[i])
			}
		}
		r.Packages = append(r.Packages, k)
	}
	return r
}

// tellPicks is a line for each package: its source, what it is, what became of it, and by whom.
func tellPicks(repos []merge.Repo, picks []merge.Pick) string {
	var b strings.Builder
	what := func(p *merge.Pick) string {
		return repos[p.Repo].Name + " " + repos[p.Repo].Packages[p.Index].NEVRA.String()
	}
	for i := range picks {
		p := &picks[i]
		fmt.Fprintf(&b, "%s: %s", what(p), p.Fate)
		if p.By != nil {
			fmt.Fprintf(&b, ", by %s", what(p.By))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// askMergerepo compares what is taken with what mergerepo_c takes of the same sources, if they all have one mode.
func askMergerepo(t *testing.T, repos []merge.Repo, blocked []string, picks []merge.Pick) {
	t.Helper()
	if _, err := exec.LookPath("mergerepo_c"); err != nil || len(repos) == 0 {
		return
	}
	mode := repos[0].Mode
	if slices.ContainsFunc(repos, func(r merge.Repo) bool { return r.Mode != mode }) {
		return
	}
	all := methods()
	m := all[slices.IndexFunc(all, func(m method) bool { return m.mode == mode })]
	dir := t.TempDir()
	args := append([]string{"--no-database", "--compress-type=gz", "-o", filepath.Join(dir, "out")}, m.flags...)
	if m.blocks && len(blocked) > 0 {
		list := filepath.Join(dir, "blocked")
		if err := os.WriteFile(list, []byte(strings.Join(blocked, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-b", list)
	}
	for i, r := range repos {
		at := filepath.Join(dir, fmt.Sprint("repo", i))
		writeRepo(t, at, r)
		args = append(args, "-r", "file://"+at)
	}
	mergerepo(t, args)
	want := readMerged(t, dir, m.origins)
	got := []string{}
	for _, p := range picks {
		if k := repos[p.Repo].Packages[p.Index]; p.Fate == merge.Taken {
			k.Epoch = cmp.Or(k.Epoch, "0")
			got = append(got, fmt.Sprintf("%s %x repo%d", k.NEVRA, k.PkgID[:4], p.Repo))
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("took\n  %s\nmergerepo_c takes\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
