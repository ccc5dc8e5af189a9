package index

import (
	"context"
	"fmt"
	iofs "io/fs"
	"time"

	"vrepofs/blob"
	"vrepofs/disk"
	"vrepofs/index/journal"
)

// maxBatch is how many calls share one fdatasync at most.
const maxBatch = 256

// Op is one operation: a row of the log and what it does. Apply may be nil: then only the row is logged. Apply runs on the
// committer's goroutine, once at most; it must not call methods of the Index that write, and should not wait for anything.
type Op struct {
	Row   Row // Seq and Stamp are ignored
	Apply func(*Tx) error
}

// call is a request to the committer: a commit, a recording or a place.
type call struct {
	ctx   context.Context
	ops   []Op
	rec   *Recording
	place string
	reply chan reply // room for one
}

type reply struct {
	head  Head
	place uint32
	err   error
}

// Commit makes one commit of some operations: all of them or, if Apply of one fails, none. When it returns without error the
// commit is durable and visible. While stamps are more than an hour ahead of the clock, calls that wait together share a commit
// (and its Seq), each with its own rows; a call that fails leaves the others alone.
//
// An error of writing leaves it open whether the commit is there after the store is opened again; nothing is written any more
// until then. ErrClock, ErrConflict (a label that is taken) and ErrMissing are refusals. When ctx ends before the committer has
// begun with the call, nothing was done; later it no longer matters.
func (x *Index) Commit(ctx context.Context, ops ...Op) (Head, error) {
	if len(ops) == 0 {
		return Head{}, fmt.Errorf("commit: no operation: %w", iofs.ErrInvalid)
	}
	r := x.send(&call{ctx: ctx, ops: ops})
	if r.err != nil {
		return Head{}, fmt.Errorf("commit: %w", r.err)
	}
	return r.head, nil
}

// send hands a call to the committer and waits for its answer.
func (x *Index) send(c *call) reply {
	c.reply = make(chan reply, 1)
	select {
	case x.calls <- c:
	case <-x.quit:
		return reply{err: ErrClosed}
	case <-c.ctx.Done():
		return reply{err: c.ctx.Err()}
	}
	select {
	case r := <-c.reply:
		return r
	case <-x.done:
	}
	select {
	case r := <-c.reply:
		return r
	default:
		return reply{err: ErrClosed}
	}
}

// run is the committer: the only goroutine that appends to the journal.
func (x *Index) run() {
	defer close(x.done)
	for {
		select {
		case <-x.quit:
			return
		case c := <-x.calls:
			batch := []*call{c}
			for more := true; more && len(batch) < maxBatch; {
				select {
				case c := <-x.calls:
					batch = append(batch, c)
				default:
					more = false
				}
			}
			x.commit(batch)
		}
	}
}

// answer is a call with what it will be told when the batch is durable.
type answer struct {
	c *call
	r reply
}

// commit carries out a batch: decide, append, one fdatasync, Badger, answers.
func (x *Index) commit(batch []*call) {
	if err := x.Err(); err != nil {
		for _, c := range batch {
			c.reply <- reply{err: err}
		}
		return
	}
	s := x.newStage()
	recs, answers := s.commits(batch)
	rec, more := s.recordings(batch)
	answers = append(answers, more...)
	if rec != nil {
		recs = append(recs, rec)
	}
	if len(recs) > 0 {
		if err := x.write(s, recs); err != nil {
			for i := range answers {
				if answers[i].r.err == nil {
					answers[i].r = reply{err: err}
				}
			}
		}
	}
	for _, a := range answers {
		a.c.reply <- a.r
	}
}

// commits runs the batch's commits and returns their records.
func (s *stage) commits(batch []*call) (recs []*journal.Record, answers []answer) {
	var sharing []*call // calls inside the record that is being made
	finish := func() {
		if len(sharing) == 0 {
			return
		}
		err := s.finish()
		if err == nil {
			recs = append(recs, s.rec)
		}
		for _, c := range sharing {
			answers = append(answers, answer{c, reply{head: s.pos.head, err: err}})
		}
		sharing = nil
	}
	for _, c := range batch {
		if c.ops == nil {
			continue
		}
		if err := c.ctx.Err(); err != nil {
			answers = append(answers, answer{c, reply{err: err}})
			continue
		}
		if len(sharing) == 0 {
			if err := s.begin(); err != nil {
				answers = append(answers, answer{c, reply{err: err}})
				continue
			}
		}
		if err := s.ops(c.ops); err != nil {
			answers = append(answers, answer{c, reply{err: err}})
			continue
		}
		sharing = append(sharing, c)
		if !s.ahead() {
			finish()
		}
	}
	finish()
	return recs, answers
}

// write makes records durable and shows them to readers.
func (x *Index) write(s *stage, recs []*journal.Record) error {
	marks, err := x.log.Append(recs...)
	if err != nil {
		return err
	}
	if recs[0].Kind == journal.Commit {
		if err := x.log.Sync(); err != nil {
			return err
		}
	}
	s.pos.mark = marks[len(marks)-1]
	err = x.apply(recs, s.pos)
	for d, enc := range s.nodes {
		x.nodes.put(d, enc)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pos = s.pos
	if err != nil {
		// The records are durable, so the operations are done. Readers see them through the stage, writing ends, and the next
		// Open rolls forward.
		x.late, x.broken = s, fmt.Errorf("index: %w; nothing is written any more until the store is opened again", err)
	}
	return nil
}

func (x *Index) position() position {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.pos
}

// lateStage returns the records that Badger refused; nil as a rule.
func (x *Index) lateStage() *stage {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.late
}

func utc(sec int64) string { return time.Unix(sec, 0).UTC().Format("2006-01-02T15:04:05Z") }

// Recording is derived data that is kept as truth: it is in the journal, belongs to no commit, and survives a rebuild.
type Recording struct {
	Memos []MemoRow
	Nodes []NodeRow // tree nodes that the memos refer to; known ones are passed over

	files []FileRow // of AddFiles, which fills in their serials and times
}

// MemoRow is a derived value under the digest of all that it depends on.
type MemoRow struct {
	Recipe blob.Digest
	Value  []byte
}

// NodeRow is an encoded tree node and its digest.
type NodeRow struct {
	Digest  blob.Digest
	Encoded []byte
}

// Record keeps derived data in the journal. It is visible when Record returns and becomes durable with the next commit or Close:
// what a power loss takes can be derived again. A recipe that is recorded already gets the new value.
func (x *Index) Record(r Recording) error {
	if err := x.send(&call{ctx: context.Background(), rec: &r}).err; err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// recordings runs the batch's recordings and new places as one record; nil if there is nothing new in them.
func (s *stage) recordings(batch []*call) (rec *journal.Record, answers []answer) {
	s.record()
	room := disk.CheckRoom(s.x.root, 4)
	for _, c := range batch {
		var r reply
		switch {
		case c.ops != nil:
			continue
		case room != nil:
			r.err = room
		case c.rec != nil:
			r.err = s.attempt(func() error { return s.keep(c.rec) })
		default:
			r.err = s.attempt(func() (err error) { r.place, err = s.newPlace(c.place); return err })
		}
		answers = append(answers, answer{c, r})
	}
	if r := s.rec; len(r.Memos)+len(r.Places)+len(r.Nodes)+len(r.Files)+len(r.Seen) == 0 {
		return nil, answers
	}
	if err := s.finish(); err != nil {
		for i := range answers {
			answers[i].r = reply{err: err}
		}
		return nil, answers
	}
	return s.rec, answers
}

// keep adds a Recording to the record that is being made.
func (s *stage) keep(r *Recording) error {
	for i, f := range r.files {
		var err error
		if r.files[i], err = s.addFile(f); err != nil {
			return err
		}
	}
	for _, n := range r.Nodes {
		if err := s.PutNode(n.Digest, n.Encoded); err != nil {
			return err
		}
	}
	for _, m := range r.Memos {
		old, ok := s.memos[m.Recipe]
		if !ok {
			old, ok = s.x.Recorded(m.Recipe)
		}
		if ok && string(old) == string(m.Value) {
			continue
		}
		set(s, s.memos, m.Recipe, m.Value)
		s.rec.Memos = append(s.rec.Memos, journal.Memo{Recipe: m.Recipe, Value: m.Value})
	}
	return nil
}
