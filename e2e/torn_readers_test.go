package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrepofs/repodata"
)

// tornReaders are the clients of the trial.
func tornReaders(t *testing.T) []reader {
	all := []reader{
		{name: "rsync " + rsyncVersion(t, "rsync"), serve: localRsync("rsync")},
		{name: "rsync from inside", serve: insideRsync},
		{name: "rsyncd", serve: throughRsyncd("rsync", "yes")},
		{name: "rsyncd without chroot", serve: throughRsyncd("rsync", "no")},
	}
	if old := os.Getenv("VREPOFS_RSYNC327"); old != "" {
		all = append(all, reader{name: "rsync 3.2.7", serve: localRsync(old)}, reader{name: "rsyncd 3.2.7", serve: throughRsyncd(old, "yes")})
	}
	return append(all,
		reader{name: "walk of create-filelist", serve: walker(1)},
		reader{name: "working directory", serve: walker(5, "sums")},
		reader{name: "wget by mirrorlist", serve: pinned(throughWget)},
		reader{name: "dnf by .repo", serve: pinned(throughDnf)},
		reader{name: "dnf by mirrorlist", serve: moving(dnfByMirrorlist)},
		reader{name: "wget, moving path", serve: moving(throughWget), mayMiss: true},
		reader{name: "dnf, moving path", serve: moving(throughDnf), mayMiss: true},
	)
}

// rsyncVersion is "3.5.0".
func rsyncVersion(t *testing.T, rsync string) string {
	out, err := exec.Command(rsync, "--version").Output()
	words := strings.Fields(string(out))
	if err != nil || len(words) < 3 {
		t.Fatalf("%s --version: %v\n%s", rsync, err, out)
	}
	return words[2]
}

// copied counts what a run of rsync came to. rsync 3.5 goes to its source by chdir and opens it once more by its path; when the name has
// moved in between the two are not one inode, and it ends with "Too many levels of symbolic links" before it has copied anything.
func (s *stage) copied(y *tally, c *exec.Cmd, dir string) {
	c.Env = s.env()
	if c.Dir == "" {
		c.Dir = s.dir
	}
	var errs strings.Builder
	c.Stderr = &errs
	err := c.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		s.look(y, dir)
	case errors.As(err, &exit):
		if names, _ := os.ReadDir(dir); len(names) == 0 && strings.Contains(errs.String(), "Too many levels of symbolic links") {
			y.count(metRefused, errs.String())
			return
		}
		y.count(fmt.Sprint("exit ", exit.ExitCode()), errs.String())
	default:
		y.count("not started", err.Error())
	}
}

func localRsync(rsync string) func(*stage, *tally) func(string) {
	return func(s *stage, y *tally) func(string) {
		return func(dir string) { s.copied(y, exec.Command(rsync, "-aH", "--mkpath", s.root+"/", dir+"/"), dir) }
	}
}

// insideRsync goes there first, as many scripts do. It is no help against being refused: rsync opens its source by the full path again, and
// more time has gone by since the shell went there than since rsync did.
func insideRsync(s *stage, y *tally) func(string) {
	return func(dir string) {
		c := exec.Command("rsync", "-aH", "--mkpath", "./", dir+"/")
		c.Dir = s.root
		s.copied(y, c, dir)
	}
}

func throughRsyncd(rsync, chroot string) func(*stage, *tally) func(string) {
	return func(s *stage, y *tally) func(string) {
		conf := s.write(fmt.Sprintf("rsyncd-%s-%s-%s.conf", strings.ReplaceAll(s.name, " ", "-"), filepath.Base(filepath.Dir(rsync)), chroot),
			fmt.Sprintf("uid = 0\ngid = 0\nreverse lookup = no\n[it]\npath = %s\nuse chroot = %s\n", s.root, chroot))
		address := s.rsyncd(rsync, conf, func(error) {}) // what went wrong the client hears, too
		return func(dir string) {
			s.copied(y, exec.Command(rsync, "-aH", "--mkpath", "rsync://"+address+"/it/", dir+"/"), dir)
		}
	}
}

// walker goes into the tree and walks it so many times without leaving, by the program testdata/walk.py.
func walker(rounds int, how ...string) func(*stage, *tally) func(string) {
	return func(s *stage, y *tally) func(string) {
		script, err := filepath.Abs("testdata/walk.py")
		if err != nil {
			s.Fatal(err)
		}
		c := s.command("python3", append([]string{script, s.root, fmt.Sprint(rounds)}, how...)...)
		c.Cancel = func() error { return nil }
		in, err := c.StdinPipe()
		if err != nil {
			s.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			s.Fatal(err)
		}
		if err := c.Start(); err != nil {
			s.Fatal(err)
		}
		s.Cleanup(func() {
			in.Close()
			_ = c.Process.Kill()
			_ = c.Wait()
		})
		lines := bufio.NewScanner(out)
		return func(string) {
			fmt.Fprintln(in)
			var walks [][]string
			var now []string
			for lines.Scan() && lines.Text() != "end" {
				text := lines.Text()
				if err, ok := strings.CutPrefix(text, "error "); ok {
					word, _, _ := strings.Cut(err, ":")
					y.count(word, err)
					return
				}
				if text == "walk" {
					slices.Sort(now)
					walks, now = append(walks, now), nil
					continue
				}
				now = append(now, text)
			}
			if len(walks) != rounds {
				y.count(metMixed, fmt.Sprintf("%d walks, %v", len(walks), lines.Err()))
				return
			}
			y.count(s.walked(walks, len(how) > 0))
		}
	}
}

// walked compares walks with the generation that the first of them began in.
func (s *stage) walked(walks [][]string, sums bool) (what, why string) {
	var stamp int64
	for _, l := range walks[0] {
		if rest, ok := strings.CutPrefix(l, "one/os/repodata/repomd.xml ---------- "); ok {
			fmt.Sscan(rest, &stamp)
		}
	}
	m, err := s.generation(stamp)
	if err != nil {
		return metMixed, err.Error()
	}
	want := strings.Split(strings.TrimSuffix(m, "\n"), "\n")
	for i, l := range want {
		if f := strings.Fields(l); !sums {
			want[i] = strings.Join(f[:3], " ")
		}
	}
	slices.Sort(want)
	for i, w := range walks {
		if !slices.Equal(w, want) {
			return metMixed, fmt.Sprintf("walk %d: %s", i, firstDifference(strings.Join(w, "\n"), strings.Join(want, "\n")))
		}
	}
	return metWhole, ""
}

// plainNginx serves a directory without a cache of open files and returns its address.
func (b *box) plainNginx(name, root string) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		b.Fatal(err)
	}
	defer socket.Close()
	dir := b.path("nginx-" + name)
	conf := b.write("nginx-"+name+"/conf", fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log %[1]s/error.log; user nobody nogroup; worker_processes 1;
events { worker_connections 256; }
http {
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
	server { listen %[2]s; root %[3]s; }
}
`, dir, l.Addr(), root))
	c := b.command("nginx", "-c", conf, "-e", dir+"/start.log")
	c.Env = append(c.Env, "NGINX=3;")
	c.ExtraFiles = []*os.File{socket}
	b.background(c, "")
	return "http://" + l.Addr().String()
}

// pinned lets a client come by the mirrorlist of a repository, where there is one; moving by the moving path.
func pinned(by func(*stage, *tally, bool) func(string)) func(*stage, *tally) func(string) {
	return func(s *stage, y *tally) func(string) {
		if !s.pinned {
			return nil
		}
		return by(s, y, true)
	}
}

func moving(by func(*stage, *tally, bool) func(string)) func(*stage, *tally) func(string) {
	return func(s *stage, y *tally) func(string) { return by(s, y, false) }
}

// throughWget fetches a repository as a simple mirror script does: repomd.xml, what it names, what that names; and checks every checksum.
func throughWget(s *stage, y *tally, pinned bool) func(string) {
	return func(dir string) {
		base := s.url + "/one/os/"
		if pinned {
			out, err := exec.Command("wget", "-q", "-O", "-", s.url+"/one/os.mirrorlist").Output()
			lines := strings.Fields(string(out))
			if err != nil || len(lines) == 0 {
				y.count("no mirrorlist", fmt.Sprintf("%q, %v", out, err))
				return
			}
			base = strings.TrimSuffix(lines[0], "/") + "/"
		}
		began := s.moved.Load()
		fetch := func(hrefs ...string) bool {
			args := []string{"-nv", "-x", "-nH", "--tries=1", "--timeout=60", "--cut-dirs=" + fmt.Sprint(strings.Count(base, "/")-3), "-P", dir}
			for _, h := range hrefs {
				args = append(args, base+h)
			}
			c := exec.Command("wget", args...)
			c.Env = s.env()
			out, err := c.CombinedOutput()
			switch {
			case err == nil:
				return true
			case strings.Contains(string(out), "ERROR 404"):
				s.missing(y, s.grace, began, string(out))
			default:
				y.count("wget: "+err.Error(), string(out))
			}
			return false
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			y.count(metWrong, err.Error())
			return
		}
		if !fetch("repodata/repomd.xml") {
			return
		}
		md, err := readRepomd(dir)
		if err != nil {
			y.count(metWrong, err.Error())
			return
		}
		var hrefs []string
		for _, r := range md.Records {
			hrefs = append(hrefs, r.Href)
		}
		if !fetch(hrefs...) {
			return
		}
		for _, r := range md.Records {
			if err := checkFile(filepath.Join(dir, r.Href), r.Size, r.Checksum); err != nil {
				y.count("checksum says no", err.Error())
				return
			}
		}
		packages, err := primaryOf(filepath.Join(dir, md.Record("primary").Href))
		if err != nil {
			y.count(metWrong, err.Error())
			return
		}
		hrefs = nil
		for _, p := range packages {
			hrefs = append(hrefs, p.Href)
		}
		if !fetch(hrefs...) {
			return
		}
		for _, p := range packages {
			if err := checkFile(filepath.Join(dir, p.Href), p.FileSize, p.Checksum.Hex); err != nil {
				y.count("checksum says no", err.Error())
				return
			}
		}
		y.count(metWhole, "")
	}
}

// missing counts a 404 of a client that began to read when the stage had moved so many times, over names that so many moves must keep.
func (s *stage) missing(y *tally, grace int, began int64, example string) {
	if s.moved.Load()-began < int64(grace) {
		y.count(metBroken, example)
		return
	}
	y.count("404", example)
}

// readRepomd reads the repomd.xml of a directory.
func readRepomd(dir string) (*repodata.Repomd, error) {
	f, err := os.Open(filepath.Join(dir, "repodata/repomd.xml"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	md, err := repodata.ParseRepomd(f)
	if err == nil && md.Record("primary") == nil {
		err = errors.New("no primary")
	}
	return md, err
}

// primaryOf reads a primary file.
func primaryOf(name string) ([]repodata.PrimaryPackage, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := repodata.Decompress(f)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var out []repodata.PrimaryPackage
	err = repodata.ReadPrimary(z, func(p *repodata.PrimaryPackage) error {
		out = append(out, *p)
		return nil
	})
	return out, err
}

// throughDnf lets dnf download by the repository's .repo file, which names one generation for good, or by the moving path.
func throughDnf(s *stage, y *tally, pinned bool) func(string) {
	return dnfWith(s, y, s.grace, func() (string, error) {
		if !pinned {
			return "[it]\nname=it\nenabled=1\nbaseurl=" + s.url + "/one/os/\n", nil
		}
		out, err := exec.Command("wget", "-q", "-O", "-", s.url+"/one/os.repo").Output()
		return string(out), err
	})
}

// dnfByMirrorlist lets dnf find the generation by itself. dnf 4 asks for the mirrorlist once for the metadata and once more for the packages
// (access log of nginx). When the channel has moved in between, the list has the metadata's generation further down, and there dnf finds
// the packages.
func dnfByMirrorlist(s *stage, y *tally, _ bool) func(string) {
	if !s.pinned {
		return nil
	}
	return dnfWith(s, y, 0, func() (string, error) { // no grace: below at/ every name is of its event
		return "[it]\nname=it\nenabled=1\nmirrorlist=" + s.url + "/one/os.mirrorlist\n", nil
	})
}

// dnfWith lets dnf, with nothing cached and a definition of the repository, download packages, and compares them with the metadata that it took
// them by. grace is how many moves keep a name.
func dnfWith(s *stage, y *tally, grace int, repo func() (string, error)) func(string) {
	return func(dir string) {
		began := s.moved.Load()
		for _, d := range []string{"repos", "none", "got", "log"} {
			if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
				y.count(metWrong, err.Error())
				return
			}
		}
		definition, err := repo()
		if err != nil {
			y.count("no .repo", err.Error())
			return
		}
		conf := filepath.Join(dir, "conf")
		err = errors.Join(os.WriteFile(conf, []byte("[main]\n"), 0o644),
			os.WriteFile(filepath.Join(dir, "repos/it.repo"), []byte(definition), 0o644))
		if err != nil {
			y.count(metWrong, err.Error())
			return
		}
		c := exec.Command("dnf", "-y", "--config="+conf, "--releasever=9", "--forcearch=x86_64", "--nogpgcheck", "--setopt=reposdir="+dir+"/repos",
			"--setopt=pluginpath="+dir+"/none", "--setopt=cachedir="+dir+"/cache", "--setopt=logdir="+dir+"/log", "--setopt=persistdir="+dir+"/persist",
			"--setopt=retries=1", "--setopt=skip_if_unavailable=0", "--setopt=module_platform_id=platform:el9", "--setopt=keepcache=1",
			"--installroot="+dir+"/root", "--downloadonly", "--downloaddir="+dir+"/got", "install", "GENERATION-*", "?-same")
		c.Env = s.env()
		out, err := c.CombinedOutput()
		if text := string(out); err != nil {
			switch {
			case strings.Contains(text, "Status code: 404"):
				s.missing(y, grace, began, text)
			case strings.Contains(strings.ToLower(text), "checksum"), strings.Contains(text, "metadata states file length"):
				y.count("checksum says no", text)
			default:
				y.count(err.Error(), text)
			}
			return
		}
		found, err := filepath.Glob(filepath.Join(dir, "cache/*/repodata/*-primary.xml*"))
		if err != nil || len(found) != 1 {
			y.count(metWrong, fmt.Sprintf("dnf's cache has %q, %v", found, err))
			return
		}
		packages, err := primaryOf(found[0])
		got, _ := filepath.Glob(filepath.Join(dir, "got/*.rpm"))
		if err != nil || len(got) != len(packages)-1 { // all but only-N
			y.count(metWrong, fmt.Sprintf("dnf downloaded %q of %d packages, %v", got, len(packages), err))
			return
		}
		for _, p := range packages {
			name := filepath.Join(dir, "got", filepath.Base(p.Href))
			if slices.Contains(got, name) {
				err = errors.Join(err, checkFile(name, p.FileSize, p.Checksum.Hex))
			}
		}
		if err != nil {
			y.count(metWrong, err.Error())
			return
		}
		y.count(metWhole, "")
	}
}
