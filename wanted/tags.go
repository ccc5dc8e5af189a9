package wanted

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"vrepofs/merge"
	"vrepofs/state"
)

// tagKeys are what can be said of a tag, in the order in which Export writes it.
func tagKeys() []string {
	return []string{"arches", "inherit", "external", "packages", "blocked", "builds", "open", "latest", "compat", "multilib", "with-source", "debuginfo", "pkgorigins", "keys", "require-signed", "compress", "changelogs", "until", "absent"}
}

// tagParser reads what is said of one tag.
type tagParser struct {
	*parser
	tag *state.WantedTag
}

func (p *parser) tags(n *yaml.Node) error {
	pairs, err := p.pairs(n, "tags, each with what it is to be")
	if err != nil {
		return err
	}
	for _, kv := range pairs {
		if err := p.named(kv.at, "tag", kv.key); err != nil {
			return err
		}
		t := tagParser{p, &state.WantedTag{Name: kv.key, File: p.name, Lines: map[string]int{"": kv.at.Line}}}
		if err := t.read(kv.at, kv.value); err != nil {
			return err
		}
		p.file.Tags = append(p.file.Tags, *t.tag)
	}
	return nil
}

// named refuses what is no name of a noun.
func (p *parser) named(n *yaml.Node, noun, name string) error {
	if err := state.CheckName(noun, name); err != nil {
		return fmt.Errorf("%s: %w", p.where(n.Line), err)
	}
	return nil
}

func (t tagParser) read(at, value *yaml.Node) error {
	pairs, err := t.pairs(value, "what tag "+t.tag.Name+" is to be: "+strings.Join(tagKeys(), ", "))
	if err != nil {
		return err
	}
	if len(pairs) == 0 {
		return t.bad(at, "tag %s: nothing is said of it; absent: true removes it", t.tag.Name)
	}
	for _, kv := range pairs {
		t.tag.Lines[kv.key] = kv.at.Line
		if err := t.key(kv); err != nil {
			return err
		}
	}
	if t.tag.Absent && len(pairs) > 1 {
		return t.bad(at, "tag %s: is it to be absent, or what else is said of it?", t.tag.Name)
	}
	return nil
}

// key reads one thing that is said of the tag.
func (t tagParser) key(kv pair) (err error) {
	w, v := t.tag, kv.value
	switch kv.key {
	case "arches":
		w.Arches, err = t.names("arches", v, "arches of views")
	case "inherit":
		w.Inherit, err = t.inherit(v)
	case "external":
		w.External, err = t.external(v)
	case "packages":
		w.Packages, err = t.names("packages", v, "names of source packages")
	case "blocked":
		w.Blocked, err = t.names("blocked", v, "names of source packages")
	case "builds":
		w.Builds, err = t.names("builds", v, "builds, the one tagged last at the end")
	case "compat":
		var text string
		text, err = t.word(v, "koji", "none")
		koji := text == "koji"
		w.Koji = &koji
	case "open":
		w.Open, err = t.bool(v)
	case "latest":
		w.Latest, err = t.count(v)
	case "multilib":
		w.Multilib, err = t.multilib(v)
	case "with-source":
		w.Sources, err = t.bool(v)
	case "debuginfo":
		w.Debuginfo, err = t.bool(v)
	case "pkgorigins":
		w.PkgOrigins, err = t.bool(v)
	case "keys":
		w.Keys, err = t.names("keys", v, "signing keys, the best first")
		if err == nil {
			if _, e := merge.ParseKeys(*w.Keys); e != nil {
				err = fmt.Errorf("%s: %w", t.where(v.Line), e)
			}
		}
	case "require-signed":
		w.RequireSigned, err = t.bool(v)
	case "compress":
		var text string
		text, err = t.word(v, "gzip", "zstd")
		w.Compress = &text
	case "changelogs":
		w.Changelogs, err = t.count(v)
	case "until":
		w.Until, err = t.until(v)
	case "absent":
		var b *bool
		if b, err = t.bool(v); err == nil && !*b {
			err = t.bad(v, "want absent: true, or what the tag is to be")
		}
		w.Absent = true
	default:
		err = t.bad(kv.at, "%.80q is not known of tags: want %s", kv.key, strings.Join(tagKeys(), ", "))
	}
	return err
}

// names reads a list of names, each there once.
func (t tagParser) names(key string, n *yaml.Node, want string) (*[]string, error) {
	if err := t.plain(n); err != nil {
		return nil, err
	}
	if n.Kind != yaml.SequenceNode {
		return nil, t.bad(n, "want a list of %s; [] is none", want)
	}
	out := make([]string, 0, len(n.Content))
	for _, e := range n.Content {
		name, err := t.text(e, "one of the "+want)
		if err != nil {
			return nil, err
		}
		if err := t.first(key, name, e); err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return &out, nil
}

// first notes the line of an item and refuses a second one.
func (t tagParser) first(key, name string, n *yaml.Node) error {
	item := key + " " + name
	if line, twice := t.tag.Lines[item]; twice {
		return t.bad(n, "%.80q is there already, in line %d", name, line)
	}
	t.tag.Lines[item] = n.Line
	return nil
}

// ordered calls f for each item of a list, whose places give priorities 10, 20, …, or of a mapping to priorities or to mappings
// that have more to say.
func (t tagParser) ordered(key string, n *yaml.Node, want string, f func(name string, at *yaml.Node, priority int, more []pair) error) error {
	if n.Kind == yaml.SequenceNode {
		names, err := t.names(key, n, want)
		if err != nil {
			return err
		}
		for i, name := range *names {
			if err := f(name, n.Content[i], 10*(i+1), nil); err != nil {
				return err
			}
		}
		return nil
	}
	pairs, err := t.pairs(n, want+": a list in their order, or NAME: PRIORITY; [] is none")
	if err != nil {
		return err
	}
	for _, kv := range pairs {
		if err := t.first(key, kv.key, kv.at); err != nil {
			return err
		}
		if kv.value.Kind != yaml.MappingNode {
			priority, err := t.int(kv.value, "a priority")
			if err == nil {
				err = f(kv.key, kv.at, priority, nil)
			}
			if err != nil {
				return err
			}
			continue
		}
		more, err := t.pairs(kv.value, "")
		if err != nil {
			return err
		}
		priority, given := 0, false
		rest := make([]pair, 0, len(more))
		for _, m := range more {
			if m.key != "priority" {
				rest = append(rest, m)
				continue
			}
			given = true
			if priority, err = t.int(m.value, "a priority"); err != nil {
				return err
			}
		}
		if !given {
			return t.bad(kv.at, "%s wants a priority: lower numbers come first", kv.key)
		}
		if err := f(kv.key, kv.at, priority, rest); err != nil {
			return err
		}
	}
	return nil
}

func (t tagParser) inherit(n *yaml.Node) (*[]state.Link, error) {
	out := []state.Link{}
	at := map[int]string{}
	return &out, t.ordered("inherit", n, "parents", func(name string, node *yaml.Node, priority int, more []pair) error {
		if err := t.named(node, "tag", name); err != nil {
			return err
		}
		if other, twice := at[priority]; twice {
			return t.bad(node, "priority %d is that of %s", priority, other)
		}
		at[priority] = name
		l := state.Link{Parent: name, Priority: priority}
		for _, m := range more {
			var err error
			var b *bool
			switch m.key {
			case "maxdepth":
				var depth int
				if depth, err = t.int(m.value, "a number of levels"); err == nil && depth < 0 {
					err = t.bad(m.value, "maxdepth %d: want 0 or more", depth)
				}
				l.MaxDepth = &depth
			case "intransitive":
				if b, err = t.bool(m.value); err == nil {
					l.Intransitive = *b
				}
			case "noconfig":
				if b, err = t.bool(m.value); err == nil {
					l.NoConfig = *b
				}
			case "pkg-filter":
				if l.Filter, err = t.line(m.value, "a pattern"); err == nil {
					if _, e := merge.CompileFilter(l.Filter); e != nil {
						err = fmt.Errorf("%s: %w", t.where(m.value.Line), e)
					}
				}
			default:
				err = t.bad(m.at, "%.80q is not known of parents: want priority, maxdepth, intransitive, noconfig, pkg-filter", m.key)
			}
			if err != nil {
				return err
			}
		}
		out = append(out, l)
		return nil
	})
}

func (t tagParser) external(n *yaml.Node) (*[]state.External, error) {
	out := []state.External{}
	at, repos := map[int]string{}, map[string]bool{}
	return &out, t.ordered("external", n, "repos, REPO or REPO@ID", func(name string, node *yaml.Node, priority int, more []pair) error {
		repo, id, err := state.ParseRef(name)
		if err != nil {
			return t.bad(node, "%v", err)
		}
		if id == "latest" {
			id = ""
		}
		if other, twice := at[priority]; twice {
			return t.bad(node, "priority %d is that of %s", priority, other)
		}
		if at[priority] = name; repos[repo] {
			return t.bad(node, "repo %s is there already", repo)
		}
		repos[repo] = true
		e := state.External{Repo: repo, ID: id, Priority: priority, Mode: merge.ModeKoji}
		t.tag.Lines["external "+e.Ref()] = node.Line
		for _, m := range more {
			switch m.key {
			case "mode":
				var words []string
				for _, mode := range merge.Modes() {
					words = append(words, string(mode))
				}
				var word string
				word, err = t.word(m.value, words...)
				e.Mode = merge.Mode(word)
			case "arches":
				var arches *[]string
				if arches, err = t.names("external "+name, m.value, "arches of views"); err == nil && len(*arches) > 0 {
					e.Arches = *arches
				}
			default:
				err = t.bad(m.at, "%.80q is not known of external repos: want priority, mode, arches", m.key)
			}
			if err != nil {
				return err
			}
		}
		out = append(out, e)
		return nil
	})
}

// multilib reads all, none, or a list of patterns.
func (t tagParser) multilib(n *yaml.Node) (*[]string, error) {
	if n.Kind == yaml.SequenceNode {
		return t.names("multilib", n, "names of packages, with * and ?")
	}
	word, err := t.word(n, "all", "none")
	if word == "all" {
		return &[]string{merge.MultilibAll}, err
	}
	return &[]string{}, err
}

// line reads text that may have anything in it but ends of lines.
func (t tagParser) line(n *yaml.Node, want string) (string, error) {
	if err := t.plain(n); err != nil {
		return "", err
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || strings.ContainsAny(n.Value, "\r\n") {
		return "", t.bad(n, "want %s in one line", want)
	}
	return n.Value, nil
}

func (t tagParser) bool(n *yaml.Node) (*bool, error) {
	word, err := t.word(n, "true", "false")
	b := word == "true"
	return &b, err
}

// word reads one of some words.
func (t tagParser) word(n *yaml.Node, words ...string) (string, error) {
	want := strings.Join(words, " or ")
	text, err := t.text(n, want)
	if err != nil {
		return "", err
	}
	for _, w := range words {
		if text == w {
			return text, nil
		}
	}
	return "", t.bad(n, "%.80q: want %s", text, want)
}

// int reads a number of 32 bits, as flags do.
func (t tagParser) int(n *yaml.Node, want string) (int, error) {
	text, err := t.text(n, want+", a number")
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, t.bad(n, "%.80q: want %s, a number", text, want)
	}
	return int(v), nil
}

// count reads a number above 0, or all, which is -1.
func (t tagParser) count(n *yaml.Node) (*int, error) {
	all := -1
	if n.Value == "all" {
		return &all, t.plain(n)
	}
	v, err := t.int(n, "all or how many")
	if err == nil && v <= 0 || v == math.MaxInt32 {
		err = t.bad(n, "%d: want a number above 0, or all", v)
	}
	return &v, err
}

func (t tagParser) until(n *yaml.Node) (*int64, error) {
	text, err := t.text(n, "a UTC time such as 20261201T000000Z, or none")
	if err != nil {
		return nil, err
	}
	var at int64
	if text != "none" {
		if at, err = state.ParseStamp(text); err != nil || at <= 0 {
			return nil, t.bad(n, "%.80q: want a UTC time such as 20261201T000000Z, or none", text)
		}
	}
	return &at, nil
}
