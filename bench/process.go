package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// command runs a program to its end and discards what it prints on standard output.
func command(name string, arg ...string) error {
	cmd := exec.Command(name, arg...)
	var msg bytes.Buffer
	cmd.Stderr = &msg
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, tail(msg.String()))
	}
	return nil
}

// timed runs a program and returns how many seconds it took.
func timed(name string, arg ...string) (float64, error) {
	start := time.Now()
	err := command(name, arg...)
	return time.Since(start).Seconds(), err
}

// toNull runs a program whose output goes to /dev/null and returns how many seconds it took.
func toNull(name string, arg ...string) (float64, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	cmd := exec.Command(name, arg...)
	cmd.Stdout = null
	var msg bytes.Buffer
	cmd.Stderr = &msg
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", name, err, tail(msg.String()))
	}
	return time.Since(start).Seconds(), nil
}

func tail(s string) string {
	s = strings.TrimSpace(s)
	return s[max(0, len(s)-600):]
}

// settle writes out what is dirty, so that no measurement pays for another's writes.
func settle() { unix.Sync() }

// dropCaches empties the page cache, and the caches of inodes and names.
func dropCaches() error {
	settle()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3\n"), 0)
}

// rssAnon is the anonymous memory of a process in MiB; 0 when it has gone.
func rssAnon(pid int) float64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(b, []byte("RssAnon:"))
	line, _, _ := bytes.Cut(rest, []byte(" kB"))
	kib, err := strconv.ParseFloat(string(bytes.TrimSpace(line)), 64)
	if err != nil {
		return 0
	}
	return kib / 1024
}

// memory samples the anonymous memory of a process.
type memory struct {
	pid  int
	peak atomic.Uint64 // KiB
	stop chan struct{}
	done sync.WaitGroup
}

func watchMemory(pid int) *memory {
	m := &memory{pid: pid, stop: make(chan struct{})}
	m.done.Go(func() {
		t := time.NewTicker(5 * time.Millisecond)
		defer t.Stop()
		for {
			if now := uint64(rssAnon(pid) * 1024); now > m.peak.Load() {
				m.peak.Store(now)
			}
			select {
			case <-m.stop:
				return
			case <-t.C:
			}
		}
	})
	return m
}

// Stop ends the sampling and returns the peak in MiB.
func (m *memory) Stop() float64 {
	close(m.stop)
	m.done.Wait()
	return float64(m.peak.Load()) / 1024
}

// timedMemory runs a program and returns its seconds and its peak of anonymous memory in MiB.
func timedMemory(name string, arg ...string) (seconds, mib float64, err error) {
	cmd := exec.Command(name, arg...)
	var msg bytes.Buffer
	cmd.Stderr = &msg
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	m := watchMemory(cmd.Process.Pid)
	err = cmd.Wait()
	seconds = time.Since(start).Seconds()
	mib = m.Stop()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", name, err, tail(msg.String()))
	}
	return seconds, mib, err
}

// reader runs this program as a child process, a reader of files, and decodes what it answers.
func reader(threads int, answer any, arg ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, append([]string{"child"}, arg...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(threads+1), "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	var msg bytes.Buffer
	cmd.Stderr = &msg
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("reader %s: %w: %s", arg[0], err, tail(msg.String()))
	}
	return json.Unmarshal(out, answer)
}

// process is a child that runs beside the measurement until it is stopped.
type process struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout bytes.Buffer
}

// background starts this program as a child that ends when its standard input does.
func background(threads int, arg ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, append([]string{"child"}, arg...)...)}
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(threads+1), "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, os.Stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return p, p.cmd.Start()
}

// Stop ends the child and decodes what it answers.
func (p *process) Stop(answer any) error {
	p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		return err
	}
	return json.Unmarshal(p.stdout.Bytes(), answer)
}
