package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// inside is a shell that stays: it is asked line by line, and what it was in or had open it keeps in between.
type inside struct {
	b   *box
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// enter starts a shell in a directory.
func (b *box) enter(dir string) *inside {
	b.Helper()
	c := exec.Command("bash", "--norc")
	c.Env, c.Dir = b.env(), b.dir
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	s := &inside{b, c, in, bufio.NewReader(out)}
	b.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	s.ask("cd " + dir + " || exit 1")
	return s
}

// ask runs one line and returns what it printed and its exit status: "text\n0".
func (s *inside) ask(line string) string {
	s.b.Helper()
	const end = "--end-of-answer-"
	if _, err := fmt.Fprintf(s.in, "{ %s; } 2>&1; echo %s$?\n", line, end); err != nil {
		s.b.Fatalf("%s: %v", line, err)
	}
	var text strings.Builder
	for {
		l, err := s.out.ReadString('\n')
		if err != nil {
			s.b.Fatalf("%s: the shell has ended: %v\n%s", line, err, text.String())
		}
		if status, ok := strings.CutPrefix(l, end); ok {
			return text.String() + strings.TrimSpace(status)
		}
		text.WriteString(l)
	}
}

// leave ends the shell.
func (s *inside) leave() {
	s.b.Helper()
	s.in.Close()
	if err := s.cmd.Wait(); err != nil {
		s.b.Errorf("the shell inside ended with %v", err)
	}
}
