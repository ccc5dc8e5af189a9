package fs

import (
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
}

// childGetdents lists a directory with a small buffer: one line per entry, its type and name, in the kernel's order.
func childGetdents(args []string) error {
	fd, err := unix.Open(args[0], unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	size, _ := strconv.Atoi(args[1])
	buf := make([]byte, size)
	w := os.Stdout
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		for b := buf[:n]; len(b) > 0; {
			reclen := int(b[16]) | int(b[17])<<8
			name := b[19:reclen]
			for i, c := range name {
				if c == 0 {
					name = name[:i]
					break
				}
			}
			fmt.Fprintf(w, "%d %s\n", b[18], name)
			b = b[reclen:]
		}
	}
}
