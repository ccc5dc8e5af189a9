package wanted

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"vrepofs/state"
)

// MaxSize is how many bytes a file may have. That is some 100,000 builds in tags, a line for each.
const MaxSize = 4 << 20

// File is a wanted state.
type File struct {
	Tags       []state.WantedTag // in the order of the file, with File and Lines
	Channels   []Channel         // in the order of the file; none lies in another
	Promotions []Promotion       // in the order of the file
}

// Channel says what is at and below a path, all of it.
type Channel struct {
	Path  string // "production/9"
	Where string // "wanted.yaml:2"
	Parts []Part // in the order of the file; none: nothing is there
}

// Part is one repository.
type Part struct {
	Path   string // "production/9/core/x86_64/os"
	Source string // "sig-core-9/x86_64", "extras@20261121T043000Z"; not checked but for spaces
	Where  string // "wanted.yaml:3"
}

// Promotion makes everything at and below To what is at and below From.
type Promotion struct {
	From, To string
	Where    string // "wanted.yaml:9"
}

// Parse reads a file to its end; name is what errors call it. Errors begin with name and line ("wanted.yaml:3: …") and are
// iofs.ErrInvalid, but for those of reading.
func Parse(name string, r io.Reader) (*File, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%s: more than %d bytes: %w", name, MaxSize, iofs.ErrInvalid)
	}
	p := &parser{name: name}
	doc, err := p.document(b)
	if err != nil {
		return nil, err
	}
	if err := p.top(doc); err != nil {
		return nil, err
	}
	return &p.file, p.check()
}

// parser is one Parse.
type parser struct {
	name   string
	file   File
	seen   map[string]int // path of a repository, or of one of the directories above it → line
	leaves map[string]int // path of a repository → line
}

// where is a line as errors name it.
func (p *parser) where(line int) string { return p.name + ":" + strconv.Itoa(line) }

func (p *parser) bad(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %w", p.where(n.Line), fmt.Sprintf(format, args...), iofs.ErrInvalid)
}

// document returns the top node of the one document.
func (p *parser) document(b []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(strings.NewReader(string(b)))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: is empty: want tags, channels or promote: %w", p.name, iofs.ErrInvalid)
	case err != nil:
		return nil, p.syntax(err)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, p.bad(&second, "a second document: want one")
	} else if !errors.Is(err, io.EOF) {
		return nil, p.syntax(err)
	}
	return doc.Content[0], nil
}

// syntax gives an error of the YAML parser, "yaml: line 3: …", the form of ours.
func (p *parser) syntax(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if line, reason, ok := strings.Cut(rest, ": "); ok {
			return fmt.Errorf("%s:%s: %s: %w", p.name, line, reason, iofs.ErrInvalid)
		}
	}
	return fmt.Errorf("%s: %s: %w", p.name, text, iofs.ErrInvalid)
}

// plain refuses what is in YAML and not wanted here.
func (p *parser) plain(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.AliasNode:
		return p.bad(n, "alias *%s: write out what is meant", n.Value)
	case n.Anchor != "":
		return p.bad(n, "anchor &%s: aliases are not used here", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		return p.bad(n, "tag %s: tags are not used here", n.Tag)
	}
	return nil
}

// pair is a key of a mapping with its value.
type pair struct {
	key   string
	at    *yaml.Node // the key
	value *yaml.Node
}

// pairs returns the pairs of a mapping, keys checked to be text and each there once.
func (p *parser) pairs(n *yaml.Node, want string) ([]pair, error) {
	if err := p.plain(n); err != nil {
		return nil, err
	}
	if n.Kind != yaml.MappingNode {
		return nil, p.bad(n, "want %s", want)
	}
	lines := map[string]int{}
	out := make([]pair, 0, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		at, value := n.Content[i], n.Content[i+1]
		key, err := p.text(at, "a name")
		if err != nil {
			return nil, err
		}
		if line, twice := lines[key]; twice {
			return nil, p.bad(at, "%.80q is there already, in line %d", key, line)
		}
		lines[key] = at.Line
		out = append(out, pair{key, at, value})
	}
	return out, nil
}

// text returns a scalar as it is written: 9 and 9.10 are names here, not numbers.
func (p *parser) text(n *yaml.Node, want string) (string, error) {
	if err := p.plain(n); err != nil {
		return "", err
	}
	if n.Kind != yaml.ScalarNode || n.Value == "" || n.Tag == "!!null" || n.Tag == "!!merge" {
		return "", p.bad(n, "want %s", want)
	}
	if strings.ContainsAny(n.Value, " \t\r\n") {
		return "", p.bad(n, "%.80q: want %s without spaces", n.Value, want)
	}
	return n.Value, nil
}

// top reads the top level.
func (p *parser) top(n *yaml.Node) error {
	pairs, err := p.pairs(n, "tags, channels or promote")
	if err != nil {
		return err
	}
	for _, kv := range pairs {
		switch kv.key {
		case "tags":
			err = p.tags(kv.value)
		case "channels":
			err = p.channels(kv.value)
		case "promote":
			err = p.promote(kv.value)
		default:
			err = p.bad(kv.at, "%.80q is not known: want tags, channels or promote", kv.key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) channels(n *yaml.Node) error {
	pairs, err := p.pairs(n, "paths, each with what is below it")
	if err != nil {
		return err
	}
	p.seen, p.leaves = map[string]int{}, map[string]int{}
	for _, kv := range pairs {
		if err := p.path(kv.at, kv.key); err != nil {
			return err
		}
		c := Channel{Path: kv.key, Where: p.where(kv.at.Line)}
		if err := p.parts(&c, kv.key, kv.at, kv.value); err != nil {
			return err
		}
		p.file.Channels = append(p.file.Channels, c)
	}
	return nil
}

// parts adds the repositories at and below a path.
func (p *parser) parts(c *Channel, path string, at, value *yaml.Node) error {
	if value.Kind != yaml.MappingNode {
		source, err := p.text(value, "a source such as TAG/ARCH or REPO@ID, or paths below "+path+"; {} means nothing is there")
		if err != nil {
			return err
		}
		if line, there := p.seen[path]; there {
			return p.bad(at, "%s is there already, in line %d", path, line)
		}
		for i := range path {
			if path[i] != '/' {
				continue
			}
			if line, there := p.leaves[path[:i]]; there {
				return p.bad(at, "%s lies in %s, line %d", path, path[:i], line)
			}
			p.seen[path[:i]] = at.Line
		}
		p.seen[path], p.leaves[path] = at.Line, at.Line
		c.Parts = append(c.Parts, Part{Path: path, Source: source, Where: p.where(at.Line)})
		return nil
	}
	pairs, err := p.pairs(value, "")
	if err != nil {
		return err
	}
	if len(pairs) == 0 && path != c.Path {
		return p.bad(at, "%s is empty: what is not named is removed anyway", path)
	}
	for _, kv := range pairs {
		below := path + "/" + kv.key
		if err := p.path(kv.at, below); err != nil {
			return err
		}
		if err := p.parts(c, below, kv.at, kv.value); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) promote(n *yaml.Node) error {
	pairs, err := p.pairs(n, "FROM: TO")
	if err != nil {
		return err
	}
	for _, kv := range pairs {
		if err := p.path(kv.at, kv.key); err != nil {
			return err
		}
		tos := []*yaml.Node{kv.value}
		if kv.value.Kind == yaml.SequenceNode && len(kv.value.Content) > 0 {
			if err := p.plain(kv.value); err != nil {
				return err
			}
			tos = kv.value.Content
		}
		for _, n := range tos {
			to, err := p.text(n, "the path to promote "+kv.key+" to, or a list of such")
			if err == nil {
				err = p.path(n, to)
			}
			if err != nil {
				return err
			}
			if overlap(kv.key, to) {
				return p.bad(n, "promote %s to %s: one lies in the other", kv.key, to)
			}
			p.file.Promotions = append(p.file.Promotions, Promotion{From: kv.key, To: to, Where: p.where(n.Line)})
		}
	}
	return nil
}

func (p *parser) path(n *yaml.Node, path string) error {
	if err := state.CheckChannelPath(path); err != nil {
		return fmt.Errorf("%s: %w", p.where(n.Line), err)
	}
	return nil
}

// overlap reports whether one path is the other or lies in it.
func overlap(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// check refuses what contradicts itself.
func (p *parser) check() error {
	type owned struct{ path, where, what string }
	var all []owned
	for _, c := range p.file.Channels {
		all = append(all, owned{c.Path, c.Where, "channels"})
	}
	for _, pr := range p.file.Promotions {
		all = append(all, owned{pr.To, pr.Where, "promote"})
	}
	// In the order of components a path is followed by what lies in it.
	slices.SortStableFunc(all, func(a, b owned) int { return slices.Compare(strings.Split(a.path, "/"), strings.Split(b.path, "/")) })
	for i := 1; i < len(all); i++ {
		if a, b := all[i-1], all[i]; overlap(a.path, b.path) {
			return fmt.Errorf("%s: %s (%s) and %s (%s, %s) say twice what is there: %w", b.where, b.path, b.what, a.path, a.what, a.where, iofs.ErrInvalid)
		}
	}
	// A promotion from what a later one changes is another one when the file is applied again.
	later := map[string]string{} // every path that is changed, and all above it → where
	for _, pr := range slices.Backward(p.file.Promotions) {
		where, changed := later[pr.From]
		for i := 0; i < len(pr.From) && !changed; i++ {
			if pr.From[i] == '/' && later[pr.From[:i]+"/"] != "" {
				where, changed = later[pr.From[:i]+"/"], true
			}
		}
		if changed {
			return fmt.Errorf("%s: promotes %s, which %s changes afterwards, so that applying again would do something else; put that one first: %w",
				pr.Where, pr.From, where, iofs.ErrInvalid)
		}
		later[pr.To+"/"] = pr.Where // what lies below it
		for i := range pr.To {
			if pr.To[i] == '/' {
				later[pr.To[:i]] = pr.Where
			}
		}
		later[pr.To] = pr.Where
	}
	return nil
}
