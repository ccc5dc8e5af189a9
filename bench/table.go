package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// number prints three significant digits.
func number(x float64) string {
	switch a := math.Abs(x); {
	case x == 0:
		return "0"
	case a >= 10000:
		return fmt.Sprintf("%.1f k", x/1000)
	case a >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case a >= 0.1:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'g', 2, 64)
}

func (g goal) String() string {
	if !g.Set {
		return "–"
	}
	s := "≤ "
	if g.AtLeast {
		s = "≥ "
	}
	s += number(g.Bound)
	if g.Ratio {
		s += " ×"
	}
	return s
}

// line is a row as the log shows it.
func (r result) line() string {
	s := fmt.Sprintf("%-20s %s %s", r.Row, number(summarise(r.Ours).Median), r.Unit)
	if len(r.Peer) > 0 {
		q := summarise(r.ratios())
		s += fmt.Sprintf(", peer %s: %.3f × (%.3f–%.3f, %.3f–%.3f, n=%d)", number(summarise(r.Peer).Median), q.Median, q.Q1, q.Q3, q.Min, q.Max, len(r.Ours))
	}
	if v := r.verdict(); v != "" {
		s += fmt.Sprintf("  goal %s: %s", r.Goal, strings.ToUpper(v))
	}
	if r.Notes != "" {
		s += "  [" + r.Notes + "]"
	}
	return s
}

// markdown is the whole table with the machine it was measured on.
func (b *bench) markdown() string {
	var w strings.Builder
	fmt.Fprintf(&w, "# What `make bench` measured\n\nMachine: %s.\n", machine())
	if b.quick {
		w.WriteString("\n**-quick: a smoke test, not a measurement.**\n")
	}
	w.WriteString("\nA ratio is ours to the peer's, the median of rounds in turn; then the quartiles and the extremes of the ratio, or of our value where\n" +
		"there is no peer. A goal with × is on the ratio, else on our value (its worst round where it is an upper bound). Cold: daemon\n" +
		"restarted, caches dropped. MiB: peak RssAnon.\n\n" +
		"| row | what | ours | peer | ratio | quartiles | min–max | n | goal | |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range b.results {
		q, peer, ratio := summarise(r.Ours), "–", "–"
		if len(r.Peer) > 0 {
			q, peer = summarise(r.ratios()), number(summarise(r.Peer).Median)
			ratio = fmt.Sprintf("%.3f", q.Median)
		}
		mark := r.verdict()
		if mark == "miss" {
			mark = "**miss**"
		}
		fmt.Fprintf(&w, "| %s | %s | %s %s | %s | %s | %s–%s | %s–%s | %d | %s | %s |\n", r.Row, r.What, number(summarise(r.Ours).Median), r.Unit, peer, ratio,
			number(q.Q1), number(q.Q3), number(q.Min), number(q.Max), len(r.Ours), r.Goal, mark)
	}
	notes := false
	for _, r := range b.results {
		if r.Notes != "" {
			if !notes {
				w.WriteString("\n")
			}
			notes = true
			fmt.Fprintf(&w, "- %s: %s\n", r.Row, r.Notes)
		}
	}
	return w.String()
}

// report prints the table and writes the files.
func (b *bench) report(outFile, jsonFile string) error {
	text := b.markdown()
	fmt.Print(text)
	var errs []error
	if outFile != "" {
		errs = append(errs, os.WriteFile(outFile, []byte(text), 0o644))
	}
	if jsonFile != "" {
		j, err := json.MarshalIndent(struct {
			Machine string   `json:"machine"`
			Results []result `json:"results"`
		}{machine(), b.results}, "", "  ")
		errs = append(errs, err, os.WriteFile(jsonFile, append(j, '\n'), 0o644))
	}
	return errors.Join(errs...)
}

// machine describes the machine without naming it.
func machine() string {
	field := func(file, key string) string {
		f, err := os.Open(file)
		if err != nil {
			return "?"
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if k, v, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(k) == key {
				return strings.TrimSpace(v)
			}
		}
		return "?"
	}
	out := func(name string, arg ...string) string {
		b, _ := exec.Command(name, arg...).CombinedOutput()
		line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
		return line
	}
	mem := "?"
	if kib, err := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB")); err == nil {
		mem = fmt.Sprintf("%d GiB", (kib+1<<19)>>20)
	}
	rsync := strings.Fields(out("rsync", "--version") + " ? ? ?")
	createrepo := strings.Fields(out("createrepo_c", "--version") + " ? ?") // "Version: 0.17.3 (Features: …)"
	return fmt.Sprintf("%d CPUs (%s), %s, Linux %s, %s, createrepo_c %s, rsync %s", runtime.NumCPU(), field("/proc/cpuinfo", "model name"), mem,
		out("uname", "-r"), runtime.Version(), createrepo[1], rsync[2])
}
