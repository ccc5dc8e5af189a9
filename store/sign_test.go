package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/sign"
	"vrepofs/sign/signtest"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
	"vrepofs/tree"
)

// signedBox is a store with a channel path below "production" and one below "staging".
type signedBox struct {
	testing.TB
	*store.Store
	who store.Who
}

func newSignedBox(t testing.TB) *signedBox {
	t.Helper()
	b := &signedBox{t, storetest.New(t), storetest.Who()}
	b.who.UID = uint32(os.Geteuid())
	storetest.Builds(t, b.Store, testrpm.Spec{Name: "a"}, testrpm.Spec{Name: "b"})
	b.do(b.CreateTag(b.Context(), b.who, "dev", []string{"x86_64"}))
	b.do(b.TagBuilds(b.Context(), b.who, "dev", []string{"a-1.0-1"}))
	return b
}

func (b *signedBox) do(_ state.Change, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *signedBox) plan(p store.Plan, err error) store.Plan {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func (b *signedBox) configure(path, json string) error {
	b.Helper()
	p := state.Patch{}
	name, value, _ := strings.Cut(json, "=")
	p[name] = []byte(value)
	_, err := b.Configure(b.Context(), b.who, path, p)
	return err
}

// file reads what lies below channels; nil: nothing.
func (b *signedBox) file(path string) ([]byte, tree.Entry) {
	b.Helper()
	r, _, err := b.State("")
	if err != nil {
		b.Fatal(err)
	}
	root, err := state.Published(r)
	if err != nil {
		b.Fatal(err)
	}
	e, err := compose.Lookup(b.Index, root, path)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, e
	}
	if err != nil {
		b.Fatal(err)
	}
	text, err := b.Composer.ReadSmall(e)
	if err != nil {
		b.Fatal(err)
	}
	if blob.Sum(text) != compose.ContentOf(e) || int64(len(text)) != e.Size {
		b.Fatalf("%s is not what its entry says", path)
	}
	return text, e
}

// check holds that a repository is signed by a key, as gpgv says, and returns its repomd.xml with the time.
func (b *signedBox) check(path string, k signtest.Key) (repomd []byte, mtime int64) {
	b.Helper()
	dir := b.TempDir()
	var times [3]int64
	for i, name := range []string{"repomd.xml", "repomd.xml.asc", "repomd.xml.key"} {
		text, e := b.file(path + "/repodata/" + name)
		if text == nil {
			b.Fatalf("%s: no %s", path, name)
		}
		if i == 0 {
			repomd = text
		}
		times[i] = e.Mtime
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for _, key := range []string{filepath.Join(dir, "repomd.xml.key"), k.Public} {
		if err := signtest.Verify(b, key, filepath.Join(dir, "repomd.xml.asc"), filepath.Join(dir, "repomd.xml")); err != nil {
			b.Errorf("%s: gpgv with %s: %v", path, key, err)
		}
	}
	if times[1] < times[0] {
		b.Errorf("%s: repomd.xml.asc is of %d, repomd.xml of %d", path, times[1], times[0])
	}
	_, dirEntry := b.dirEntry(path + "/repodata")
	if dirEntry.Mtime < max(times[0], times[1]) {
		b.Errorf("%s: repodata is of %d, what lies in it of %v", path, dirEntry.Mtime, times)
	}
	return repomd, times[0]
}

func (b *signedBox) dirEntry(path string) (tree.Entry, tree.Entry) {
	b.Helper()
	r, _, err := b.State("")
	if err != nil {
		b.Fatal(err)
	}
	root, err := state.Published(r)
	if err != nil {
		b.Fatal(err)
	}
	e, err := compose.Lookup(b.Index, root, path)
	if err != nil {
		b.Fatal(err)
	}
	return root, e
}

func quoted(s string) string { return strconv.Quote(s) }

// TestSignedChannel follows a channel through its life: signed when it is set, promoted, rolled back, configured anew, no longer
// signed. Each repomd.xml has a signature of its own, by the key of its path.
func TestSignedChannel(t *testing.T) {
	b := newSignedBox(t)
	ctx := t.Context()
	k, other := signtest.NewKey(t, "ed25519", ""), signtest.NewKey(t, "rsa2048", "")
	if err := b.configure("production", `sign={"key_file":`+quoted(k.File)+`}`); err != nil {
		t.Fatal(err)
	}
	b.plan(b.SetChannel(ctx, b.who, "staging/os", "dev/x86_64", false))
	if text, _ := b.file("staging/os/repodata/repomd.xml.asc"); text != nil {
		t.Error("staging is signed by the key of production")
	}
	b.plan(b.Promote(ctx, b.who, "staging", "production", false))
	first, t1 := b.check("production/os", k)

	// A channel that another key signs gives its signature to nobody.
	if err := b.configure("staging", `sign={"gpg":`+quoted(other.Fingerprint)+`,"gpg_home":`+quoted(other.Home)+`}`); err != nil {
		t.Fatal(err)
	}
	b.check("staging/os", other)
	b.do(b.TagBuilds(ctx, b.who, "dev", []string{"b-1.0-1"}))
	b.plan(b.SetChannel(ctx, b.who, "staging/os", "dev/x86_64", false))
	b.check("staging/os", other)
	dry := b.plan(b.Promote(ctx, b.who, "staging", "production", true))
	if len(dry.Steps) != 1 || dry.Steps[0].Action != store.Changed {
		t.Errorf("dry run: %+v", dry.Steps)
	}
	b.plan(b.Promote(ctx, b.who, "staging", "production", false))
	second, t2 := b.check("production/os", k)
	if t2 <= t1 || bytes.Equal(first, second) {
		t.Errorf("promoted: repomd.xml of %d, then of %d", t1, t2)
	}
	// Nothing to do: not even a new signature.
	_, was := b.dirEntry("production")
	p := b.plan(b.Promote(ctx, b.who, "staging", "production", false))
	if _, is := b.dirEntry("production"); is != was || p.Steps[0].Action != store.Unchanged {
		t.Errorf("promoted again: %v", p.Steps[0].Action)
	}
	b.plan(b.Rollback(ctx, b.who, "production", state3(t2), false))
	third, t3 := b.check("production/os", k)
	if t3 <= t2 || bytes.Contains(third, []byte("<revision>"+strconv.FormatInt(t1, 10))) {
		t.Errorf("rolled back: repomd.xml of %d, then of %d", t2, t3)
	}
	// Another key at once signs what is there; repomd.xml stays as it is.
	if err := b.configure("production", `sign={"key_file":`+quoted(other.File)+`}`); err != nil {
		t.Fatal(err)
	}
	if fourth, t4 := b.check("production/os", other); !bytes.Equal(third, fourth) || t4 != t3 {
		t.Error("another key changed repomd.xml")
	}
	if err := b.configure("production", `sign={}`); err != nil {
		t.Fatal(err)
	}
	if text, e := b.file("production/os/repodata/repomd.xml"); !bytes.Equal(text, third) || e.Mtime != t3 {
		t.Error("repomd.xml changed when its signature went")
	}
	for _, name := range []string{"asc", "key"} {
		if text, _ := b.file("production/os/repodata/repomd.xml." + name); text != nil {
			t.Errorf("repomd.xml.%s is there when nothing is signed", name)
		}
	}
}

// state3 names the moment before a second.
func state3(stamp int64) store.Moment { return store.Moment(state.FormatStamp(stamp - 1)) }

// TestSignatureFollowsText holds that a key file's signature depends on nothing but the key and repomd.xml, whose revision is its
// time.
func TestSignatureFollowsText(t *testing.T) {
	raw, err := os.ReadFile("../sign/testdata/ed25519.asc")
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	b := newSignedBox(t)
	if err := b.configure("", `sign={"key_file":`+quoted(key)+`}`); err != nil {
		t.Fatal(err)
	}
	b.plan(b.SetChannel(t.Context(), b.who, "production", "dev/x86_64", false))
	repomd, e := b.file("production/repodata/repomd.xml")
	if !bytes.Contains(repomd, []byte("<revision>"+strconv.FormatInt(e.Mtime, 10)+"<")) {
		t.Errorf("revision is not its time, %d:\n%s", e.Mtime, repomd)
	}
	r, err := sign.Open(t.Context(), sign.Config{KeyFile: key})
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.Sign(t.Context(), repomd, time.Unix(e.Mtime, 0))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := b.file("production/repodata/repomd.xml.asc"); !bytes.Equal(got, want) {
		t.Errorf("signed anew it is another signature:\n%s\n%s", got, want)
	}
}

// TestSignerFails holds that a signer that fails or hangs changes nothing, stops nobody, and dies with the request.
func TestSignerFails(t *testing.T) {
	b := newSignedBox(t)
	ctx := t.Context()
	if err := b.configure("", `sign={"command":"echo no card >&2; exit 2"}`); !errors.Is(err, sign.ErrNotSigned) || !strings.Contains(err.Error(), "no card") {
		t.Errorf("a command that fails, configured: %v", err)
	}
	dir := t.TempDir()
	fifo, script := filepath.Join(dir, "fifo"), filepath.Join(dir, "signer")
	k := signtest.NewKey(t, "ed25519", "")
	good := "gpg --homedir " + k.Home + " --batch --armor --detach-sign"
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	put(good)
	if err := b.configure("", `sign={"command":`+quoted(". "+script)+`,"public_key_file":`+quoted(k.Public)+`}`); err != nil {
		t.Fatal(err)
	}
	b.plan(b.SetChannel(ctx, b.who, "production", "dev/x86_64", false))
	b.check("production", k)
	b.do(b.TagBuilds(ctx, b.who, "dev", []string{"b-1.0-1"}))
	head := b.Index.Head()
	put("echo broken >&2; exit 9")
	if _, err := b.SetChannel(ctx, b.who, "production", "dev/x86_64", false); !errors.Is(err, sign.ErrNotSigned) || !strings.Contains(err.Error(), "exit status 9; it said: broken") {
		t.Errorf("a command that fails: %v", err)
	}

	// One that hangs, and is let go.
	put("echo ready >" + fifo + "; cat " + fifo + ">/dev/null; " + good)
	set := func(ctx context.Context) <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := b.SetChannel(ctx, b.who, "production", "dev/x86_64", false)
			done <- err
		}()
		ready := make(chan string, 1)
		go func() {
			text, err := os.ReadFile(fifo)
			ready <- fmt.Sprint(string(text), err)
		}()
		select {
		case got := <-ready:
			if got != "ready\n<nil>" {
				t.Fatalf("the command says %q", got)
			}
		case err := <-done:
			t.Fatalf("done before it was signed: %v", err)
		}
		return done
	}
	let := func() {
		t.Helper()
		if err := os.WriteFile(fifo, []byte("go\n"), 0); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.Index.Head(); got != head {
		t.Errorf("what was refused made event %d", got.Seq)
	}
	hung, cancel := context.WithCancel(ctx)
	done := set(hung)
	b.do(b.Block(ctx, b.who, "dev", true, []string{"none"})) // others go on
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("a request that was given up: %v", err)
	}
	done = set(ctx)
	b.do(b.Block(ctx, b.who, "dev", true, []string{"nothing"}))
	let()
	if err := <-done; err != nil {
		t.Errorf("other commits while it is being signed: %v", err)
	}
	repomd, mtime := b.check("production", k)
	if !bytes.Contains(repomd, []byte("<revision>"+strconv.FormatInt(mtime, 10))) {
		t.Errorf("revision is not its time, %d:\n%s", mtime, repomd)
	}

	// The path itself moves meanwhile.
	b.do(b.UntagBuilds(ctx, b.who, "dev", []string{"b-1.0-1"}))
	done = set(ctx)
	put(good)
	b.plan(b.UnsetChannel(ctx, b.who, "production", false))
	let()
	if err := <-done; !errors.Is(err, state.ErrConflict) {
		t.Errorf("the path moved while it was being signed: %v", err)
	}
}

// TestRequireSigned holds that a channel takes no package that its keys did not sign, and that a configuration is refused which what
// is published does not meet.
func TestRequireSigned(t *testing.T) {
	b := newSignedBox(t)
	ctx := t.Context()
	storetest.Builds(t, b.Store, testrpm.Spec{Name: "c", Signature: testrpm.FakeSignature(0x0123456789abcdef, 1)})
	b.plan(b.SetChannel(ctx, b.who, "staging", "dev/x86_64", false))
	conflict := func(err error, want string) {
		t.Helper()
		if !errors.Is(err, state.ErrConflict) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	conflict(b.configure("staging", "require-signed=true"), "channel staging requires signatures: 1 of 1 packages are not signed: a-1.0-1.x86_64 (unsigned)")
	if err := b.configure("production", `keys=["89ABCDEF"]`); err != nil {
		t.Fatal(err)
	}
	if err := b.configure("production", "require-signed=true"); err != nil {
		t.Fatal(err)
	}
	_, err := b.Promote(ctx, b.who, "staging", "production", false)
	conflict(err, "1 of 1 packages are not signed by 89abcdef")
	_, err = b.Promote(ctx, b.who, "staging", "production", true)
	conflict(err, "channel production requires")
	b.do(b.UntagBuilds(ctx, b.who, "dev", []string{"a-1.0-1"}))
	b.do(b.TagBuilds(ctx, b.who, "dev", []string{"c-1.0-1"}))
	b.plan(b.SetChannel(ctx, b.who, "production", "dev/x86_64", false))
	conflict(b.configure("production", `keys=["8899aabbccddeeff"]`), "c-1.0-1.x86_64 (signed by 0123456789abcdef)")
	conflict(b.configure("", "require-signed=true"), "channel staging requires")
	if _, err := b.UnsetChannel(ctx, b.who, "production", false); err != nil {
		t.Error(err)
	}
}

// TestSignatureOfUpstream holds that a verbatim repository keeps upstream's signature, whatever its path says, and that it goes with
// upstream's repomd.xml.
func TestSignatureOfUpstream(t *testing.T) {
	b := newSignedBox(t)
	ctx := t.Context()
	im := storetest.Read(t, b.Store, testrpm.Spec{Name: "x"})
	lease, err := b.Blobs.NewLease()
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Close()
	for path, text := range map[string]string{"repodata/repomd.xml": "one", "repodata/repomd.xml.asc": "theirs", "repodata/repomd.xml.key": "their key"} {
		d, err := lease.Write([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := im.AddFile(path, d, int64(len(text)), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := lease.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	snap, err := im.Snapshot(ctx, b.who, "up", store.SnapshotOptions{Verbatim: true, Revision: "7"})
	if err != nil {
		t.Fatal(err)
	}
	k := signtest.NewKey(t, "ed25519", "")
	if err := b.configure("signed", `sign={"key_file":`+quoted(k.File)+`}`); err != nil {
		t.Fatal(err)
	}
	theirs := func(path string, want bool) {
		t.Helper()
		asc, _ := b.file(path + "/repodata/repomd.xml.asc")
		key, _ := b.file(path + "/repodata/repomd.xml.key")
		if got := string(asc) == "theirs" && string(key) == "their key"; got != want {
			t.Errorf("%s: upstream's signature: %v, want %v: %q, %q", path, got, want, asc, key)
		}
	}
	for range 2 {
		for _, path := range []string{"signed/os", "plain/os"} {
			b.plan(b.SetChannel(ctx, b.who, path, snap.Ref(), false))
			theirs(path, true)
			b.plan(b.SetChannel(ctx, b.who, path, "dev/x86_64", false))
			theirs(path, false)
		}
		b.check("signed/os", k)
		if asc, _ := b.file("plain/os/repodata/repomd.xml.asc"); asc != nil {
			t.Errorf("upstream's signature lies beside our repomd.xml: %q", asc)
		}
		if key, _ := b.file("plain/os/repodata/repomd.xml.key"); key != nil {
			t.Errorf("upstream's key lies beside our repomd.xml: %q", key)
		}
	}
}

// TestWhoMaySetSigners: only the store's owner.
func TestWhoMaySetSigners(t *testing.T) {
	b := newSignedBox(t)
	b.who.UID += 12345
	for _, p := range []string{`sign={"command":"id"}`, `sign={}`, "sign=null"} {
		if err := b.configure("", p); !errors.Is(err, iofs.ErrPermission) {
			t.Errorf("%s by another than the owner: %v", p, err)
		}
	}
	if err := b.configure("", "grace=10"); err != nil {
		t.Errorf("grace by another than the owner: %v", err)
	}
}
