package state

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/merge"
)

// listWorld is four tags that may inherit from those after them, and builds of packages whose names begin alike.
type listWorld struct {
	*memTx
	tags, packages []string
	nvrs           []string
}

func newListWorld(t interface{ Fatal(...any) }) *listWorld {
	w := &listWorld{memTx: newTx(), tags: []string{"t0", "t1", "t2", "t3"}, packages: []string{"a", "a-b", "a-b-c", "d"}}
	for _, p := range w.packages {
		for _, v := range []string{"1", "2"} {
			b, _, err := AddBuild(w.next(), []RPM{row(p, v, "x86_64", "")})
			if err != nil {
				t.Fatal(err)
			}
			w.nvrs = append(w.nvrs, b.NVR)
		}
	}
	for _, tag := range w.tags {
		if err := CreateTag(w.next(), tag, []string{"x86_64"}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// try makes one change wholly or not at all, as a store does.
func (w *listWorld) try(f func() error) error {
	before := map[string]map[string][]byte{}
	for name, table := range w.tables {
		before[name] = maps.Clone(table)
	}
	w.next()
	err := f()
	if err != nil {
		w.tables = before
	}
	return err
}

// view is what became of every build in the view of a tag, from all that its inheritance holds.
func (w *listWorld) view(t interface{ Fatal(...any) }, tag string) (sources []merge.Source, candidates []merge.Candidate) {
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := GetTag(w, tag)
	must(err)
	order, err := merge.Order(tag, root.Koji, func(name string) ([]merge.Link, error) {
		t, err := GetTag(w, name)
		return t.Links(), err
	})
	must(err)
	for _, visit := range order {
		record, err := GetTag(w, visit.Tag)
		must(err)
		s := merge.Source{Tag: visit.Tag, Listed: record.Listed, Packages: map[string]bool{}}
		list, err := TagPackages(w, record)
		must(err)
		for p, e := range list {
			s.Packages[p] = e.Blocked
		}
		for b, err := range TagBuilds(w, record) {
			must(err)
			s.Builds = append(s.Builds, merge.Build{NVR: b.NVR, Package: b.Package, Event: b.Event, ID: b.ID})
		}
		s.Filter, err = merge.Filters(visit.Filters)
		must(err)
		sources = append(sources, s)
	}
	return sources, merge.Builds(sources, root.BuildRules())
}

// TestPackageListHistories: under random histories of tags, open and listed, tagging is refused just when the list of the view has not
// the package or blocks it; force makes it seen; removing entries without force takes no build of the tag out of sight; closing a
// tag changes nothing in its views; and the list is the same whether it is asked as a whole or for some packages.
func TestPackageListHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newListWorld(t)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			i := rapid.IntRange(0, len(w.tags)-1).Draw(t, "tag")
			tag, pkg := w.tags[i], rapid.SampledFrom(w.packages).Draw(t, "package")
			nvr := rapid.SampledFrom(w.nvrs).Draw(t, "nvr")
			record, err := GetTag(w, tag)
			if err != nil {
				t.Fatal(err)
			}
			sources, before := w.view(t, tag)
			list := merge.PackageList(sources)
			switch op := rapid.SampledFrom([]string{"add", "add", "force", "block", "list", "unlist", "force unlist", "inherit", "leave", "open", "close"}).Draw(t, "op"); op {
			case "add":
				of := nvr[:strings.LastIndex(nvr[:len(nvr)-2], "-")]
				e, has := list[of]
				err := w.try(func() error { return AddToTag(w, tag, nvr) })
				if want := record.Listed && (!has || e.Blocked); want != errors.Is(err, ErrConflict) || err != nil && !want {
					t.Fatalf("add %s to %s, whose list has %+v, %v: %v", nvr, tag, e, has, err)
				}
			case "force":
				if err := w.try(func() error { return ForceToTag(w, tag, nvr) }); err != nil {
					t.Fatal(err)
				}
				if _, now := w.view(t, tag); !slices.ContainsFunc(now, func(c merge.Candidate) bool { return c.NVR == nvr && c.Tag == tag && c.Verdict == merge.Chosen }) {
					t.Fatalf("%s was forced into %s and is not seen: %v", nvr, tag, now)
				}
			case "block":
				if err := w.try(func() error { return SetBlocked(w, tag, true, pkg) }); err != nil {
					t.Fatal(err)
				}
			case "list":
				if err := w.try(func() error { return ListPackages(w, tag, pkg) }); errors.Is(err, ErrConflict) != list[pkg].Blocked || err != nil && !list[pkg].Blocked {
					t.Fatalf("list %s in %s, whose list has %+v: %v", pkg, tag, list[pkg], err)
				}
			case "unlist", "force unlist":
				err := w.try(func() error { return UnlistPackages(w, tag, op == "force unlist", pkg) })
				_, had := sources[0].Packages[pkg]
				if had != !errors.Is(err, iofs.ErrNotExist) || op == "force unlist" && had && err != nil {
					t.Fatalf("%s %s, entry %v: %v", op, pkg, had, err)
				}
				if op == "unlist" && err == nil {
					_, now := w.view(t, tag)
					for k := range now {
						if old := before[k].Verdict; before[k].Tag == tag && old != merge.Blocked && old != merge.Unlisted && now[k].Verdict != old {
							t.Fatalf("%s was %v, is %v", now[k].NVR, old, now[k].Verdict)
						}
					}
				}
			case "inherit":
				if i == len(w.tags)-1 {
					continue
				}
				link := Link{Parent: rapid.SampledFrom(w.tags[i+1:]).Draw(t, "parent"), Priority: rapid.IntRange(1, 3).Draw(t, "priority")}
				link.Filter = rapid.SampledFrom([]string{"", "a-b", "a$"}).Draw(t, "filter")
				_ = w.try(func() error { return AddParent(w, tag, link) }) // or it has one of that name or priority
			case "leave":
				if len(record.Inherit) > 0 {
					if err := w.try(func() error { return RemoveParent(w, tag, record.Inherit[0].Parent) }); err != nil {
						t.Fatal(err)
					}
				}
			case "open", "close":
				if err := w.try(func() error { return SetListed(w, tag, op == "close") }); err != nil {
					t.Fatal(err)
				}
				if _, now := w.view(t, tag); op == "close" && !slices.Equal(before, now) {
					t.Fatalf("%s was closed; its view was %v, is %v", tag, before, now)
				}
			}
			for _, tag := range w.tags {
				sources, _ := w.view(t, tag)
				whole, err := PackageList(w, tag)
				if err != nil || !maps.Equal(whole, merge.PackageList(sources)) {
					t.Fatalf("list of %s: %v, %v, want %v", tag, whole, err, merge.PackageList(sources))
				}
				some, err := PackageList(w, tag, pkg, "none")
				maps.DeleteFunc(whole, func(p string, _ merge.Entry) bool { return p != pkg })
				if err != nil || !maps.Equal(some, whole) {
					t.Fatalf("list of %s for %s: %v, %v, want %v", tag, pkg, some, err, whole)
				}
			}
		}
	})
}

// TestPackageListErrors: errors name what they are about and what helps, and are bounded.
func TestPackageListErrors(t *testing.T) {
	tx := newTx()
	var nvrs, names []string
	for i := range 300 {
		p := fmt.Sprintf("p%03d", i)
		b, _, err := AddBuild(tx.next(), []RPM{row(p, "1", "noarch", "")})
		ok(t, err)
		nvrs, names = append(nvrs, b.NVR), append(names, p)
	}
	ok(t, CreateTag(tx.next(), "base", []string{"src"}))
	ok(t, CreateTag(tx.next(), "dev", []string{"src"}))
	ok(t, AddParent(tx.next(), "dev", Link{Parent: "base", Priority: 1}))
	ok(t, SetListed(tx.next(), "dev", true))
	err := AddToTag(tx.next(), "dev", nvrs...)
	wantErr(t, "300 packages that are not listed", err, ErrConflict, "p000, p001", "and 290 more packages are not in the package list of tag dev", "vrepofs tag package add dev PACKAGE…", "vrepofs tag set dev --open")
	if n := len(err.Error()); n > 400 {
		t.Errorf("the error has %d bytes", n)
	}
	wantErr(t, "a control character", ListPackages(tx, "dev", "a\nb"), iofs.ErrInvalid)
	wantErr(t, "a name with a slash", SetBlocked(tx, "dev", true, "a/b"), iofs.ErrInvalid)
	ok(t, ListPackages(tx.next(), "base", names...))
	ok(t, AddToTag(tx.next(), "dev", nvrs...)) // more than maxLookups: lists are read as a whole
	tag, err := GetTag(tx, "dev")
	ok(t, err)
	ok(t, ListPackages(tx.next(), "dev", names[0]))
	ok(t, ListPackages(tx.next(), "dev", names[0]))
	if again, err := GetTag(tx, "dev"); err != nil || again.Changed.Event != tx.Seq()-1 || again.Builds != tag.Builds {
		t.Errorf("listed twice: %+v, %v", again, err)
	}
	wantErr(t, "a negative latest is all", SetLatest(tx, "dev", 0), iofs.ErrInvalid)
	ok(t, SetLatest(tx, "dev", -7))
	ok(t, SetLatest(tx, "base", 1))
	dev, _ := GetTag(tx, "dev")
	if base, _ := GetTag(tx, "base"); dev.Latest != -1 || base.Latest != 0 {
		t.Errorf("latest of dev and base: %d, %d", dev.Latest, base.Latest)
	}
}

// TestTagPackageValues: an entry reads as encoding/json reads it, whatever its bytes.
func TestTagPackageValues(t *testing.T) {
	values := []string{
		string(encode(TagPackage{Blocked: true, Event: 1})), string(encode(TagPackage{Event: 1<<64 - 1})), string(encode(TagPackage{})),
		`{"blocked":true,"event":999999999999999999}`, `{"blocked":true,"event":9999999999999999999}`, `{"blocked":false,"event":99999999999999999999}`,
		`{"blocked":true,"event":}`, `{"blocked":true,"event":01}`, `{"blocked":true,"event":-1}`, `{"blocked":true,"event":1e3}`, `{"blocked":maybe,"event":1}`,
		`{"blocked":truefalse,"event":1}`, `{"blocked":true,"event":7}}`, `{"blocked":true,"event":7} `, `{"blocked":true}`, `{"event":3,"blocked":true}`, `{"blocked":`, ``, `{}`,
		`{"blocked":true,"event":7,"later":1}`,
	}
	for _, v := range values {
		var want TagPackage
		wantErr := decode("entry", []byte(v), &want)
		got, err := decodeTagPackage("t", "p", []byte(v))
		if (err == nil) != (wantErr == nil) || err == nil && got != want {
			t.Errorf("%s: %+v, %v, want %+v, %v", v, got, err, want, wantErr)
		}
	}
}
