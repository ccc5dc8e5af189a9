package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestFoldedTable prints a table whose first columns leave no room for the others: those stand below.
func TestFoldedTable(t *testing.T) {
	tab := newTable("ORDER", "PACKAGE", "FROM", "RULE")
	tab.add(1, strings.Repeat("n", 50), strings.Repeat("f", 40), "taken")
	tab.add(12, "zlib", "dev", strings.TrimSpace(strings.Repeat("because ", 20)))
	var b strings.Builder
	tab.print(&b, "")
	because := strings.TrimSpace(strings.Repeat("because ", 11))
	want := "ORDER  PACKAGE" + strings.Repeat(" ", 45) + "FROM\n       RULE\n" +
		"    1  " + strings.Repeat("n", 50) + "  " + strings.Repeat("f", 40) + "\n       taken\n" +
		"   12  zlib" + strings.Repeat(" ", 48) + "dev\n       " + because + "\n       " + strings.TrimSpace(strings.Repeat("because ", 9)) + "\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if n := utf8.RuneCountInString(line); n > width {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
