package state

import (
	"encoding/binary"
	"fmt"
	"iter"
	"strings"

	"vrepofs/blob"
	"vrepofs/modules"
	"vrepofs/rpm"
	"vrepofs/tree"
)

// RPM is one RPM file as builds and snapshots list it: enough to select it and to place it in a directory without
// reading its package record.
type RPM struct {
	rpm.NEVRA
	Source string      // file name of the source RPM; "" for a source RPM
	File   string      // base name: "zlib-1.3.1-4.fc42.x86_64.rpm"
	Digest blob.Digest // of the whole file: the pkgid
	ID     blob.Digest // rpm id: equal for signed copies of one RPM
	Keys   []string    // ids of the keys that signed it, nil when it is unsigned
	Size   int64       // bytes
	Serial uint64      // inode serial
	Mtime  int64       // seconds since 1970 UTC
	// Streams are the ids of the module streams that it is of, "nodejs:8:20180816123422:6c81f848", sorted: those that have it among their
	// artifacts in the modules metadata of its snapshot, which then are Documented; if there are none, its modularity label. Rows written
	// before streams were known have none.
	Streams    []string
	Documented bool
}

// The versions of the binary form of an RPM: version byte, then strings with their length, digests, varints. An RPM of module streams
// has the second, which ends with them.
const (
	rpmVersion        = 1
	rpmVersionModular = 2
)

// Append appends the binary form of r to dst.
func (r *RPM) Append(dst []byte) []byte {
	version := byte(rpmVersion)
	if len(r.Streams) > 0 {
		version = rpmVersionModular
	}
	dst = append(dst, version)
	for _, s := range []string{r.Name, r.Epoch, r.Version, r.Release, r.Arch, r.Source, r.File} {
		dst = appendString(dst, s)
	}
	dst = append(dst, r.Digest[:]...)
	dst = append(dst, r.ID[:]...)
	dst = binary.AppendUvarint(dst, uint64(len(r.Keys)))
	for _, k := range r.Keys {
		dst = appendString(dst, k)
	}
	dst = binary.AppendUvarint(dst, uint64(r.Size))
	dst = binary.AppendUvarint(dst, r.Serial)
	dst = binary.AppendVarint(dst, r.Mtime)
	if version == rpmVersion {
		return dst
	}
	documented := byte(0)
	if r.Documented {
		documented = 1
	}
	dst = append(dst, documented)
	dst = binary.AppendUvarint(dst, uint64(len(r.Streams)))
	for _, s := range r.Streams {
		dst = appendString(dst, s)
	}
	return dst
}

// DecodeRPM reads what Append writes.
func DecodeRPM(b []byte) (RPM, error) {
	d := rowDecoder{rest: b}
	r := d.rpm()
	return r, d.end()
}

func appendRPMs(dst []byte, rpms []RPM) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(rpms)))
	for i := range rpms {
		dst = rpms[i].Append(dst)
	}
	return dst
}

// rpms reads what appendRPMs writes.
func (d *rowDecoder) rpms() []RPM {
	n := d.uvarint()
	if n > maxRows {
		d.bad = true
	}
	if n == 0 || d.bad {
		return nil
	}
	// No RPM has fewer bytes than its two digests, so a damaged number reserves little.
	rpms := make([]RPM, 0, min(n, uint64(len(d.rest)/(2*len(blob.Digest{})))))
	for ; n > 0 && !d.bad; n-- {
		rpms = append(rpms, d.rpm())
	}
	return rpms
}

func (d *rowDecoder) rpm() RPM {
	var r RPM
	version := d.versions(rpmVersion, rpmVersionModular)
	if d.shared != nil {
		d.shared.names(d, &r)
	} else {
		for _, s := range []*string{&r.Name, &r.Epoch, &r.Version, &r.Release, &r.Arch, &r.Source, &r.File} {
			*s = d.string()
		}
	}
	r.Digest, r.ID = d.digest(), d.digest()
	n := d.uvarint()
	if n > maxRows {
		d.bad = true
	}
	for ; n > 0 && !d.bad; n-- {
		r.Keys = append(r.Keys, d.string())
	}
	r.Size, r.Serial, r.Mtime = int64(d.uvarint()), d.uvarint(), d.varint()
	if version == rpmVersionModular {
		d.streams(&r)
	}
	return r
}

// streams reads what only the second version has.
func (d *rowDecoder) streams(r *RPM) {
	documented, n := d.take(1), d.uvarint()
	if d.bad || documented[0] > 1 || n == 0 || n > maxRows {
		d.bad = true
		return
	}
	r.Documented = documented[0] == 1
	for ; n > 0 && !d.bad; n-- {
		if d.shared != nil {
			r.Streams = append(r.Streams, d.shared.stream(d.take(d.uvarint())))
		} else {
			r.Streams = append(r.Streams, d.string())
		}
	}
}

// RowOf is the row of a package whose blob has the given serial and mtime. It shares no memory with p.
func RowOf(p *rpm.Package, serial uint64, mtime int64) RPM {
	r := RPM{
		NEVRA: p.NEVRA, Source: strings.Clone(p.SourceRPM), File: strings.Clone(p.FileName), Digest: p.PkgID, ID: p.RPMID,
		Size: p.FileSize, Serial: serial, Mtime: mtime,
	}
	for _, s := range [...]*string{&r.Name, &r.Epoch, &r.Version, &r.Release, &r.Arch} {
		*s = strings.Clone(*s)
	}
	for _, k := range p.SignatureKeyIDs {
		r.Keys = append(r.Keys, strings.Clone(k))
	}
	if l := p.ModularityLabel; l != "" && len(l) <= modules.MaxID {
		r.Streams = []string{strings.Clone(l)}
	}
	return r
}

// SnapshotRPMs yields the RPMs of a snapshot by their path in its directory.
func SnapshotRPMs(r tree.Reader, s Snapshot) iter.Seq2[SnapshotRPM, error] {
	return func(yield func(SnapshotRPM, error) bool) {
		shared := &arena{}
		for item, err := range tree.List(r, s.RPMs, "") {
			v := SnapshotRPM{Path: item.Name}
			if err == nil {
				d := rowDecoder{rest: item.Value, shared: shared}
				v.RPM = d.rpm()
				if err = d.end(); err != nil {
					err = fmt.Errorf("snapshot %s: %s: %w", s.Ref(), item.Name, err)
				}
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// SnapshotRPM is an RPM with its path in a snapshot's directory: "Packages/z/zlib-1.3.1-4.fc42.x86_64.rpm".
type SnapshotRPM struct {
	Path string
	RPM
}
