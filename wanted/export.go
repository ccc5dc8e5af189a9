package wanted

import (
	"strconv"

	"go.yaml.in/yaml/v3"

	"vrepofs/merge"
	"vrepofs/state"
)

// Export writes tags in the form that Parse reads. What is nil of a tag is left out. Equal tags give equal bytes.
func Export(tags []state.WantedTag) ([]byte, error) {
	top, all := mapping(), mapping()
	for i := range tags {
		put(all, tags[i].Name, exportTag(&tags[i]))
	}
	put(top, "tags", all)
	return yaml.Marshal(top)
}

func exportTag(w *state.WantedTag) *yaml.Node {
	t := mapping()
	list := func(key string, names *[]string) {
		if names != nil {
			put(t, key, sequence(*names, key != "packages" && key != "blocked" && key != "builds" || len(*names) == 0))
		}
	}
	boolean := func(key string, v *bool) {
		if v != nil {
			put(t, key, plain(strconv.FormatBool(*v)))
		}
	}
	count := func(key string, v *int) {
		if v != nil && *v < 0 {
			put(t, key, plain("all"))
		} else if v != nil {
			put(t, key, plain(strconv.Itoa(*v)))
		}
	}
	if w.Absent {
		put(t, "absent", plain("true"))
	}
	list("arches", w.Arches)
	if w.Inherit != nil {
		m := mapping()
		for _, l := range *w.Inherit {
			put(m, l.Parent, exportLink(l))
		}
		put(t, "inherit", m)
	}
	if w.External != nil {
		m := mapping()
		for _, e := range *w.External {
			put(m, e.Ref(), exportExternal(e))
		}
		put(t, "external", m)
	}
	list("packages", w.Packages)
	list("blocked", w.Blocked)
	list("builds", w.Builds)
	boolean("open", w.Open)
	count("latest", w.Latest)
	if w.Koji != nil {
		put(t, "compat", orNone("koji", *w.Koji))
	}
	switch {
	case w.Multilib == nil:
	case len(*w.Multilib) == 1 && (*w.Multilib)[0] == merge.MultilibAll:
		put(t, "multilib", plain("all"))
	case len(*w.Multilib) == 0:
		put(t, "multilib", plain("none"))
	default:
		list("multilib", w.Multilib)
	}
	boolean("with-source", w.Sources)
	boolean("debuginfo", w.Debuginfo)
	boolean("pkgorigins", w.PkgOrigins)
	list("keys", w.Keys)
	boolean("require-signed", w.RequireSigned)
	if w.Compress != nil {
		put(t, "compress", text(*w.Compress))
	}
	count("changelogs", w.Changelogs)
	if w.Until != nil {
		until := "none"
		if *w.Until != 0 {
			until = state.FormatStamp(*w.Until)
		}
		put(t, "until", plain(until))
	}
	return t
}

// orNone is a word, or none.
func orNone(word string, is bool) *yaml.Node {
	if !is {
		word = "none"
	}
	return plain(word)
}

// exportLink is the priority alone where nothing else is to be said.
func exportLink(l state.Link) *yaml.Node {
	m := flow()
	put(m, "priority", plain(strconv.Itoa(l.Priority)))
	if l.MaxDepth != nil {
		put(m, "maxdepth", plain(strconv.Itoa(*l.MaxDepth)))
	}
	if l.Intransitive {
		put(m, "intransitive", plain("true"))
	}
	if l.NoConfig {
		put(m, "noconfig", plain("true"))
	}
	if l.Filter != "" {
		put(m, "pkg-filter", quoted(l.Filter))
	}
	return alone(m)
}

// exportExternal is the priority alone where nothing else is to be said.
func exportExternal(e state.External) *yaml.Node {
	m := flow()
	put(m, "priority", plain(strconv.Itoa(e.Priority)))
	if e.Mode != merge.ModeKoji {
		put(m, "mode", text(string(e.Mode)))
	}
	if len(e.Arches) > 0 {
		put(m, "arches", sequence(e.Arches, true))
	}
	return alone(m)
}

// alone is the value of a mapping's one key, or the mapping.
func alone(m *yaml.Node) *yaml.Node {
	if len(m.Content) == 2 {
		return m.Content[1]
	}
	return m
}

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

func flow() *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle}
}

func put(m *yaml.Node, key string, value *yaml.Node) { m.Content = append(m.Content, text(key), value) }

// text is a name: quoted only where it would be taken for something else.
func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

// plain is a word that is no text: a number, true, none.
func plain(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

func quoted(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: yaml.DoubleQuotedStyle}
}

// sequence is a list, in one line or one name a line.
func sequence(names []string, inline bool) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if inline {
		n.Style = yaml.FlowStyle
	}
	for _, s := range names {
		n.Content = append(n.Content, text(s))
	}
	return n
}
