package merge

import "vrepofs/rpm"

// stream is a module stream of one source: packages that come together or not at all.
type stream struct {
	members    []member
	documented bool
	fate       Fate // Taken: it comes
	by         *claim
	old        *Pick
}

// member is one package of a stream that is of the view's arch.
type member struct {
	index int
	file  string // of its source RPM
	name  string // of its source package; "" if it has none
}

// streams are the module streams of one source; nil where there are none.
type streams struct {
	ids  map[string]*stream
	tied map[string]*stream // by source RPM, what else is of it comes with the stream: one that is kept, if one is
}

// modular reports whether a package is of a module stream. mergerepo_c knows of none.
func (p *picker) modular(k *Package) bool { return len(k.Streams) > 0 && !p.rules.Koji }

// judge decides which streams of a source come whole, as far as that follows from blocks, documents and the claims of the sources before it.
// It costs one look at each package, and nothing where there are no streams.
func (p *picker) judge(i int) {
	r := &p.repos[i]
	var s *streams
	for j := range r.Packages {
		k := &r.Packages[j]
		if !p.modular(k) || !p.inArch(k.Arch) {
			continue
		}
		if s == nil {
			s = &streams{ids: map[string]*stream{}, tied: map[string]*stream{}}
			p.streams[i] = s
		}
		file, src, ok := p.source(k)
		if !ok {
			file, src.Name = "", ""
		}
		for _, id := range k.Streams {
			u := s.ids[id]
			if u == nil {
				u = &stream{}
				s.ids[id] = u
			}
			u.documented = u.documented || k.Documented
			u.members = append(u.members, member{j, file, src.Name})
		}
	}
	if s == nil {
		return
	}
	for id, u := range s.ids {
		if u.documented && r.Mode.ranks() && p.rules.Documented != nil && !p.rules.Documented(id) {
			u.fate = StreamHidden
		}
		p.judgeStream(i, u)
	}
	for j := range r.Packages {
		k := &r.Packages[j]
		if !p.modular(k) || !p.inArch(k.Arch) {
			continue
		}
		if file, _, ok := p.source(k); ok { // others of one without are in no stream
			if u := s.of(k); s.tied[file] == nil || u.fate == Taken {
				s.tied[file] = u
			}
		}
	}
}

func (p *picker) judgeStream(i int, u *stream) {
	for _, m := range u.members {
		if u.fate == Taken && m.name != "" && p.rules.Blocked != nil && p.rules.Blocked(m.name) {
			u.fate, u.by = StreamBlocked, &claim{repo: i, by: m.index}
		}
	}
	for _, m := range u.members {
		if u.fate != Taken || p.repos[i].Mode != ModeKoji {
			return
		}
		if c, claimed := p.claims[m.name]; claimed && m.name != "" && !p.has(c, m.file) {
			u.fate, u.by = StreamClaimed, c
		}
	}
}

// of is the stream by which a package comes, or the first that keeps it out.
func (s *streams) of(k *Package) *stream {
	for _, id := range k.Streams {
		if u := s.ids[id]; u.fate == Taken {
			return u
		}
	}
	return s.ids[k.Streams[0]]
}

// claimStreams lets the streams of a source that come claim what its other packages do not.
func (p *picker) claimStreams(i int) {
	s := p.streams[i]
	if s == nil {
		return
	}
	for j := range p.repos[i].Packages {
		k := &p.repos[i].Packages[j]
		if !p.modular(k) || !p.inArch(k.Arch) || s.of(k).fate != Taken {
			continue
		}
		if file, src, ok := p.source(k); ok {
			p.streamed[file] = true
			if _, claimed := p.claims[src.Name]; !claimed {
				p.claims[src.Name] = &claim{repo: i, by: j}
			}
		}
	}
}

// judgeNames decides which streams of a source of ModeRepo come whole: those of which no source before it has given a name.
func (p *picker) judgeNames(i int) {
	s := p.streams[i]
	if s == nil || p.repos[i].Mode != ModeRepo {
		return
	}
	for _, u := range s.ids {
		for _, m := range u.members {
			k := &p.repos[i].Packages[m.index]
			for _, old := range p.taken[nameArch{k.Name, k.Arch}].appendTo(nil) {
				if u.fate == Taken && rpm.Compare(p.of(old).EVR, k.EVR) != 0 {
					u.fate, u.old = StreamNamed, old
				}
			}
		}
	}
}

// comesWith returns the stream by which a package comes or stays away; nil if it is of none. In ModeKoji other packages of a stream's
// source RPMs go with it, such as those with debugging information, which streams do not list.
func (p *picker) comesWith(pick *Pick, k *Package, mode Mode) *stream {
	s := p.streams[pick.Repo]
	switch {
	case s == nil:
		return nil
	case len(k.Streams) > 0:
		return s.of(k)
	case mode == ModeKoji:
		file, _, _ := p.source(k)
		return s.tied[file]
	}
	return nil
}

// byStream decides what follows from a stream.
func (p *picker) byStream(pick *Pick, u *stream) bool {
	pick.Fate = u.fate
	switch {
	case u.by != nil:
		pick.By = &p.picks[p.first[u.by.repo]+u.by.by]
	case u.old != nil:
		pick.By = u.old
	}
	return u.fate == Taken
}

// beside reports whether two packages of one name and arch do not compete although a mode goes by names: clients see those of a stream and
// others as two worlds, and a stream is not to lose single packages. In ModeRepo the first source has the name all the same.
func (p *picker) beside(pick *Pick, k *Package, old *Pick, mode Mode) bool {
	if mode == ModeRepo && pick.Repo != old.Repo {
		return p.modular(k) // its stream was judged as a whole
	}
	return p.modular(k) || p.modular(p.of(old)) || p.stands[old]
}

// sameVersion rejects a package of which the same version is taken. What then stands for a package of a stream is not to be replaced: the
// stream would lack it.
func (p *picker) sameVersion(pick *Pick, k *Package, old *Pick) {
	pick.Fate, pick.By = SameVersion, old
	if p.modular(k) {
		p.stands[old] = true
	}
}
