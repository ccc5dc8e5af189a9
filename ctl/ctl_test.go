package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vrepofs/index"
	"vrepofs/ingest"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/testrpm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newStore makes a store and returns a client in process.
func newStore(t *testing.T) *Client {
	t.Helper()
	root := filepath.Join(t.TempDir(), "store")
	if err := store.Create(root); err != nil {
		t.Fatal(err)
	}
	c, err := Dial(t.Context(), root, DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// overSocket serves the store of an in-process client at its socket, without a mount, and returns a client of that.
func overSocket(t *testing.T, c *Client) *Client {
	t.Helper()
	l, err := listen(c.Root)
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(NewHandler(c.st, nil))
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	remote, err := Dial(t.Context(), c.Root, DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		remote.Close()
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-done
		if _, err := os.Stat(SocketPath(c.Root)); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("socket is still there: %v", err)
		}
	})
	if remote.Daemon() != os.Getpid() {
		t.Fatalf("the socket's other end is process %d, want %d", remote.Daemon(), os.Getpid())
	}
	return remote
}

// both runs a test with a client in process and one over the socket.
func both(t *testing.T, f func(t *testing.T, c *Client)) {
	t.Run("in process", func(t *testing.T) { f(t, newStore(t)) })
	t.Run("socket", func(t *testing.T) { f(t, overSocket(t, newStore(t))) })
}

// TestErrors: every kind of the table survives the way over HTTP, and the first row that matches counts.
func TestErrors(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range kinds() {
		if seen[k.name] {
			t.Errorf("kind %q is in the table twice", k.name)
		}
		seen[k.name] = true
		made := errorOf(fmt.Errorf("tag f42: %w", k.err))
		if made.Kind != k.name || made.Status != k.status || made.Status < 400 {
			t.Errorf("%v travels as kind %q status %d, want %q %d", k.err, made.Kind, made.Status, k.name, k.status)
		}
		if !errors.Is(made, k.err) {
			t.Errorf("kind %q is not %v on the other side", k.name, k.err)
		}
	}
	if e := errorOf(errors.New("disk on fire")); e.Status != 500 || e.Kind != "" || e.Unwrap() != nil {
		t.Errorf("an error without a kind travels as %+v", e)
	}
	if e := errorOf(&ingest.BadFilesError{}); e.Kind != "bad_rpm" {
		t.Errorf("bad files travel as %q", e.Kind)
	}
}

func TestErrorsOfRequests(t *testing.T) {
	both(t, func(t *testing.T, c *Client) {
		ctx := t.Context()
		if _, err := c.CreateTag(ctx, Why{Command: "tag create a"}, "a", []string{"x86_64"}); err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			f    func() error
			want error
		}{
			"absent":  {func() error { _, err := c.ShowTag(ctx, At{}, "absent", false); return err }, iofs.ErrNotExist},
			"exists":  {func() error { _, err := c.CreateTag(ctx, Why{}, "a", []string{"src"}); return err }, iofs.ErrExist},
			"invalid": {func() error { _, err := c.CreateTag(ctx, Why{}, "a/b", []string{"src"}); return err }, iofs.ErrInvalid},
			"label": {func() error {
				_, err := c.Block(ctx, Why{Label: "l"}, "a", []string{"x"})
				if err == nil {
					_, err = c.Block(ctx, Why{Label: "l"}, "a", []string{"y"})
				}
				return err
			}, index.ErrConflict},
			"conflict": {func() error {
				_, err := c.CreateTag(ctx, Why{}, "b", []string{"src"})
				if err == nil {
					_, err = c.AddParent(ctx, Why{}, "b", Parent{Tag: "a", Priority: 1})
				}
				if err == nil {
					_, err = c.DeleteTag(ctx, Why{}, "a")
				}
				return err
			}, state.ErrConflict},
			"past": {func() error { _, err := c.ListTags(ctx, At{At: "99"}); return err }, iofs.ErrNotExist},
		} {
			if err := test.f(); !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", name, err, test.want)
			}
		}
	})
}

// TestWho: the log has the uid of the kernel, whatever the request says.
func TestWho(t *testing.T) {
	both(t, func(t *testing.T, c *Client) {
		body := `{"command":"tag create x","name":"x","arches":["src"],"uid":12345}`
		if _, err := c.do(t.Context(), "tag/create", strings.NewReader(body)); !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("a request that claims a uid: %v, want it refused", err)
		}
		if _, err := c.CreateTag(t.Context(), Why{Command: "tag create x", Note: "n", Label: "l"}, "x", []string{"src"}); err != nil {
			t.Fatal(err)
		}
		var rows []LogRow
		if err := c.Log(t.Context(), 0, func(r LogRow) error { rows = append(rows, r); return nil }); err != nil {
			t.Fatal(err)
		}
		if len(rows) != 1 || rows[0].UID != uint32(os.Getuid()) || rows[0].Command != "tag create x" || rows[0].Note != "n" || rows[0].Label != "l" {
			t.Errorf("log is %+v", rows)
		}
	})
}

// TestNobody: a connection whose peer is unknown, such as one over TCP, gets nothing.
func TestNobody(t *testing.T) {
	c := newStore(t)
	server := httptest.NewUnstartedServer(NewHandler(c.st, nil))
	server.Config.ConnContext = newServer(nil).ConnContext
	server.Start()
	defer server.Close()
	resp, err := server.Client().Post(server.URL+"/v1/repo/list", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("status %d, want 403", resp.StatusCode)
	}
}

func TestPanic(t *testing.T) {
	c := newStore(t)
	h := NewHandler(c.st, nil)
	post(h, "test/panic", func(context.Context, *ListRequest) (*Repos, error) { panic("BUG: on purpose") })
	c.http = &http.Client{Transport: inProcess{h, 0}}
	if _, err := c.do(t.Context(), "test/panic", strings.NewReader("{}")); !errors.Is(err, ErrPanic) || !strings.Contains(err.Error(), "on purpose") {
		t.Errorf("a panic came as %v", err)
	}
	if _, err := c.ListRepos(t.Context(), At{}); err != nil {
		t.Errorf("after a panic: %v", err)
	}
	if _, err := c.do(t.Context(), "tag/frobnicate", strings.NewReader("{}")); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("an unknown request: %v", err)
	}
	if _, err := c.do(t.Context(), "tag/show", strings.NewReader("no json")); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("no JSON: %v", err)
	}
	if _, err := c.do(t.Context(), "tag/add", strings.NewReader(`{"name":"`+strings.Repeat("x", maxRequest)+`"}`)); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("a huge request: %v", err)
	}
}

func TestSocket(t *testing.T) {
	if err := checkSocketPath(strings.Repeat("x", 107)); err != nil {
		t.Error(err)
	}
	if err := checkSocketPath(strings.Repeat("x", 108)); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("a path of 108 bytes: %v", err)
	}
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := store.Create(long); err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), ServeOptions{Store: long, Mountpoint: t.TempDir()}); !errors.Is(err, iofs.ErrInvalid) || !strings.Contains(err.Error(), "107") {
		t.Errorf("a daemon with a long path: %v", err)
	}
	c, err := Dial(t.Context(), long, DialOptions{}) // works without a daemon
	if err != nil {
		t.Fatal(err)
	}
	c.Close()

	root := t.TempDir()
	l, err := listen(root)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(SocketPath(root)); err != nil || fi.Mode().Perm() != 0o660 {
		t.Errorf("socket is %v, %v, want mode 0660", fi.Mode(), err)
	}
	if _, err := listen(root); !errors.Is(err, iofs.ErrExist) {
		t.Errorf("a second listener: %v", err)
	}
	// A socket that a killed process left is replaced.
	l.SetUnlinkOnClose(false)
	l.Close()
	if l, err = listen(root); err != nil {
		t.Fatalf("over a stale socket: %v", err)
	}
	l.Close()
	// Something else under the name is not.
	if err := os.WriteFile(SocketPath(root), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("unix", SocketPath(root)); err == nil {
		t.Fatal("connected to a file")
	}
}

// TestLocked: a store that another holder has open, without a socket, is waited for.
func TestLocked(t *testing.T) {
	c := newStore(t)
	if _, err := Dial(t.Context(), c.Root, DialOptions{Wait: -1}); !errors.Is(err, index.ErrLocked) {
		t.Errorf("a store in use: %v", err)
	}
	root := filepath.Join(t.TempDir(), "store")
	if err := store.Create(root); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(root, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := Dial(t.Context(), root, DialOptions{Wait: time.Minute, Waiting: func(err error) {
		if !errors.Is(err, index.ErrLocked) {
			t.Errorf("waits because of %v", err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
	if _, err := Dial(t.Context(), t.TempDir(), DialOptions{}); !errors.Is(err, iofs.ErrNotExist) || !strings.Contains(err.Error(), "vrepofs init") {
		t.Errorf("no store: %v", err)
	}
}

// TestPages: lists that take several answers come whole and in order.
func TestPages(t *testing.T) {
	c := newStore(t)
	ctx := t.Context()
	var specs []testrpm.Spec
	for i := range 12 {
		specs = append(specs, testrpm.Spec{Name: fmt.Sprintf("p%02d", i)})
	}
	dir := rpms(t, specs...)
	if _, err := c.Import(ctx, Why{}, ImportOptions{Repo: "r", Paths: []string{dir}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Import(ctx, Why{}, ImportOptions{Paths: []string{dir}}); err != nil {
		t.Fatal(err)
	}
	var paths, nvrs []string
	for after := ""; ; {
		page, err := call[RPMs](ctx, c, "snapshot/rpms", RPMsRequest{Ref: "r", After: after, Limit: 5})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.RPMs {
			paths, after = append(paths, r.File), r.Path
		}
		if !page.More {
			break
		}
	}
	for after := ""; ; {
		page, err := call[Builds](ctx, c, "build/list", BuildsRequest{After: after, Limit: 6})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.Builds {
			nvrs, after = append(nvrs, b.NVR), b.NVR
		}
		if !page.More {
			break
		}
	}
	for i, s := range specs {
		if i >= len(paths) || i >= len(nvrs) || paths[i] != s.FileName() || nvrs[i] != s.NVR() {
			t.Fatalf("paths %v\nnvrs %v", paths, nvrs)
		}
	}
	var events []uint64
	for before := uint64(0); ; {
		page, err := call[Log](ctx, c, "log/list", LogRequest{Before: before, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Rows {
			events, before = append(events, r.Event), r.Event
		}
		if !page.More {
			break
		}
	}
	if fmt.Sprint(events) != "[2 1]" || len(paths) != 12 || len(nvrs) != 12 {
		t.Errorf("events %v, %d paths, %d builds", events, len(paths), len(nvrs))
	}
}

// TestInProcessStream: a body streams in while the answer streams out.
func TestInProcessStream(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 1)
		for {
			if _, err := r.Body.Read(b); err != nil {
				return
			}
			w.Write(b)
			w.(http.Flusher).Flush()
		}
	})
	pr, pw := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x/", pr)
	if err != nil {
		t.Fatal(err)
	}
	go pw.Write([]byte("a"))
	resp, err := inProcess{h, 0}.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	for _, want := range "abc" {
		if want != 'a' {
			pw.Write([]byte(string(want)))
		}
		if _, err := io.ReadFull(resp.Body, b); err != nil || rune(b[0]) != want {
			t.Fatalf("got %q, %v, want %q", b, err, want)
		}
	}
	pw.Close()
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Errorf("rest %q, %v", rest, err)
	}
}
