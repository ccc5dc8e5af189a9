package ctl

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"vrepofs/fs"
	"vrepofs/layout"
)

// Status is what `vrepofs status` shows.
type Status struct {
	Store     string            `json:"store"`    // directory
	Head      Change            `json:"head"`     // last commit
	Writable  bool              `json:"writable"` // false: Problem says why
	Problem   string            `json:"problem,omitempty"`
	Repos     int               `json:"repos"`
	Snapshots int               `json:"snapshots"`
	Builds    int               `json:"builds"`
	Tags      int               `json:"tags"`
	Channels  int               `json:"channels"`          // repositories in channels
	Blobs     *BlobCount        `json:"blobs,omitempty"`   // only with Full
	Daemon    *DaemonInfo       `json:"daemon,omitempty"`  // nil: no daemon, the store was opened for this command
	Mount     *fs.Stats         `json:"mount,omitempty"`   // counters of the mount since it was made
	Held      map[string]string `json:"held,omitempty"`    // tags that stay on an older generation, with the reason
	Overdue   []Overdue         `json:"overdue,omitempty"` // tags whose time is over and that are still there
	Grace     *Grace            `json:"grace,omitempty"`   // earlier generations whose names can still be opened; nil without a daemon
	Memory    Memory            `json:"memory"`
	Clock     Clock             `json:"clock"`
}

// Grace is what the mount holds of earlier generations: names that are gone and can be opened for a while.
type Grace struct {
	Held    []GracePath `json:"held"`    // in order of paths
	Expired uint64      `json:"expired"` // generations that have left since the daemon began
}

// GracePath is what is held of one repository of channels or of one view.
type GracePath struct {
	Path        string    `json:"path"` // in the mount
	Generations int       `json:"generations"`
	Since       time.Time `json:"since"`         // when the oldest of them was replaced
	Until       time.Time `json:"until"`         // when that one leaves
	Grace       int64     `json:"grace_seconds"` // of the path
}

// BlobCount is how many blobs there are and how many bytes they have together.
type BlobCount struct {
	Count int   `json:"count"`
	Bytes int64 `json:"bytes"`
}

// DaemonInfo describes the daemon.
type DaemonInfo struct {
	PID        int       `json:"pid"`
	Since      time.Time `json:"since"`
	Version    string    `json:"version"`
	Mountpoint string    `json:"mountpoint"`
	User       string    `json:"user"`
	AllowOther bool      `json:"allow_other"`
}

// Memory is that of the process that has the store open, in bytes.
type Memory struct {
	Anonymous int64 `json:"anonymous"` // RssAnon: what it really takes
	Heap      int64 `json:"heap"`      // live and dead objects of Go
	Limit     int64 `json:"limit,omitempty"`
}

// Clock compares the wall clock with the last commit's stamp.
type Clock struct {
	Now time.Time `json:"now"`
	// Ahead is by how many seconds the last stamp is ahead of the clock; a burst of commits makes that. 0 when it is not.
	Ahead int64 `json:"ahead_seconds"`
}

// StatusRequest asks for the status; Full counts the blobs, which looks at every file.
type StatusRequest struct {
	Full bool `json:"full,omitempty"`
}

// StopRequest ends the daemon and takes its mount away.
type StopRequest struct{}

// Stopped answers StopDaemon.
type Stopped struct {
	PID int `json:"pid"`
	// Busy says that processes are still inside the mount: it was detached, and the daemon serves them until the last one leaves.
	Busy bool `json:"busy"`
}

// Status tells how the store, its daemon and its mount are.
func (c *Client) Status(ctx context.Context, full bool) (*Status, error) {
	return call[Status](ctx, c, "status/show", StatusRequest{full})
}

// StopDaemon takes the mount away and makes the daemon end. The daemon may still be there for a moment when it returns.
func (c *Client) StopDaemon(ctx context.Context) (*Stopped, error) {
	return call[Stopped](ctx, c, "daemon/stop", StopRequest{})
}

func (h *Handler) showStatus(ctx context.Context, req *StatusRequest) (*Status, error) {
	head := h.st.Index.Head()
	counts, err := h.st.Counts("")
	if err != nil {
		return nil, err
	}
	now := time.Now()
	s := &Status{
		Store: h.st.Root, Head: Change{Event: head.Seq, Time: stampTime(head.Stamp)}, Writable: true,
		Repos: counts.Repos, Snapshots: counts.Snapshots, Builds: counts.Builds, Tags: counts.Tags, Channels: counts.Channels,
		Memory: readMemory(), Clock: Clock{Now: now.UTC().Truncate(time.Second), Ahead: max(0, head.Stamp-now.Unix())},
	}
	if err := h.st.Index.Err(); err != nil {
		s.Writable, s.Problem = false, err.Error()
	}
	if s.Overdue, err = h.overdue(); err != nil {
		return nil, err
	}
	if req.Full {
		n, size, err := h.st.BlobSizes(ctx)
		if err != nil {
			return nil, err
		}
		s.Blobs = &BlobCount{Count: n, Bytes: size}
	}
	if h.d != nil {
		info := h.d.info
		s.Daemon = &info
		stats := h.d.mount.Stats()
		s.Mount = &stats
		for tag, err := range h.d.layout.Held() {
			if s.Held == nil {
				s.Held = map[string]string{}
			}
			s.Held[tag] = err.Error()
		}
		if s.Grace, err = h.d.grace(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// grace is what the mount holds.
func (d *daemon) grace() (*Grace, error) {
	held, err := d.layout.Grace()
	if err != nil {
		return nil, err
	}
	g := &Grace{Held: []GracePath{}, Expired: d.layout.Expired()}
	for _, k := range held {
		g.Held = append(g.Held, GracePath{k.Path, k.Generations, stampTime(k.Since), stampTime(k.Until), k.Grace})
	}
	return g, nil
}

// graceTick is how long expiry may go unnoticed in the log.
const graceTick = time.Minute

// watchGrace notes what leaves its grace until ctx ends. Whether a name can be opened does not depend on it.
func watchGrace(ctx context.Context, l *layout.Layout, now func() time.Time, log *slog.Logger) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		next, err := l.ExpireGrace(log)
		if err != nil {
			log.Error("grace", "error", err)
		}
		wait := graceTick
		if !next.IsZero() {
			wait = min(wait, max(time.Second, next.Sub(now())))
		}
		timer.Reset(wait)
	}
}

// readMemory reads this process's memory. What cannot be read is 0.
func readMemory() Memory {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	out := Memory{Heap: int64(m.HeapAlloc)}
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return out
	}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "RssAnon:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			out.Anonymous = kib << 10
		}
	}
	return out
}
