package closure_test

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"

	"vrepofs/closure"
	"vrepofs/rpm"
)

// dep reads "zlib >= 1.3" or "(a or b)".
func dep(s string) rpm.Dep {
	f := strings.Fields(s)
	if strings.HasPrefix(s, "(") || len(f) != 3 {
		return rpm.Dep{Name: s}
	}
	flags := map[string]uint32{"=": rpm.SenseEqual, "<": rpm.SenseLess, ">": rpm.SenseGreater, "<=": rpm.SenseLess | rpm.SenseEqual,
		">=": rpm.SenseGreater | rpm.SenseEqual}[f[1]]
	return rpm.Dep{Name: f[0], Flags: flags, EVR: f[2]}
}

// pkg reads "a-1-1.x86_64: x, y = 2 | needs, these | /usr/bin/file": provides, requires, files.
func pkg(t testing.TB, s string) *rpm.Package {
	name, rest, _ := strings.Cut(s, ":")
	n, err := rpm.ParseNEVRA(name)
	if err != nil {
		t.Fatal(err)
	}
	p := &rpm.Package{NEVRA: n}
	for i, list := range strings.Split(rest, "|") {
		for _, item := range strings.Split(list, ",") {
			item = strings.TrimSpace(item)
			switch {
			case item == "":
			case i == 0:
				p.Provides = append(p.Provides, dep(item))
			case i == 1:
				p.Requires = append(p.Requires, dep(item))
			default:
				slash := strings.LastIndexByte(item, '/')
				p.Files = append(p.Files, rpm.File{Dir: item[:slash+1], Base: item[slash+1:]})
			}
		}
	}
	return p
}

// problems compares two sets, one package a line; common lines are the same package.
func problems(t testing.TB, before, after string) []string {
	t.Helper()
	var sides []closure.Side
	var packages []*rpm.Package
	at := map[string]int{}
	for side, text := range map[closure.Side]string{closure.Before: before, closure.After: after} {
		for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			if _, known := at[line]; !known {
				at[line] = len(packages)
				packages, sides = append(packages, pkg(t, line)), append(sides, 0)
			}
			sides[at[line]] |= side
		}
	}
	found, err := closure.New(t.Context(), sides, func(i int) (*rpm.Package, error) { return packages[i], nil })
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range found {
		out = append(out, p.String())
	}
	return out
}

func TestNew(t *testing.T) {
	for _, test := range []struct{ name, before, after, want string }{
		{"nothing", "", "", ""},
		{"met by name, provide and file", "", "a-1-1.x86_64: | b, libx.so.1()(64bit), /usr/bin/sh, b = 1\nb-1-1.x86_64: libx.so.1()(64bit) | | /usr/bin/sh", ""},
		{"by itself", "", "a-1-1.x86_64: y | a = 1-1, y, /f | /f", ""},
		{"unmet", "", "a-1-1.x86_64: | b, libx.so.1(), /usr/bin/sh\nb-1-1.x86_64: libx.so.1()(64bit) | | /bin/sh",
			"a-1-1.x86_64 requires /usr/bin/sh; a-1-1.x86_64 requires libx.so.1()"},
		{"the provider goes", "a-1-1.x86_64: | b\nb-1-1.x86_64:", "a-1-1.x86_64: | b", "a-1-1.x86_64 requires b"},
		{"old and of another version", "a-1-1.x86_64: | b", "a-2-1.x86_64: | b, c", "a-2-1.x86_64 requires c"},
		{"of another arch", "a-1-1.i686: | b", "a-1-1.x86_64: | b", "a-1-1.x86_64 requires b"},
		{"what goes need not be met", "a-1-1.x86_64: | b\nb-1-1.x86_64:", "b-1-1.x86_64:", ""},
		{"rpmlib and sources", "", "a-1-1.x86_64: | rpmlib(X) = 1\ns-1-1.src: | gcc", ""},
		{"a source package provides nothing", "", "a-1-1.x86_64: | s\ns-1-1.src:", "a-1-1.x86_64 requires s"},
		{"versions", "", `a-1-1.x86_64: | b >= 2, b < 2, b = 1:1, b = 1-2, b = 1, b > 1-1, b <= 1-1, c = 5, d = 1:3-1
			b-1-1.noarch: c
			e-1-1.noarch: d = 3-1`,
			"a-1-1.x86_64 requires b = 1-2; a-1-1.x86_64 requires b = 1:1; a-1-1.x86_64 requires b > 1-1; a-1-1.x86_64 requires b >= 2; a-1-1.x86_64 requires d = 1:3-1"},
		{"and, or", "", "a-1-1.x86_64: | (b and c), (b and x), (x or b), (x or y or z)\nb-1-1.noarch: c",
			"a-1-1.x86_64 requires (b and x); a-1-1.x86_64 requires (x or y or z)"},
		{"if", "", "a-1-1.x86_64: | (x if b), (x if b else b), (x if b else y), (b if c else x), (b if x else y)\nb-1-1.noarch: c",
			"a-1-1.x86_64 requires (b if x else y); a-1-1.x86_64 requires (x if b else y)"},
		{"unless", "", "a-1-1.x86_64: | (b unless c), (x unless b), (x unless b else c)\nb-1-1.noarch: c", "a-1-1.x86_64 requires (x unless b)"},
		{"with, without", "", `a-1-1.x86_64: | (l >= 1 with l < 2), (l >= 2 with l < 3), (l without m), (l without n), ((x or l) with n)
			l1-1-1.noarch: l = 1, n
			l3-1-1.noarch: l = 3, n, m`,
			"a-1-1.x86_64 requires (l >= 2 with l < 3); a-1-1.x86_64 requires (l without n)"},
		{"nested", "", "a-1-1.x86_64: | ((b or x) and (c if (x or b) else y)), (libb.so()(64bit) >= 1 or x)\nb-1-1.noarch: c, libb.so()(64bit)", ""},
		{"unreadable", "", "a-1-1.x86_64: | (b, (), (b and), (b and c or d), (b xor c), (b and c) d\nb-1-1.noarch: c, d",
			"a-1-1.x86_64 requires (); a-1-1.x86_64 requires (b; a-1-1.x86_64 requires (b and c or d); a-1-1.x86_64 requires (b and c) d; a-1-1.x86_64 requires (b and); a-1-1.x86_64 requires (b xor c)"},
	} {
		if got := strings.Join(problems(t, test.before, test.after), "; "); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
	}
}

// TestWith: with is asked of one side's packages only.
func TestWith(t *testing.T) {
	const user, old, new = "a-1-1.x86_64: | (l >= 1 with l < 2)", "l-1-1.noarch: l = 1", "l-2-1.noarch: l = 2"
	if got := problems(t, user+"\n"+old, user+"\n"+new); !slices.Equal(got, []string{"a-1-1.x86_64 requires (l >= 1 with l < 2)"}) {
		t.Errorf("%q", got)
	}
}

func TestHostile(t *testing.T) {
	deep := strings.Repeat("(", 1<<20)
	wide := "(a" + strings.Repeat(" and b", 1<<20) + ")"
	p := &rpm.Package{NEVRA: rpm.NEVRA{Name: "a", EVR: rpm.EVR{Version: "1", Release: "1"}, Arch: "noarch"}}
	p.Requires = []rpm.Dep{{Name: deep}, {Name: wide}, {Name: "(a with (b and c))"}}
	found, err := closure.New(t.Context(), []closure.Side{closure.After}, func(int) (*rpm.Package, error) { return p, nil })
	if err != nil || len(found) != 3 {
		t.Errorf("%d problems, %v; want 3", len(found), err)
	}
	for i := range 20_000 {
		p.Requires = append(p.Requires, rpm.Dep{Name: "x", Flags: rpm.SenseEqual, EVR: fmt.Sprint("a", i)})
		p.Provides = append(p.Provides, rpm.Dep{Name: "x", Flags: rpm.SenseEqual, EVR: fmt.Sprint("b", i)})
	}
	if testing.Short() {
		t.Skip("seconds of comparisons")
	}
	if _, err = closure.New(t.Context(), []closure.Side{closure.After}, func(int) (*rpm.Package, error) { return p, nil }); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("%v, want a refusal", err)
	}
}

func TestErrors(t *testing.T) {
	bad := errors.New("bad")
	if _, err := closure.New(t.Context(), []closure.Side{closure.After}, func(int) (*rpm.Package, error) { return nil, bad }); !errors.Is(err, bad) {
		t.Errorf("%v, want that of load", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := closure.New(ctx, []closure.Side{closure.After}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want canceled", err)
	}
}

func TestLines(t *testing.T) {
	if got := closure.Lines(make([]closure.Problem, 22), 20); len(got) != 21 || got[20] != "… and 2 more" {
		t.Errorf("%d lines, the last %q", len(got), got[len(got)-1])
	}
}

// record is package i of n: 15 requirements of others, 150 files, as a distribution has on average.
func record(i, n int) *rpm.Package {
	name := fmt.Sprintf("package%d", i)
	p := &rpm.Package{NEVRA: rpm.NEVRA{Name: name, EVR: rpm.EVR{Version: "1." + fmt.Sprint(i%7), Release: "1"}, Arch: "x86_64"}}
	for k := range 15 {
		other := (i*31 + k*k*17) % n
		p.Requires = append(p.Requires, dep(fmt.Sprintf("lib%d.so.%d()(64bit)", other, k%3)))
		p.Provides = append(p.Provides, dep(fmt.Sprintf("lib%d.so.%d()(64bit)", i, k%3)))
	}
	p.Requires = append(p.Requires, dep(fmt.Sprintf("package%d >= 1.3", (i+1)%n)), dep("/usr/bin/tool"+fmt.Sprint((i+2)%n)))
	for k := range 150 {
		p.Files = append(p.Files, rpm.File{Dir: "/usr/share/" + name + "/" + fmt.Sprint(k/10) + "/", Base: fmt.Sprint("file", k)})
	}
	p.Files = append(p.Files, rpm.File{Dir: "/usr/bin/", Base: "tool" + fmt.Sprint(i)})
	return p
}

// BenchmarkNew compares two sets of 60,000 packages of which 1,000 differ, records decoded each time that they are loaded.
func BenchmarkNew(b *testing.B) {
	const n = 60_000
	var records [][]byte
	var sides []closure.Side
	for i := range n + 1000 {
		records = append(records, rpm.AppendPackage(nil, record(i%n, n)))
		side := closure.Before | closure.After
		if i < 1000 {
			side = closure.Before
		} else if i >= n {
			side = closure.After
		}
		sides = append(sides, side)
	}
	runtime.GC()
	var was, is runtime.MemStats
	runtime.ReadMemStats(&was)
	for b.Loop() {
		loads := 0
		found, err := closure.New(b.Context(), sides, func(i int) (*rpm.Package, error) {
			if loads++; loads == 2*len(sides) {
				runtime.GC()
				runtime.ReadMemStats(&is)
			}
			return rpm.DecodePackage(records[i])
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(found)), "problems")
	}
	b.ReportMetric(float64(is.HeapAlloc-was.HeapAlloc)/(1<<20), "MiB-live")
}
