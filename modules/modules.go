package modules

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"vrepofs/rpm"
)

// The bounds, in bytes of YAML. The largest modules.yaml in production, that of an AppStream with all its streams, has some 20 MB, and its largest document
// 300 KB.
const (
	MaxSize     = 128 << 20 // of a file
	MaxDocument = 4 << 20   // of one document
)

// MaxStreams is how many streams one RPM can be of; MaxID how many bytes a stream's id can have.
const (
	MaxStreams = 64
	MaxID      = 256
)

// maxFaults is how many faults are told.
const maxFaults = 20

// Stream is what one document says of a module stream.
type Stream struct {
	ID   string      // "nodejs:8:20180816123422:6c81f848", name, stream, version, context: what RPMs have as their modularity label
	RPMs []rpm.NEVRA // its artifacts, of all arches, in the order of the document; epoch "" for 0
}

// File is a modules.yaml.
type File struct {
	Streams []Stream // in the order of the file
	Faults  []string // what could not be read, "line 12: …", at most 20
}

// Read reads a file that is not compressed. It fails only where r does, or has more than MaxSize bytes; what is no YAML, or not as it should
// be, is among the faults.
func Read(r io.Reader) (*File, error) {
	f := &File{}
	in := bufio.NewReaderSize(&counted{r: r, left: MaxSize}, 64<<10)
	var doc []byte
	first, line := 1, 1 // of doc; being read
	large := false
	flush := func() {
		if large {
			f.fault("line %d: a document of more than %d bytes", first, MaxDocument)
		} else if bytes.Contains(doc, []byte("artifacts")) {
			f.document(doc, first)
		}
		doc, large = doc[:0], false
	}
	for start := true; ; {
		part, err := in.ReadSlice('\n')
		whole := err == nil
		if err != nil && err != io.EOF && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("read modules: %w", err)
		}
		// "---" at the beginning of a line begins a document wherever it stands, even inside a text (YAML 1.2, c-forbidden).
		if start && bytes.HasPrefix(part, []byte("---")) && (len(part) == 3 || bytes.IndexByte([]byte(" \t\r\n"), part[3]) >= 0) {
			flush()
			first = line
		}
		if len(doc)+len(part) > MaxDocument {
			large = true
		} else if !large {
			doc = append(doc, part...)
		}
		if start = whole; whole {
			line++
		}
		if err == io.EOF {
			flush()
			return f, nil
		}
	}
}

// counted fails after so many bytes.
type counted struct {
	r    io.Reader
	left int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if c.left -= int64(n); c.left < 0 {
		return 0, fmt.Errorf("more than %d bytes", MaxSize)
	}
	return n, err
}

func (f *File) fault(format string, args ...any) {
	switch s := fmt.Sprintf(format, args...); {
	case len(f.Faults) < maxFaults-1:
		f.Faults = append(f.Faults, s)
	case len(f.Faults) < maxFaults:
		f.Faults = append(f.Faults, "more of them")
	}
}

// document reads the document that begins in a line of the file.
func (f *File) document(text []byte, first int) {
	at := func(n *yaml.Node) int { return first + max(n.Line, 1) - 1 }
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		f.fault("%s", syntax(err, first))
		return
	}
	if len(doc.Content) == 0 {
		return
	}
	top := doc.Content[0]
	if kind, _ := scalar(child(top, "document")); kind != "modulemd" {
		return
	}
	switch version, _ := scalar(child(top, "version")); version {
	case "1", "2":
	default:
		return // 3 is what packagers write, without artifacts
	}
	data := child(top, "data")
	list := child(child(data, "artifacts"), "rpms")
	if list == nil {
		return
	}
	var id []string
	for _, field := range []string{"name", "stream", "version", "context"} {
		n := child(data, field)
		s, ok := scalar(n)
		switch {
		case n == nil && field != "name" && field != "stream":
		case !ok || s == "" || strings.Contains(s, ":") || !printable(s):
			f.fault("line %d: the stream's %s is missing or no plain text", at(top), field)
			return
		}
		id = append(id, s)
	}
	s := Stream{ID: strings.Join(id, ":")}
	if len(s.ID) > MaxID {
		f.fault("line %d: the stream's name is longer than %d bytes", at(data), MaxID)
		return
	}
	if list.Kind != yaml.SequenceNode {
		f.fault("line %d: artifacts of %s: want a list", at(list), s.ID)
		return
	}
	for _, n := range list.Content {
		text, ok := scalar(n)
		nevra, err := rpm.ParseNEVRA(text)
		if !ok || err != nil {
			f.fault("line %d: artifact %.80q of %s is no NAME-EPOCH:VERSION-RELEASE.ARCH", at(n), text, s.ID)
			continue
		}
		s.RPMs = append(s.RPMs, normal(nevra))
	}
	f.Streams = append(f.Streams, s)
}

// syntax gives an error of the YAML parser, "yaml: line 3: …", our line.
func syntax(err error, first int) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if line, reason, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(line); err == nil {
				return fmt.Sprintf("line %d: %.200s", first+n-1, reason)
			}
		}
	}
	return fmt.Sprintf("line %d: %.200s", first, text)
}

// child returns the value of a key of a mapping, nil if it is none or has none.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Kind == yaml.ScalarNode && n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// scalar returns a text as it is written.
func scalar(n *yaml.Node) (string, bool) {
	if n == nil || n.Kind != yaml.ScalarNode {
		return "", false
	}
	return n.Value, true
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }) < 0
}

// normal makes names that mean the same RPM equal: documents write the epoch 0 always, RPMs mostly not.
func normal(n rpm.NEVRA) rpm.NEVRA {
	if n.Epoch == "0" {
		n.Epoch = ""
	}
	return n
}

// Index finds the streams of an RPM.
type Index map[rpm.NEVRA][]string

// Index returns the index of the file's streams. An RPM that is in more than MaxStreams is in those of the greatest ids, and a fault is
// added.
func (f *File) Index() Index {
	x := Index{}
	for _, s := range f.Streams {
		for _, n := range s.RPMs {
			if ids := x[n]; len(ids) == 0 || ids[len(ids)-1] != s.ID {
				x[n] = append(ids, s.ID)
			}
		}
	}
	var many []string
	for n, ids := range x {
		slices.Sort(ids)
		ids = slices.Compact(ids)
		if len(ids) > MaxStreams {
			many = append(many, n.String())
			ids = slices.Clone(ids[len(ids)-MaxStreams:])
		}
		x[n] = ids
	}
	slices.Sort(many)
	for _, n := range many {
		f.fault("%s is in more than %d streams", n, MaxStreams)
	}
	return x
}

// Of returns the ids of the streams that have an RPM, sorted; nil if none has.
func (x Index) Of(n rpm.NEVRA) []string { return x[normal(n)] }
