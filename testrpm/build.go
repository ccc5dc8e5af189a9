package testrpm

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/google/rpmpack"
)

// BuildTime is the build time of a Spec that gives none, in seconds since 1970 UTC: 2023-11-14T22:13:20Z.
const BuildTime = 1700000000

// Spec says what an RPM is to contain. Only Name is needed; the zero value of every other field has a default.
type Spec struct {
	Name    string
	Epoch   string // decimal digits; "": no epoch in the header
	Version string // "": "1.0"
	Release string // "": "1"
	Arch    string // "": "x86_64"; "src" or "nosrc" makes a source RPM

	SourceRPM  string // "": NAME-VERSION-RELEASE.src.rpm; a source RPM never has one
	Summary    string // "": "Test package NAME"
	License    string // "": "MIT"
	BuildTime  int64  // seconds since 1970 UTC; 0: the constant BuildTime; also the mtime of its files
	Compressor string // of the payload, as rpmpack takes it: "": "gzip:1"; "zstd:1", "xz"

	// Dependencies are written as in a spec file: "libz.so.1()(64bit)", "zlib >= 1:1.3", "(a or b)". A binary package
	// provides itself (NAME = EVR) besides what is listed.
	Provides, Requires, Conflicts, Obsoletes    []string
	Recommends, Suggests, Supplements, Enhances []string

	Files     []File
	Changelog []Change // newest first, as rpmbuild writes them

	// Signature becomes the header's RSA signature (RPMSIGTAG_RSA) as it is. Two specs that differ in it only give signed
	// copies of one RPM. FakeSignature makes one that has the right form.
	Signature []byte
}

// File is one path of a package.
type File struct {
	Path   string // "/usr/bin/hello"
	Mode   uint   // permissions, with S_IFDIR or S_IFLNK where wanted; 0: 0644
	Size   int    // bytes of pseudo-random content that depends on the package and the path; ignored when Body is set
	Body   []byte // content; the target of a symbolic link
	Config bool   // RPMFILE_CONFIG
	Ghost  bool   // RPMFILE_GHOST: listed, not in the payload
}

// Change is one entry of the change log.
type Change struct {
	Time         int64 // seconds since 1970 UTC
	Author, Text string
}

// FileName is the name under which the RPM is usually stored: "zlib-1.3.1-4.x86_64.rpm".
func (s Spec) FileName() string { return s.withDefaults().fileName() }

// NVR is name, version and release: "zlib-1.3.1-4".
func (s Spec) NVR() string { return s.withDefaults().nvr() }

func (s Spec) nvr() string      { return s.Name + "-" + s.Version + "-" + s.Release }
func (s Spec) fileName() string { return s.nvr() + "." + s.Arch + ".rpm" }
func (s Spec) isSource() bool   { return s.Arch == "src" || s.Arch == "nosrc" }

// evr is what the package's own provide says.
func (s Spec) evr() string {
	if s.Epoch != "" {
		return s.Epoch + ":" + s.Version + "-" + s.Release
	}
	return s.Version + "-" + s.Release
}

func (s Spec) withDefaults() Spec {
	set := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	set(&s.Version, "1.0")
	set(&s.Release, "1")
	set(&s.Arch, "x86_64")
	set(&s.SourceRPM, s.nvr()+".src.rpm")
	set(&s.Summary, "Test package "+s.Name)
	set(&s.License, "MIT")
	set(&s.Compressor, "gzip:1")
	if s.BuildTime == 0 {
		s.BuildTime = BuildTime
	}
	return s
}

// Build returns the bytes of the RPM that s describes. It does no I/O and is safe for concurrent use. It panics on a spec
// that cannot be an RPM (no name, an epoch that is not a number, a dependency that does not parse): that is a mistake in the
// test, not an input.
func Build(s Spec) []byte {
	s = s.withDefaults()
	out, err := build(s)
	if err != nil {
		panic(fmt.Sprintf("BUG: testrpm %s: %v", s.fileName(), err))
	}
	return out
}

func build(s Spec) ([]byte, error) {
	if s.Name == "" {
		return nil, fmt.Errorf("no name")
	}
	epoch := uint64(rpmpack.NoEpoch)
	if s.Epoch != "" {
		var err error
		if epoch, err = strconv.ParseUint(s.Epoch, 10, 32); err != nil {
			return nil, fmt.Errorf("epoch %q: %w", s.Epoch, err)
		}
	}
	// rpm wants the build arch in the header of a source RPM too; it is the missing SOURCERPM that makes it a source RPM.
	arch := s.Arch
	if s.isSource() {
		arch = "x86_64"
	}
	r, err := rpmpack.NewRPM(rpmpack.RPMMetaData{
		Name: s.Name, Version: s.Version, Release: s.Release, Epoch: uint32(epoch), Arch: arch,
		Summary: s.Summary, Description: s.Summary + ".", Licence: s.License,
		Group: "Unspecified", BuildHost: "builder.example", Vendor: "vrepofs tests", Packager: "vrepofs tests",
		BuildTime: time.Unix(s.BuildTime, 0), Compressor: s.Compressor,
	})
	if err != nil {
		return nil, err
	}
	for _, f := range s.Files {
		r.AddFile(packFile(s, f))
	}
	if err := addDependencies(r, s); err != nil {
		return nil, err
	}
	if len(s.Changelog) > 0 {
		addChangelog(r, s.Changelog)
	}
	if s.Signature != nil {
		r.AddCustomSig(sigRSA, rpmpack.EntryBytes(s.Signature))
	}
	if s.isSource() {
		r.AddCustomTag(tagSourceRPM, rpmpack.EntryString(sourceMark))
		r.AddCustomTag(tagSourcePackage, rpmpack.EntryInt32([]int32{1}))
	} else {
		r.AddCustomTag(tagSourceRPM, rpmpack.EntryString(s.SourceRPM))
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return nil, err
	}
	if s.isSource() {
		return toSource(b.Bytes())
	}
	return b.Bytes(), nil
}

func packFile(s Spec, f File) rpmpack.RPMFile {
	out := rpmpack.RPMFile{Name: f.Path, Mode: f.Mode, Body: f.Body, Owner: "root", Group: "root", MTime: uint32(s.BuildTime)}
	if out.Mode == 0 {
		out.Mode = 0o644
	}
	if out.Body == nil && f.Size > 0 {
		out.Body = Content(s.nvr()+"."+s.Arch+f.Path, f.Size)
	}
	if f.Config {
		out.Type |= rpmpack.ConfigFile
	}
	if f.Ghost {
		out.Type = rpmpack.GhostFile
	}
	return out
}

// Content returns size bytes that depend on seed alone and do not compress.
func Content(seed string, size int) []byte {
	b := make([]byte, size)
	// Read of a ChaCha8 never fails.
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(seed))).Read(b)
	return b
}

func addChangelog(r *rpmpack.RPM, changes []Change) {
	times := make([]int32, len(changes))
	authors := make([]string, len(changes))
	texts := make([]string, len(changes))
	for i, c := range changes {
		times[i], authors[i], texts[i] = int32(c.Time), c.Author, c.Text
	}
	r.AddCustomTag(tagChangelogTime, rpmpack.EntryInt32(times))
	r.AddCustomTag(tagChangelogName, rpmpack.EntryStringSlice(authors))
	r.AddCustomTag(tagChangelogText, rpmpack.EntryStringSlice(texts))
}

// addDependencies writes all eight kinds itself: rpmpack knows six, and its own provide leaves the epoch out.
func addDependencies(r *rpmpack.RPM, s Spec) error {
	provides := s.Provides
	if !s.isSource() {
		provides = append([]string{s.Name + " = " + s.evr()}, provides...)
	}
	for _, kind := range []struct {
		deps                []string
		name, version, flag int // RPMTAG_PROVIDENAME, -VERSION, -FLAGS and so on
	}{
		{provides, 1047, 1113, 1112},
		{s.Requires, 1049, 1050, 1048},
		{s.Conflicts, 1054, 1055, 1053},
		{s.Obsoletes, 1090, 1115, 1114},
		{s.Recommends, 5046, 5047, 5048},
		{s.Suggests, 5049, 5050, 5051},
		{s.Supplements, 5052, 5053, 5054},
		{s.Enhances, 5055, 5056, 5057},
	} {
		if len(kind.deps) == 0 {
			continue
		}
		names := make([]string, len(kind.deps))
		versions := make([]string, len(kind.deps))
		flags := make([]uint32, len(kind.deps))
		for i, text := range kind.deps {
			d, err := rpmpack.NewRelation(strings.TrimSpace(text))
			if err != nil {
				return fmt.Errorf("dependency %q: %w", text, err)
			}
			names[i], versions[i], flags[i] = d.Name, d.Version, uint32(d.Sense)
			if strings.HasPrefix(d.Name, "rpmlib(") {
				flags[i] |= senseRPMLIB
			}
		}
		r.AddCustomTag(kind.name, rpmpack.EntryStringSlice(names))
		r.AddCustomTag(kind.version, rpmpack.EntryStringSlice(versions))
		r.AddCustomTag(kind.flag, rpmpack.EntryUint32(flags))
	}
	return nil
}
