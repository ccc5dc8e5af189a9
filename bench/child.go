package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// child is a reader as a process of its own: the parent's garbage collector and pollers must not be in what it measures. Its
// threads are real threads and its system calls are raw, so that Go's scheduler has no part in a call of a microsecond.
func child(arg []string) int {
	answer, err := func() (any, error) {
		switch {
		case len(arg) == 3 && arg[0] == "read":
			return readFile(arg[1], arg[2])
		case len(arg) == 4 && arg[0] == "open":
			n, err := strconv.Atoi(arg[2])
			if err != nil {
				return nil, err
			}
			d, err := time.ParseDuration(arg[3])
			if err != nil {
				return nil, err
			}
			return openFiles(arg[1], n, d)
		case len(arg) >= 2 && arg[0] == "stall":
			return stalls(arg[1:])
		case len(arg) == 2 && arg[0] == "walk":
			return walkForever(arg[1])
		}
		return nil, fmt.Errorf("unknown reader %q", arg)
	}()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answer)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "reader:", err)
		return 1
	}
	return 0
}

// rate is what readers answer: how much per second.
type rate struct{ PerSecond float64 }

// randomReads is how many blocks a random reader takes.
const randomReads = 100_000

// readFile reads a file in one of three ways and returns MB/s: "seq" whole by 1 MiB, "rand" 100,000 blocks of 4 KiB (20,000 when cold),
// "mmap" whole through a mapping, copied by 1 MiB.
func readFile(how, name string) (any, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	buf := make([]byte, 1<<20)
	for i := range buf {
		buf[i] = 1 // the pages are there before the clock runs
	}
	size, total := fi.Size(), int64(0)
	start := time.Now()
	switch how {
	case "seq":
		for total < size {
			n, err := pread(f.Fd(), buf, total)
			if err != nil || n == 0 {
				return nil, fmt.Errorf("read %s at %d: %d bytes, %w", name, total, n, err)
			}
			total += int64(n)
		}
	case "rand", "rand-cold":
		n := randomReads
		if how == "rand-cold" {
			n /= 5
		}
		x := uint64(88172645463325252)
		for range n {
			x ^= x << 13 // xorshift64 (Marsaglia 2003): the same blocks for both sides
			x ^= x >> 7
			x ^= x << 17
			got, err := pread(f.Fd(), buf[:4096], int64(x%uint64(size>>12))<<12)
			if err != nil || got != 4096 {
				return nil, fmt.Errorf("read %s: %d bytes, %w", name, got, err)
			}
			total += 4096
		}
	case "mmap":
		m, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return nil, err
		}
		for total < size {
			total += int64(copy(buf, m[total:]))
		}
		defer unix.Munmap(m)
	default:
		return nil, fmt.Errorf("unknown way to read %q", how)
	}
	return rate{float64(total) / 1e6 / time.Since(start).Seconds()}, nil
}

func pread(fd uintptr, buf []byte, at int64) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_PREAD64, fd, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), uintptr(at), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// openFiles opens and closes the files that a list names, one per line, in turn, from n threads for d, and returns how often per second.
func openFiles(list string, n int, d time.Duration) (any, error) {
	raw, err := os.ReadFile(list)
	if err != nil {
		return nil, err
	}
	var names []*byte
	for name := range strings.SplitSeq(strings.TrimSpace(string(raw)), "\n") {
		p, err := unix.BytePtrFromString(name)
		if err != nil {
			return nil, err
		}
		var st unix.Stat_t
		if err := unix.Stat(name, &st); err != nil { // the names are cached, as with a server that has run for a while
			return nil, fmt.Errorf("stat %s: %w", name, err)
		}
		names = append(names, p)
	}
	var total, failed, lastErrno atomic.Int64
	var stop atomic.Bool
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for t := range n {
		ready.Add(1)
		done.Go(func() {
			runtime.LockOSThread()
			ready.Done()
			<-begin
			count := int64(0)
			for i := t * len(names) / n; !stop.Load(); i++ {
				fd, _, errno := unix.RawSyscall6(unix.SYS_OPENAT, ^uintptr(99), uintptr(unsafe.Pointer(names[i%len(names)])), unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
				if errno != 0 {
					failed.Add(1)
					lastErrno.Store(int64(errno))
					continue
				}
				unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
				count++
			}
			total.Add(count)
		})
	}
	ready.Wait()
	start := time.Now()
	close(begin)
	time.Sleep(d)
	stop.Store(true)
	done.Wait()
	if failed.Load() > 0 {
		return nil, fmt.Errorf("%d opens failed and %d did not: %w", failed.Load(), total.Load(), unix.Errno(lastErrno.Load()))
	}
	return rate{float64(total.Load()) / time.Since(start).Seconds()}, nil
}

// stall is what one reader met.
type stall struct {
	Reader  string
	Longest float64 // milliseconds of its longest call
	Calls   int
	Errors  int
}

// stalls runs readers until standard input ends. Each is "NAME=PATH" to stat by its full path, or "NAME=DIR//FILE" to stat
// through a directory that was opened before. A path with * is a list of names, taken in turn.
func stalls(readers []string) (any, error) {
	var stop atomic.Bool
	out := make([]stall, len(readers))
	var done sync.WaitGroup
	for i, r := range readers {
		name, path, _ := strings.Cut(r, "=")
		fd := unix.AT_FDCWD
		if dir, file, ok := strings.Cut(path, "//"); ok {
			var err error
			if fd, err = unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0); err != nil {
				return nil, fmt.Errorf("open %s: %w", dir, err)
			}
			path = file
		}
		paths := []string{path}
		if strings.Contains(path, "*") {
			var err error
			if paths, err = filepath.Glob(path); err != nil || len(paths) == 0 {
				return nil, fmt.Errorf("nothing matches %s (%v)", path, err)
			}
		}
		done.Go(func() {
			runtime.LockOSThread()
			s := stall{Reader: name}
			var st unix.Stat_t
			for !stop.Load() {
				begin := time.Now()
				if err := unix.Fstatat(fd, paths[s.Calls%len(paths)], &st, 0); err != nil {
					s.Errors++
				}
				s.Longest = max(s.Longest, time.Since(begin).Seconds()*1000)
				s.Calls++
				if s.Calls%64 == 0 {
					time.Sleep(time.Millisecond) // four readers must not take both cores for themselves
				}
			}
			out[i] = s
		})
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return nil, err
	}
	stop.Store(true)
	done.Wait()
	return out, nil
}

// walkForever walks a tree again and again, as find does, until standard input ends, and returns how many names it met.
func walkForever(root string) (any, error) {
	var stop atomic.Bool
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop.Store(true)
	}()
	names, errs := 0, 0
	for !stop.Load() {
		err := filepath.WalkDir(root, func(string, os.DirEntry, error) error {
			if names++; stop.Load() {
				return filepath.SkipAll
			}
			return nil
		})
		if err != nil {
			errs++ // a name below went while it walked by full paths: expected
		}
	}
	return struct{ Names, Errors int }{names, errs}, nil
}
