package merge_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"vrepofs/merge"
)

var update = flag.Bool("update", false, "rewrite the wanted parts of the stories")

// TestStories runs testdata/*.txtar. A story is a history, one operation a line, each an event of its own:
//
//	inherit CHILD PARENT PRIORITY
//	add TAG NVR…            builds tagged in one event; the order of first mention is the order of build ids
//	remove TAG NVR
//	block TAG PACKAGE       and list, unblock (the same), unlist
//	close TAG               tags are open until they are closed
//	latest TAG N            how many builds of a package its views show; -1: all
//
// and for each view TAG what became of every build, in the order of consideration.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("stories: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var s *story
			for i, f := range a.Files {
				if f.Name == "history" {
					s = parseStory(t, string(f.Data))
					continue
				}
				tag, ok := strings.CutPrefix(f.Name, "view ")
				if !ok || s == nil {
					t.Fatalf("%s: part %q: want history, then view TAG", file, f.Name)
				}
				tag, koji := strings.CutSuffix(tag, " koji")
				got := s.view(t, tag, koji)
				if *update {
					a.Files[i].Data = []byte(got)
				} else if got != string(f.Data) {
					t.Errorf("view %s:\n%s\nwant:\n%s", tag, got, f.Data)
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

type link struct {
	merge.Link
	priority int
}

// parseLink reads the words after inherit: CHILD PARENT PRIORITY, then maxdepth=N, intransitive, noconfig, filter=PATTERN.
func parseLink(t *testing.T, words []string) link {
	t.Helper()
	n, err := strconv.Atoi(words[2])
	if err != nil {
		t.Fatal(err)
	}
	l := link{merge.Link{Parent: words[1]}, n}
	for _, w := range words[3:] {
		switch name, value, _ := strings.Cut(w, "="); name {
		case "maxdepth":
			d, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			l.MaxDepth = &d
		case "intransitive":
			l.Intransitive = true
		case "noconfig":
			l.NoConfig = true
		case "filter":
			l.Filter = value
		default:
			t.Fatalf("inherit: %q is nothing that a link has", w)
		}
	}
	return l
}

type story struct {
	event   uint64
	ids     map[string]uint64
	parents map[string][]link
	builds  map[string][]merge.Build
	lists   map[string]map[string]bool
	closed  map[string]bool
	latest  map[string]int
}

func parseStory(t *testing.T, text string) *story {
	t.Helper()
	s := &story{
		ids: map[string]uint64{}, parents: map[string][]link{}, builds: map[string][]merge.Build{}, lists: map[string]map[string]bool{},
		closed: map[string]bool{}, latest: map[string]int{},
	}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		s.event++
		switch {
		case f[0] == "inherit" && len(f) >= 4:
			s.parents[f[1]] = append(s.parents[f[1]], parseLink(t, f[1:]))
			slices.SortFunc(s.parents[f[1]], func(a, b link) int { return a.priority - b.priority })
		case f[0] == "add" && len(f) > 2:
			for _, nvr := range f[2:] {
				if s.ids[nvr] == 0 {
					s.ids[nvr] = uint64(len(s.ids) + 1)
				}
				s.remove(f[1], nvr)
				s.builds[f[1]] = append(s.builds[f[1]], merge.Build{NVR: nvr, Package: packageOf(nvr), Event: s.event, ID: s.ids[nvr]})
			}
		case f[0] == "remove" && len(f) == 3:
			s.remove(f[1], f[2])
		case f[0] == "close" && len(f) == 2:
			s.closed[f[1]] = true
		case f[0] == "latest" && len(f) == 3:
			n, err := strconv.Atoi(f[2])
			if err != nil {
				t.Fatal(err)
			}
			s.latest[f[1]] = n
		case f[0] == "unlist" && len(f) == 3:
			delete(s.lists[f[1]], f[2])
		case (f[0] == "block" || f[0] == "unblock" || f[0] == "list") && len(f) == 3:
			if s.lists[f[1]] == nil {
				s.lists[f[1]] = map[string]bool{}
			}
			s.lists[f[1]][f[2]] = f[0] == "block"
		default:
			t.Fatalf("line %q is no operation", line)
		}
	}
	return s
}

func (s *story) remove(tag, nvr string) {
	s.builds[tag] = slices.DeleteFunc(s.builds[tag], func(b merge.Build) bool { return b.NVR == nvr })
}

// packageOf cuts version and release off.
func packageOf(nvr string) string {
	for range 2 {
		nvr = nvr[:strings.LastIndexByte(nvr, '-')]
	}
	return nvr
}

func (s *story) view(t *testing.T, tag string, koji bool) string {
	t.Helper()
	order, err := merge.Order(tag, koji, func(tag string) ([]merge.Link, error) {
		var links []merge.Link
		for _, l := range s.parents[tag] {
			links = append(links, l.Link)
		}
		return links, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var sources []merge.Source
	out := "order:"
	for _, v := range order {
		builds := slices.Clone(s.builds[v.Tag])
		rand.Shuffle(len(builds), func(i, j int) { builds[i], builds[j] = builds[j], builds[i] }) // arrival must not matter
		filter, err := merge.Filters(v.Filters)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, merge.Source{Tag: v.Tag, Builds: builds, Packages: s.lists[v.Tag], Filter: filter, Listed: s.closed[v.Tag]})
		out += " " + v.Tag
		if len(v.Filters) > 0 {
			out += "(" + strings.Join(v.Filters, " & ") + ")"
		}
	}
	out += "\n"
	for _, c := range merge.Builds(sources, merge.BuildRules{Koji: koji, Latest: s.latest[tag]}) {
		out += strings.TrimSpace(fmt.Sprintf("%s %s %s %s", c.Tag, c.NVR, c.Verdict, c.By)) + "\n"
	}
	return out
}
