package filelist_test

import (
	"encoding/json"
	"testing"

	"vrepofs/filelist"
)

// TestDocuments: what mirror_mgr.sh's latest_format_* print for the same lines.
func TestDocuments(t *testing.T) {
	repos := []filelist.Latest{{Name: "centos-base-el7", URL: "http://h/yum/centos-base-el7/2017"}, {Name: "b", URL: "../at/3/b"}}
	want := map[string]string{
		"all_latest.json": "{ \"latest_ci_repos\": {\n  \"centos-base-el7\": \"http://h/yum/centos-base-el7/2017\",\n  \"b\": \"../at/3/b\"\n} }\n",
		"all_latest.yaml": "---\nlatest_ci_repos:\n  centos-base-el7: 'http://h/yum/centos-base-el7/2017'\n  b: '../at/3/b'\n",
		"all_latest.py":   "latest_ci_repos = {\n    'centos-base-el7': 'http://h/yum/centos-base-el7/2017',\n    'b': '../at/3/b',\n}\n",
		"all_latest.txt":  "centos-base-el7 http://h/yum/centos-base-el7/2017\nb ../at/3/b\n",
		"all_latest.html": "<html><head>Latest repo snapshots</head><body>\n<table border=1>\n<tr><td><b>Repo Name</b></td><td><b>Repo URL</b></td></tr>\n" +
			"<tr>\n<td>centos-base-el7</td> <td>http://h/yum/centos-base-el7/2017</td>\n</tr>\n<tr>\n<td>b</td> <td>../at/3/b</td>\n</tr>\n</table>\n</body></html>\n",
	}
	for _, d := range filelist.Documents() {
		if got := string(d.Text(repos)); got != want[d.Name] {
			t.Errorf("%s: got\n%s\nwant\n%s", d.Name, got, want[d.Name])
		}
		delete(want, d.Name)
		if text := d.Text(nil); d.Name == "all_latest.json" && !json.Valid(text) {
			t.Errorf("%s of nothing: %q", d.Name, text)
		}
	}
	if len(want) > 0 {
		t.Errorf("not written: %v", want)
	}
}
