package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// helps returns the help of every command by its path.
func helps(t *testing.T) map[string]string {
	t.Helper()
	var out bytes.Buffer
	root := (&app{out: &out, talk: &out}).root()
	all := map[string]string{}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if !cmd.Hidden {
			out.Reset()
			cmd.InitDefaultHelpFlag()
			if err := cmd.Help(); err != nil {
				t.Fatal(err)
			}
			all[cmd.CommandPath()] = out.String()
			if cmd.Short == "" || cmd.Long == "" {
				t.Errorf("%s has no description", cmd.CommandPath())
			}
			if !strings.Contains(cmd.Example, "vrepofs ") {
				t.Errorf("%s has no worked example", cmd.CommandPath())
			}
		}
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(root)
	return all
}

// TestHelp: every command explains itself with an example, in 100 columns.
func TestHelp(t *testing.T) {
	for path, text := range helps(t) {
		for line := range strings.SplitSeq(text, "\n") {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("%s --help: %d columns: %s", path, n, line)
			}
		}
	}
}

// TestGoldenHelp: the first help that anybody sees is what we last looked at.
func TestGoldenHelp(t *testing.T) {
	const name = "testdata/help.txt"
	got := helps(t)["vrepofs"]
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("vrepofs --help is\n%s\nwant\n%s\n(go test -update rewrites %s)", got, want, name)
	}
}

func TestCommandText(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"tag", "add", "dev", "zlib-1.3.1-4.el9"}, "tag add dev zlib-1.3.1-4.el9"},
		{[]string{"--store", "/s", "tag", "add", "dev", "x", "--note", "a b", "--label=l", "--json"}, "tag add dev x"},
		{[]string{"repo", "import", "r", "/a b", "it's", ""}, `repo import r '/a b' 'it'\''s' ''`},
		{[]string{"repo", "sync", "r", "https://me:secret@example.org/x"}, "repo sync r https://…@example.org/x"},
		{[]string{"repo", "import", "r", "--", "--note", "x"}, "repo import r -- --note x"},
		{[]string{"a\nb", "\x1b[2J", "\xff", "\u202e"}, `$'a\x0ab' $'\x1b[2J' $'\xff' $'\U0000202e'`},
		{[]string{"~", "*", "$x", "a;b"}, `'~' '*' '$x' 'a;b'`},
		{[]string{strings.Repeat("é", 3000)}, strings.Repeat("é", 998) + " …"},
	} {
		if got := commandText(test.args); got != test.want {
			t.Errorf("commandText(%q) = %.200s, want %.200s", test.args, got, test.want)
		}
	}
}

func TestShow(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 10239: "10 KiB", 1 << 20: "1.0 MiB", 1<<20 - 1: "1.0 MiB", 5 << 40: "5.0 TiB", 1<<63 - 1: "8.0 EiB",
	} {
		if got := showSize(n); got != want {
			t.Errorf("showSize(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 RPMs", 1: "1 RPM", 999: "999 RPMs", 1000: "1,000 RPMs", 1234567: "1,234,567 RPMs"} {
		if got := showCount(n, "RPM"); got != want {
			t.Errorf("showCount(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	tab := newTable("NAME", "N", "TEXT")
	tab.add("a", 1, strings.Repeat("word ", 40)+"\nsecond line")
	tab.add("äöü-long", 100, "short")
	var out bytes.Buffer
	tab.print(&out, "empty")
	for line := range strings.SplitSeq(out.String(), "\n") {
		if n := utf8.RuneCountInString(line); n > width || strings.TrimRight(line, " ") != line {
			t.Errorf("%d columns or spaces at the end: %q", n, line)
		}
	}
	if !strings.Contains(out.String(), "a           1  word") || !strings.Contains(out.String(), "äöü-long  100  short") {
		t.Errorf("columns are not aligned:\n%s", out.String())
	}
}
