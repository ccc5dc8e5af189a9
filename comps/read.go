package comps

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what Read takes.
const (
	MaxSize  = 8 << 20 // bytes of a file; Fedora's, with all its translations, has 2 MiB
	maxDepth = 16      // elements inside each other; comps.xml has 4
	maxKinds = 50      // kinds of things in a list of what was left out
)

// LeftOut is something that a file has and Read does not keep.
type LeftOut struct {
	What  string `json:"what"` // "langpacks", "packagereq arch="
	Count int    `json:"count"`
}

// Read reads a comps.xml. It also returns what it left out, by name. What is no comps.xml is iofs.ErrInvalid, with the line. Of two
// groups with one id the last is taken with the packages of both, as importing them one after the other into Koji does; of two environments or
// categories the last.
//
// Memory and time are bounded by MaxSize. Entities other than XML's own five are refused, and so is what is not UTF-8.
func Read(in io.Reader) (*Comps, []LeftOut, error) {
	limited := &io.LimitedReader{R: in, N: MaxSize + 1}
	r := &reader{dec: xml.NewDecoder(limited), left: map[string]int{}}
	c, err := r.document()
	if limited.N <= 0 {
		return nil, nil, fmt.Errorf("comps.xml: more than %d MiB: %w", MaxSize>>20, iofs.ErrInvalid)
	}
	if err != nil {
		line, _ := r.dec.InputPos()
		var syntax *xml.SyntaxError
		if errors.As(err, &syntax) {
			err = errors.New(syntax.Msg)
		}
		return nil, nil, fmt.Errorf("comps.xml: line %d: %w: %w", line, err, iofs.ErrInvalid)
	}
	return c, r.leftOut(), nil
}

type reader struct {
	dec   *xml.Decoder
	depth int
	left  map[string]int
}

func (r *reader) leave(what string) {
	if len(what) > 80 {
		what = strings.ToValidUTF8(what[:80], "") + "…"
	}
	if _, known := r.left[what]; !known && len(r.left) >= maxKinds {
		what = "others"
	}
	r.left[what]++
}

func (r *reader) leftOut() []LeftOut {
	var out []LeftOut
	for what, n := range r.left {
		out = append(out, LeftOut{what, n})
	}
	slices.SortFunc(out, func(a, b LeftOut) int { return strings.Compare(a.What, b.What) })
	return out
}

func (r *reader) document() (*Comps, error) {
	for {
		t, err := r.dec.Token()
		if err == io.EOF {
			return nil, errors.New("no element comps")
		}
		if err != nil {
			return nil, err
		}
		if start, ok := t.(xml.StartElement); ok {
			if start.Name.Local != "comps" {
				return nil, fmt.Errorf("element %.80q, want comps", start.Name.Local)
			}
			r.depth = 1
			c, err := r.comps(start)
			if err != nil {
				return nil, err
			}
			return c, r.end()
		}
	}
}

// end wants nothing but space and comments behind the root.
func (r *reader) end() error {
	for {
		switch t, err := r.dec.Token(); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		default:
			if _, ok := t.(xml.StartElement); ok {
				return errors.New("an element behind comps")
			}
		}
	}
}

func (r *reader) comps(start xml.StartElement) (*Comps, error) {
	c := &Comps{}
	groups, environments, categories := map[string]int{}, map[string]int{}, map[string]int{}
	err := r.children(start, func(e xml.StartElement) error {
		switch e.Name.Local {
		case "group":
			g, err := r.group(e)
			if err != nil || !r.named("group", g.ID) {
				return err
			}
			if i, twice := groups[g.ID]; twice {
				g.Packages = append(c.Groups[i].Packages, g.Packages...)
				g.Requires = append(c.Groups[i].Requires, g.Requires...)
				c.Groups[i] = *g
				return nil
			}
			groups[g.ID] = len(c.Groups)
			c.Groups = append(c.Groups, *g)
		case "environment":
			return r.set(e, &c.Environments, environments)
		case "category":
			return r.set(e, &c.Categories, categories)
		default:
			return r.skip(e)
		}
		return nil
	})
	for i := range c.Groups {
		g := &c.Groups[i]
		g.Packages, g.Requires = distinct(g.Packages), distinct(g.Requires)
		g.unname(g.ID)
	}
	return c, err
}

// named reports whether something has an id, without which nothing can be done with it.
func (r *reader) named(what, id string) bool {
	if id == "" {
		r.leave(what + " without id")
	}
	return id != ""
}

// unname forgets a name that is the id: it is written so when there is none.
func (a *About) unname(id string) {
	if a.Name == id {
		a.Name = ""
	}
}

// distinct drops entries until there is one of each name: the last, at the place of the first.
func distinct(entries []Entry) []Entry {
	at := make(map[string]int, len(entries))
	out := entries[:0]
	for _, e := range entries {
		if i, twice := at[e.Name]; twice {
			out[i] = e
			continue
		}
		at[e.Name] = len(out)
		out = append(out, e)
	}
	return out
}

func (r *reader) group(start xml.StartElement) (*Group, error) {
	g := &Group{}
	err := r.children(start, func(e xml.StartElement) (err error) {
		if known, err := r.about(e, &g.ID, &g.About); known {
			return err
		}
		switch e.Name.Local {
		case "default":
			g.Default, err = r.flag(e)
		case "uservisible":
			var visible bool
			visible, err = r.flag(e)
			g.Hidden = !visible
		case "biarchonly":
			g.Biarch, err = r.flag(e)
		case "langonly":
			g.LangOnly, err = r.text(e)
		case "packagelist":
			return r.children(e, func(e xml.StartElement) error { return r.entry(e, &g.Packages, "packagereq") })
		case "grouplist":
			return r.children(e, func(e xml.StartElement) error { return r.entry(e, &g.Requires, "groupreq", "metapkg") })
		default:
			return r.skip(e)
		}
		return err
	})
	return g, err
}

func (r *reader) entry(start xml.StartElement, list *[]Entry, names ...string) error {
	name := start.Name.Local
	if !slices.Contains(names, name) {
		return r.skip(start)
	}
	e := Entry{MetaPkg: name == "metapkg"}
	if name == "packagereq" {
		e.Type = "mandatory"
	}
	for _, a := range start.Attr {
		switch {
		case a.Name.Local == "type" && a.Value != "":
			e.Type = a.Value
		case a.Name.Local == "type":
		case a.Name.Local == "requires" && name == "packagereq":
			e.Requires = a.Value
		case a.Name.Local == "basearchonly" && name == "packagereq":
			e.BaseArch = a.Value == "true"
		default:
			r.leave(name + " " + a.Name.Local + "=")
		}
	}
	var err error
	start.Attr = nil
	if e.Name, err = r.text(start); err != nil {
		return err
	}
	switch {
	case e.Name == "":
		r.leave(name + " without a name")
	case e.Type != "" && CheckType(e.Type) != nil:
		r.leave(fmt.Sprintf("%s of type %.40q", name, e.Type))
	default:
		*list = append(*list, e)
		return CheckText("requires", e.Requires)
	}
	return nil
}

func (r *reader) set(start xml.StartElement, list *[]Set, seen map[string]int) error {
	s := Set{}
	has := map[string]bool{}
	err := r.children(start, func(e xml.StartElement) error {
		if known, err := r.about(e, &s.ID, &s.About); known {
			return err
		}
		switch e.Name.Local {
		case "grouplist":
			return r.children(e, func(e xml.StartElement) error {
				o, err := r.option(e)
				if err == nil && o.Group != "" && !has[o.Group] {
					has[o.Group] = true
					s.Groups = append(s.Groups, o.Group)
				}
				return err
			})
		case "optionlist":
			return r.children(e, func(e xml.StartElement) error {
				o, err := r.option(e)
				if err == nil && o.Group != "" {
					s.Options = append(s.Options, o)
				}
				return err
			})
		}
		return r.skip(e)
	})
	if err != nil || !r.named(start.Name.Local, s.ID) {
		return err
	}
	s.unname(s.ID)
	if i, twice := seen[s.ID]; twice {
		(*list)[i] = s
		return nil
	}
	seen[s.ID] = len(*list)
	*list = append(*list, s)
	return nil
}

// option reads a groupid. One that is something else has no group.
func (r *reader) option(start xml.StartElement) (o Option, err error) {
	if start.Name.Local != "groupid" {
		return o, r.skip(start)
	}
	for _, a := range start.Attr {
		if a.Name.Local == "default" {
			o.Default = a.Value == "true"
		} else {
			r.leave("groupid " + a.Name.Local + "=")
		}
	}
	start.Attr = nil
	o.Group, err = r.text(start)
	return o, err
}

// about reads what groups, environments and categories have in common.
func (r *reader) about(start xml.StartElement, id *string, a *About) (known bool, err error) {
	lang := ""
	switch start.Name.Local {
	case "id":
		*id, err = r.text(start)
		return true, err
	case "display_order":
		s, err := r.text(start)
		if err != nil {
			return true, err
		}
		if n, err := strconv.Atoi(s); err == nil {
			a.DisplayOrder = &n
		} else {
			r.leave("display_order that is no number")
		}
		return true, nil
	case "name", "description":
		for _, at := range start.Attr {
			if at.Name.Local == "lang" {
				lang = at.Value
			} else {
				r.leave(start.Name.Local + " " + at.Name.Local + "=")
			}
		}
	default:
		return false, nil
	}
	name := start.Name.Local
	start.Attr = nil
	s, err := r.text(start)
	if err != nil || s == "" && lang != "" {
		return true, err
	}
	plain, in := &a.Name, &a.Names
	if name == "description" {
		plain, in = &a.Description, &a.Descriptions
	}
	if lang == "" {
		*plain = s
		return true, nil
	}
	if *in == nil {
		*in = map[string]string{}
	}
	(*in)[lang] = s
	return true, nil
}

// flag is whether an element says "true", as libcomps has it.
func (r *reader) flag(start xml.StartElement) (bool, error) {
	s, err := r.text(start)
	return s == "true", err
}

// text reads the text of an element, without space around it. Elements inside are left out.
func (r *reader) text(start xml.StartElement) (string, error) {
	for _, a := range start.Attr {
		r.leave(start.Name.Local + " " + a.Name.Local + "=")
	}
	var b strings.Builder
	for {
		t, err := r.dec.Token()
		if err != nil {
			return "", eof(err)
		}
		switch t := t.(type) {
		case xml.CharData:
			b.Write(t)
		case xml.StartElement:
			if err := r.skip(t); err != nil {
				return "", err
			}
		case xml.EndElement:
			s := strings.TrimSpace(b.String())
			return s, CheckText(start.Name.Local, s)
		}
	}
}

// children calls f for each element inside one; f reads to its end.
func (r *reader) children(start xml.StartElement, f func(xml.StartElement) error) error {
	for _, a := range start.Attr {
		r.leave(start.Name.Local + " " + a.Name.Local + "=")
	}
	if r.depth++; r.depth > maxDepth {
		return fmt.Errorf("more than %d elements inside each other", maxDepth)
	}
	defer func() { r.depth-- }()
	for {
		t, err := r.dec.Token()
		if err != nil {
			return eof(err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if err := f(t); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

// skip reads an element that is not kept.
func (r *reader) skip(start xml.StartElement) error {
	r.leave(start.Name.Local)
	for depth := 1; depth > 0; {
		t, err := r.dec.Token()
		if err != nil {
			return eof(err)
		}
		switch t.(type) {
		case xml.StartElement:
			if depth++; r.depth+depth > maxDepth {
				return fmt.Errorf("more than %d elements inside each other", maxDepth)
			}
		case xml.EndElement:
			depth--
		}
	}
	return nil
}

// eof is the error of a file that ends too early.
func eof(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
