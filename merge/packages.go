package merge

import (
	"vrepofs/rpm"
)

// Package is one RPM as selection over sources sees it.
type Package struct {
	rpm.NEVRA
	Source string   // file name of its source RPM; "" for a source RPM
	Time   int64    // of its file, seconds since 1970 UTC: for ModeTS
	PkgID  [32]byte // digest of the file
}

// Repo is one source of packages.
type Repo struct {
	Name     string // for provenance: "build", "fedora@20261121T043000Z"
	Mode     Mode
	Packages []Package
	// Several says that it may give several versions of a package, which are chosen already: its packages do not compete with each other.
	Several bool
}

// Rules are those of a whole view.
type Rules struct {
	// InArch reports whether packages of an arch belong to the view. Nil: all do.
	InArch func(arch string) bool
	// Apart reports whether a package of such an arch is kept out all the same, after it has claimed its source package: debuginfo that
	// has a view of its own. Nil: none is.
	Apart func(name, arch string) bool
	// Blocked reports whether a source package, by name, is kept out. Nil: none is.
	Blocked func(source string) bool
	// Koji asks for what mergerepo_c does where the default differs; see the package's documentation.
	Koji bool
}

// Fate is the rule that chose or rejected a package.
type Fate uint8

// The fates.
const (
	Taken       Fate = iota
	OtherArch        // not of the view's arch
	BlockedOut       // its source package is blocked
	Claimed          // its source package comes from another source, or in another version of this one; By has it
	SameVersion      // the same version of it, or one that compares equal, is taken; By has it
	SameName         // the name and arch are taken; By has what has them
	Replaced         // was taken, until By came
	Copied           // the same file is in the source twice
	SetApart         // of the view's arch, but debuginfo, or not debuginfo in a debug view
)

// String returns the fate as a listing shows it.
func (f Fate) String() string {
	return [...]string{"taken", "other arch", "blocked", "claimed", "same version", "same name", "replaced", "copied", "set apart"}[f]
}

// Pick says what became of one package: repos[Repo].Packages[Index].
type Pick struct {
	Repo, Index int
	Fate        Fate
	By          *Pick // that of the package which rejected it, nil if no package did
}

// nameArch is what all modes but the first two go by.
type nameArch struct{ name, arch string }

// claim says where a source package comes from.
type claim struct {
	repo   int
	source string          // file name of the source RPM
	evr    rpm.EVR         // its version, and epoch as far as its packages tell
	by     int             // index of a package of it
	others map[string]bool // of a source with Several: file names of the other source RPMs of it, and of this one
}

// picker is one Packages.
type picker struct {
	repos  []Repo
	rules  Rules
	claims map[string]claim // by name of the source package
	picks  []Pick
	first  []int // index in picks of the first of each source
	taken  map[nameArch][]*Pick
	nvras  map[string]*Pick // let in by sources of ModeKoji; they go by versions without epochs, as file names do
}

// Packages selects from sources, the first first, and says of every package why. The result has one Pick per package, source by
// source in the order given.
func Packages(repos []Repo, rules Rules) []Pick {
	n := 0
	for _, r := range repos {
		n += len(r.Packages)
	}
	p := &picker{repos: repos, rules: rules, claims: map[string]claim{}, taken: make(map[nameArch][]*Pick, n), nvras: map[string]*Pick{}}
	for i := range repos {
		p.claim(i)
	}
	p.picks, p.first = make([]Pick, 0, n), make([]int, 0, len(repos))
	for i, r := range repos {
		p.first = append(p.first, len(p.picks))
		for j := range r.Packages {
			p.picks = append(p.picks, Pick{Repo: i, Index: j})
		}
	}
	for i, r := range repos {
		seen := make(map[[32]byte]bool, len(r.Packages))
		for j := range r.Packages {
			pick := &p.picks[p.first[i]+j]
			if seen[r.Packages[j].PkgID] {
				pick.Fate = Copied
				continue
			}
			seen[r.Packages[j].PkgID] = true
			p.pick(pick, &r.Packages[j], r.Mode)
		}
	}
	return p.picks
}

func (p *picker) of(k *Pick) *Package { return &p.repos[k.Repo].Packages[k.Index] }

func (p *picker) inArch(arch string) bool { return p.rules.InArch == nil || p.rules.InArch(arch) }

// source is the file name of the source RPM that a package is of, and its name, version and release; ok is false when it has none.
// A source RPM is its own, but for mergerepo_c. A name that cannot be taken apart is a source package of its own, as for
// mergerepo_c (koji.c, cr_split_rpm_filename).
func (p *picker) source(k *Package) (file string, src rpm.NEVRA, ok bool) {
	file = k.Source
	if file == "" {
		if p.rules.Koji || !rpm.IsSourceArch(k.Arch) {
			return "", src, false
		}
		file = k.NVRA() + ".rpm"
	}
	src, err := rpm.ParseSourceRPM(file)
	if err != nil {
		src = rpm.NEVRA{Name: file}
	}
	return file, src, true
}

// claim lets a source claim the source packages that none before it has: each in its highest version, of versions that compare
// equal the one whose file name sorts first.
func (p *picker) claim(i int) {
	type sourceRPM struct {
		rpm.NEVRA
		by int
	}
	found := map[string]*sourceRPM{} // by file name
	for j := range p.repos[i].Packages {
		k := &p.repos[i].Packages[j]
		if !p.rules.Koji && !p.inArch(k.Arch) {
			continue
		}
		file, src, ok := p.source(k)
		if !ok {
			continue
		}
		have := found[file]
		if have == nil {
			have = &sourceRPM{src, j}
			found[file] = have
		}
		// The epoch of a source RPM is not in its file name. It is that of its packages, of those at least that have its version.
		same := k.Version == src.Version && k.Release == src.Release
		if same && !p.rules.Koji && rpm.Compare(rpm.EVR{Epoch: k.Epoch}, rpm.EVR{Epoch: have.Epoch}) > 0 {
			have.Epoch = k.Epoch
		}
	}
	for file, src := range found {
		c, claimed := p.claims[src.Name]
		if claimed && c.repo != i {
			continue
		}
		if claimed {
			if n := rpm.Compare(src.EVR, c.evr); n < 0 || n == 0 && file > c.source {
				continue
			}
		}
		p.claims[src.Name] = claim{repo: i, source: file, evr: src.EVR, by: src.by}
	}
	if !p.repos[i].Several {
		return
	}
	for file, src := range found {
		c := p.claims[src.Name]
		if c.repo != i {
			continue
		}
		if c.others == nil {
			c.others = map[string]bool{}
			p.claims[src.Name] = c
		}
		c.others[file] = true
	}
}

// pick decides about one package.
func (p *picker) pick(pick *Pick, k *Package, mode Mode) {
	if !p.inArch(k.Arch) {
		pick.Fate = OtherArch
		return
	}
	if p.rules.Apart != nil && p.rules.Apart(k.Name, k.Arch) {
		pick.Fate = SetApart
		return
	}
	if mode.byBuild() || !p.rules.Koji {
		if !p.bySource(pick, k, mode) {
			return
		}
	}
	if mode == ModeKoji {
		nvra := k.NVRA()
		if old := p.nvras[nvra]; old == nil {
			p.nvras[nvra] = pick
		} else if p.compete(pick, old) {
			pick.Fate, pick.By = SameVersion, old
			return
		}
	}
	key := nameArch{k.Name, k.Arch}
	olds := p.taken[key]
	var own []*Pick // of olds, those that it does not compete with
	if p.repos[pick.Repo].Several {
		all := olds
		olds = nil
		for _, old := range all {
			if p.compete(pick, old) {
				olds = append(olds, old)
			} else {
				own = append(own, old)
			}
		}
	}
	switch mode {
	case ModeSimple:
	case ModeKoji, ModeBare, ModeAll:
		for _, old := range olds {
			if rpm.Compare(p.of(old).EVR, k.EVR) == 0 {
				pick.Fate, pick.By = SameVersion, old
				return
			}
		}
	default:
		for _, old := range olds {
			if !replaces(mode, k, p.of(old)) {
				pick.Fate, pick.By = SameName, old
				return
			}
		}
		for _, old := range olds {
			old.Fate, old.By = Replaced, pick
		}
		olds = nil
	}
	p.taken[key] = append(append(olds, own...), pick)
}

// compete reports whether one of two packages can keep the other out.
func (p *picker) compete(a, b *Pick) bool { return a.Repo != b.Repo || !p.repos[a.Repo].Several }

// replaces reports whether a package takes the place of one with its name and arch.
func replaces(mode Mode, k, old *Package) bool {
	switch mode {
	case ModeTS:
		return k.Time > old.Time
	case ModeNVR:
		return rpm.Compare(k.EVR, old.EVR) > 0
	}
	return false
}

// bySource decides what follows from the source package: a block, and in ModeKoji a claim.
func (p *picker) bySource(pick *Pick, k *Package, mode Mode) bool {
	file, src, ok := p.source(k)
	if !ok {
		return true
	}
	if p.rules.Blocked != nil && p.rules.Blocked(src.Name) {
		pick.Fate = BlockedOut
		return false
	}
	if mode != ModeKoji {
		return true
	}
	if c := p.claims[src.Name]; c.source != file && !c.others[file] {
		pick.Fate, pick.By = Claimed, &p.picks[p.first[c.repo]+c.by]
		return false
	}
	return true
}
