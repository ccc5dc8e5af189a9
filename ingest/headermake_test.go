package ingest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/rpmpack"
)

// packRPM makes an RPM with google/rpmpack: files of it hold size bytes that do not compress, the same at every call.
func packRPM(tb testing.TB, name string, files, size int) []byte {
	tb.Helper()
	rel := func(s string) *rpmpack.Relation {
		r, err := rpmpack.NewRelation(s)
		if err != nil {
			tb.Fatal(err)
		}
		return r
	}
	r, err := rpmpack.NewRPM(rpmpack.RPMMetaData{
		Name: name, Summary: "A package for tests", Description: "Made by a test.", Version: "1.3.1", Release: "4.fc42", Epoch: 1,
		Arch: "x86_64", Vendor: "tests", URL: "https://example.org/", Packager: "Some One <one@example.org>", Group: "Tests",
		Licence: "MIT", BuildHost: "localhost", Compressor: "gzip", BuildTime: time.Unix(1_700_000_000, 0),
		Provides:   rpmpack.Relations{rel(name + " = 1.3.1-4.fc42")},
		Requires:   rpmpack.Relations{rel("glibc >= 2.34"), rel("bash")},
		Conflicts:  rpmpack.Relations{rel("old" + name)},
		Obsoletes:  rpmpack.Relations{rel("old" + name + " < 1.0")},
		Suggests:   rpmpack.Relations{rel("suggested")},
		Recommends: rpmpack.Relations{rel("recommended")},
	})
	if err != nil {
		tb.Fatal(err)
	}
	r.AddCustomTag(tagSourceRPM, rpmpack.EntryString(name+"-1.3.1-4.fc42.src.rpm"))
	r.AddCustomTag(tagChangelogTime, rpmpack.EntryUint32([]uint32{1_600_000_000, 1_500_000_000}))
	r.AddCustomTag(tagChangelogName, rpmpack.EntryStringSlice([]string{"A - 2", "B - 1"}))
	r.AddCustomTag(tagChangelogText, rpmpack.EntryStringSlice([]string{"- two", "- one"}))
	rnd := rand.New(rand.NewPCG(uint64(files), uint64(size)))
	for i := range files {
		body := make([]byte, size/files)
		for j := 0; j+8 <= len(body); j += 8 {
			binary.LittleEndian.PutUint64(body[j:], rnd.Uint64())
		}
		r.AddFile(rpmpack.RPMFile{Name: fmt.Sprintf("/usr/share/%s/%d/file%d", name, i/8, i), Body: body, Mode: 0o644, Owner: "root", Group: "root"})
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// tag is an index entry and its data, for headers that no tool would write.
type rawTag struct {
	tag, kind, count int32
	data             []byte
}

func str(tag int32, s string) rawTag { return rawTag{tag, typeString, 1, append([]byte(s), 0)} }

func u32(tag int32, v ...uint32) rawTag {
	t := rawTag{tag: tag, kind: 4, count: int32(len(v))}
	for _, n := range v {
		t.data = binary.BigEndian.AppendUint32(t.data, n)
	}
	return t
}

func strs(tag int32, v ...string) rawTag {
	t := rawTag{tag: tag, kind: typeStringArray, count: int32(len(v))}
	for _, s := range v {
		t.data = append(append(t.data, s...), 0)
	}
	return t
}

// rawHeader encodes tags in the order given, data aligned as rpm aligns it. region is the region tag, 0 for none (rpm 3).
func rawHeader(region int32, tags ...rawTag) []byte {
	var index, data []byte
	entry := func(b []byte, v ...int32) []byte {
		for _, n := range v {
			b = binary.BigEndian.AppendUint32(b, uint32(n))
		}
		return b
	}
	for _, t := range tags {
		if t.kind > 0 && int(t.kind) < len(typeSizes) && typeSizes[t.kind] > 1 {
			for len(data)%int(typeSizes[t.kind]) != 0 {
				data = append(data, 0)
			}
		}
		index = entry(index, t.tag, t.kind, int32(len(data)), t.count)
		data = append(data, t.data...)
	}
	if region != 0 {
		index = append(entry(nil, region, typeBin, int32(len(data)), regionSize), index...)
		data = entry(data, region, typeBin, -int32(len(index)), regionSize)
	}
	h := append([]byte(nil), headerMagic...)
	h = entry(h, int32(len(index)/entrySize), int32(len(data)))
	return append(append(h, index...), data...)
}

// rawRPM puts lead, signature header, main header and payload together. With digests it adds those of rpm 4.14 and later to
// the signature header.
func rawRPM(sig, main []byte, payload string) []byte {
	b := make([]byte, leadSize)
	copy(b, leadMagic)
	b[4] = 3
	b[79] = 5
	b = append(b, sig...)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	b = append(b, main...)
	return append(b, payload...)
}

// signatureOf is the signature header that rpmbuild writes for this header and payload.
func signatureOf(main []byte, payload string) []byte {
	h := sha256.Sum256(main)
	m := md5.Sum(append(append([]byte(nil), main...), payload...))
	return rawHeader(62,
		str(sigSHA256, hex.EncodeToString(h[:])),
		u32(sigSize, uint32(len(main)+len(payload))),
		rawTag{sigMD5, typeBin, md5.Size, m[:]},
	)
}

// plainTags are a small package's main header. more replaces tags of the same number or is added, in order of the numbers.
func plainTags(more ...rawTag) []rawTag {
	tags := []rawTag{
		str(tagName, "plain"), str(tagVersion, "1"), str(tagRelease, "2"), str(tagArch, "noarch"),
		str(tagSourceRPM, "plain-1-2.src.rpm"),
	}
next:
	for _, m := range more {
		for i := range tags {
			if tags[i].tag == m.tag {
				tags[i] = m
				continue next
			}
		}
		tags = append(tags, m)
	}
	return tags
}
