package closure

import (
	"cmp"
	"context"
	"fmt"
	iofs "io/fs"
	"slices"
	"strings"

	"vrepofs/rpm"
)

// Side tells which sets a package is in.
type Side uint8

// The sets. A package may be in both.
const (
	Before Side = 1 << iota
	After
)

// Problem is a requirement that nothing meets.
type Problem struct {
	Package     rpm.NEVRA
	Requirement string // "libz.so.1()(64bit)", "zlib >= 1.3", "(a or b)"
}

// String is "app-1-1.x86_64 requires zlib >= 1.3".
func (p Problem) String() string { return p.Package.String() + " requires " + p.Requirement }

// New returns the problems of the packages of After that those of Before do not have, by NEVRA and requirement. sides has for each
// package the sets that it is in; load returns one, and is called twice for each, a third time for one with problems, from this
// goroutine. New returns an error of load as it is, ctx's, or iofs.ErrInvalid for packages made to take for ever.
func New(ctx context.Context, sides []Side, load func(i int) (*rpm.Package, error)) ([]Problem, error) {
	c := &checker{names: map[string][]int32{}, atoms: map[atomKey]int32{}, exprs: map[string]int32{}}
	needs := make([][]int32, len(sides)) // of each package: its requirements, by number in c.all
	each := func(f func(i int, p *rpm.Package)) error {
		for i := range sides {
			if i%64 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if sides[i] == 0 {
				continue
			}
			p, err := load(i)
			if err != nil {
				return err
			}
			if f(i, p); c.steps > maxSteps {
				return fmt.Errorf("closure: %s: more than %d versions compared: %w", p.NEVRA, int64(maxSteps), iofs.ErrInvalid)
			}
		}
		return nil
	}
	if err := each(func(i int, p *rpm.Package) { needs[i] = c.require(p) }); err != nil {
		return nil, err
	}
	if err := each(func(i int, p *rpm.Package) { c.provide(int32(i), sides[i], p) }); err != nil {
		return nil, err
	}
	met := c.met(sides)
	type broken struct{ i, requirement int }
	var found []broken
	for i, list := range needs {
		for _, r := range list {
			if sides[i]&^met[r] != 0 {
				found = append(found, broken{i, int(r)})
			}
		}
	}
	type key struct {
		name, arch  string
		requirement int
	}
	old := map[key]bool{}
	var after []Problem
	var keys []key
	for n := 0; n < len(found); { // those of one package lie together
		i := found[n].i
		p, err := load(i)
		if err != nil {
			return nil, err
		}
		for ; n < len(found) && found[n].i == i; n++ {
			r := found[n].requirement
			k, unmet := key{strings.Clone(p.Name), strings.Clone(p.Arch), r}, sides[i]&^met[r]
			if unmet&Before != 0 {
				old[k] = true
			}
			if unmet&After != 0 {
				v := p.NEVRA
				for _, s := range []*string{&v.Name, &v.Epoch, &v.Version, &v.Release, &v.Arch} {
					*s = strings.Clone(*s) // not the whole record that it is a part of
				}
				after, keys = append(after, Problem{v, c.all[r].text}), append(keys, k)
			}
		}
	}
	out := after[:0]
	for i, p := range after {
		if !old[keys[i]] {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Package.Name, b.Package.Name), a.Package.EVR.Compare(b.Package.EVR),
			cmp.Compare(a.Package.Arch, b.Package.Arch), cmp.Compare(a.Requirement, b.Requirement))
	})
	return slices.Compact(out), nil // signed copies of one package have the same problems
}

// checker collects what is required, then who provides it.
type checker struct {
	names map[string][]int32 // name → atoms of it
	atoms map[atomKey]int32
	atom  []atom
	exprs map[string]int32 // text → requirement
	all   []requirement
	steps int64 // versions compared
}

// maxSteps bounds the comparisons of versions of one name, which grow with requirements times provides of it. All of a
// distribution takes some millions.
const maxSteps = 2e8

// requirement is one requirement however many packages have it.
type requirement struct {
	text string
	expr expr
}

type atomKey struct {
	name, evr string
	flags     uint32
}

// atom is a requirement of one name.
type atom struct {
	flags uint32
	evr   rpm.EVR
	met   Side
	who   []int32 // who provides it, ascending; only of atoms in with and without
	keep  bool    // who is wanted
}

// require returns a package's requirements as numbers, each once.
func (c *checker) require(p *rpm.Package) []int32 {
	if p.IsSource() {
		return nil
	}
	var out []int32
	for _, d := range p.Requires {
		if d.Flags&(rpm.SenseRpmlib|rpm.SenseMissingOK) != 0 || strings.HasPrefix(d.Name, "rpmlib(") {
			continue
		}
		text := d.String()
		n, ok := c.exprs[text]
		if !ok {
			n, text = int32(len(c.all)), strings.Clone(text) // not the whole record that it is a part of
			c.exprs[text] = n
			c.all = append(c.all, requirement{text, c.parse(d)})
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return slices.Clip(out)
}

// parse makes an expression of a requirement.
func (c *checker) parse(d rpm.Dep) expr {
	if strings.HasPrefix(d.Name, "(") {
		p := &richParser{c: c, s: d.Name}
		if e, err := p.whole(); err == nil {
			return e
		}
	}
	return c.name(d.Name, d.Flags, d.EVR)
}

// name is the expression of one name.
func (c *checker) name(name string, flags uint32, evr string) expr {
	flags &= rpm.SenseCompare
	if flags == 0 || evr == "" {
		flags, evr = 0, ""
	}
	k := atomKey{name, evr, flags}
	n, ok := c.atoms[k]
	if !ok {
		k = atomKey{strings.Clone(name), strings.Clone(evr), flags}
		n = int32(len(c.atom))
		c.atoms[k] = n
		c.atom = append(c.atom, atom{flags: flags, evr: rpm.ParseEVR(k.evr)})
		c.names[k.name] = append(c.names[k.name], n)
	}
	return expr{op: opName, atom: n}
}

// provide notes what a package provides of what is required.
func (c *checker) provide(i int32, side Side, p *rpm.Package) {
	if p.IsSource() {
		return
	}
	for _, d := range p.Provides {
		if atoms, ok := c.names[d.Name]; ok {
			c.offer(atoms, i, side, d.Flags&rpm.SenseCompare, d.EVR, nil)
		}
	}
	if atoms, ok := c.names[p.Name]; ok {
		c.offer(atoms, i, side, rpm.SenseEqual, "", &p.EVR)
	}
	var path []byte
	for _, f := range p.Files {
		path = append(append(path[:0], f.Dir...), f.Base...)
		if atoms, ok := c.names[string(path)]; ok { // looked up without making a string
			c.offer(atoms, i, side, 0, "", nil)
		}
	}
}

// offer marks the atoms of a name that a version meets; version is evr, read.
func (c *checker) offer(atoms []int32, i int32, side Side, flags uint32, evr string, version *rpm.EVR) {
	if version == nil {
		v := rpm.ParseEVR(evr)
		version = &v
		if evr == "" {
			flags = 0
		}
	}
	if c.steps += int64(len(atoms)); c.steps > maxSteps {
		return
	}
	for _, n := range atoms {
		a := &c.atom[n]
		if a.met&side == side && !a.keep || !overlap(a.flags, a.evr, flags, *version) {
			continue
		}
		a.met |= side
		if a.keep && (len(a.who) == 0 || a.who[len(a.who)-1] != i) {
			a.who = append(a.who, i)
		}
	}
}

// met returns the sets in which each requirement is met.
func (c *checker) met(sides []Side) []Side {
	out := make([]Side, len(c.all))
	for i := range c.all {
		out[i] = c.eval(&c.all[i].expr, sides)
	}
	return out
}

// overlap is rpm's rpmdsCompare of two dependencies of one name; flags 0: any version.
func overlap(fa uint32, a rpm.EVR, fb uint32, b rpm.EVR) bool {
	if fa == 0 || fb == 0 {
		return true
	}
	sense := rpm.Compare(rpm.EVR{Epoch: a.Epoch, Version: a.Version}, rpm.EVR{Epoch: b.Epoch, Version: b.Version})
	if sense == 0 {
		switch {
		case a.Release != "" && b.Release != "":
			sense = rpm.CompareVersions(a.Release, b.Release)
		case a.Release != "" && fb&rpm.SenseEqual != 0, b.Release != "" && fa&rpm.SenseEqual != 0:
			return true
		}
	}
	switch {
	case sense < 0:
		return fa&rpm.SenseGreater != 0 || fb&rpm.SenseLess != 0
	case sense > 0:
		return fa&rpm.SenseLess != 0 || fb&rpm.SenseGreater != 0
	}
	return fa&fb != 0
}

// Lines says problems for a person: the first most of them, one a line, and how many more there are.
func Lines(problems []Problem, most int) []string {
	var out []string
	for i, p := range problems {
		if i == most {
			out = append(out, fmt.Sprintf("… and %d more", len(problems)-most))
			break
		}
		out = append(out, p.String())
	}
	return out
}
