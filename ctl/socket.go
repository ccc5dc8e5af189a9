package ctl

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxSocketPath is the longest path of a Unix socket in bytes: sun_path has 108, one of them for the NUL (unix(7)).
const maxSocketPath = 107

// SocketPath is where the daemon of the store in root listens.
func SocketPath(root string) string { return filepath.Join(root, "socket") }

func checkSocketPath(path string) error {
	if len(path) > maxSocketPath {
		return fmt.Errorf("socket %s: its path has %d bytes, a Unix socket's may have %d: move the store to a shorter path, or reach it by a symbolic link with one: %w",
			path, len(path), maxSocketPath, iofs.ErrInvalid)
	}
	return nil
}

// listen makes the store's socket, mode 0660. The caller holds the store's lock, so a socket that is there is stale; to be sure it
// is removed only after nobody answered there.
func listen(root string) (*net.UnixListener, error) {
	path := SocketPath(root)
	if err := checkSocketPath(path); err != nil {
		return nil, err
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("socket %s: somebody listens there: %w", path, iofs.ErrExist)
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove stale socket: %w", err)
		}
	} else if !errors.Is(err, iofs.ErrNotExist) {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	// Nobody else may connect before the mode is right. The umask is the whole process's: what else it creates in this moment
	// is the owner's alone, which harms nothing.
	old := unix.Umask(0o077)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	unix.Umask(old)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// peerOf asks the kernel who is at the other end of a Unix socket.
func peerOf(conn net.Conn) (*unix.Ucred, error) {
	sc, ok := conn.(*net.UnixConn) // of other sockets Linux answers too, with uid -1
	if !ok {
		return nil, fmt.Errorf("peer of a %T: %w", conn, errors.ErrUnsupported)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var cerr error
	if err := raw.Control(func(fd uintptr) {
		cred, cerr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return nil, err
	}
	if cerr != nil {
		return nil, os.NewSyscallError("getsockopt SO_PEERCRED", cerr)
	}
	return cred, nil
}

// newServer makes an HTTP server that tells the handler who is asking, as the kernel says. A connection whose peer is not known
// gets no user, and the handler refuses it.
func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			cred, err := peerOf(conn)
			if err != nil {
				return ctx
			}
			return WithUID(ctx, cred.Uid)
		},
	}
}
