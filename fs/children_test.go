package fs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// children are what this binary does as a child process; each gets its arguments.
var children = map[string]func(args []string) error{
	"getdents": childGetdents,
	"openloop": childOpenloop,
	"seekdir":  childSeekdir,
	"compare":  childCompare,
	"hold":     childHold,
	"daemon":   childDaemon,
	"readers":  childReaders,
	"stall":    childStall,
	"testfs":   childTestfs,
	"ask":      childAsk,
	"stand":    childStand,
}

type rawDirent struct {
	off  int64
	typ  byte
	name string
}

// getdents calls getdents64 once with a buffer of size bytes.
func getdents(fd, size int) ([]rawDirent, error) {
	buf := make([]byte, size)
	n, err := unix.Getdents(fd, buf)
	if err != nil {
		return nil, err
	}
	var all []rawDirent
	for b := buf[:n]; len(b) > 0; { // ino 8, off 8, reclen 2, type 1, name with NUL
		reclen := binary.NativeEndian.Uint16(b[16:])
		name, _, _ := bytes.Cut(b[19:reclen], []byte{0})
		all = append(all, rawDirent{int64(binary.NativeEndian.Uint64(b[8:])), b[18], string(name)})
		b = b[reclen:]
	}
	return all, nil
}

// childGetdents lists a directory with a buffer of a given size: one line per entry, its type and name, in the kernel's order.
func childGetdents(args []string) error {
	fd, err := unix.Open(args[0], unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	w := bufio.NewWriter(os.Stdout)
	for {
		entries, err := getdents(fd, size)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return w.Flush()
		}
		for _, e := range entries {
			fmt.Fprintf(w, "%d %s\n", e.typ, e.name)
		}
	}
}
