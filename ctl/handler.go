package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"

	"vrepofs/fs"
	"vrepofs/layout"
	"vrepofs/store"
)

// maxRequest bounds the JSON of a request, in bytes: a tag operation with 100,000 builds fits.
const maxRequest = 16 << 20

// Handler answers requests about one open store. It is safe for concurrent use.
type Handler struct {
	st  *store.Store
	log *slog.Logger
	mux *http.ServeMux
	d   *daemon // nil in process
}

// daemon is what a handler in the daemon knows beyond the store.
type daemon struct {
	info   DaemonInfo
	mount  *fs.FS
	layout *layout.Layout
	stop   context.CancelFunc // makes Serve end
	ending <-chan struct{}    // closed once it is to end: what waits for a client gives up
}

// NewHandler returns the handler of an open store, which stays the caller's. log may be nil.
func NewHandler(st *store.Store, log *slog.Logger) *Handler { return newHandler(st, log, nil) }

func newHandler(st *store.Store, log *slog.Logger, d *daemon) *Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{st: st, log: log, mux: http.NewServeMux(), d: d}
	h.routes()
	return h
}

// routes is the list of all requests.
func (h *Handler) routes() {
	post(h, "repo/list", h.listRepos)
	post(h, "repo/show", h.showRepo)
	post(h, "repo/remove", h.removeRepo)
	post(h, "snapshot/list", h.listSnapshots)
	post(h, "snapshot/show", h.showSnapshot)
	post(h, "snapshot/rpms", h.listSnapshotRPMs)
	post(h, "snapshot/diff", h.diffSnapshots)
	post(h, "snapshot/remove", h.removeSnapshot)
	post(h, "build/list", h.listBuilds)
	post(h, "build/show", h.showBuild)
	post(h, "build/remove", h.removeBuild)
	post(h, "tag/list", h.listTags)
	post(h, "tag/show", h.showTag)
	post(h, "tag/create", h.createTag)
	post(h, "tag/set", h.setTag)
	post(h, "tag/delete", h.deleteTag)
	post(h, "tag/add", h.tagBuilds)
	post(h, "tag/remove", h.untagBuilds)
	post(h, "tag/move", h.moveBuilds)
	post(h, "tag/clone", h.cloneTag)
	post(h, "tag/export", h.exportTags)
	post(h, "tag/block", h.blockPackages)
	post(h, "tag/unblock", h.unblockPackages)
	post(h, "tag/list-packages", h.listPackages)
	post(h, "tag/unlist-packages", h.unlistPackages)
	post(h, "tag/package-list", h.packageList)
	post(h, "tag/inherit-add", h.addParent)
	post(h, "tag/inherit-remove", h.removeParent)
	post(h, "tag/inherit-list", h.listParents)
	post(h, "tag/external-add", h.addExternal)
	post(h, "tag/external-remove", h.removeExternal)
	post(h, "tag/external-list", h.listExternals)
	post(h, "tag/group-set", h.setGroup)
	post(h, "tag/group-remove", h.removeGroups)
	post(h, "tag/group-block", h.blockGroups)
	post(h, "tag/group-unblock", h.unblockGroups)
	post(h, "tag/group-package-add", h.putInGroup)
	post(h, "tag/group-package-remove", h.removeFromGroup)
	post(h, "tag/group-package-block", h.blockInGroup)
	post(h, "tag/group-package-unblock", h.unblockInGroup)
	post(h, "tag/group-import", h.importGroups)
	post(h, "tag/group-list", h.listGroups)
	post(h, "tag/group-show", h.showGroup)
	post(h, "tag/group-export", h.exportGroups)
	post(h, "tag/why", h.why)
	post(h, "tag/diff", h.diffTags)
	post(h, "tag/history", h.tagHistory)
	post(h, "tag/wait", h.waitTag)
	post(h, "tag/conflicts", h.conflicts)
	post(h, "channel/list", h.listChannels)
	post(h, "channel/move", h.moveChannels)
	post(h, "channel/freeze", h.freezeChannel)
	post(h, "channel/settings", h.settings)
	post(h, "channel/configure", h.configure)
	post(h, "channel/log", h.logChannel)
	post(h, "site/show", h.showSite)
	post(h, "site/set", h.setSite)
	post(h, "log/list", h.listLog)
	post(h, "status/show", h.showStatus)
	post(h, "daemon/stop", h.stopDaemon)
	h.mux.HandleFunc("POST /v1/verify/run", h.runVerify)
	streamed(h, "import/run", h.importFrames)
	h.mux.HandleFunc("POST /v1/channel/try", h.tryMove)
	streamed(h, "channel/put", h.putFrames)
}

// streamed registers a request whose body is a stream of frames, read to its end and committed.
func streamed[Resp any](h *Handler, path string, serve func(context.Context, io.Reader) (*Resp, error)) {
	h.mux.HandleFunc("POST /v1/"+path, func(w http.ResponseWriter, r *http.Request) {
		result, err := serve(r.Context(), r.Body)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(result); err != nil {
			h.log.Warn("it is committed, but the answer was not sent", "request", path, "error", err)
		}
	})
}

// post registers a request of the usual form.
func post[Req, Resp any](h *Handler, path string, serve func(context.Context, *Req) (*Resp, error)) {
	h.mux.HandleFunc("POST /v1/"+path, func(w http.ResponseWriter, r *http.Request) {
		var req Req
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&req); err != nil {
			var tooBig *http.MaxBytesError
			if errors.As(err, &tooBig) {
				err = fmt.Errorf("more than %d bytes", tooBig.Limit)
			}
			h.fail(w, r, invalid("request %s: %v", r.URL.Path, err))
			return
		}
		resp, err := serve(r.Context(), &req)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(resp); err != nil {
			h.log.Debug("answer not sent", "request", r.URL.Path, "error", err)
		}
	})
}

// fail answers with an error.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := errorOf(err)
	if e.Status >= http.StatusInternalServerError {
		h.log.Error("request failed", "request", r.URL.Path, "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	// The client may be gone; then nobody wants to know.
	_ = json.NewEncoder(w).Encode(e)
}

// ServeHTTP answers one request. A panic in it is answered and logged, and the process goes on.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			h.log.Error("panic in a request", "request", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			h.fail(w, r, fmt.Errorf("%w in %s: %v: please report it with the daemon's log", ErrPanic, r.URL.Path, p))
		}
	}()
	if _, ok := uidOf(r.Context()); !ok {
		h.fail(w, r, fmt.Errorf("the kernel does not say who is asking: %w", os.ErrPermission))
		return
	}
	if _, pattern := h.mux.Handler(r); pattern == "" {
		io.Copy(io.Discard, io.LimitReader(r.Body, maxRequest))
		h.fail(w, r, invalid("request %s %s is not known to this version of vrepofs", r.Method, r.URL.Path))
		return
	}
	h.mux.ServeHTTP(w, r)
}

// uidKey is the context key of the asking user.
type uidKey struct{}

// WithUID returns a context for requests of a user whom the kernel has named.
func WithUID(ctx context.Context, uid uint32) context.Context {
	return context.WithValue(ctx, uidKey{}, uid)
}

func uidOf(ctx context.Context) (uint32, bool) {
	uid, ok := ctx.Value(uidKey{}).(uint32)
	return uid, ok
}

// who is the user of a request with what the request says of itself.
func who(ctx context.Context, w Why) store.Who {
	uid, ok := uidOf(ctx)
	if !ok {
		panic("BUG: request without a user")
	}
	return w.who(uid)
}
