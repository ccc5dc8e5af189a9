package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// width is how many columns tables have.
const width = 100

// printJSON prints one JSON value, indented, and a newline.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// jsonList prints a JSON array element by element, one line each, so that a long list takes no memory.
type jsonList struct {
	w io.Writer
	n int
}

func (l *jsonList) add(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	open := ",\n "
	if l.n == 0 {
		open = "[\n "
	}
	l.n++
	_, err = fmt.Fprintf(l.w, "%s%s", open, b)
	return err
}

func (l *jsonList) end() error {
	closing := "\n]\n"
	if l.n == 0 {
		closing = "[]\n"
	}
	_, err := io.WriteString(l.w, closing)
	return err
}

// table prints rows in aligned columns. The last column is wrapped at spaces so that lines fit, or columns
// that do not fit stand below the others; numbers are right-aligned.
type table struct {
	head []string
	rows [][]string
}

func newTable(head ...string) *table { return &table{head: head} }

func (t *table) add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
	}
	t.rows = append(t.rows, row)
}

// print prints the table, or empty when it has no rows.
func (t *table) print(w io.Writer, empty string) {
	if len(t.rows) == 0 {
		fmt.Fprintln(w, empty)
		return
	}
	last := len(t.head) - 1
	widths := make([]int, last+1)
	numeric := make([]bool, last+1)
	for i, h := range t.head {
		some := false // is there anything but dashes
		widths[i], numeric[i] = utf8.RuneCountInString(h), true
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
			numeric[i] = numeric[i] && isQuantity(row[i])
			some = some || row[i] != "-"
		}
		numeric[i] = numeric[i] && some
	}
	indent, fold := 0, 0 // where the last column begins, and the one before which rows are folded
	for i, n := range widths[:last] {
		if indent+n <= width {
			fold = i + 1
		}
		indent += n + 2
	}
	if indent+min(widths[last], 30) > width {
		t.printFolded(w, widths, numeric, fold)
		return
	}
	for r, row := range append([][]string{t.head}, t.rows...) {
		cell := row[last]
		if numeric[last] {
			cell = strings.Repeat(" ", widths[last]-utf8.RuneCountInString(cell)) + cell
		} else if r > 0 {
			cell = strings.Join(wrap(cell, max(width-indent, 30)), "\n"+strings.Repeat(" ", indent))
		}
		fmt.Fprintln(w, strings.TrimRight(cells(row[:last], widths, numeric)+cell, " "))
	}
}

// printFolded prints a table that is too wide: the columns from fold on stand on lines below, under the first wide column.
func (t *table) printFolded(w io.Writer, widths []int, numeric []bool, fold int) {
	indent := 0
	for _, n := range widths[:fold-1] {
		if n > 16 {
			break
		}
		indent += n + 2
	}
	for _, row := range append([][]string{t.head}, t.rows...) {
		fmt.Fprintln(w, strings.TrimRight(cells(row[:fold], widths, numeric), " "))
		for _, line := range wrap(strings.Join(row[fold:], ": "), max(width-indent, 30)) {
			fmt.Fprintln(w, strings.Repeat(" ", indent)+line)
		}
	}
}

// cells pads the cells of a row, each with two spaces behind it.
func cells(row []string, widths []int, numeric []bool) string {
	var b strings.Builder
	for i, cell := range row {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if numeric[i] {
			b.WriteString(pad + cell + "  ")
		} else {
			b.WriteString(cell + pad + "  ")
		}
	}
	return b.String()
}

// isQuantity tells numbers and sizes from names.
func isQuantity(s string) bool {
	number, unit, _ := strings.Cut(s, " ")
	_, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
	return err == nil && (unit == "" || unit == "B" || strings.HasSuffix(unit, "iB")) || s == "-"
}

// wrap cuts text into lines of at most n columns, at spaces where there are any; newlines in it stay.
func wrap(text string, n int) []string {
	var lines []string
	for _, paragraph := range strings.Split(text, "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > n {
				lines, line = append(lines, line), ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		lines = append(lines, line)
	}
	return lines
}

// showTime is how tables show a time: UTC, as everywhere in vrepofs.
func showTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// showSize is a number of bytes for people: "0 B", "1.4 KiB", "37 GiB".
func showSize(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n), "KMGTPE"
	i := -1
	for v >= 1023.5 && i < len(units)-1 {
		v /= 1024
		i++
	}
	if v < 9.95 {
		return fmt.Sprintf("%.1f %ciB", v, units[i])
	}
	return fmt.Sprintf("%.0f %ciB", v, units[i])
}

// showCount is a number with a comma every three digits and a noun in the right number: "1 RPM", "1,204 RPMs".
func showCount(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return showNumber(int64(n)) + " " + noun
}

func showNumber(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// clean makes text from elsewhere safe for a terminal: control characters become spaces.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
