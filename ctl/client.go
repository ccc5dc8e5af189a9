package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"vrepofs/index"
	"vrepofs/store"
)

// Client asks one store, through the daemon's socket or in process. It is safe for concurrent use. Close it.
type Client struct {
	Root string // the store's directory, absolute
	http *http.Client
	st   *store.Store // in process only
	pid  int          // of the daemon; 0 in process
}

// DialOptions are how a store is found and, if no daemon holds it, opened.
type DialOptions struct {
	store.Options
	// Wait is how long to wait for another process that has the store open but does not listen: a daemon that starts, or
	// another command. 0 means 10 s; negative not at all.
	Wait time.Duration
	// Waiting, if not nil, is called once when the waiting begins, with the reason.
	Waiting func(error)
}

const (
	defaultWait = 10 * time.Second
	// retry is how often a store in use is tried again: a flock and a listening socket of another process give no event.
	retry = 25 * time.Millisecond
)

// Dial connects to the daemon of the store in root or, when there is none, opens the store and serves it in process, with the
// process's own user.
func Dial(ctx context.Context, root string, o DialOptions) (*Client, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	var c *Client
	st, err := openStore(ctx, root, o, func() (err error) {
		c, err = dialSocket(ctx, root)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case c != nil:
		return c, nil
	}
	tightGC()
	h := NewHandler(st, o.Log)
	return &Client{Root: root, http: &http.Client{Transport: inProcess{h, uint32(os.Getuid())}}, st: st}, nil
}

// openStore opens a store in this process, waiting for other processes as o says. Before each try it calls dial, and
// goes on only if that returns errNoDaemon.
func openStore(ctx context.Context, root string, o DialOptions, dial func() error) (*store.Store, error) {
	if o.Wait == 0 {
		o.Wait = defaultWait
	}
	deadline := time.Now().Add(o.Wait)
	for told := false; ; told = true {
		if err := dial(); !errors.Is(err, errNoDaemon) {
			return nil, err
		}
		if err := store.CheckOwner(root); errors.Is(err, iofs.ErrPermission) {
			return nil, fmt.Errorf("%w; without a daemon only that user can open it: become that user, or let them start vrepofs mount", err)
		} else if err != nil {
			return nil, err
		}
		st, err := store.Open(root, o.Options)
		if !errors.Is(err, index.ErrLocked) || time.Now().After(deadline) {
			return st, err
		}
		if !told && o.Waiting != nil {
			o.Waiting(err)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(retry):
		}
	}
}

// errNoDaemon says that nobody listens.
var errNoDaemon = errors.New("no daemon listens")

// dialSocket connects to a daemon, or returns errNoDaemon.
func dialSocket(ctx context.Context, root string) (*Client, error) {
	path := SocketPath(root)
	if checkSocketPath(path) != nil {
		return nil, errNoDaemon // nobody can listen there
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, iofs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, errNoDaemon
	case errors.Is(err, iofs.ErrPermission):
		return nil, fmt.Errorf("connect to the daemon of store %s: you may not write to its socket (its owner and group may): %w", root, err)
	case err != nil:
		return nil, fmt.Errorf("connect to the daemon of store %s: %w", root, err)
	}
	cred, err := peerOf(conn)
	conn.Close()
	if err != nil {
		return nil, fmt.Errorf("connect to the daemon of store %s: %w", root, err)
	}
	transport := &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", path) },
		DisableCompression: true,
		MaxIdleConns:       4,
	}
	return &Client{Root: root, http: &http.Client{Transport: transport}, pid: int(cred.Pid)}, nil
}

// Daemon returns the daemon's process id, or 0 when the store is open in this process.
func (c *Client) Daemon() int { return c.pid }

// Close ends the client, and closes the store if it is open in this process.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	if c.st != nil {
		return c.st.Close()
	}
	return nil
}

// do sends one request and returns the answer, whose body the caller closes. An answer that is an error is an *Error.
func (c *Client) do(ctx context.Context, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://vrepofs/v1/"+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // the address in it is made up
		}
		if c.pid != 0 {
			return nil, fmt.Errorf("the daemon of store %s (process %d) did not answer: %w", c.Root, c.pid, err)
		}
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	e := &Error{Status: resp.StatusCode}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxRequest))
	if err != nil {
		return nil, fmt.Errorf("read the daemon's answer: %w", err)
	}
	if json.Unmarshal(b, e) != nil || e.Message == "" {
		e.Message = fmt.Sprintf("the daemon answered %s: %.200q", resp.Status, b)
	}
	return nil, e
}

// call does one request of the usual form.
func call[Resp any](ctx context.Context, c *Client, path string, req any) (*Resp, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	resp, err := c.do(ctx, path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var v Resp
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return nil, fmt.Errorf("read the answer to %s: %w", path, err)
	}
	return &v, nil
}
