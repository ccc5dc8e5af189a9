package pinned

import (
	"fmt"
	iofs "io/fs"
	"net/url"
	"strings"
)

// Kind is one of the two files; as a string it is the suffix that it adds to the repository's name.
type Kind string

// The kinds.
const (
	Repo       Kind = ".repo"       // a definition for /etc/yum.repos.d
	Mirrorlist Kind = ".mirrorlist" // URLs, one a line, for mirrorlist= of a definition
)

// Kinds returns both kinds.
func Kinds() []Kind { return []Kind{Repo, Mirrorlist} }

// Beside takes a name or path of a pinned file apart: "9/os.repo" is of kind Repo, beside "9/os". ok is false for all other names.
func Beside(name string) (repository string, k Kind, ok bool) {
	for _, k := range Kinds() {
		if r, ok := strings.CutSuffix(name, string(k)); ok && r != "" && !strings.HasSuffix(r, "/") {
			return r, k, true
		}
	}
	return name, "", false
}

// File says what the files of one repository contain. Paths are in the mount, without a slash in front.
type File struct {
	ID    string   // of the repository in dnf, made by ID
	Title string   // one line for a person
	Sites []string // URLs of the mount's root, as CheckSite returns them; at least one
	Path  string   // that never changes: "at/17/channels/production/9/os"
	Moves string   // that moves, beside which the files lie: "channels/production/9/os"; "" if that never changes either
	// Earlier are the paths that lay at Moves before Path, the newest first; they never change. Text takes at most MaxEarlier.
	Earlier []string
	// Signed says that repomd.xml is; Key is the path of the public key: "at/17/…/repodata/repomd.xml.key"; "" if it is not known.
	Signed bool
	Key    string
}

// MaxEarlier is how many earlier generations a mirrorlist names.
const MaxEarlier = 3

// maxList bounds a mirrorlist in bytes: earlier generations that do not fit are left out. It lies in the node of its directory.
const maxList = 8192

// URLs returns where the repository is for good, at each site.
func (f File) URLs() []string { return f.at(f.Path) }

// at returns where a path is, at each site.
func (f File) at(path string) []string {
	urls := make([]string, 0, len(f.Sites))
	for _, s := range f.Sites {
		urls = append(urls, URL(s, path)+"/")
	}
	return urls
}

// list is the mirrorlist: the newest generation at all sites, then the earlier ones.
func (f File) list() string {
	text := strings.Join(f.URLs(), "\n") + "\n"
	for _, path := range f.Earlier[:min(len(f.Earlier), MaxEarlier)] {
		more := strings.Join(f.at(path), "\n") + "\n"
		if len(text)+len(more) > maxList {
			break
		}
		text += more
	}
	return text
}

// Text returns the content of one of the files.
func (f File) Text(k Kind) string {
	if k == Mirrorlist {
		return f.list()
	}
	var b strings.Builder
	b.WriteString("# This generation, for ever.")
	if f.Moves != "" {
		fmt.Fprintf(&b, " To follow what is published instead, replace baseurl by\n# mirrorlist=%s", URL(f.Sites[0], f.Moves)+string(Mirrorlist))
	}
	fmt.Fprintf(&b, "\n[%s]\nname=%s\nbaseurl=", f.ID, f.Title)
	b.WriteString(strings.Join(f.URLs(), "\n        ") + "\n")
	// Its metadata is what it is: there is nothing to ask for again.
	b.WriteString("enabled=1\nmetadata_expire=never\n")
	if f.Signed {
		b.WriteString("repo_gpgcheck=1\n")
	}
	if f.Key != "" {
		fmt.Fprintf(&b, "gpgkey=%s\n", URL(f.Sites[0], f.Key))
	}
	return b.String()
}

// URL joins a site and a path of the mount. What is not a letter, a digit or one of -._~ is percent-encoded in the path (RFC 3986,
// section 2.3), so that neither "+" nor "$" means anything to a server or to dnf.
func URL(site, path string) string {
	var b strings.Builder
	b.WriteString(site)
	for c := range strings.SplitSeq(path, "/") {
		b.WriteByte('/')
		for i := range len(c) {
			if ch := c[i]; alnum(ch) || strings.IndexByte("-._~", ch) >= 0 {
				b.WriteByte(ch)
			} else {
				fmt.Fprintf(&b, "%%%02X", ch)
			}
		}
	}
	return b.String()
}

// ID makes the id of a repository in dnf of its name: "production/9/os" becomes "production:9:os". dnf and yum take letters, digits
// and -_.: only; another byte becomes its number, "+" becomes "_2B".
func ID(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c == '/':
			b.WriteByte(':')
		case alnum(c) || strings.IndexByte("-_.:", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "_%02X", c)
		}
	}
	return b.String()
}

// maxSite bounds a site's URL: librepo reads lines of 4,096 bytes, and the longest path of a channel takes a third of that.
const maxSite = 1024

// CheckSite refuses what is not the URL of a mount's root, and returns it without slashes at its end. Variables of dnf ("$name") may
// be in it.
func CheckSite(site string) (string, error) { return CheckURL("site", site) }

// CheckURL is CheckSite for a URL that errors call noun.
func CheckURL(noun, site string) (string, error) {
	bad := func(why string) (string, error) {
		return "", fmt.Errorf("%s %.100q: %s: %w", noun, site, why, iofs.ErrInvalid)
	}
	if len(site) > maxSite {
		return bad(fmt.Sprintf("more than %d bytes", maxSite))
	}
	for i := range len(site) {
		if c := site[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"'<>\\^`{|}#?,", c) >= 0 {
			return bad(fmt.Sprintf("character %q at %d", c, i))
		}
	}
	u, err := url.Parse(site)
	switch {
	case err != nil:
		return bad("not a URL such as https://mirror.example.org/repos")
	case u.User != nil:
		return bad("a user or password in it would be shown to everybody")
	case u.Scheme == "file":
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") {
			return bad("want file:///PATH")
		}
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "ftp":
		return bad("want a URL that begins with https://, http://, ftp:// or file:///")
	case u.Host == "" || u.Opaque != "":
		return bad("no host in it")
	}
	if trimmed := strings.TrimRight(site, "/"); !strings.HasSuffix(trimmed, ":") {
		site = trimmed
	} else {
		return bad("file:/// is the root of the client's own disk")
	}
	return site, nil
}

func alnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
