package state

import "strings"

// arena holds the strings of the rows of a snapshot, which are read by the ten thousands: as a few large objects that the garbage
// collector need not look into, and once what follows from something else or is the same in the row before. A row that is
// kept keeps arenaBytes with it.
type arena struct {
	text   strings.Builder
	source string            // of the row before
	ids    map[string]string // of module streams: a few thousand for any number of rows
}

const arenaBytes = 16 << 10

// copy returns b as a string.
func (a *arena) copy(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if a.text.Cap()-a.text.Len() < len(b) {
		a.text = strings.Builder{}
		a.text.Grow(max(arenaBytes, len(b)))
	}
	start := a.text.Len()
	a.text.Write(b)
	return a.text.String()[start:]
}

// names reads the names of an RPM. That of its file nearly always has the others in it: NAME-VERSION-RELEASE.ARCH.rpm.
func (a *arena) names(d *rowDecoder, r *RPM) {
	var raw [7][]byte
	for i := range raw {
		raw[i] = d.take(d.uvarint())
	}
	name, epoch, version, release, arch, source, file := raw[0], raw[1], raw[2], raw[3], raw[4], raw[5], raw[6]
	r.File = a.copy(file)
	rest := r.File
	next := func(part []byte, behind string) (s string, ok bool) {
		n := len(part)
		if len(rest) < n+len(behind) || rest[:n] != string(part) || rest[n:n+len(behind)] != behind {
			return "", false
		}
		s, rest = rest[:n], rest[n+len(behind):]
		return s, true
	}
	var ok [4]bool
	r.Name, ok[0] = next(name, "-")
	r.Version, ok[1] = next(version, "-")
	r.Release, ok[2] = next(release, ".")
	r.Arch, ok[3] = next(arch, ".rpm")
	if ok != [4]bool{true, true, true, true} {
		r.Name, r.Version, r.Release, r.Arch = a.copy(name), a.copy(version), a.copy(release), a.copy(arch)
	}
	switch string(epoch) {
	case "":
	case "0":
		r.Epoch = "0"
	default:
		r.Epoch = a.copy(epoch)
	}
	if string(source) != a.source {
		a.source = a.copy(source)
	}
	r.Source = a.source
}

// stream returns the id of a module stream.
func (a *arena) stream(b []byte) string {
	id, ok := a.ids[string(b)]
	if !ok {
		if a.ids == nil {
			a.ids = map[string]string{}
		}
		id = string(b)
		a.ids[id] = id
	}
	return id
}
