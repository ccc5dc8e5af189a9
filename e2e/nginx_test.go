package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nginx serves the box's mount until the test ends and returns its address: sendfile and open_file_cache on, as a mirror host has
// them, workers as another user. The socket is opened here and inherited, so that there is nothing to wait for and no port to guess.
func (b *box) nginx() string {
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
	for _, dir := range []string{"body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		if err := os.MkdirAll(b.path("nginx", dir), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	conf := b.write("nginx/conf", fmt.Sprintf(`
daemon off;
pid %[1]s/pid;
error_log %[1]s/error.log;
user nobody nogroup;
worker_processes 1;
events { worker_connections 256; }
http {
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	access_log off;
	sendfile on; tcp_nopush on;
	open_file_cache max=10000 inactive=60s; open_file_cache_valid 60s; open_file_cache_min_uses 1; open_file_cache_errors off;
	default_type application/octet-stream;
	server {
		listen %[2]s;
		root %[3]s;
		autoindex on;
		# Names over moving paths whose content changes: never from the cache of open files.
		location ~ (/repodata/repomd\.xml(\.asc|\.key)?|\.repo|\.mirrorlist)$ { open_file_cache off; }
	}
}
`, b.path("nginx"), l.Addr(), b.mnt))
	c := b.command("nginx", "-c", conf, "-e", b.path("nginx", "start.log"))
	c.Env = append(c.Env, "NGINX=3;") // nginx's own way to hand listening sockets on
	c.ExtraFiles = []*os.File{socket}
	b.background(c, "")
	return "http://" + l.Addr().String()
}

// TestNginxServesTheMount reads through nginx what the mount shows: whole files, ranges, conditional requests, listings.
func TestNginxServesTheMount(t *testing.T) {
	needs(t, "nginx", "curl", "wget")
	b := newBox(t)
	b.fill()
	b.mount()
	url := b.nginx()
	const view = "/tags/dev/x86_64"
	b.sh("mkdir got && cd got && wget -q -r -np -nH --cut-dirs=3 -R 'index.html*' -e robots=off " + url + view + "/ && diff -r . $MNT" + view)
	const file = view + "/Packages/l/libthing-1.3~rc2-4.el9.x86_64.rpm"
	same(t, "a range", b.sh("curl -sf -r 1000-4999 "+url+file+" | sha256sum"), b.sh("dd if=$MNT"+file+" bs=1000 skip=1 count=4 status=none | sha256sum"))
	if tag := b.sh("curl -sfI " + url + file + " | tr -d '\\r' | sed -n 's/^ETag: //p'"); tag == "" {
		t.Error("no ETag")
	} else if code := b.sh("curl -s -o /dev/null -w '%{http_code}' -H 'If-None-Match: " + tag + "' " + url + file); code != "304" {
		t.Errorf("asked again with its ETag: status %s, want 304", code)
	}
	// What is new after a move is there at once, and the name that went is 404.
	before := b.sh("ls $MNT" + view + "/repodata | grep primary")
	b.ok("tag", "remove", "base", "Zebra++-0-0.1")
	after := b.sh("ls $MNT" + view + "/repodata | grep primary")
	if before == after {
		t.Fatal("the tag moved and its primary has the same name")
	}
	same(t, "repomd.xml after a move", b.sh("curl -sf "+url+view+"/repodata/repomd.xml"), b.sh("cat $MNT"+view+"/repodata/repomd.xml"))
	same(t, "new primary", b.sh("curl -s -o /dev/null -w '%{http_code}' "+url+view+"/repodata/"+after), "200")
	same(t, "never there", b.sh("curl -s -o /dev/null -w '%{http_code}' "+url+view+"/repodata/"+strings.Repeat("0", 64)+"-primary.xml.gz"), "404")
	if log, err := os.ReadFile(filepath.Join(b.path("nginx"), "error.log")); err != nil || strings.Contains(string(log), "[crit]") || strings.Contains(string(log), "[alert]") {
		t.Errorf("nginx's log: %s, %v", log, err)
	}
}
