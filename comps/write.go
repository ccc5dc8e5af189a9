package comps

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// head is how the file begins, as that of koji's generate_comps does but for its comment.
const head = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">

<comps>
`

// Marshal returns c as a file. Everything is in the order given but translations, which are sorted by language.
func (c *Comps) Marshal() []byte {
	w := &writer{b: []byte(head)}
	for i := range c.Groups {
		w.group(&c.Groups[i])
	}
	for i := range c.Environments {
		w.set("environment", &c.Environments[i])
	}
	for i := range c.Categories {
		w.set("category", &c.Categories[i])
	}
	return append(w.b, "</comps>\n"...)
}

type writer struct{ b []byte }

func (w *writer) group(g *Group) {
	w.add("  <group>\n")
	w.about(g.ID, &g.About)
	w.element("    ", "default", strconv.FormatBool(g.Default))
	w.element("    ", "uservisible", strconv.FormatBool(!g.Hidden))
	w.order(&g.About)
	if g.Biarch {
		w.element("    ", "biarchonly", "true")
	}
	if g.LangOnly != "" {
		w.element("    ", "langonly", g.LangOnly)
	}
	if len(g.Requires) > 0 {
		w.add("    <grouplist>\n")
		for _, e := range g.Requires {
			name := "groupreq"
			if e.MetaPkg {
				name = "metapkg"
			}
			w.entry(name, e)
		}
		w.add("    </grouplist>\n")
	}
	w.add("    <packagelist>\n")
	for _, e := range g.Packages {
		w.entry("packagereq", e)
	}
	for _, x := range g.Expanded {
		w.add("      <!-- Expanding Group: ", strings.ReplaceAll(x.Group, "--", "- -"), " -->\n")
		for _, e := range x.Packages {
			w.entry("packagereq", e)
		}
	}
	w.add("    </packagelist>\n  </group>\n")
}

func (w *writer) entry(name string, e Entry) {
	w.add("      <", name)
	w.attribute("type", e.Type)
	if e.BaseArch {
		w.attribute("basearchonly", "true")
	}
	w.attribute("requires", e.Requires)
	w.add(">", text.Replace(e.Name), "</", name, ">\n")
}

func (w *writer) set(name string, s *Set) {
	w.add("  <", name, ">\n")
	w.about(s.ID, &s.About)
	w.order(&s.About)
	w.add("    <grouplist>\n")
	for _, g := range s.Groups {
		w.element("      ", "groupid", g)
	}
	w.add("    </grouplist>\n")
	if len(s.Options) > 0 {
		w.add("    <optionlist>\n")
		for _, o := range s.Options {
			w.add("      <groupid")
			if o.Default {
				w.attribute("default", "true")
			}
			w.add(">", text.Replace(o.Group), "</groupid>\n")
		}
		w.add("    </optionlist>\n")
	}
	w.add("  </", name, ">\n")
}

// about writes id, names and descriptions.
func (w *writer) about(id string, a *About) {
	w.element("    ", "id", id)
	w.element("    ", "name", cmp.Or(a.Name, id))
	w.translated("name", a.Names)
	w.element("    ", "description", a.Description)
	w.translated("description", a.Descriptions)
}

func (w *writer) translated(name string, in map[string]string) {
	for _, lang := range slices.Sorted(maps.Keys(in)) {
		w.add("    <", name, ` xml:lang="`, value.Replace(lang), `">`, text.Replace(in[lang]), "</", name, ">\n")
	}
}

func (w *writer) order(a *About) {
	if a.DisplayOrder != nil {
		w.element("    ", "display_order", strconv.Itoa(*a.DisplayOrder))
	}
}

func (w *writer) element(indent, name, content string) {
	w.add(indent, "<", name, ">", text.Replace(content), "</", name, ">\n")
}

// attribute writes one unless it is empty.
func (w *writer) attribute(name, content string) {
	if content != "" {
		w.add(" ", name, `="`, value.Replace(content), `"`)
	}
}

func (w *writer) add(parts ...string) {
	for _, p := range parts {
		w.b = append(w.b, p...)
	}
}

// text and value escape character data and values of attributes. What XML cannot hold was refused before.
var (
	text  = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#13;")
	value = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\t", "&#9;", "\n", "&#10;", "\r", "&#13;")
)
