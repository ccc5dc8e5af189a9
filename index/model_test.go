package index

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"vrepofs/blob"
)

// model is what a store should hold, as plain maps.
type model struct {
	heads  []Head // heads[i] is event i
	tables []map[string]map[string]string
	rows   [][]Row
	labels map[string]uint64
	files  map[blob.Digest]FileRow
	names  map[string]int64
	places []string
	memos  map[string]string
}

func newModel() *model {
	return &model{
		heads: []Head{{}}, tables: []map[string]map[string]string{{}}, rows: [][]Row{nil},
		labels: map[string]uint64{}, files: map[blob.Digest]FileRow{}, names: map[string]int64{}, memos: map[string]string{},
	}
}

// clone copies everything that a step may change.
func (m *model) clone() *model {
	c := *m
	c.heads, c.tables, c.rows, c.places = slices.Clone(m.heads), slices.Clone(m.tables), slices.Clone(m.rows), slices.Clone(m.places)
	c.labels, c.files, c.names, c.memos = maps.Clone(m.labels), maps.Clone(m.files), maps.Clone(m.names), maps.Clone(m.memos)
	return &c
}

var errModel = errors.New("an operation that fails")

// step does one random thing to the store and to the model. An error is one of writing, not of the model.
func (m *model) step(rng *rand.Rand, x *Index) error {
	switch rng.IntN(8) {
	case 0:
		key := fmt.Sprint("place", rng.IntN(20))
		n, err := x.PlaceSerial(key)
		if err != nil {
			return err
		}
		if int(n) == len(m.places)+1 {
			m.places = append(m.places, key)
		}
		if int(n) > len(m.places) || m.places[n-1] != key {
			return fmt.Errorf("BUG: %s is place %d of %v", key, n, m.places)
		}
		return nil
	case 1:
		r, v := fmt.Sprint("memo", rng.IntN(5)), fmt.Sprint(rng.IntN(100))
		node := []byte("node of " + v)
		if err := x.Record(Recording{Memos: []MemoRow{{sum(r), []byte(v)}}, Nodes: []NodeRow{{blob.Sum(node), node}}}); err != nil {
			return err
		}
		m.memos[r] = v
		return nil
	default:
		return m.commit(rng, x)
	}
}

func (m *model) commit(rng *rand.Rand, x *Index) error {
	next := m.clone()
	seq := uint64(len(m.heads))
	tables := map[string]map[string]string{}
	for t, names := range m.tables[seq-1] {
		tables[t] = maps.Clone(names)
	}
	var ops []Op
	var rows []Row
	fails := rng.IntN(10) == 0
	for range 1 + rng.IntN(3) {
		row := Row{UID: rng.Uint32(), Command: fmt.Sprint("command ", rng.IntN(1000)), Note: "note"}
		if rng.IntN(4) == 0 {
			row.Label = fmt.Sprint("label", rng.IntN(200))
			if _, ok := next.labels[row.Label]; ok {
				row.Label = ""
			} else {
				next.labels[row.Label] = seq
			}
		}
		rows = append(rows, row)
		seed := rng.Uint64()
		ops = append(ops, Op{Row: row, Apply: func(tx *Tx) error { return next.change(rand.New(rand.NewPCG(seed, 0)), tx, tables) }})
	}
	if fails {
		ops = append(ops, Op{Apply: func(*Tx) error { return errModel }})
	}
	h, err := x.Commit(ctx, ops...)
	if fails && errors.Is(err, errModel) {
		return nil
	}
	if err != nil {
		return err
	}
	if h.Seq != seq || h.Stamp <= m.heads[seq-1].Stamp || fails {
		return fmt.Errorf("BUG: commit %d is %+v", seq, h)
	}
	for i := range rows {
		rows[i].Seq, rows[i].Stamp = h.Seq, h.Stamp
	}
	next.heads, next.tables, next.rows = append(next.heads, h), append(next.tables, tables), append(next.rows, rows)
	*m = *next
	return nil
}

// change does some random changes in a Tx and in the tables of the model.
func (m *model) change(rng *rand.Rand, tx *Tx, tables map[string]map[string]string) error {
	for range 1 + rng.IntN(20) {
		table, name := fmt.Sprint("table", rng.IntN(3)), fmt.Sprint("name", rng.IntN(200))
		if got, err := tx.Get(table, name); string(got) != tables[table][name] || (err != nil) != (tables[table][name] == "") {
			return fmt.Errorf("BUG: %s %s is %q, %v, want %q", table, name, got, err, tables[table][name])
		}
		if rng.IntN(3) == 0 {
			tx.Delete(table, name)
			delete(tables[table], name)
			continue
		}
		v := fmt.Sprint("value ", rng.IntN(1000))
		tx.Put(table, name, []byte(v))
		if tables[table] == nil {
			tables[table] = map[string]string{}
		}
		tables[table][name] = v
	}
	if rng.IntN(2) == 0 {
		return m.addFile(tx, FileRow{Digest: sum(fmt.Sprint(rng.IntN(100))), Mtime: int64(rng.IntN(50)), Name: fmt.Sprint("f", rng.IntN(10), ".rpm")})
	}
	return nil
}

// addFile is Tx.AddFile in the words of invariant 6.
func (m *model) addFile(tx *Tx, f FileRow) error {
	got, err := tx.AddFile(f)
	if err != nil {
		return err
	}
	want, ok := m.files[f.Digest]
	if !ok {
		want = f
		want.Serial = uint64(len(m.files) + 1)
		if want.Mtime == 0 {
			want.Mtime = tx.Stamp()
		}
		if g, ok := m.names[f.Name]; ok {
			want.Mtime = max(want.Mtime, g+1)
		}
		m.files[f.Digest] = want
	}
	m.names[f.Name] = max(m.names[f.Name], want.Mtime)
	if got != want {
		return fmt.Errorf("BUG: file is %+v, want %+v", got, want)
	}
	return nil
}

// check compares everything that the store says up to the model's last event with the model. The store may be ahead.
func (m *model) check(x *Index) error {
	for seq, h := range m.heads {
		if got, err := x.At(uint64(seq)); err != nil || got != h {
			return fmt.Errorf("event %d is %+v, %v, want %+v", seq, got, err, h)
		}
		if seq == 0 {
			continue
		}
		if got, err := x.AtStamp(h.Stamp); err != nil || got != h {
			return fmt.Errorf("at %d is %+v, %v, want %+v", h.Stamp, got, err, h)
		}
		var rows []Row
		for w, err := range x.Log(uint64(seq), uint64(seq)) {
			if err != nil {
				return err
			}
			rows = append(rows, w)
		}
		if !slices.Equal(rows, m.rows[seq]) {
			return fmt.Errorf("rows of event %d are %v, want %v", seq, rows, m.rows[seq])
		}
		if seq%7 == 0 || seq == len(m.heads)-1 {
			if err := m.checkTables(x.View(h), m.tables[seq]); err != nil {
				return fmt.Errorf("event %d: %w", seq, err)
			}
		}
	}
	for l, seq := range m.labels {
		if h, err := x.AtLabel(l); err != nil || h.Seq != seq {
			return fmt.Errorf("label %s is %v, %v, want %d", l, h, err, seq)
		}
	}
	for d, f := range m.files {
		if got, err := x.FileByDigest(d); err != nil || got != f {
			return fmt.Errorf("file is %+v, %v, want %+v", got, err, f)
		}
	}
	for i, key := range m.places {
		if got, err := x.PlaceKey(uint32(i + 1)); err != nil || got != key {
			return fmt.Errorf("place %d is %q, %v, want %q", i+1, got, err, key)
		}
	}
	for r, v := range m.memos {
		if got, ok := x.Recorded(sum(r)); !ok || string(got) != v {
			return fmt.Errorf("memo %s is %q, want %q", r, got, v)
		}
	}
	return nil
}

func (m *model) checkTables(v View, want map[string]map[string]string) error {
	for _, table := range []string{"table0", "table1", "table2"} {
		names := slices.Sorted(maps.Keys(want[table]))
		for it, err := range v.List(table, "") {
			if err != nil {
				return err
			}
			if len(names) == 0 || it.Name != names[0] || string(it.Value) != want[table][it.Name] {
				return fmt.Errorf("%s has %s=%s, want %v", table, it.Name, it.Value, names)
			}
			names = names[1:]
		}
		if len(names) > 0 {
			return fmt.Errorf("%s lacks %v", table, names)
		}
		if _, err := v.Get(table, "none"); !errors.Is(err, iofs.ErrNotExist) {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	return nil
}

// TestModel holds random histories against the model, through reopening and rebuilding.
func TestModel(t *testing.T) {
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 2))
		c := &clock{now: 1_000_000}
		x := mustOpen(t, newStore(t), Options{Now: c.Now, NodeCache: 20_000, JournalLimit: 30_000})
		m := newModel()
		for i := range 150 {
			c.set(1_000_000 + int64(rng.IntN(400)))
			if err := m.step(rng, x); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, i, err)
			}
			switch rng.IntN(15) {
			case 0:
				x = reopen(t, x)
			case 1:
				if err := m.check(x); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, i, err)
				}
			case 2:
				x.Close()
				if err := Rebuild(x.root, x.o, nil); err != nil {
					t.Fatal(err)
				}
				x = mustOpen(t, x.root, x.o)
			}
		}
		if err := m.check(x); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := x.VerifyJournal(); err != nil {
			t.Error(err)
		}
		sameAsRebuilt(t, x)
	}
}
