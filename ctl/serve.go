package ctl

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"vrepofs/fs"
	"vrepofs/layout"
	"vrepofs/store"
)

// ServeOptions say what a daemon serves.
type ServeOptions struct {
	Store      string // directory of the store
	Mountpoint string // an existing empty directory
	AllowOther bool   // other users may read the mount
	NoExec     bool   // nothing of the mount can be executed
	Context    string // SELinux context of every file; "": none
	Open       store.Options
	Version    string       // of the program, for status
	Log        *slog.Logger // nil: nobody listens
	// Ready is called once the mount can be used and requests are answered; its error ends the daemon. nil: nobody waits.
	Ready func() error
}

// drainTime is how long requests may go on once the daemon is to end. An import that is cut off has committed nothing.
const drainTime = 20 * time.Second

// Serve is the daemon: it opens the store, mounts it, answers requests at its socket, and returns when ctx has ended, a client
// has asked for it, or the mount was taken away. It returns only when no reader is left in the mount, so it may take as long as a
// reader stays. Nothing is left behind: no mount, no socket, no lock.
func Serve(ctx context.Context, o ServeOptions) (err error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	root, err := filepath.Abs(o.Store)
	if err != nil {
		return err
	}
	if err := checkSocketPath(SocketPath(root)); err != nil {
		return err
	}
	memory := newMemoryLimit()
	st, err := openStore(ctx, root, DialOptions{Options: o.Open}, func() error { return served(ctx, root) })
	if err != nil {
		return err
	}
	defer func() {
		if cerr := st.Close(); cerr != nil && err == nil {
			err = cerr
		}
	}()
	memory.follow(st.Index)
	st.Composer.MakeRoom(memory.compose)
	socket, err := listen(root)
	if err != nil {
		return err
	}
	defer socket.Close() // again after the server's is harmless

	shown, err := layout.New(st)
	if err != nil {
		return err
	}
	mount, err := fs.Mount(ctx, o.Mountpoint, shown, fs.Options{
		AllowOther: o.AllowOther,
		NoExec:     o.NoExec,
		Context:    o.Context,
		Source:     root, // so that mount -a sees that a line of /etc/fstab is mounted already
		StatfsDir:  root,
		Logf:       func(format string, args ...any) { log.Warn(fmt.Sprintf(format, args...)) },
	})
	if err != nil {
		return err
	}
	// Here commits meet the mount: after each one, and before its client gets the answer, the layout composes what is hot, moves
	// the live names, and tells the kernel.
	st.Publish(func(ctx context.Context) error {
		memory.follow(st.Index)
		return shown.Publish(ctx, mount)
	})

	ctx, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watchGrace(ctx, shown, st.Now, log)
	}()
	expiring := make(chan struct{})
	go func() {
		defer close(expiring)
		watchTags(ctx, st, shown, log)
	}()
	defer func() {
		stop()
		<-watched // before the store is closed
		<-expiring
	}()
	mountpoint, err := resolveMountpoint(o.Mountpoint)
	if err != nil {
		mountpoint = o.Mountpoint
	}
	d := &daemon{mount: mount, layout: shown, stop: stop, ending: ctx.Done(), info: DaemonInfo{
		PID: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second), Version: o.Version, Mountpoint: mountpoint,
		User: userName(uint32(os.Geteuid())), AllowOther: o.AllowOther,
	}}
	server := newServer(newHandler(st, log, d))
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(socket) }()

	notifySystemd("READY=1\nSTATUS=serving " + mountpoint)
	if o.Ready != nil {
		err = o.Ready()
	}
	if err == nil {
		log.Info("ready", "store", root, "mountpoint", mountpoint, "event", st.Index.Head().Seq)
		select {
		case <-ctx.Done():
			log.Info("stopping: asked to")
		case <-mount.Done():
			log.Info("stopping: the mount has gone")
		case err = <-ended:
			err = fmt.Errorf("control socket: %w", err)
			log.Error("stopping", "error", err)
		}
	}
	notifySystemd("STOPPING=1")
	drain(server, log)
	if uerr := mount.Unmount(); uerr != nil {
		log.Error("unmount", "error", uerr)
		err = errors.Join(err, uerr)
	}
	// Readers inside a detached mount are served until the last one leaves; leaving them alone would fail their reads.
	_ = mount.Wait(context.Background())
	log.Info("stopped")
	return err
}

// served returns errNoDaemon, or what is in the way of another daemon.
func served(ctx context.Context, root string) error {
	c, err := dialSocket(ctx, root)
	if err != nil {
		return err
	}
	defer c.Close()
	where := ""
	if s, err := c.Status(ctx, false); err == nil && s.Daemon != nil {
		where = ", mounted on " + s.Daemon.Mountpoint
	}
	return fmt.Errorf("process %d serves store %s already%s: %w", c.pid, root, where, iofs.ErrExist)
}

// drain stops accepting, removes the socket and lets requests end.
func drain(server *http.Server, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		log.Warn("requests were cut off", "after", drainTime)
		server.Close()
	}
}

// stopDaemon takes the mount away, and ends the daemon once this is answered.
func (h *Handler) stopDaemon(context.Context, *StopRequest) (*Stopped, error) {
	if h.d == nil {
		return nil, invalid("no daemon serves store %s", h.st.Root)
	}
	if err := h.d.mount.Unmount(); err != nil {
		return nil, err
	}
	out := &Stopped{PID: os.Getpid()}
	select {
	case <-h.d.mount.Done():
	default:
		out.Busy = true
	}
	h.d.stop()
	return out, nil
}
