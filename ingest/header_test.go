package ingest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	rpmutils "github.com/sassoftware/go-rpmutils"

	"vrepofs/rpm"
)

// TestReadPacked reads back all that was put into a package.
func TestReadPacked(t *testing.T) {
	raw := packRPM(t, "full", 10, 1000)
	path := filepath.Join(t.TempDir(), "any name")
	if err := os.WriteFile(path, raw, 0o444); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := Inspect(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, got, want string }{
		{"NEVRA", p.NEVRA.String(), "full-1:1.3.1-4.fc42.x86_64"},
		{"summary", p.Summary, "A package for tests"},
		{"description", p.Description, "Made by a test."},
		{"packager", p.Packager, "Some One <one@example.org>"},
		{"URL", p.URL, "https://example.org/"},
		{"license", p.License, "MIT"},
		{"vendor", p.Vendor, "tests"},
		{"group", p.Group, "Tests"},
		{"build host", p.BuildHost, "localhost"},
		{"source", p.SourceRPM, "full-1.3.1-4.fc42.src.rpm"},
		{"payload", p.PayloadFormat + " " + p.PayloadCompressor, "cpio gzip"},
		{"file name", p.FileName, ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	payload := sha256.Sum256(raw[p.HeaderEnd:])
	id := sha256.Sum256(append(raw[p.HeaderStart:p.HeaderEnd:p.HeaderEnd], payload[:]...))
	if p.PkgID != sha256.Sum256(raw) || p.RPMID != id || p.FileSize != int64(len(raw)) {
		t.Error("PkgID, RPMID or FileSize is wrong")
	}
	if p.Format != 4 || p.BuildTime != 1_700_000_000 || p.InstalledSize == 0 || p.ArchiveSize == 0 {
		t.Errorf("format %d, built at %d, %d bytes installed, archive of %d", p.Format, p.BuildTime, p.InstalledSize, p.ArchiveSize)
	}
	deps := []rpm.Dep{{Name: "glibc", Flags: rpm.SenseGreater | rpm.SenseEqual, EVR: "2.34"}, {Name: "bash"}}
	for _, d := range deps {
		if !containsDep(p.Requires, d) {
			t.Errorf("requires %+v, want %+v among them", p.Requires, d)
		}
	}
	if len(p.Provides) != 1 || len(p.Conflicts) != 1 || len(p.Obsoletes) != 1 || len(p.Suggests) != 1 || len(p.Recommends) != 1 ||
		p.Suggests[0].Name != "suggested" || p.Recommends[0].Name != "recommended" || p.Obsoletes[0].EVR != "1.0" {
		t.Errorf("provides %v, conflicts %v, obsoletes %v, suggests %v, recommends %v", p.Provides, p.Conflicts, p.Obsoletes, p.Suggests, p.Recommends)
	}
	want := rpm.File{Dir: "/usr/share/full/1/", Base: "file8", Mode: 0o100644}
	if len(p.Files) != 10 || p.Files[8] != want {
		t.Errorf("%d files, the ninth is %+v, want %+v", len(p.Files), p.Files[8], want)
	}
	logs := []rpm.Changelog{{Time: 1_600_000_000, Author: "A - 2", Text: "- two"}, {Time: 1_500_000_000, Author: "B - 1", Text: "- one"}}
	if !reflect.DeepEqual(p.Changelogs, logs) {
		t.Errorf("changelogs %+v, want %+v", p.Changelogs, logs)
	}
}

func containsDep(deps []rpm.Dep, d rpm.Dep) bool {
	for _, e := range deps {
		if e == d {
			return true
		}
	}
	return false
}

// TestLargeIsSmall: both ways of Inspect say the same of the same bytes.
func TestLargeIsSmall(t *testing.T) {
	for _, size := range []int{0, 100, pieceSize, 3*pieceSize + 1} {
		raw := packRPM(t, "both", 1, size)
		small, err := inspectSmall(bytes.NewReader(raw), make([]byte, len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		large, err := inspectLarge(bytes.NewReader(raw), int64(len(raw)), make([]byte, smallFile))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(small, large) {
			t.Errorf("%d bytes: %+v, %+v", size, small, large)
		}
		raw[len(raw)-1] ^= 1
		if _, err := inspectLarge(bytes.NewReader(raw), int64(len(raw)), make([]byte, smallFile)); err == nil || !strings.HasPrefix(err.Error(), "bad payload digest") {
			t.Errorf("%d bytes, the last one changed: %v", size, err)
		}
	}
}

// readRaw is the package of these tags, with digests that agree.
func readRaw(t *testing.T, tags ...rawTag) *rpm.Package {
	t.Helper()
	main := rawHeader(63, tags...)
	raw := rawRPM(signatureOf(main, "payload"), main, "payload")
	p, err := inspect(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNEVRAOfHeaders(t *testing.T) {
	source := func(more ...rawTag) []rawTag {
		return append([]rawTag{str(tagName, "s"), str(tagVersion, "1"), str(tagRelease, "2"), str(tagArch, "x86_64")}, more...)
	}
	for _, c := range []struct {
		tags []rawTag
		want string
	}{
		{plainTags(), "plain-1-2.noarch"},
		{plainTags(u32(tagEpoch, 0)), "plain-0:1-2.noarch"},
		{plainTags(u32(tagEpoch, 4294967295)), "plain-4294967295:1-2.noarch"},
		{source(), "s-1-2.src"},
		{source(u32(tagNoSource, 0)), "s-1-2.nosrc"},
		{source(u32(tagNoPatch, 0)), "s-1-2.nosrc"},
	} {
		if got := readRaw(t, c.tags...).NEVRA.String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestRareTags(t *testing.T) {
	u64 := func(tag int32, n byte) rawTag { return rawTag{tag, 5, 1, []byte{n, 0, 0, 0, 0, 0, 0, 0}} }
	p := readRaw(t, plainTags(
		u64(tagLongSize, 1), str(tagModularityLabel, "m:1:2:3"), u64(tagPayloadSizeAlt, 2), u32(tagRPMFormat, 6),
		rawTag{tagSummary, typeI18N, 2, []byte("C\x00de\x00")}, str(tagDescription, "not \xff UTF-8"),
		strs(5052, "sup"), strs(5053, "1"), u32(5054, rpm.SenseEqual), strs(5055, "(a or b)"),
		strs(1047, "old"), // names only, as before rpm 4
	)...)
	if p.InstalledSize != 1<<56 || p.ArchiveSize != 2<<56 || p.Format != 6 || p.ModularityLabel != "m:1:2:3" ||
		p.Summary != "C" || p.Description != "not \xff UTF-8" {
		t.Errorf("got %+v", p)
	}
	if !reflect.DeepEqual(p.Supplements, []rpm.Dep{{Name: "sup", Flags: rpm.SenseEqual, EVR: "1"}}) ||
		!reflect.DeepEqual(p.Enhances, []rpm.Dep{{Name: "(a or b)"}}) || !reflect.DeepEqual(p.Provides, []rpm.Dep{{Name: "old"}}) {
		t.Errorf("supplements %v, enhances %v, provides %v", p.Supplements, p.Enhances, p.Provides)
	}
}

// TestOldPackage: rpm 3 has no region and whole file names, and may have no digest; sizes must agree then.
func TestOldPackage(t *testing.T) {
	main := rawHeader(0, plainTags(
		strs(tagOldFileNames, "/usr/bin/ls", "/etc", "relative"), u32(tagFileFlags, 0, 0, rpm.FileGhost), u32(tagSize, 7))...)
	payload := "payload"
	sig := rawHeader(0, u32(sigSize, uint32(len(main)+len(payload))), u32(sigPayloadSize, 9))
	raw := rawRPM(sig, main, payload)
	p, err := inspect(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	files := []rpm.File{{Dir: "/usr/bin/", Base: "ls"}, {Dir: "/", Base: "etc"}, {Base: "relative", Flags: rpm.FileGhost}}
	if p.Format != 3 || !reflect.DeepEqual(p.Files, files) || p.InstalledSize != 7 || p.ArchiveSize != 9 {
		t.Errorf("got %+v", p)
	}
	if _, err := inspect(bytes.NewReader(raw[:len(raw)-1]), int64(len(raw)-1)); err == nil || !strings.HasPrefix(err.Error(), "truncated: ") {
		t.Errorf("cut by a byte: %v", err)
	}
}

// TestSignedCopies: what differs in its signature only has one RPMID and two PkgIDs.
func TestSignedCopies(t *testing.T) {
	main := rawHeader(63, plainTags()...)
	plain := rawRPM(signatureOf(main, "payload"), main, "payload")
	signed := rawRPM(rawHeader(62, rawTag{sigRSA, typeBin, 24, signatureV4("0123456789abcdef")}), main, "payload")
	a, err := inspect(bytes.NewReader(plain), int64(len(plain)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := inspect(bytes.NewReader(signed), int64(len(signed)))
	if err != nil {
		t.Fatal(err)
	}
	if a.RPMID != b.RPMID || a.PkgID == b.PkgID {
		t.Error("RPMIDs differ, or PkgIDs do not")
	}
	if a.SignatureKeyIDs != nil || !reflect.DeepEqual(b.SignatureKeyIDs, []string{"0123456789abcdef"}) {
		t.Errorf("keys %q and %q", a.SignatureKeyIDs, b.SignatureKeyIDs)
	}
}

// digestCase is a package with digests, right or wrong; reason is what is said of it, "" if it is good.
type digestCase struct {
	name, reason string
	raw          []byte
}

// digestTable makes each digest that a package may carry right and wrong.
func digestTable() []digestCase {
	const payload = "some payload"
	hexOf := func(b []byte) string { return hex.EncodeToString(b) }
	payloadTags := func(digest string, algo ...uint32) []byte {
		tags := plainTags(strs(tagPayloadDigest, digest))
		if len(algo) > 0 {
			tags = append(tags, u32(tagPayloadDigestAlgo, algo...))
		}
		return rawHeader(63, tags...)
	}
	sum256 := sha256.Sum256([]byte(payload))
	plain := rawHeader(63, plainTags()...)
	header256, header3 := sha256.Sum256(plain), sha3.Sum256(plain)
	sumMD5 := md5.Sum(append(bytes.Clone(plain), payload...))
	none := rawHeader(62, rawTag{999, typeBin, 1, []byte{0}})
	var table []digestCase
	for _, c := range []struct {
		name, reason string
		sig, main    []byte
	}{
		{"none", "", none, plain},
		{"payload", "", none, payloadTags(hexOf(sum256[:]), 8)},
		{"payload, upper case", "", none, payloadTags(strings.ToUpper(hexOf(sum256[:])), 8)},
		{"payload of rpm 6", "", none, payloadTags(hexOf(sum256[:]))},
		{"payload, another algorithm", "", none, payloadTags("00", 10)},
		{"bad payload", "bad payload digest: SHA-256 is ", none, payloadTags(hexOf(header256[:]), 8)},
		{"header", "", rawHeader(62, str(sigSHA256, hexOf(header256[:]))), plain},
		{"bad header", "bad header digest: SHA-256 is ", rawHeader(62, str(sigSHA256, hexOf(sum256[:]))), plain},
		{"header, SHA3", "", rawHeader(62, str(sigSHA3, hexOf(header3[:]))), plain},
		{"bad header, SHA3", "bad header digest: SHA3-256 is ", rawHeader(62, str(sigSHA3, hexOf(sum256[:]))), plain},
		{"bad header, SHA-1", "bad header digest: SHA-1 is ", rawHeader(62, str(sigSHA1, "00")), plain},
		{"MD5", "", rawHeader(62, rawTag{sigMD5, typeBin, 16, sumMD5[:]}), plain},
		{"bad MD5", "bad digest of header and payload: MD5 is ", rawHeader(62, rawTag{sigMD5, typeBin, 16, sum256[:16]}), plain},
		{"bad MD5, header has SHA-256", "bad digest of header and payload", rawHeader(62, str(sigSHA256, hexOf(header256[:])), rawTag{sigMD5, typeBin, 16, sum256[:16]}), plain},
		{"size", "too long: ", rawHeader(62, u32(sigSize, 3)), plain},
		{"long size", "truncated: ", rawHeader(62, rawTag{sigLongSize, 5, 1, bytes.Repeat([]byte{0xff}, 8)}), plain},
		{"size of rpm 6", "truncated: ", none, rawHeader(63, plainTags(rawTag{tagPayloadSize, 5, 1, []byte{0, 0, 0, 0, 0, 0, 9, 0}})...)},
	} {
		table = append(table, digestCase{c.name, c.reason, rawRPM(c.sig, c.main, payload)})
	}
	return table
}

func TestDigests(t *testing.T) {
	for _, c := range digestTable() {
		for how, inspect := range map[string]func() (*rpm.Package, error){
			"small": func() (*rpm.Package, error) { return inspectSmall(bytes.NewReader(c.raw), make([]byte, len(c.raw))) },
			"large": func() (*rpm.Package, error) {
				return inspectLarge(bytes.NewReader(c.raw), int64(len(c.raw)), make([]byte, pieceSize))
			},
		} {
			_, err := inspect()
			if c.reason == "" && err != nil || c.reason != "" && (!errors.Is(err, ErrBadRPM) || !strings.HasPrefix(err.Error(), c.reason)) {
				t.Errorf("%s, %s: got %v, want %q", c.name, how, err, c.reason)
			}
		}
	}
}

// signatureV4 is a version 4 signature packet, 24 bytes, whose unhashed part names a key.
func signatureV4(id string) []byte {
	key, err := hex.DecodeString(id)
	if err != nil {
		panic(err)
	}
	body := append([]byte{4, 0, 1, 8, 0, 0, 0, 10, 9, 16}, key...)
	return append([]byte{0x88, 22}, append(body, 0, 0, 0, 0)...)
}

func TestSignatureIssuers(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const id = "0123456789abcdef"
	v3 := "03 05 00 00000000 " + id + " 01 08 0000"
	print4 := "04 00 01 08 0017 16 21 04 000000000000000000000000 " + id + " 0000 0000"
	print6 := "06 00 1b 08 00000023 22 21 06 " + id + strings.Repeat("00", 24) + " 00000000 0000"
	for _, c := range []struct {
		name string
		in   []byte
		want []string
	}{
		{"nothing", nil, nil},
		{"version 4", signatureV4(id), []string{id}},
		{"two", append(signatureV4(id), signatureV4("fedcba9876543210")...), []string{id, "fedcba9876543210"}},
		{"version 3, old length of two bytes", unhex("89 0013" + v3), []string{id}},
		{"version 3, four bytes", unhex("8a 00000013" + v3), []string{id}},
		{"version 3, to the end", unhex("8b" + v3), []string{id}},
		{"new format", unhex("c2 13" + v3), []string{id}},
		{"fingerprint", unhex("c2 21" + print4), []string{id}},
		{"version 6", unhex("c2 31" + print6), []string{id}},
		{"another packet", unhex("c6 02 0000"), nil},
		{"cut", signatureV4(id)[:20], nil},
		{"text", []byte("text"), nil},
		{"subpackets too long", unhex("c2 06 04 00 01 08 ffff"), nil},
	} {
		if got := signatureIssuers(c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestKeysOfRPM6(t *testing.T) {
	main := rawHeader(63, plainTags()...)
	enc := base64.StdEncoding.EncodeToString
	sig := rawHeader(62, strs(sigOpenPGP, enc(signatureV4("00000000000000aa")), "???", enc(signatureV4("00000000000000bb")), enc(signatureV4("00000000000000aa"))))
	raw := rawRPM(sig, main, "")
	p, err := ReadPackage(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"00000000000000aa", "00000000000000bb"}; !reflect.DeepEqual(p.SignatureKeyIDs, want) {
		t.Errorf("got %q, want %q", p.SignatureKeyIDs, want)
	}
}

func FuzzSignatureIssuers(f *testing.F) {
	f.Add(signatureV4("0123456789abcdef"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, id := range signatureIssuers(b) {
			if len(id) != 16 {
				t.Errorf("id %q", id)
			}
		}
	})
}

// TestSlimHeader holds what is read from the header that go-rpmutils gets against what it reads from the whole one.
func TestSlimHeader(t *testing.T) {
	raw := packRPM(t, "slim", 20, 4<<10)
	h, err := readHeadersFrom(raw)
	if err != nil {
		t.Fatal(err)
	}
	slim := h.slim(nil)
	if len(slim) >= len(h.raw)*9/10 {
		t.Errorf("slim header of %d bytes, the whole one has %d", len(slim), len(h.raw))
	}
	got, err := rpmutils.ReadHeader(bytes.NewReader(slim))
	if err != nil {
		t.Fatal(err)
	}
	want, err := rpmutils.ReadHeader(bytes.NewReader(h.raw))
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for tag := range 2 * sigBase {
		reads := readsMain(int32(tag))
		if tag < 1000 || tag >= sigBase {
			reads = readsSignature(int32(tag % sigBase))
		}
		v, err := got.Get(tag)
		w, wantErr := want.Get(tag)
		if !want.HasTag(tag) || !reads {
			if got.HasTag(tag) {
				t.Errorf("tag %d is kept", tag)
			}
			continue
		}
		if kept++; !reflect.DeepEqual(v, w) || !reflect.DeepEqual(err, wantErr) {
			t.Errorf("tag %d: got %v, %v; want %v, %v", tag, v, err, w, wantErr)
		}
	}
	if kept < 25 {
		t.Errorf("only %d tags compared", kept)
	}
}
