package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/index"
	"vrepofs/merge"
	"vrepofs/rpm"
	"vrepofs/sign"
	"vrepofs/state"
	"vrepofs/tree"
)

// seals are the signatures of the repositories of one move. They are made before the commit, for gpg and commands are slow and may
// hang, and of what will be committed: a repository that is signed takes its times not from the commit but from stamp, when
// signing began. stamp is above that of every commit until then, so as long as the path does not move meanwhile, which the
// commit checks, it is above every time that the path ever had.
type seals struct {
	stamp int64
	rules map[string]rule   // path → what its settings say
	made  map[sealed][]byte // signatures
	dry   bool              // nothing is signed, and what would be is shown as a change
}

// rule is what the settings of a path say of signatures.
type rule struct {
	signing sign.Config      // the zero Config: nothing is signed
	want    merge.Signatures // what packages must be signed by
	signer  sign.Signer
	by      string // state.Channel.Signed
}

// sealed is a repomd.xml signed by somebody.
type sealed struct {
	by     string
	repomd blob.Digest
}

// maxSigning is how many signatures are made at once.
const maxSigning = 4

// newSeals looks what settings say of the paths of moves, and makes ready to sign. It refuses packages that lack signatures that
// they require; all looks at packages that are published there already, too.
func (s *Store) newSeals(ctx context.Context, settings *state.SettingsTable, moves []state.Move, all bool) (*seals, error) {
	v := &seals{stamp: s.Index.NextStamp(), rules: map[string]rule{}, made: map[sealed][]byte{}}
	signers := map[sign.Config]sign.Signer{}
	for _, m := range moves {
		if m.New == nil {
			continue
		}
		set, err := settings.At(m.Path)
		if err != nil {
			return nil, err
		}
		rule := ruleOf(set, m)
		if set.Signatures().Required {
			if err := s.checkSigned(ctx, set, m, all); err != nil {
				return nil, fmt.Errorf("channel %s requires signatures: %w", m.Path, err)
			}
		}
		if c := rule.signing; c != (sign.Config{}) {
			if signers[c] == nil {
				if signers[c], err = sign.Open(ctx, c); err != nil {
					return nil, fmt.Errorf("channel %s: %w", m.Path, err)
				}
			}
			rule.signer = signers[c]
			rule.by = signedBy(c, rule.signer.Public())
		}
		v.rules[m.Path] = rule
	}
	return v, nil
}

// ruleOf is what settings mean for a move. Verbatim repositories keep upstream's signature and are never signed.
func ruleOf(set state.Settings, m state.Move) rule {
	r := rule{want: set.Signatures()}
	if m.New != nil && m.New.Mode == state.Generated {
		r.signing = set.Signing()
	}
	return r
}

// signedBy is the fingerprint of a key or, where that is not known, a name of the command.
func signedBy(c sign.Config, k sign.Key) string {
	if k.Fingerprint != "" {
		return k.Fingerprint
	}
	d := sha256.Sum256([]byte(c.Command))
	return signedByCommand + hex.EncodeToString(d[:8])
}

// signedByCommand begins state.Channel.Signed where the key is not known.
const signedByCommand = "command "

// stampOf is the time that the repository at a path takes in a commit with the given stamp.
func (v *seals) stampOf(path string, commit int64) int64 {
	if v.rules[path].signer != nil {
		return v.stamp
	}
	return commit
}

// check refuses, in the commit, seals that were made of another state.
func (v *seals) check(tx *index.Tx, moves []state.Move) error {
	settings, err := state.LoadSettings(tx)
	if err != nil {
		return err
	}
	for _, m := range moves {
		if m.New == nil {
			continue
		}
		set, err := settings.At(m.Path)
		if err != nil {
			return err
		}
		is, was := ruleOf(set, m), v.rules[m.Path]
		if is.signing != was.signing || is.want.Required != was.want.Required || !slices.Equal(is.want.Keys, was.want.Keys) {
			return fmt.Errorf("channel %s: its settings were changed meanwhile, try again: %w", m.Path, state.ErrConflict)
		}
		if was.signer == nil {
			continue
		}
		moved, err := state.ChannelMoved(tx, m.Path)
		if err != nil {
			return err
		}
		if moved.Stamp >= v.stamp || v.stamp > tx.Stamp() {
			return fmt.Errorf("channel %s: it moved, or the clock was put back, while it was being signed, try again: %w", m.Path, state.ErrConflict)
		}
	}
	return nil
}

// sign makes the signatures that restamp will ask for. It blocks for at most sign.Limit for each maxSigning of them.
func (s *Store) sign(ctx context.Context, v *seals, moves []state.Move) error {
	type job struct {
		path   string
		rule   rule
		repomd blob.Digest
		text   []byte
	}
	var jobs []job
	scratch, texts := s.Index.NewBuffer(), map[blob.Digest][]byte{}
	put := func(b []byte) (blob.Digest, error) {
		d := blob.Sum(b)
		texts[d] = b
		return d, nil
	}
	for _, m := range moves {
		rule := v.rules[m.Path]
		if rule.signer == nil {
			continue
		}
		c := *m.New
		var was tree.Entry
		if m.Old != nil {
			was = m.Old.Root
		}
		var err error
		if c.Root, _, err = s.Composer.Restamp(scratch, put, c.Mode, c.Root, was, v.stamp); err != nil {
			return fmt.Errorf("channel %s: %s: %w", m.Path, c.Source(), err)
		}
		keep, repomd, err := kept(scratch, m.Old, c.Root, rule.by)
		if err != nil {
			return fmt.Errorf("channel %s: %w", m.Path, err)
		}
		key := sealed{rule.by, compose.ContentOf(repomd)}
		if _, twice := v.made[key]; keep || twice {
			continue
		}
		b := texts[key.repomd]
		if b == nil {
			if b, err = s.Composer.ReadSmall(repomd); err != nil {
				return fmt.Errorf("channel %s: %w", m.Path, err)
			}
		}
		v.made[key] = nil
		jobs = append(jobs, job{m.Path, rule, key.repomd, b})
	}
	var mu sync.Mutex // guards v.made
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxSigning)
	for _, j := range jobs {
		g.Go(func() error {
			sig, err := j.rule.signer.Sign(ctx, j.text, time.Unix(v.stamp, 0))
			if err != nil {
				return fmt.Errorf("channel %s: %w", j.path, err)
			}
			mu.Lock()
			defer mu.Unlock()
			v.made[sealed{j.rule.by, j.repomd}] = sig
			return nil
		})
	}
	return g.Wait()
}

// kept reports whether the signature at a path is one of the repomd.xml that root has, by whom it is to be.
func kept(r tree.Reader, old *state.Channel, root tree.Entry, by string) (bool, tree.Entry, error) {
	repomd, err := compose.Repomd(r, root)
	if err != nil || old == nil || old.Signed != by {
		return false, repomd, err
	}
	before, err := compose.Repomd(r, old.Root)
	if err != nil || compose.ContentOf(before) != compose.ContentOf(repomd) {
		return false, repomd, err
	}
	there, err := compose.Signed(r, root)
	return there, repomd, err
}

// seal puts the signature beside the repomd.xml of a repository that was given the times of stamp, and takes away what is no longer
// to be there.
func (v *seals) seal(w tree.Writer, put func([]byte) (blob.Digest, error), m state.Move, c *state.Channel, stamp int64) ([]blob.Digest, error) {
	c.Signed = ""
	if c.Mode != state.Generated {
		return nil, nil
	}
	rule := v.rules[m.Path]
	if rule.signer == nil && (m.Old == nil || m.Old.Signed == "" && m.Old.Mode == state.Generated) {
		return nil, nil // there is none; upstream's is taken away with upstream's repomd.xml
	}
	var seal compose.Seal
	if rule.signer != nil {
		keep, repomd, err := kept(w, m.Old, c.Root, rule.by)
		if err != nil {
			return nil, err
		}
		c.Signed, seal.Keep, seal.Key = rule.by, keep, rule.signer.Public().Armored
		switch sig := v.made[sealed{rule.by, compose.ContentOf(repomd)}]; {
		case keep:
		case v.dry:
			seal.Signature = []byte("not made in a dry run\n")
		case sig == nil:
			return nil, fmt.Errorf("its repomd.xml is not the one that was signed, try again: %w", state.ErrConflict)
		default:
			seal.Signature = sig
		}
	}
	root, blobs, err := compose.PutSeal(w, put, c.Root, seal, stamp)
	c.Root = root
	return blobs, err
}

// checkSigned refuses a move to packages without the signatures that settings require. What is published has them, so it looks
// at what differs, unless all is to be looked at.
func (s *Store) checkSigned(ctx context.Context, set state.Settings, m state.Move, all bool) error {
	var old tree.Entry
	if m.New.Files != "" {
		return nil // no packages to anybody
	}
	if m.Old != nil && m.Old.Files == "" && !all {
		old = m.Old.Root
	}
	gone, come := map[blob.Digest]rpmFile{}, map[blob.Digest]rpmFile{}
	if err := diffRPMs(ctx, s.Index, old, m.New.Root, gone, come); err != nil {
		return err
	}
	check := state.SignedCheck{Want: set.Signatures()}
	for _, f := range byName(come) {
		b, err := s.Index.Package(f.entry.Digest)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		p, err := rpm.DecodePackage(b)
		if err != nil {
			return fmt.Errorf("%s: package record: %w", f.name, err)
		}
		check.Add(&state.RPM{NEVRA: p.NEVRA, Keys: p.SignatureKeyIDs})
	}
	return check.Err()
}

// configuration is a change of settings that a move makes with it.
type configuration struct {
	path  string
	patch state.Patch
}

// published are the settings on which it depends what lies in the tree.
func (c *configuration) published() bool {
	return slices.ContainsFunc([]string{"sign", "keys", "require-signed"}, func(name string) bool { _, ok := c.patch[name]; return ok })
}

// allowed refuses a change of what signs by another than the store's owner: the process that has the store open runs it and reads
// the key.
func (c *configuration) allowed(root string, who Who) error {
	if _, ok := c.patch["sign"]; !ok {
		return nil
	}
	owner, err := Owner(root)
	if err == nil && owner != who.UID {
		err = fmt.Errorf("uid %d: only the store's owner, uid %d, may say what signs: %w", who.UID, owner, iofs.ErrPermission)
	}
	return err
}

// Configure changes what a path of the channels is told to be, for itself and everything below it; "" is all channels. A change of
// what signs, or of what packages must be signed by, publishes everything that it covers anew in the same commit, so that
// settings and tree always agree; it is refused where signing fails, where packages lack the signatures, and where a path
// that would change is frozen. Only the store's owner may set what signs.
func (s *Store) Configure(ctx context.Context, who Who, path string, p state.Patch) (state.Change, error) {
	c := &configuration{path: strings.Trim(path, "/"), patch: p}
	if err := c.allowed(s.Root, who); err != nil {
		return state.Change{}, err
	}
	_, lists := p["lists"]
	switch {
	case c.published():
	case lists || c.namesSite() || c.restricts():
		return s.configureLists(ctx, who, c)
	default:
		return s.commit(ctx, who, func(tx *index.Tx) error { return c.apply(ctx, s, tx, nil) })
	}
	if err := s.probe(ctx, c); err != nil {
		return state.Change{}, err
	}
	again := func(r *footing) ([]state.Move, error) {
		var moves []state.Move
		for old, err := range state.Channels(r, c.path) {
			if err != nil {
				return nil, err
			}
			is := old
			moves = append(moves, state.Move{Path: old.Path, Old: &old, New: &is})
		}
		return moves, nil
	}
	op := Op{prepare: func(context.Context, *Store, *footing) (planner, error) { return again, nil }}
	plan, err := s.change(ctx, who, op, How{}, c)
	return plan.Change, err
}

// settingsWith reads all settings, changed by c if that is not nil.
func (s *Store) settingsWith(r state.Reader, c *configuration) (*state.SettingsTable, error) {
	t, err := state.LoadSettings(r)
	if err == nil && c != nil {
		err = t.Configure(r, c.path, c.patch)
	}
	return t, err
}

// probe lets what is to sign sign something, so that a mistake is told when it is made.
func (s *Store) probe(ctx context.Context, c *configuration) error {
	if v, ok := c.patch["sign"]; !ok || string(v) == "null" {
		return nil
	}
	settings, err := s.settingsWith(s.Index.View(s.Index.Head()), c)
	if err != nil {
		return err
	}
	set, err := settings.At(c.path)
	if err != nil || set.Signing() == (sign.Config{}) {
		return err
	}
	signer, err := sign.Open(ctx, set.Signing())
	if err == nil {
		_, err = signer.Sign(ctx, []byte("vrepofs tries whether it can sign\n"), time.Unix(s.Index.NextStamp(), 0))
	}
	if err != nil && !errors.Is(err, iofs.ErrInvalid) {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	return err
}
