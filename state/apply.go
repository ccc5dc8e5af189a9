package state

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"vrepofs/tree"
)

// Wanted says what is to be at a path and below it, all of it but files that were put there: those stay, unless nothing is to be
// there.
type Wanted struct {
	Path     string
	Channels []Channel // each at Path or below it; none: nothing is to be there
}

// Promotion makes everything at and below To what is at and below From.
type Promotion struct{ From, To string }

// PlanApply makes the paths of wanted what they are wanted to be, and then promotes, one promotion after the other, each seeing
// what was done before it. What is the same already is in the plan too.
func PlanApply(r Reader, wanted []Wanted, promotions []Promotion) ([]Move, error) {
	o := &planned{Reader: r, moves: map[string]Move{}}
	for _, w := range wanted {
		if err := CheckChannelPath(w.Path); err != nil {
			return nil, err
		}
		channels := map[string]Channel{}
		for _, c := range w.Channels {
			if err := CheckChannelPath(c.Path); err != nil {
				return nil, err
			}
			channels[c.Path] = c
		}
		for c, err := range Channels(o, w.Path) { // files that were put: no source names them
			if err != nil {
				return nil, err
			}
			if _, replaced := channels[c.Path]; c.Files != "" && !replaced && len(w.Channels) > 0 {
				channels[c.Path] = c
			}
		}
		moves, err := planTree(o, w.Path, channels)
		if err != nil {
			return nil, err
		}
		o.add(moves)
	}
	for _, p := range promotions {
		moves, err := PlanPromote(o, p.From, p.To)
		if err != nil {
			return nil, err
		}
		o.add(moves)
	}
	return slices.SortedFunc(maps.Values(o.moves), func(a, b Move) int { return strings.Compare(a.Path, b.Path) }), nil
}

// planned is a state in which moves were made already, as far as plans look: the table of channels.
type planned struct {
	Reader
	moves map[string]Move // by path
}

// add makes more moves. What becomes of a path is what its last move says.
func (p *planned) add(moves []Move) {
	for _, m := range moves {
		if before, ok := p.moves[m.Path]; ok {
			m.Old = before.Old
		}
		if m.Old == nil && m.New == nil {
			delete(p.moves, m.Path)
		} else {
			p.moves[m.Path] = m
		}
	}
}

// Get is Reader's.
func (p *planned) Get(table, name string) ([]byte, error) {
	m, ok := p.moves[name]
	switch {
	case table != TableChannels || !ok:
		return p.Reader.Get(table, name)
	case m.New == nil:
		return nil, nothing(name)
	}
	return m.encoded(), nil
}

// List is Reader's.
func (p *planned) List(table, from string) iter.Seq2[tree.Item, error] {
	if table != TableChannels {
		return p.Reader.List(table, from)
	}
	return func(yield func(tree.Item, error) bool) {
		var mine []string // to be yielded
		for path, m := range p.moves {
			if m.New != nil && path >= from {
				mine = append(mine, path)
			}
		}
		slices.Sort(mine)
		next := func(before string, all bool) bool {
			for len(mine) > 0 && (all || mine[0] < before) {
				m := p.moves[mine[0]]
				mine = mine[1:]
				if !yield(tree.Item{Name: m.Path, Value: m.encoded()}, nil) {
					return false
				}
			}
			return true
		}
		for item, err := range p.Reader.List(table, from) {
			if err == nil {
				if !next(item.Name, false) {
					return
				}
				if _, moved := p.moves[item.Name]; moved {
					continue
				}
			}
			if !yield(item, err) || err != nil {
				return
			}
		}
		next("", true)
	}
}

// encoded is the record of what a move puts at its path.
func (m Move) encoded() []byte {
	c := *m.New
	c.Path, c.Dir = m.Path, c.Root.Append(nil)
	return encode(c)
}
