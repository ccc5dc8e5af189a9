package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		goal goal
		ours []float64
		peer []float64
		want string
	}{
		{goal{}, []float64{1}, nil, ""},
		{ratioAtLeast(1.5), []float64{1, 3, 100}, []float64{1, 2, 1}, "pass"}, // the median ratio, not the ratio of medians
		{ratioAtLeast(1.5), []float64{1, 2.8, 2.8}, []float64{1, 2, 2}, "miss"},
		{ratioAtMost(.95), []float64{.95}, []float64{1}, "pass"},
		{ratioAtMost(.95), []float64{.96}, []float64{1}, "miss"},
		{atLeast(50e3), []float64{1, 60e3, 70e3}, []float64{1, 1, 1}, "pass"},
		{atMost(128), []float64{1, 1, 129}, nil, "miss"}, // the worst round
		{atMost(0), []float64{0}, nil, "pass"},
		{atMost(0), []float64{1}, nil, "miss"},
	} {
		r := result{Goal: tt.goal, Ours: tt.ours, Peer: tt.peer}
		if got := r.verdict(); got != tt.want {
			t.Errorf("%s with ours %v, peer %v: %q, want %q", tt.goal, tt.ours, tt.peer, got, tt.want)
		}
	}
}

func TestSummarise(t *testing.T) {
	in := []float64{5, 1, 4, 2, 3}
	if got, want := summarise(in), (summary{1, 2, 3, 4, 5}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if !slices.Equal(in, []float64{5, 1, 4, 2, 3}) {
		t.Errorf("the values were sorted in place: %v", in)
	}
}

func TestRoundsTakeTurns(t *testing.T) {
	var order strings.Builder
	say := func(s string) func() (float64, error) {
		return func() (float64, error) { order.WriteString(s); return 1, nil }
	}
	o, p, err := inTurn(3, say("o"), say("p"))
	if err != nil || len(o) != 3 || len(p) != 3 || order.String() != "oppoop" {
		t.Errorf("order %s, %d and %d values, %v; want oppoop", order.String(), len(o), len(p), err)
	}
}

// TestSmoke runs the benchmark itself, quickly: the rows of the imports, walks and views, or all with VREPOFS_LONG.
func TestSmoke(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it mounts and drops caches")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip(err)
	}
	rows := "import-adopt|find-warm|walk-memory|view-visible"
	if os.Getenv("VREPOFS_LONG") != "" {
		rows = ""
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, "./cmd/vrepofs", "./bench")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "json")
	cmd := exec.Command(filepath.Join(dir, "bench"), "-vrepofs", filepath.Join(dir, "vrepofs"), "-quick", "-tmp", tmp, "-run", rows, "-json", file)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Results []result }
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	want := strings.Count(rows, "|") + 1
	if rows == "" {
		want = 0
		for _, f := range families {
			want += len(f.rows)
		}
		if _, err := exec.LookPath("fio"); err != nil {
			want--
		}
	}
	if len(got.Results) != want {
		t.Errorf("%d rows, want %d\n%s", len(got.Results), want, out)
	}
	for _, r := range got.Results {
		if len(r.Ours) == 0 || len(r.Peer) > 0 && len(r.Peer) != len(r.Ours) {
			t.Errorf("row %s has %d values and %d of the peer", r.Row, len(r.Ours), len(r.Peer))
		}
		if !strings.Contains(string(out), "| "+r.Row+" |") {
			t.Errorf("row %s is not in the table", r.Row)
		}
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("%d things left behind, %v", len(left), err)
	}
}
