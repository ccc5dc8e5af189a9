package filelist

import "strings"

// Latest is a repository as the all_latest documents name it.
type Latest struct {
	Name string // "9-core-x86_64-os": a section of a yum configuration
	URL  string // of an immutable tree
}

// latestVar is the variable that oVirt's clients look for.
const latestVar = "latest_ci_repos"

// Document is one of the all_latest documents.
type Document struct {
	Name    string // "all_latest.json"
	content func([]Latest) string
}

// Text is the document that lists repos, in their order.
func (d Document) Text(repos []Latest) []byte { return []byte(d.content(repos)) }

// Documents are those that oVirt's mirror_mgr.sh writes (its functions latest_format_*), byte for byte, which its
// mirror_client.py reads. Names and URLs are printed as they are: they must be free of quotes, as names of channels are.
func Documents() []Document {
	each := func(head, before, between, behind, tail string) func([]Latest) string {
		return func(repos []Latest) string {
			var b strings.Builder
			b.WriteString(head)
			for _, r := range repos {
				b.WriteString(before + r.Name + between + r.URL + behind)
			}
			b.WriteString(tail)
			return b.String()
		}
	}
	return []Document{
		{"all_latest.html", each("<html><head>Latest repo snapshots</head><body>\n<table border=1>\n"+
			"<tr><td><b>Repo Name</b></td><td><b>Repo URL</b></td></tr>\n", "<tr>\n<td>", "</td> <td>", "</td>\n</tr>\n", "</table>\n</body></html>\n")},
		{"all_latest.json", func(repos []Latest) string {
			list := each("", `  "`, `": "`, "\",\n", "")(repos)
			return "{ \"" + latestVar + "\": {\n" + strings.TrimSuffix(list, ",\n") + "\n} }\n"
		}},
		{"all_latest.py", each(latestVar+" = {\n", "    '", "': '", "',\n", "}\n")},
		{"all_latest.txt", each("", "", " ", "\n", "")}, // latest_format_plain
		{"all_latest.yaml", each("---\n"+latestVar+":\n", "  ", ": '", "'\n", "")},
	}
}
