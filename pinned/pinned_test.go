package pinned_test

import (
	"errors"
	iofs "io/fs"
	"net/url"
	"strings"
	"testing"

	"vrepofs/pinned"
)

func TestText(t *testing.T) {
	f := pinned.File{
		ID: pinned.ID("production/9/c++/os"), Title: "production/9/c++/os", Sites: []string{"https://a.example.org/repos", "http://[::1]:8080"},
		Path: "at/17/channels/production/9/c++/os", Moves: "channels/production/9/c++/os", Signed: true, Key: "channels/KEY",
		Earlier: []string{"at/9/channels/production/9/c++/os", "at/8/x", "at/7/x", "at/6/x"},
	}
	const repo = `# This generation, for ever. To follow what is published instead, replace baseurl by
# mirrorlist=https://a.example.org/repos/channels/production/9/c%2B%2B/os.mirrorlist
[production:9:c_2B_2B:os]
name=production/9/c++/os
baseurl=https://a.example.org/repos/at/17/channels/production/9/c%2B%2B/os/
        http://[::1]:8080/at/17/channels/production/9/c%2B%2B/os/
enabled=1
metadata_expire=never
repo_gpgcheck=1
gpgkey=https://a.example.org/repos/channels/KEY
`
	if got := f.Text(pinned.Repo); got != repo {
		t.Errorf("definition:\n%s", got)
	}
	const list = `https://a.example.org/repos/at/17/channels/production/9/c%2B%2B/os/
http://[::1]:8080/at/17/channels/production/9/c%2B%2B/os/
https://a.example.org/repos/at/9/channels/production/9/c%2B%2B/os/
http://[::1]:8080/at/9/channels/production/9/c%2B%2B/os/
https://a.example.org/repos/at/8/x/
http://[::1]:8080/at/8/x/
https://a.example.org/repos/at/7/x/
http://[::1]:8080/at/7/x/
`
	if got := f.Text(pinned.Mirrorlist); got != list {
		t.Errorf("mirrorlist:\n%s", got)
	}
	long := f
	long.Path, long.Earlier = "at/17/"+strings.Repeat("+", 500), []string{"at/9/" + strings.Repeat("+", 500), "at/8/" + strings.Repeat("+", 500), "at/7/x"}
	if n := strings.Count(long.Text(pinned.Mirrorlist), "\n"); n != 4 {
		t.Errorf("a mirrorlist of long paths has %d lines; the second generation is the last that fits", n)
	}
	f.Signed, f.Key, f.Moves, f.Sites = false, "", "", f.Sites[:1]
	const short = "# This generation, for ever.\n[production:9:c_2B_2B:os]\nname=production/9/c++/os\n" +
		"baseurl=https://a.example.org/repos/at/17/channels/production/9/c%2B%2B/os/\nenabled=1\nmetadata_expire=never\n"
	if got := f.Text(pinned.Repo); got != short {
		t.Errorf("definition of what does not move and is not signed:\n%s", got)
	}
}

func TestCheckSite(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.example.org":                  "https://a.example.org",
		"https://a.example.org/":                 "https://a.example.org",
		"http://a.example.org:8080/x/y//":        "http://a.example.org:8080/x/y",
		"http://[2001:db8::1]/a%20b":             "http://[2001:db8::1]/a%20b",
		"https://$host/repos":                    "https://$host/repos",
		"ftp://ftp.example.org/~repos":           "ftp://ftp.example.org/~repos",
		"file:///srv/repos":                      "file:///srv/repos",
		"file:///srv/a/":                         "file:///srv/a",
		"":                                       "",
		"/srv/repos":                             "",
		"a.example.org":                          "",
		"//a.example.org":                        "",
		"https:///x":                             "",
		"https:x":                                "",
		"file:///":                               "",
		"file://host/x":                          "",
		"gopher://a":                             "",
		"https://user:secret@a.example.org":      "",
		"https://a.example.org/?x":               "",
		"https://a.example.org/#x":               "",
		"https://a.example.org/%zz":              "",
		"https://a.example.org/a b":              "",
		"https://a.example.org/a\nb":             "",
		"https://a.example.org/\xff":             "",
		"https://a.example.org/a,b":              "",
		"https://a/" + strings.Repeat("x", 1024): "",
	} {
		got, err := pinned.CheckSite(in)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("site %q: %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestBeside(t *testing.T) {
	for name, want := range map[string][2]string{
		"os.repo": {"os", ".repo"}, "9/os.mirrorlist": {"9/os", ".mirrorlist"}, "a.repo.repo": {"a.repo", ".repo"},
		"os": {}, ".repo": {}, "9/.repo": {}, "os.repo/x": {}, "": {},
	} {
		r, k, ok := pinned.Beside(name)
		if ok != (want[0] != "") || ok && (r != want[0] || string(k) != want[1]) {
			t.Errorf("%q: %q, %q, %v", name, r, k, ok)
		}
	}
}

// FuzzSite holds that a site that is accepted makes one line that parses as a URL with the path behind it, and that nothing gets out of
// its line in a definition.
func FuzzSite(f *testing.F) {
	f.Add("https://a.example.org/x/", "at/1/channels/a+b")
	f.Add("file:///x", "a^b/~c $d%")
	f.Fuzz(func(t *testing.T, in, path string) {
		site, err := pinned.CheckSite(in)
		if err != nil {
			return
		}
		u, err := url.Parse(pinned.URL(site, path))
		if err != nil || !strings.HasSuffix(u.Path, "/"+path) {
			t.Fatalf("site %q, path %q: %v, %v", site, path, u, err)
		}
		id := pinned.ID(path)
		text := pinned.File{ID: id, Title: "t", Sites: []string{site}, Path: path}.Text(pinned.Repo)
		if n := strings.Count(text, "\n"); n != 6 || strings.Count(text, "[") < 1 || strings.ContainsAny(id, "[]\n /") {
			t.Fatalf("definition of %q, %q:\n%s", site, path, text)
		}
	})
}
