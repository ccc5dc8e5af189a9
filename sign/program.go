package sign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// program signs by running one.
type program struct {
	config Config
	argv   []string
	env    []string
	pass   []byte // for file descriptor 3; nil: there is none
	public public
}

// openCommand reads the public key, if there is one.
func openCommand(c Config) (*program, error) {
	p := &program{config: c, argv: []string{"/bin/sh", "-c", c.Command}, env: environment()}
	var err error
	if c.PublicKey != "" {
		p.public, err = readPublic(c.PublicKey)
	}
	return p, err
}

// openGPG asks gpg for the public key.
func openGPG(ctx context.Context, c Config) (*program, error) {
	p := &program{config: c, env: environment()}
	pass, err := passphrase(c)
	if err != nil {
		return nil, err
	}
	base := []string{"gpg", "--batch", "--no-tty", "--quiet"}
	if c.GPGHome != "" {
		base = append(base, "--homedir", c.GPGHome)
	}
	// KEY! means exactly this subkey; its public key is the whole.
	export := append(base[:len(base):len(base)], "--armor", "--export-options", "export-minimal", "--export", strings.TrimSuffix(c.GPG, "!"))
	out, err := run(ctx, export, p.env, nil, nil)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(out)) == 0 {
		return nil, errors.New("gpg knows no such key: gpg --list-secret-keys, run as the daemon's user with its GNUPGHOME, shows which it has")
	}
	if p.public, err = parsePublic(out, "gpg's public key"); err != nil {
		return nil, err
	}
	if pass != nil {
		base, p.pass = append(base, "--pinentry-mode", "loopback", "--passphrase-fd", "3"), pass
	}
	p.argv = append(base, "--local-user", c.GPG, "--armor", "--detach-sign", "--output", "-", "-")
	return p, nil
}

func (p *program) Public() Key { return p.public.key }

// Sign gives the program the time as SOURCE_DATE_EPOCH; gpg takes no notice of it.
func (p *program) Sign(ctx context.Context, text []byte, at time.Time) ([]byte, error) {
	env := append(p.env[:len(p.env):len(p.env)], "SOURCE_DATE_EPOCH="+strconv.FormatInt(at.Unix(), 10))
	sig, err := run(ctx, p.argv, env, text, p.pass)
	if err == nil {
		sig, err = p.public.check(text, sig)
	}
	if err != nil {
		return nil, fmt.Errorf("sign by %s: %w", p.config, refused(err))
	}
	return sig, nil
}

// environment is the process's without the passphrase, and with messages in English.
func environment() []string {
	env := []string{"LC_ALL=C"}
	for _, s := range os.Environ() {
		if name, _, _ := strings.Cut(s, "="); name != PassphraseEnv && name != "LC_ALL" && name != "LANGUAGE" {
			env = append(env, s)
		}
	}
	return env
}

// run runs a program in a process group of its own, which is killed when ctx ends or after Limit, and returns its output. pass, if
// there is one, is what it can read from file descriptor 3.
func run(ctx context.Context, argv, env []string, input, pass []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Limit, fmt.Errorf("no answer within %s", Limit))
	defer cancel()
	name := argv[0]
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = env
	cmd.Dir = "/"
	cmd.Stdin = bytes.NewReader(input)
	stdout, stderr := &bounded{}, &tail{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for a process that left the group and holds the pipes
	if pass != nil {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		// A pipe has room for more than a line.
		_, err = w.Write(append(pass[:len(pass):len(pass)], '\n'))
		if err = errors.Join(err, w.Close()); err != nil {
			return nil, err
		}
		cmd.ExtraFiles = []*os.File{r}
	}
	err := cmd.Run()
	switch {
	case stdout.over:
		return nil, fmt.Errorf("%s writes more than %d bytes: that is no signature", name, maxText)
	case ctx.Err() != nil && err != nil:
		return nil, fmt.Errorf("%s was killed: %w%s", name, context.Cause(ctx), stderr.said())
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("%s is not installed, or not in the PATH of the process that signs", name)
	case err != nil:
		return nil, fmt.Errorf("%s: %w%s", name, err, stderr.said())
	}
	return stdout.b.Bytes(), nil
}

// bounded keeps up to maxText bytes; more is an error, which ends the program's output.
type bounded struct {
	b    bytes.Buffer
	over bool
}

func (w *bounded) Write(p []byte) (int, error) {
	if w.b.Len()+len(p) > maxText {
		w.over = true
		return 0, io.ErrShortBuffer
	}
	return w.b.Write(p)
}

// tail keeps the last bytes.
type tail struct{ b []byte }

const tailBytes, tailLines = 1 << 10, 4

func (w *tail) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	if len(w.b) > 2*tailBytes {
		w.b = append(w.b[:0], w.b[len(w.b)-tailBytes:]...)
	}
	return len(p), nil
}

// said is the last lines for the end of an error: `; it said: gpg: signing failed: No secret key`.
func (w *tail) said() string {
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(w.b), "?")), "\n")
	if lines[0] == "" {
		return ""
	}
	return "; it said: " + strings.Join(lines[max(0, len(lines)-tailLines):], " / ")
}
