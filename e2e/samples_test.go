package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sample reads a file of contrib and puts the box's own paths and ports into it: pairs of what is there and what replaces it.
func sample(b *box, name string, replace ...string) string {
	b.Helper()
	raw, err := os.ReadFile("../contrib/" + name)
	if err != nil {
		b.Fatal(err)
	}
	text := string(raw)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			b.Fatalf("contrib/%s has no %q", name, replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return text
}

// webSample is a web server with its sample of contrib.
type webSample struct {
	name, program string
	allow         []string // what to replace so that only 192.0.2.0/24 may read at/
	// serve checks the sample by the server's own means, starts it at an address, and returns when it serves.
	serve func(b *box, l net.Listener, edit []string)
}

var webSamples = []webSample{
	{"nginx", "nginx", []string{"#allow 192.0.2.0/24;", "allow 192.0.2.0/24;"}, serveNginxSample},
	{"apache", "apache2", []string{"#Require ip", "Require ip"}, serveApacheSample},
	{"caddy", "caddy", []string{"#@stranger", "@stranger", "#error", "error"}, serveCaddySample},
}

// web starts a server with its sample and returns its URL.
func (b *box) web(w webSample, edit ...string) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().String()
	w.serve(b, l, edit)
	return "http://" + address
}

// background starts a server that a cleanup ends, and waits for a line that says that it serves; "" waits for nothing.
func (b *box) background(c *exec.Cmd, ready string) {
	b.Helper()
	// Not the command's context, which ends before cleanups run and kills: the children of a killed Apache stay for ever.
	c = &exec.Cmd{Path: c.Path, Args: c.Args, Env: c.Env, Dir: c.Dir, ExtraFiles: c.ExtraFiles, Err: c.Err}
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	c.Stdout, c.Stderr = w, w
	err = c.Start()
	w.Close()
	if err != nil {
		b.Fatal(err)
	}
	serves, said := make(chan bool, 1), make(chan string, 1)
	go func() {
		var all strings.Builder
		for lines := bufio.NewScanner(r); lines.Scan(); {
			fmt.Fprintln(&all, lines.Text())
			if strings.Contains(lines.Text(), ready) {
				select {
				case serves <- true:
				default:
				}
			}
		}
		close(serves)
		said <- all.String()
	}()
	b.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		hangs := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		hangs.Stop()
		r.Close()
		if text := <-said; b.Failed() {
			b.Logf("%s said:\n%s", c.Path, text)
		}
	})
	if ready != "" && !<-serves {
		b.Fatalf("%s ended", c)
	}
}

func serveNginxSample(b *box, l net.Listener, edit []string) {
	b.Helper()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		b.Fatal(err)
	}
	defer socket.Close()
	dir := b.path("nginx")
	site := b.write("nginx/site.conf", sample(b, "nginx.conf", append([]string{"/srv/repos", b.mnt, "listen 80;", "listen " + l.Addr().String() + ";"}, edit...)...))
	conf := b.write("nginx/nginx.conf", fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log %[1]s/error.log; user nobody nogroup; worker_processes 1;
events {}
http {
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	access_log off;
	include %[2]s;
}
`, dir, site))
	b.sh("nginx -t -q -c " + conf + " -e " + dir + "/start.log")
	c := b.command("nginx", "-c", conf, "-e", dir+"/start.log")
	c.Env, c.ExtraFiles = append(c.Env, "NGINX=3;"), []*os.File{socket} // nginx's own way to hand listening sockets on
	b.background(c, "")
}

func serveApacheSample(b *box, l net.Listener, edit []string) {
	b.Helper()
	const modules = "/usr/lib/apache2/modules"
	if _, err := os.Stat(modules); err != nil {
		lacking(b, "no modules of Apache: %v", err)
	}
	dir := b.path("apache")
	_, port, _ := net.SplitHostPort(l.Addr().String())
	site := b.write("apache/site.conf", sample(b, "apache.conf", append([]string{"/srv/repos", b.mnt, "*:80", "*:" + port}, edit...)...))
	conf := fmt.Sprintf("ServerRoot %[1]s\nDefaultRuntimeDir %[1]s\nPidFile %[1]s/pid\nErrorLog /dev/stderr\nListen %[2]s\nUser nobody\nGroup nogroup\nTypesConfig /dev/null\n", dir, l.Addr())
	// What the sample says that it needs, and a process model.
	for _, m := range append([]string{"mpm_event"}, modulesOf(b)...) {
		conf += fmt.Sprintf("LoadModule %s_module %s/mod_%[1]s.so\n", m, modules)
	}
	name := b.write("apache/apache2.conf", conf+"ServerName localhost\nInclude "+site+"\n")
	b.sh("apache2 -t -f " + name)
	l.Close() // Apache takes no open socket
	b.background(b.command("apache2", "-f", name, "-DFOREGROUND"), "resuming normal operations")
}

// modulesOf are the modules that apache.conf names.
func modulesOf(b *box) []string {
	_, list, ok := strings.Cut(sample(b, "apache.conf"), "Modules: ")
	list, _, end := strings.Cut(list, ".\n")
	if !ok || !end {
		b.Fatal("apache.conf does not say its modules")
	}
	return strings.Split(list, ", ")
}

func serveCaddySample(b *box, l net.Listener, edit []string) {
	b.Helper()
	name := b.write("Caddyfile", "{\n\tadmin off\n}\n"+sample(b, "Caddyfile",
		append([]string{"/srv/repos", b.mnt, "http://repos.example.org", "http://" + l.Addr().String()}, edit...)...))
	b.sh("caddy validate --adapter caddyfile --config " + name)
	l.Close() // nor does Caddy 2.6
	b.background(b.command("caddy", "run", "--adapter", "caddyfile", "--config", name), "serving initial configuration")
}

// code asks for a URL and returns the status.
func (b *box) code(url string, curl ...string) string {
	b.Helper()
	return b.sh("curl -s -o /dev/null -w '%{http_code}' " + strings.Join(curl, " ") + " '" + url + "'")
}

// header asks for a URL and returns the status and one header of the answer: "200 no-cache".
func (b *box) header(name, url string, curl ...string) string {
	b.Helper()
	return b.sh("curl -s -o /dev/null -D - " + strings.Join(curl, " ") + " '" + url + "' | tr -d '\\r' | awk -v IGNORECASE=1 'NR == 1 { c = $2 } tolower($1) == \"" +
		strings.ToLower(name) + ":\" { sub(/^[^ ]* /, \"\"); v = $0 } END { print c, v }'")
}

// opens is how many files of the mount were opened so far.
func (b *box) opens() uint64 {
	b.Helper()
	var s struct {
		Mount struct{ Ops map[string]uint64 }
	}
	b.json(&s, "status")
	return s.Mount.Ops["open"]
}

// TestSampleWebServers starts each web server with the sample of contrib and reads as mirrors, clients and caches do.
func TestSampleWebServers(t *testing.T) {
	for _, w := range webSamples {
		t.Run(w.name, func(t *testing.T) {
			needs(t, w.program, "curl", "wget")
			b := newBox(t)
			b.fill()
			b.mount()
			url := b.web(w)
			testWebReads(b, url)
			testWebCaching(b, url)
			testWebMoves(b, url)
			testWebChannels(b, url)
		})
	}
}

const (
	sampleView = "/tags/dev/x86_64"
	sampleRPM  = sampleView + "/Packages/l/libthing-1.3~rc2-4.el9.x86_64.rpm"
	sampleGone = sampleView + "/Packages/z/Zebra++-0-0.1.x86_64.rpm"
	sampleMD   = sampleView + "/repodata/repomd.xml"
)

// testWebReads: every byte through listings, ranges, conditional requests.
func testWebReads(b *box, url string) {
	b.Helper()
	b.sh("mkdir got && cd got && wget -q -r -np -nH --cut-dirs=3 -R 'index.html*' -e robots=off " + url + sampleView + "/ && diff -r . $MNT" + sampleView)
	same(b, "a range", b.sh("curl -sf -r 1000-4999 "+url+sampleRPM+" | sha256sum"), b.sh("dd if=$MNT"+sampleRPM+" bs=1000 skip=1 count=4 status=none | sha256sum"))
	for _, name := range []string{sampleRPM, sampleMD} {
		tag := strings.TrimPrefix(b.header("ETag", url+name), "200 ")
		same(b, "status of "+name+" with its ETag "+tag, b.code(url+name, "-H 'If-None-Match: "+tag+"'"), "304")
	}
	same(b, "status of a PUT", b.code(url+sampleMD, "-T /etc/hostname"), "405")
}

// testWebCaching: what a cache is told of each kind of name, and which rule wins where several match.
func testWebCaching(b *box, url string) {
	b.Helper()
	const fixed, hour, ask = "200 public, max-age=31536000, immutable", "200 public, max-age=3600", "200 no-cache"
	primary := b.sh("basename $MNT" + sampleView + "/repodata/*-primary.xml.gz")
	event, id := b.lastEvent(), b.sh("readlink $MNT/repos/r/latest")
	rpm := b.sh("cd $MNT/repos/r/latest && find . -name 'libthing-1*.rpm' -printf '%P'")
	for _, c := range []struct{ path, want string }{
		{sampleMD, ask},
		{sampleView + "/", ask},
		{sampleView + "/repodata/", ask},
		{sampleView + "/Packages/l/", ask},
		{sampleView + "/repodata/" + primary, fixed},
		{sampleRPM, hour},
		{sampleView + "/repodata/" + strings.Repeat("0", 64) + "-primary.xml.gz", "404"},
		{sampleView + "/Packages/n/nothing-1-1.x86_64.rpm", "404"},
		{"/repos/", ask},
		{"/repos/r/", ask},
		{"/repos/r/" + id + "/" + rpm, fixed},
		{"/repos/r/" + id + "/repodata/repomd.xml", fixed},
		{"/repos/r/latest/repodata/repomd.xml", ask},
		{"/repos/r/latest/" + rpm, hour},
		{"/at/" + event + sampleMD, fixed},
		{"/at/" + event + sampleRPM, fixed},
		{"/at/" + event + sampleView + "/repodata/", fixed},
		{"/at/" + event + "/repos/r/latest/repodata/repomd.xml", fixed},
		{"/at/99999" + sampleMD, "404"},
	} {
		got := b.header("Cache-Control", url+c.path)
		if c.want == "404" && (strings.HasSuffix(got, "no-cache") || strings.HasSuffix(got, "no-store")) {
			got = "404"
		}
		same(b, c.path, strings.TrimSpace(got), c.want)
	}
	same(b, "type of an RPM", b.header("Content-Type", url+sampleRPM), "200 application/x-rpm")
	same(b, "encoding of .gz", b.header("Content-Encoding", url+sampleView+"/repodata/"+primary, "-H 'Accept-Encoding: gzip'"), "200 ")
}

// testWebMoves: what changes is there with the next request, what does not change stays, a past event stays as it was.
func testWebMoves(b *box, url string) {
	b.Helper()
	event, sum := b.lastEvent(), b.sh("curl -sf "+url+sampleMD+" | sha256sum")
	gone := b.sh("curl -sf '" + url + sampleGone + "' | sha256sum")
	for i := range 6 {
		b.ok("tag", []string{"remove", "add"}[i%2], "base", "Zebra++-0-0.1")
		same(b, "repomd.xml after a move", b.sh("curl -sf "+url+sampleMD), b.sh("cat $MNT"+sampleMD))
		primary := b.sh("basename $MNT" + sampleView + "/repodata/*-primary.xml.gz")
		same(b, "the primary that it names", b.sh("curl -sf "+url+sampleView+"/repodata/"+primary+" | sha256sum"), b.sh("sha256sum <$MNT"+sampleView+"/repodata/"+primary))
		same(b, "an RPM that stayed", b.sh("curl -sf '"+url+sampleRPM+"' | sha256sum"), b.sh("sha256sum <$MNT"+sampleRPM))
		// One that went: not there, or, where it was open in the server, the bytes that it had. One that came back is there.
		code := b.code(url + sampleGone)
		if code == "200" {
			same(b, "an RPM that went", b.sh("curl -sf '"+url+sampleGone+"' | sha256sum"), gone)
		} else if code != "404" || i%2 == 1 {
			b.Errorf("an RPM that comes and goes, move %d: status %s", i, code)
		}
	}
	same(b, "repomd.xml of the event before", b.sh("curl -sf "+url+"/at/"+event+sampleMD+" | sha256sum"), sum)
}

// TestSampleNginxCache: RPMs and named metadata come from nginx's cache of open files, repomd.xml and its like never do.
func TestSampleNginxCache(t *testing.T) {
	needs(t, "nginx", "curl")
	b := newBox(t)
	b.fill()
	b.mount()
	url := b.web(webSamples[0])
	primary := b.sh("basename $MNT" + sampleView + "/repodata/*-primary.xml.gz")
	const n = 8
	asked := func(path string) uint64 {
		b.sh("curl -sf -o /dev/null '" + url + path + "'") // fills the cache
		before := b.opens()
		b.sh(fmt.Sprintf("for i in $(seq %d); do curl -sf -o /dev/null '%s' || exit 1; done", n, url+path))
		return b.opens() - before
	}
	for _, path := range []string{sampleRPM, sampleView + "/repodata/" + primary, "/at/" + b.lastEvent() + sampleMD} {
		if got := asked(path); got != 0 {
			t.Errorf("%s: opened %d times for %d requests, want 0", path, got, n)
		}
	}
	if got := asked(sampleMD); got != n {
		t.Errorf("%s: opened %d times for %d requests, want each time", sampleMD, got, n)
	}
	// An RPM that did not change is the same open file after a move.
	before := b.opens()
	b.ok("tag", "remove", "base", "Zebra++-0-0.1")
	moved := b.opens()
	b.sh("curl -sf -o /dev/null '" + url + sampleRPM + "'")
	if got := b.opens(); got != moved {
		t.Errorf("the RPM was opened %d times after a move (the move itself: %d)", got-moved, moved-before)
	}
}

// TestSampleLimits: at/ can be kept for some; nginx also counts requests.
func TestSampleLimits(t *testing.T) {
	for _, w := range webSamples {
		t.Run(w.name, func(t *testing.T) {
			needs(t, w.program, "curl")
			b := newBox(t)
			b.fill()
			b.mount()
			url := b.web(w, w.allow...)
			past := "/at/" + b.lastEvent() + sampleMD
			same(t, "status of a past event, for strangers", b.code(url+past), "403")
			same(t, "status of now", b.code(url+sampleMD), "200")
		})
	}
	t.Run("nginx-rate", func(t *testing.T) {
		needs(t, "nginx", "curl")
		b := newBox(t)
		b.fill()
		b.mount()
		url := b.web(webSamples[0], "rate=50r/s", "rate=1r/m", "burst=1000", "burst=2")
		past := url + "/at/" + b.lastEvent() + sampleMD
		same(t, "status of four requests", b.sh("for i in 1 2 3 4; do curl -s -o /dev/null -w '%{http_code} ' "+past+"; done"), "200 200 200 429 ")
		same(t, "status of now", b.code(url+sampleMD), "200")
	})
}
