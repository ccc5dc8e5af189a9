package repodata

import (
	"bytes"
	"fmt"
	"io"
)

// MaxRecords is the greatest number of data elements, or of tags, in a repomd.xml that is read.
const MaxRecords = 1024

// ParseRepomd reads a repomd.xml. Hrefs are not checked: they may be absolute or have "..". Elements it does not know are
// left out.
func ParseRepomd(r io.Reader) (*Repomd, error) {
	s := smallScanner(r)
	m, err := s.repomd()
	if err != nil {
		return nil, fmt.Errorf("read repomd: %w", err)
	}
	return m, nil
}

func (s *scanner) repomd() (*Repomd, error) {
	if err := s.enter("repomd"); err != nil {
		return nil, err
	}
	m := &Repomd{}
	err := s.children(func() (err error) {
		if len(m.Records)+len(m.Content)+len(m.Repo)+len(m.Distro) > MaxRecords {
			return s.fail("more than %d records and tags", MaxRecords)
		}
		switch string(s.name) {
		case "revision":
			m.Revision, err = s.trimmed()
		case "tags":
			err = s.children(func() error { return s.tag(m) })
		case "data":
			err = s.data(m)
		default:
			err = s.skip()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, s.leave()
}

// trimmed is content without the white space around it.
func (s *scanner) trimmed() (string, error) {
	b, err := s.content()
	return string(bytes.TrimSpace(b)), err
}

func (s *scanner) tag(m *Repomd) (err error) {
	if len(m.Content)+len(m.Repo)+len(m.Distro) > MaxRecords {
		return s.fail("more than %d tags", MaxRecords)
	}
	var text, cpeid string
	switch string(s.name) {
	case "content":
		text, err = s.contentString()
		m.Content = append(m.Content, text)
	case "repo":
		text, err = s.contentString()
		m.Repo = append(m.Repo, text)
	case "distro":
		if cpeid, err = s.attr("cpeid"); err != nil {
			return err
		}
		text, err = s.contentString()
		m.Distro = append(m.Distro, Distro{CPEID: cpeid, Name: text})
	default:
		err = s.skip()
	}
	return err
}

func (s *scanner) data(m *Repomd) error {
	typ, err := s.attr("type")
	if err != nil {
		return err
	}
	rec := NewRecord(typ)
	if err := s.children(func() error { return s.recordChild(&rec) }); err != nil {
		return err
	}
	if rec.Type == "" {
		return s.fail("a data element has no type")
	}
	m.Records = append(m.Records, rec)
	return nil
}

func (s *scanner) recordChild(rec *Record) (err error) {
	switch string(s.name) {
	case "checksum":
		rec.ChecksumType, rec.Checksum, err = s.typedChecksum()
	case "open-checksum":
		rec.OpenChecksumType, rec.OpenChecksum, err = s.typedChecksum()
	case "header-checksum":
		rec.HeaderChecksumType, rec.HeaderChecksum, err = s.typedChecksum()
	case "location":
		if rec.Href, err = s.attr("href"); err != nil {
			return err
		}
		if rec.XMLBase, err = s.attr("base"); err == nil {
			err = s.skip()
		}
	case "timestamp":
		err = s.numberContent("timestamp", &rec.Timestamp)
	case "size":
		err = s.numberContent("size", &rec.Size)
	case "open-size":
		err = s.numberContent("open-size", &rec.OpenSize)
	case "header-size":
		err = s.numberContent("header-size", &rec.HeaderSize)
	case "database_version":
		err = s.numberContent("database_version", &rec.DatabaseVersion)
	default:
		err = s.skip()
	}
	return err
}

func (s *scanner) typedChecksum() (typ, sum string, err error) {
	if typ, err = s.attr("type"); err != nil {
		return "", "", err
	}
	sum, err = s.trimmed()
	return typ, sum, err
}

// numberContent reads the text of an element into n, which stays Absent when there is none.
func (s *scanner) numberContent(what string, n *int64) error {
	b, err := s.content()
	if err != nil {
		return err
	}
	if b = bytes.TrimSpace(b); len(b) == 0 {
		return nil
	}
	v, err := s.number(what, b)
	if err != nil {
		return err
	}
	if v < 0 {
		return s.fail("%s is negative", what)
	}
	*n = v
	return nil
}
