package merge_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrepofs/merge"
)

// fixtures is the directory of createrepo_c's own test repositories.
func fixtures(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../shared/data/fixtures/rpm-software-management+createrepo_c/tests/testdata")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("createrepo_c's repositories are not there: %v", err)
	}
	return dir
}

// TestUpstreamKoji holds what createrepo_c's tests/test_koji.c wants of its test repositories: there of the tables inside mergerepo_c, here of
// what is taken. Its repositories are prepended to a list, so the last that a test there names is the first.
func TestUpstreamKoji(t *testing.T) {
	dir := fixtures(t)
	all := []string{"repo_koji_01", "repo_02", "repo_01", "repo_00"}
	for _, c := range []struct {
		test    string // of tests/test_koji.c
		repos   []string
		mode    merge.Mode
		blocked string
		want    string
	}{
		{
			"koji_stuff_00: three source packages; simple keeps the duplicate", all, merge.ModeSimple, "",
			"dwm-6.1-6.fc27 of repo_koji_01; dwm-6.1-7.fc28 of repo_koji_01; fake_bash-1.1.1-1 of repo_02; super_kernel-6.0.1-2 of repo_01; super_kernel-6.0.1-2 of repo_02",
		},
		{
			"koji_stuff_01: a list of blocked source packages", all, merge.ModeKoji, "super_kernel fake_kernel fake_bash",
			"dwm-6.1-7.fc28 of repo_koji_01",
		},
		{
			"koji_stuff_02_get_newest_srpm_from_one_repo", []string{"repo_koji_01"}, merge.ModeKoji, "",
			"dwm-6.1-7.fc28 of repo_koji_01",
		},
		{
			"koji_stuff_03_get_srpm_from_first_repo_even_if_its_older", []string{"repo_koji_02", "repo_koji_01"}, merge.ModeKoji, "",
			"dwm-5.8.2-2 of repo_koji_02",
		},
		{
			"koji_allowed_pkg_already_seen: one NVRA once", []string{"repo_02", "repo_01"}, merge.ModeKoji, "",
			"fake_bash-1.1.1-1 of repo_02; super_kernel-6.0.1-2 of repo_02",
		},
		{
			"koji_allowed_simple_ignores_include", []string{"repo_koji_02", "repo_koji_01"}, merge.ModeSimple, "",
			"dwm-5.8.2-2 of repo_koji_02; dwm-6.1-6.fc27 of repo_koji_01; dwm-6.1-7.fc28 of repo_koji_01",
		},
		{
			"koji_allowed_simple_respects_blocked", []string{"repo_02", "repo_koji_02"}, merge.ModeSimple, "dwm",
			"fake_bash-1.1.1-1 of repo_02; super_kernel-6.0.1-2 of repo_02",
		},
	} {
		var repos []merge.Repo
		for _, name := range c.repos {
			repos = append(repos, readRepo(t, filepath.Join(dir, name), c.mode))
		}
		blocked := strings.Fields(c.blocked)
		for _, koji := range []bool{true, false} { // the default differs in none of them
			var got []string
			for _, p := range merge.Packages(repos, merge.Rules{Koji: koji, Blocked: func(s string) bool { return slices.Contains(blocked, s) }}) {
				if p.Fate == merge.Taken {
					got = append(got, repos[p.Repo].Packages[p.Index].NVR()+" of "+repos[p.Repo].Name)
				}
			}
			slices.Sort(got)
			if got := strings.Join(got, "; "); got != c.want {
				t.Errorf("%s, koji %v:\ntook %s\nwant %s", c.test, koji, got, c.want)
			}
		}
	}
}

// TestUpstreamRepos merges createrepo_c's test repositories, all together and each pair that shares names, in both orders, with mergerepo_c and with
// Packages in compat mode. By default the one thing that differs is that a block holds in every mode, which is tried too.
func TestUpstreamRepos(t *testing.T) {
	dir := fixtures(t)
	if _, err := exec.LookPath("mergerepo_c"); err != nil {
		t.Skip("mergerepo_c is not installed: it is the oracle of this test")
	}
	all := []string{"repo_00", "repo_01", "repo_02", "repo_koji_01", "repo_koji_02", "repo_with_additional_metadata", "repo_with_duplicate_packages"}
	back := slices.Clone(all)
	slices.Reverse(back)
	merges := [][]string{all, back}
	for _, group := range [][]string{{"repo_01", "repo_02", "repo_with_duplicate_packages"}, {"repo_koji_01", "repo_koji_02"}} {
		for _, a := range group {
			for _, b := range group {
				if a != b {
					merges = append(merges, []string{a, b})
				}
			}
		}
	}
	const blocked = "super_kernel"
	for _, m := range methods() {
		t.Run(string(m.mode), func(t *testing.T) {
			t.Parallel()
			work := t.TempDir()
			list := filepath.Join(work, "blocked")
			if err := os.WriteFile(list, []byte(blocked+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, names := range merges {
				var repos []merge.Repo
				out := filepath.Join(work, strings.Join(names, "+"))
				args := append([]string{"--no-database", "--compress-type=gz", "-o", out + "/out"}, m.flags...)
				rules := merge.Rules{Koji: true, InArch: expanded, Blocked: func(s string) bool { return s == blocked }}
				if m.blocks {
					args = append(args, "-b", list)
				}
				for _, name := range names {
					repos = append(repos, readRepo(t, filepath.Join(dir, name), m.mode))
					args = append(args, "-r", "file://"+filepath.Join(dir, name))
				}
				if err := os.Mkdir(out, 0o755); err != nil {
					t.Fatal(err)
				}
				mergerepo(t, args)
				want := readMerged(t, out, m.origins)
				for i := range want {
					if name, first := strings.CutSuffix(want[i], " repo0"); first {
						want[i] = name + " " + names[0]
					}
				}
				take := func(rules merge.Rules) []string {
					got := []string{}
					for _, p := range merge.Packages(repos, rules) {
						k := repos[p.Repo].Packages[p.Index]
						if k.Epoch = cmp.Or(k.Epoch, "0"); p.Fate == merge.Taken {
							got = append(got, fmt.Sprintf("%s %x %s", k.NEVRA, k.PkgID[:4], repos[p.Repo].Name))
						}
					}
					undecided(names, m.mode, got)
					return got
				}
				undecided(names, m.mode, want)
				got := take(rules)
				if !slices.Equal(got, want) {
					t.Errorf("%v: took\n  %s\nmergerepo_c\n  %s", names, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
				}
				rules.Koji = false
				want = slices.DeleteFunc(want, func(s string) bool { return strings.HasPrefix(s, blocked) })
				got = take(rules)
				if !slices.Equal(got, want) {
					t.Errorf("%v, by default: took\n  %s\nwant\n  %s", names, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
				}
			}
		})
	}
}

// undecided sorts what is taken, after making one of what mergerepo_c takes by the order of a hash table: which dwm of repo_koji_01 in the mode that takes one of each name.
func undecided(names []string, mode merge.Mode, taken []string) {
	for i, s := range taken {
		if mode == merge.ModeRepo && strings.HasPrefix(s, "dwm-") && strings.HasSuffix(s, " repo_koji_01") && slices.Contains(names, "repo_koji_01") {
			taken[i] = "one dwm of repo_koji_01"
		}
	}
	slices.Sort(taken)
}
