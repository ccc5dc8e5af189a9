package ingest

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"vrepofs/blob"
	"vrepofs/repodata"
	"vrepofs/tree"
)

// ErrDisagree is the kind of an import of a directory whose repodata does not agree with its files.
var ErrDisagree = errors.New("repodata does not agree with the files")

// DisagreeError lists what does not agree.
type DisagreeError struct {
	Dir    string
	Faults []string
}

// Error names the first faults.
func (e *DisagreeError) Error() string {
	const shown = 10
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v; give --regenerate to have it written anew", e.Dir, ErrDisagree)
	for i, f := range e.Faults {
		if i == shown {
			fmt.Fprintf(&b, "\n  … and %d more", len(e.Faults)-shown)
			break
		}
		b.WriteString("\n  " + f)
	}
	return b.String()
}

// Unwrap gives ErrDisagree.
func (e *DisagreeError) Unwrap() error { return ErrDisagree }

func (e *DisagreeError) add(format string, args ...any) {
	e.Faults = append(e.Faults, fmt.Sprintf(format, args...))
}

// File is one file of a verbatim snapshot that is not an RPM.
type File struct {
	Name   string // path in the repository, with slashes
	Digest blob.Digest
	Size   int64
	Named  bool // its name holds its checksum, so the name determines the content
}

// listed is a package as primary has it.
type listed struct {
	typ, sum string // checksum
	size     int64
	mtime    int64
	base     string // xml:base, where it is said to lie; a repository that has the file itself is complete all the same
	seen     bool
}

// Metadata is the repodata of a directory that is to be kept verbatim.
type Metadata struct {
	dir      string
	repomd   *repodata.Repomd
	packages map[string]*listed // by path in the repository; nil when primary could not be read
	faults   DisagreeError
}

// ReadMetadata reads and checks the repodata of a repository's directory: every file that repomd.xml lists must be there
// with its size and checksum. What does not agree is kept for Check.
func ReadMetadata(dir string) (*Metadata, error) {
	m := &Metadata{dir: dir, faults: DisagreeError{Dir: dir}}
	f, err := os.Open(filepath.Join(dir, "repodata", "repomd.xml"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if m.repomd, err = repodata.ParseRepomd(f); err != nil {
		m.faults.add("repodata/repomd.xml: %v", err)
		return nil, &m.faults
	}
	for _, r := range m.repomd.Records {
		if err := m.checkRecord(r); err != nil {
			m.faults.add("%s: %v", r.Type, err)
		}
	}
	if len(m.faults.Faults) > 0 {
		return m, nil
	}
	return m, m.readPrimary()
}

// Revision is that of repomd.xml.
func (m *Metadata) Revision() string { return m.repomd.Revision }

// checkRecord compares one metadata file with what repomd.xml says of it.
func (m *Metadata) checkRecord(r repodata.Record) error {
	if r.XMLBase != "" {
		return fmt.Errorf("lies at another base, %q", r.XMLBase)
	}
	if err := tree.CheckPath(r.Href); err != nil {
		return fmt.Errorf("location: %w", err)
	}
	f, err := os.Open(filepath.Join(m.dir, filepath.FromSlash(r.Href)))
	if err != nil {
		return fmt.Errorf("%s is not there", r.Href)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	err = compareChecksum(f, r.Href, r.ChecksumType, r.Checksum)
	if err != nil && r.Size != repodata.Absent && r.Size != st.Size() {
		return fmt.Errorf("%s has %d bytes, repomd.xml says %d", r.Href, st.Size(), r.Size)
	}
	return err // the checksum decides: some repositories are right but for the size, and clients read them
}

// compareChecksum hashes a file and compares the checksum, hex of the given type.
func compareChecksum(f io.Reader, name, typ, want string) error {
	h := newHash(typ)
	if h == nil {
		return fmt.Errorf("%s: checksum type %q is not known", name, typ)
	}
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, want) {
		return fmt.Errorf("%s has %s %.12s…, its repodata says %.12s…", name, typ, got, want)
	}
	return nil
}

// newHash returns the hash that repodata calls by this name (createrepo_c, checksum.c), nil for an unknown one.
func newHash(typ string) hash.Hash {
	switch strings.ToLower(typ) {
	case "md5":
		return md5.New()
	case "sha", "sha1":
		return sha1.New()
	case "sha224":
		return sha256.New224()
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// readPrimary collects the packages.
func (m *Metadata) readPrimary() error {
	r := m.repomd.Record("primary")
	if r == nil {
		m.faults.add("repomd.xml lists no primary")
		return nil
	}
	f, err := os.Open(filepath.Join(m.dir, filepath.FromSlash(r.Href)))
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := repodata.Decompress(f)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	defer z.Close()
	m.packages = map[string]*listed{}
	err = repodata.ReadPrimary(z, func(p *repodata.PrimaryPackage) error {
		if err := tree.CheckPath(p.Href); err != nil {
			m.faults.add("location of %s: %v", p.NEVRA, err)
			return nil
		}
		if m.packages[p.Href] != nil {
			m.faults.add("%s is listed twice", p.Href)
			return nil
		}
		m.packages[p.Href] = &listed{typ: p.Checksum.Type, sum: p.Checksum.Hex, size: p.FileSize, mtime: p.FileTime, base: p.XMLBase}
		return nil
	})
	if err != nil {
		m.faults.add("%s: %v", r.Href, err)
	}
	return nil
}

// CheckRPM compares an RPM that was read with its record, and returns the modification time that primary gives it, 0 for
// none.
func (m *Metadata) CheckRPM(r RPM) (mtime int64) {
	if m.packages == nil {
		return 0
	}
	l := m.packages[r.Name]
	if l == nil {
		m.faults.add("%s is not listed in primary", r.Name)
		return 0
	}
	l.seen = true
	p := r.Package
	if l.size > 0 && l.size != p.FileSize {
		m.faults.add("%s has %d bytes, primary says %d", r.Name, p.FileSize, l.size)
		return l.mtime
	}
	if strings.EqualFold(l.typ, "sha256") {
		if got := hex.EncodeToString(p.PkgID[:]); !strings.EqualFold(got, l.sum) {
			m.faults.add("%s has sha256 %.12s…, primary says %.12s…", r.Name, got, l.sum)
		}
		return l.mtime
	}
	f, err := os.Open(r.Path)
	if err == nil {
		err = compareChecksum(f, r.Name, l.typ, l.sum)
		f.Close()
	}
	if err != nil {
		m.faults.add("%v", err)
	}
	return l.mtime
}

// Check returns a *DisagreeError if anything did not agree, after every RPM went through CheckRPM.
func (m *Metadata) Check() error {
	var missing []string
	for name, l := range m.packages {
		if !l.seen {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	for _, name := range missing {
		if base := m.packages[name].base; base != "" {
			m.faults.add("%s lies at another base, %q", name, base)
		} else {
			m.faults.add("%s is listed in primary and not there", name)
		}
	}
	if len(m.faults.Faults) > 0 {
		return &m.faults
	}
	return nil
}

// ReadOthers brings the files of a repository that are not RPMs in under lease.
func (m *Metadata) ReadOthers(ctx context.Context, lease *blob.Lease, others []Source, o Options) ([]File, error) {
	checksums := map[string]string{}
	for _, r := range m.repomd.Records {
		checksums[r.Href] = strings.ToLower(r.Checksum)
	}
	files := make([]File, 0, len(others))
	for _, s := range others {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := tree.CheckPath(s.Name); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Path, err)
		}
		f, err := readOther(lease, s, o.How)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Path, err)
		}
		sum := checksums[s.Name]
		f.Named = len(sum) >= 2*md5.Size && strings.HasPrefix(strings.ToLower(path.Base(s.Name)), sum)
		files = append(files, f)
	}
	return files, nil
}

func readOther(lease *blob.Lease, s Source, how blob.How) (File, error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return File{}, err
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return File{}, err
	}
	d := blob.Digest(h.Sum(nil))
	return File{Name: s.Name, Digest: d, Size: n}, lease.PlaceUnchanged(f, before, d, how)
}
