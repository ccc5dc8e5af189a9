package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"vrepofs/blob"
	"vrepofs/closure"
	"vrepofs/rpm"
	"vrepofs/state"
	"vrepofs/tree"
)

// Closure is the gate that refuses an operation after which a package has a requirement that nothing meets, and that was met or not
// there before. What can meet it are the packages of one universe: all repositories below a path, each architecture for itself
// with its multilib (i686 beside x86_64) and noarch packages.
type Closure struct {
	// Universe is the path; "" means for each path that moves its first two components: production/9 of
	// production/9/core/x86_64/os.
	Universe string
}

// maxShownProblems is how many problems an error names.
const maxShownProblems = 20

// universes returns the paths that the gate looks at for a plan, sorted.
func (c Closure) universes(planned []state.Move) []string {
	if c.Universe != "" {
		return []string{c.Universe}
	}
	found := map[string]bool{}
	for _, m := range planned {
		parts := strings.SplitN(m.Path, "/", 3)
		found[strings.Join(parts[:min(2, len(parts))], "/")] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// checkClosure is the gate. It reads every package of the universes, twice.
func (s *Store) checkClosure(ctx context.Context, r state.Reader, planned []state.Move, c Closure) error {
	if c.Universe != "" {
		if err := state.CheckChannelPath(c.Universe); err != nil {
			return err
		}
	}
	var lines []string
	count := 0
	for _, u := range c.universes(planned) {
		before, after := map[string]tree.Entry{}, map[string]tree.Entry{}
		for ch, err := range state.Channels(r, u) {
			if err != nil {
				return err
			}
			if ch.Files != "" {
				continue
			}
			before[ch.Path], after[ch.Path] = ch.Root, ch.Root
		}
		for _, m := range planned {
			if m.Path != u && !strings.HasPrefix(m.Path, u+"/") {
				continue
			}
			if delete(after, m.Path); m.New != nil && m.New.Files == "" {
				after[m.Path] = m.New.Root
			}
		}
		worlds, err := s.worlds(ctx, r, before, after)
		if err != nil {
			return fmt.Errorf("closure of %s: %w", u, err)
		}
		for _, arch := range slices.Sorted(maps.Keys(worlds)) {
			w := worlds[arch]
			problems, err := closure.New(ctx, w.sides, func(i int) (*rpm.Package, error) { return s.record(w.packages[i]) })
			if err != nil {
				return fmt.Errorf("closure of %s for %s: %w", u, arch, err)
			}
			if len(problems) == 0 {
				continue
			}
			count += len(problems)
			lines = append(lines, fmt.Sprintf("%s, %s:", u, arch))
			for _, l := range closure.Lines(problems, maxShownProblems) {
				lines = append(lines, "  "+l)
			}
		}
	}
	if count == 0 {
		return nil
	}
	if len(lines) > maxShownProblems+1 {
		lines = append(lines[:maxShownProblems+1], "  …")
	}
	noun := "requirements"
	if count == 1 {
		noun = "requirement"
	}
	return fmt.Errorf("%w: closure: %d %s that nothing would meet:\n  %s", ErrGate, count, noun, strings.Join(lines, "\n  "))
}

// record reads a package's record.
func (s *Store) record(d blob.Digest) (*rpm.Package, error) {
	b, err := s.Index.Package(d)
	if err != nil {
		return nil, err
	}
	p, err := rpm.DecodePackage(b)
	if err != nil {
		return nil, fmt.Errorf("package record %s: %w", d.Short(), err)
	}
	return p, nil
}

// world is the packages of one architecture.
type world struct {
	packages []blob.Digest
	sides    []closure.Side
}

// worlds sorts the packages of two states of a universe, path → repository, by architecture. A repository is of every architecture
// that it has packages of; one with noarch packages only is of all of them.
func (s *Store) worlds(ctx context.Context, r tree.Reader, before, after map[string]tree.Entry) (map[string]*world, error) {
	type repository struct {
		side     closure.Side
		packages map[blob.Digest]string // → arch
		arches   map[string]bool
	}
	var repositories []repository
	all := map[string]bool{}
	arches := map[blob.Digest]string{} // of packages, each looked for once
	for side, entries := range map[closure.Side]map[string]tree.Entry{closure.Before: before, closure.After: after} {
		for _, root := range entries {
			rep := repository{side: side, packages: map[blob.Digest]string{}, arches: map[string]bool{}}
			gone, come := map[blob.Digest]rpmFile{}, map[blob.Digest]rpmFile{}
			if err := diffRPMs(ctx, r, tree.Entry{}, root, gone, come); err != nil {
				return nil, err
			}
			for d, f := range come {
				arch, known := arches[d]
				if !known {
					var err error
					if arch, err = s.archOf(d, f.name); err != nil {
						return nil, err
					}
					arches[d] = arch
				}
				if rpm.IsSourceArch(arch) {
					continue
				}
				rep.packages[d] = arch
				if arch != "noarch" {
					rep.arches[arch] = true
				}
			}
			for multilib, main := range map[string]string{"i386": "x86_64", "ppc": "ppc64", "s390": "s390x", "sparc": "sparc64"} {
				if rep.arches[main] {
					delete(rep.arches, multilib)
				}
			}
			maps.Copy(all, rep.arches)
			repositories = append(repositories, rep)
		}
	}
	if len(all) == 0 {
		all["noarch"] = true
	}
	out := map[string]*world{}
	for arch := range all {
		sides := map[blob.Digest]closure.Side{}
		for _, rep := range repositories {
			if !rep.arches[arch] && len(rep.arches) > 0 {
				continue
			}
			for d, a := range rep.packages {
				if a == arch || !rep.arches[a] { // its own, noarch, multilib; not those of another architecture in the same repository
					sides[d] |= rep.side
				}
			}
		}
		w := &world{packages: slices.Collect(maps.Keys(sides))}
		slices.SortFunc(w.packages, func(a, b blob.Digest) int { return slices.Compare(a[:], b[:]) })
		for _, d := range w.packages {
			w.sides = append(w.sides, sides[d])
		}
		out[arch] = w
	}
	return out, nil
}

// archOf is the base architecture of a package, from its file name if that says it.
func (s *Store) archOf(d blob.Digest, file string) (string, error) {
	if n, err := rpm.ParseFileName(file); err == nil {
		return rpm.CanonArch(n.Arch), nil
	}
	p, err := s.record(d)
	if err != nil {
		return "", err
	}
	return rpm.CanonArch(p.Arch), nil
}
