package merge_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRulesHaveStories is the table of the rules of SEMANTICS §1 and §2 that concern views, and the story that tells each: those of builds are
// testdata/NAME.txtar (TestStories), those of packages testdata/sources/NAME.txtar (TestSourceStories), those that need RPMs and a store
// ../cmd/vrepofs/testdata/script/NAME.txt. What differs between the default and Koji is in both forms in the same story.
func TestRulesHaveStories(t *testing.T) {
	const (
		builds  = "testdata/%.txtar"
		sources = "testdata/sources/%.txtar"
		script  = "../cmd/vrepofs/testdata/script/%.txt"
	)
	for _, r := range []struct {
		section, rule string
		where         string
		stories       []string
	}{
		{"1.2", "parents by priority, lower first", builds, []string{"priority"}},
		{"1.2", "depth first, a parent before its own parents", builds, []string{"diamond"}},
		{"1.2", "a loop is pruned where it would come back", builds, []string{"loop"}},
		{"1.2", "an intransitive link is for its own tag alone", builds, []string{"intransitive", "intransitive-own"}},
		{"1.2", "maxdepth, and below another maxdepth", builds, []string{"maxdepth", "maxdepth-zero"}},
		{"1.2", "a second visit that brings more comes again", builds, []string{"deeper-visit", "noconfig", "filter"}},
		{"1.2", "noconfig leaks to later siblings", builds, []string{"noconfig"}},
		{"1.2", "filters are anchored at the start, and all must match", builds, []string{"filter", "filters-add-up"}},
		{"1.2", "filters concern the package list, not builds", builds, []string{"filter", "filtered-block", "listed-filter"}},
		{"1.3", "the first entry decides for the whole view", builds, []string{"blocks", "listed-block-nearest"}},
		{"1.3", "what is not listed is not seen", builds, []string{"listed", "listed-open-parent"}},
		{"1.3", "the nearest tag wins, never the highest version", builds, []string{"nearest-wins"}},
		{"1.3", "then what was tagged most recently", builds, []string{"most-recently-tagged"}},
		{"1.3", "the latest N, or all", builds, []string{"latest", "latest-all"}},
		{"1.3", "the build is the unit", script, []string{"both_buildunit"}},
		{"1.3", "groups: the first tag defines, blocks, expansion", script, []string{"both_groups"}},
		{"1.4", "arches, multilib, sources and debuginfo of a view", script, []string{"both_tag_contents"}},
		{"1.5", "nearness before priority; of one repo the first", script, []string{"both_externalorder"}},
		{"1.5", "each mode, and each source with its own", sources, []string{"simple", "bare", "modes-of-their-own"}},
		{"1.5", "blocks, but for bare", sources, []string{"blocks", "blocks-in-bare"}},
		{"1.5", "the build's own packages are the first source; origins", script, []string{"both_external"}},
		{"1.5", "one version with other bytes", sources, []string{"other-bytes"}},
		{"1.5", "modules: whole or not at all", script, []string{"both_modules"}},
		{"1.6", "signed copies by preference of keys", script, []string{"both_signed"}},
		{"1.7", "one tag twice in the order", builds, []string{"repeated-tag"}},
		{"1.7", "blocked and tagged in one tag", builds, []string{"blocked-in-child"}},
		{"1.7", "two builds tagged in one event", builds, []string{"tagged-in-one-event"}},
		{"1.7", "a view as of any moment", script, []string{"both_buildunit", "both_tagdiff"}},
		{"1.7", "upstream makes one version anew", script, []string{"both_buildunit"}},
		{"2.1", "one file twice in one source", sources, []string{"same-file"}},
		{"2.1", "noarch always; other arches not", sources, []string{"noarch"}},
		{"2.1", "methods repo, ts, nvr", sources, []string{"repo", "repo-inside-one", "ts", "nvr"}},
		{"2.1", "all: versions that compare equal are one", sources, []string{"equal-versions"}},
		{"2.1", "koji: the first source has the source package", sources, []string{"first-source-claims"}},
		{"2.1", "koji: the highest version inside one source", sources, []string{"highest-in-one-source"}},
		{"2.1", "koji: the epoch does not count", sources, []string{"epoch-of-a-source"}},
		{"2.1", "koji: the very same source RPM from others", sources, []string{"very-same-source"}},
		{"2.1", "koji: one NVRA once", sources, []string{"one-version-once"}},
		{"2.1", "koji: no source RPM, or none that can be taken apart", sources, []string{"source-rpms", "strange-source"}},
		{"2.2", "other arches claim (zed.s390x)", sources, []string{"other-arch-claims"}},
		{"2.2", "a subpackage that upstream dropped disappears", sources, []string{"highest-in-one-source"}},
	} {
		for _, s := range r.stories {
			dir, file := filepath.Split(r.where)
			if _, err := os.Stat(dir + s + file[1:]); err != nil {
				t.Errorf("§%s, %s: %v", r.section, r.rule, err)
			}
		}
	}
}
