package merge

import (
	"encoding/binary"
	"strings"

	"vrepofs/rpm"
)

// Package is one RPM as selection over sources sees it.
type Package struct {
	rpm.NEVRA
	Source string   // file name of its source RPM; "" for a source RPM
	Time   int64    // of its file, seconds since 1970 UTC: for ModeTS
	PkgID  [32]byte // digest of the file
	// Streams are the ids of the module streams that it is of, by the modules metadata of its source, which then are Documented, or by
	// its label.
	Streams    []string
	Documented bool
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
	// Documented reports whether the modules metadata of the view describes a stream, by its id. Nil: it describes all.
	Documented func(stream string) bool
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
	// All streams of modules that it is of stay out, each as a whole, because
	StreamClaimed // a source package comes from another source; By has it
	StreamBlocked // a source package is blocked; By is of it
	StreamNamed   // a name and arch are taken; By has what has them
	StreamHidden  // the modules metadata of the view, another source's, does not describe them
)

// String returns the fate as a listing shows it.
func (f Fate) String() string {
	return [...]string{"taken", "other arch", "blocked", "claimed", "same version", "same name", "replaced", "copied", "set apart",
		"stream claimed", "stream blocked", "stream named", "stream hidden"}[f]
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
	claims map[string]*claim // by name of the source package
	picks  []Pick
	first  []int // index in picks of the first of each source
	taken  map[nameArch]takers
	nvras  map[string]*Pick // let in by sources of ModeKoji; they go by versions without epochs, as file names do
	names  strings.Builder  // holds the keys of nvras

	streams  []*streams      // of each source
	streamed map[string]bool // source RPMs of the streams that came
	stands   map[*Pick]bool  // what is there for a package of a stream

	// Packages of one source RPM mostly follow each other: what was found out about the last one.
	last struct {
		file string
		src  rpm.NEVRA
	}
	ruled Pick   // the fate of a package in the last source that bySource decided about, by its source RPM
	rule  string // file of that; "" when there was none
}

// takers are the packages that have a name and arch: one as a rule.
type takers struct {
	one  *Pick
	more []*Pick
}

// appendTo appends them to dst.
func (t takers) appendTo(dst []*Pick) []*Pick {
	if t.one != nil {
		dst = append(dst, t.one)
	}
	return append(dst, t.more...)
}

// Packages selects from sources, the first first, and says of every package why. The result has one Pick per package, source by
// source in the order given.
func Packages(repos []Repo, rules Rules) []Pick {
	n := 0
	for _, r := range repos {
		n += len(r.Packages)
	}
	p := &picker{repos: repos, rules: rules, claims: map[string]*claim{}, taken: make(map[nameArch]takers, n),
		streams: make([]*streams, len(repos)), streamed: map[string]bool{}, stands: map[*Pick]bool{}}
	bytes, koji := 0, 0
	for i, r := range repos {
		p.judge(i)
		p.claim(i)
		p.claimStreams(i)
		for j := range r.Packages {
			if k := &r.Packages[j]; r.Mode == ModeKoji {
				koji, bytes = koji+1, bytes+len(k.Name)+len(k.Version)+len(k.Release)+len(k.Arch)+3
			}
		}
	}
	p.nvras = make(map[string]*Pick, koji)
	p.names.Grow(bytes)
	p.picks, p.first = make([]Pick, 0, n), make([]int, 0, len(repos))
	for i, r := range repos {
		p.first = append(p.first, len(p.picks))
		for j := range r.Packages {
			p.picks = append(p.picks, Pick{Repo: i, Index: j})
		}
	}
	for i, r := range repos {
		p.judgeNames(i)
		seen := newDigests(len(r.Packages))
		for j := range r.Packages {
			pick := &p.picks[p.first[i]+j]
			if !seen.add(&r.Packages[j].PkgID) {
				pick.Fate = Copied
				continue
			}
			p.pick(pick, &r.Packages[j], r.Mode)
		}
	}
	return p.picks
}

// digests is a set of digests; they nearly always differ in their first bytes.
type digests struct {
	first map[uint64]*[32]byte
	all   map[[32]byte]bool // of those that do not
}

func newDigests(n int) *digests { return &digests{first: make(map[uint64]*[32]byte, n)} }

// add reports whether d was not there. It keeps d.
func (s *digests) add(d *[32]byte) bool {
	key := binary.LittleEndian.Uint64(d[:])
	have := s.first[key]
	switch {
	case have == nil:
		s.first[key] = d
		return true
	case *have == *d || s.all[*d]:
		return false
	case s.all == nil:
		s.all = map[[32]byte]bool{}
	}
	s.all[*d] = true
	return true
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
	if file != p.last.file {
		var err error
		if src, err = rpm.ParseSourceRPM(file); err != nil {
			src = rpm.NEVRA{Name: file}
		}
		p.last.file, p.last.src = file, src
	}
	return file, p.last.src, true
}

// claim lets a source claim the source packages that none before it has: each in its highest version, of versions that compare
// equal the one whose file name sorts first.
func (p *picker) claim(i int) {
	type sourceRPM struct {
		rpm.NEVRA
		by int
	}
	found := map[string]*sourceRPM{} // by file name
	var have *sourceRPM              // the last one
	lastFile := ""
	for j := range p.repos[i].Packages {
		k := &p.repos[i].Packages[j]
		if !p.rules.Koji && !p.inArch(k.Arch) {
			continue
		}
		file, src, ok := p.source(k)
		if !ok || p.modular(k) || p.streams[i] != nil && p.repos[i].Mode == ModeKoji && p.streams[i].tied[file] != nil {
			continue // streams claim for themselves
		}
		if have == nil || lastFile != file {
			lastFile = file
			if have = found[file]; have == nil {
				have = &sourceRPM{src, j}
				found[file] = have
			}
		}
		// The epoch of a source RPM is not in its file name. It is that of its packages, of those at least that have its version.
		same := k.Version == src.Version && k.Release == src.Release
		if same && !p.rules.Koji && rpm.Compare(rpm.EVR{Epoch: k.Epoch}, rpm.EVR{Epoch: have.Epoch}) > 0 {
			have.Epoch = k.Epoch
		}
	}
	if i == 0 {
		p.claims = make(map[string]*claim, len(found))
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
		p.claims[src.Name] = &claim{repo: i, source: file, evr: src.EVR, by: src.by}
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
	if u := p.comesWith(pick, k, mode); u != nil {
		if !p.byStream(pick, u) {
			return
		}
	} else if mode.byBuild() || !p.rules.Koji {
		if !p.bySource(pick, k, mode) {
			return
		}
	}
	if mode == ModeKoji {
		nvra := p.nvra(k)
		if old := p.nvras[nvra]; old == nil || old.Fate != Taken && p.modular(k) {
			p.nvras[nvra] = pick
		} else if p.compete(pick, old) {
			p.sameVersion(pick, k, old)
			return
		}
	}
	key := nameArch{k.Name, k.Arch}
	had := p.taken[key]
	if had.one == nil && had.more == nil {
		p.taken[key] = takers{one: pick}
		return
	}
	olds := had.appendTo(nil)
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
				p.sameVersion(pick, k, old)
				return
			}
		}
	default:
		for _, old := range olds {
			switch {
			case p.beside(pick, k, old, mode):
				if rpm.Compare(p.of(old).EVR, k.EVR) == 0 {
					p.sameVersion(pick, k, old)
					return
				}
			case !replaces(mode, k, p.of(old)):
				pick.Fate, pick.By = SameName, old
				return
			}
		}
		var others []*Pick
		for _, old := range olds {
			if p.beside(pick, k, old, mode) {
				others = append(others, old)
			} else {
				old.Fate, old.By = Replaced, pick
			}
		}
		olds = others
	}
	p.taken[key] = takers{more: append(append(olds, own...), pick)}
}

// nvra is the package's NVRA, in memory that all of them share.
func (p *picker) nvra(k *Package) string {
	start := p.names.Len()
	for _, s := range [...]string{k.Name, "-", k.Version, "-", k.Release, ".", k.Arch} {
		p.names.WriteString(s)
	}
	return p.names.String()[start:]
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

// has reports whether a claim, or a stream, is for a source RPM.
func (p *picker) has(c *claim, file string) bool {
	return c.source == file || c.others[file] || p.streamed[file]
}

// bySource decides what follows from the source package: a block, and in ModeKoji a claim.
func (p *picker) bySource(pick *Pick, k *Package, mode Mode) bool {
	file, src, ok := p.source(k)
	if !ok {
		return true
	}
	if p.rule != file || p.ruled.Repo != pick.Repo {
		p.rule, p.ruled = file, Pick{Repo: pick.Repo}
		if p.rules.Blocked != nil && p.rules.Blocked(src.Name) {
			p.ruled.Fate = BlockedOut
		} else if c := p.claims[src.Name]; mode == ModeKoji && !p.has(c, file) {
			p.ruled.Fate, p.ruled.By = Claimed, &p.picks[p.first[c.repo]+c.by]
		}
	}
	pick.Fate, pick.By = p.ruled.Fate, p.ruled.By
	return pick.Fate == Taken
}
