package rpm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// rpmVectors are those of rpm's own test suite, tests/rpmvercmp.at at 7f3fdf6868d7, the ones kept there in comments included.
// One "a op b" a line.
const rpmVectors = `
1.0 = 1.0
1.0 < 2.0
2.0 > 1.0
2.0.1 = 2.0.1
2.0 < 2.0.1
2.0.1 > 2.0
2.0.1a = 2.0.1a
2.0.1a > 2.0.1
2.0.1 < 2.0.1a
5.5p1 = 5.5p1
5.5p1 < 5.5p2
5.5p2 > 5.5p1
5.5p10 = 5.5p10
5.5p1 < 5.5p10
5.5p10 > 5.5p1
10xyz < 10.1xyz
10.1xyz > 10xyz
xyz10 = xyz10
xyz10 < xyz10.1
xyz10.1 > xyz10
xyz.4 = xyz.4
xyz.4 < 8
8 > xyz.4
xyz.4 < 2
2 > xyz.4
5.5p2 < 5.6p1
5.6p1 > 5.5p2
5.6p1 < 6.5p1
6.5p1 > 5.6p1
6.0.rc1 > 6.0
6.0 < 6.0.rc1
10b2 > 10a1
10a2 < 10b2
1.0aa = 1.0aa
1.0a < 1.0aa
1.0aa > 1.0a
10.0001 = 10.0001
10.0001 = 10.1
10.1 = 10.0001
10.0001 < 10.0039
10.0039 > 10.0001
4.999.9 < 5.0
5.0 > 4.999.9
20101121 = 20101121
20101121 < 20101122
20101122 > 20101121
2_0 = 2_0
2.0 = 2_0
2_0 = 2.0
a = a
a+ = a+
a+ = a_
a_ = a+
+a = +a
+a = _a
_a = +a
+_ = +_
_+ = +_
_+ = _+
+ = _
_ = +
1.0~rc1 = 1.0~rc1
1.0~rc1 < 1.0
1.0 > 1.0~rc1
1.0~rc1 < 1.0~rc2
1.0~rc2 > 1.0~rc1
1.0~rc1~git123 = 1.0~rc1~git123
1.0~rc1~git123 < 1.0~rc1
1.0~rc1 > 1.0~rc1~git123
1.0^ = 1.0^
1.0^ > 1.0
1.0 < 1.0^
1.0^git1 = 1.0^git1
1.0^git1 > 1.0
1.0 < 1.0^git1
1.0^git1 < 1.0^git2
1.0^git2 > 1.0^git1
1.0^git1 < 1.01
1.01 > 1.0^git1
1.0^20160101 = 1.0^20160101
1.0^20160101 < 1.0.1
1.0.1 > 1.0^20160101
1.0^20160101^git1 = 1.0^20160101^git1
1.0^20160102 > 1.0^20160101^git1
1.0^20160101^git1 < 1.0^20160102
1.0~rc1^git1 = 1.0~rc1^git1
1.0~rc1^git1 > 1.0~rc1
1.0~rc1 < 1.0~rc1^git1
1.0^git1~pre = 1.0^git1~pre
1.0^git1 > 1.0^git1~pre
1.0^git1~pre < 1.0^git1
1b.fc17 = 1b.fc17
1b.fc17 < 1.fc17
1.fc17 > 1b.fc17
1g.fc17 = 1g.fc17
1g.fc17 > 1.fc17
1.fc17 < 1g.fc17
1.1.α = 1.1.α
1.1.α = 1.1.β
1.1.β = 1.1.α
1.1.αα = 1.1.α
1.1.α = 1.1.ββ
1.1.ββ = 1.1.αα
`

var signOf = map[string]int{"<": -1, "=": 0, "==": 0, ">": 1}

// compareLines checks every "a op b" line of text and returns how many there were.
func compareLines(t *testing.T, text string, compare func(a, b string) int) int {
	t.Helper()
	n := 0
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 || strings.HasPrefix(line, "#") {
			continue
		}
		want, ok := signOf[f[1]]
		if !ok {
			t.Fatalf("no operator in %q", line)
		}
		n++
		if got := compare(f[0], f[2]); got != want {
			t.Errorf("compare %q with %q: got %d, want %d", f[0], f[2], got, want)
		}
		if got := compare(f[2], f[0]); got != -want {
			t.Errorf("compare %q with %q: got %d, want %d", f[2], f[0], got, -want)
		}
	}
	return n
}

func TestCompareVersions(t *testing.T) {
	if n := compareLines(t, rpmVectors, CompareVersions); n != 103 {
		t.Errorf("%d vectors, want 103", n)
	}
}

const sharedData = "../../shared/data"

// TestCompareShared runs over the version tables of the shared material: cavaliergopher/rpm's, made by rpm itself from every
// pair of 67 strings, and quay/claircore's.
func TestCompareShared(t *testing.T) {
	if _, err := os.Stat(sharedData); err != nil {
		t.Skipf("the shared test material is not there: %v", err)
	}
	read := func(path string) []byte {
		b, err := os.ReadFile(filepath.Join(sharedData, path))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}

	const clair = "merge/quay+claircore/internal/rpmver/testdata/"
	n := compareLines(t, string(read(clair+"rpmvercmp")), CompareVersions)
	t.Logf("claircore rpmvercmp: %d rows", n)

	// Incomplete names have an order of their own there, which rpm does not know: only rows of two packages of one name and
	// architecture, or of two EVRs, count.
	evrs := 0
	for line := range strings.Lines(string(read(clair + "compare"))) {
		f := strings.Fields(line)
		if len(f) != 3 || strings.HasPrefix(line, "#") {
			continue
		}
		a, errA := ParseNEVRA(f[0])
		b, errB := ParseNEVRA(f[2])
		if errA != nil && errB != nil && !strings.ContainsFunc(line, unicode.IsLetter) {
			a.EVR, b.EVR = ParseEVR(f[0]), ParseEVR(f[2])
		} else if errA != nil || errB != nil || a.Name != b.Name || a.Arch != b.Arch {
			continue
		}
		evrs++
		if got := Compare(a.EVR, b.EVR); got != signOf[f[1]] {
			t.Errorf("compare %s with %s: got %d, want %s", f[0], f[2], got, f[1])
		}
	}
	t.Logf("claircore compare: %d rows", evrs)

	var rows []struct {
		A, B string
		Want int `json:"expect"`
	}
	if err := json.Unmarshal(read("fixtures/cavaliergopher+rpm/testdata/vercmp.json"), &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if got := CompareVersions(r.A, r.B); got != r.Want {
			t.Errorf("compare %q with %q: got %d, want %d", r.A, r.B, got, r.Want)
		}
	}
	t.Logf("cavaliergopher vercmp: %d rows", len(rows))
	if len(rows) != 4489 {
		t.Errorf("%d rows, want 4489", len(rows))
	}
}

// TestParseShared runs over quay/claircore's table of names that are complete.
func TestParseShared(t *testing.T) {
	f, err := os.Open(filepath.Join(sharedData, "merge/quay+claircore/internal/rpmver/testdata/parse"))
	if err != nil {
		t.Skipf("the shared test material is not there: %v", err)
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		w := strings.Fields(strings.ReplaceAll(in.Text(), "''", `""`))
		if len(w) != 6 || strings.HasPrefix(w[0], "#") {
			continue
		}
		for i := range w {
			if w[i] == `""` {
				w[i] = ""
			}
		}
		evr := EVR{Epoch: w[2], Version: w[3], Release: w[4]}
		if w[1] == "" && w[5] == "" {
			if got := ParseEVR(w[0]); got != evr {
				t.Errorf("ParseEVR(%q) = %+v, want %+v", w[0], got, evr)
			}
		}
		if w[1] != "" && w[5] != "" {
			want := NEVRA{Name: w[1], EVR: evr, Arch: w[5]}
			if got, err := ParseNEVRA(w[0]); err != nil || got != want {
				t.Errorf("ParseNEVRA(%q) = %+v, %v, want %+v", w[0], got, err, want)
			}
		}
	}
}

// version generates strings of the characters that matter.
var version = rapid.StringOf(rapid.SampledFrom([]rune("0012789abzAZ..~^_+-α")))

func TestCompareProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := version.Draw(t, "a"), version.Draw(t, "b")
		ab, ba := CompareVersions(a, b), CompareVersions(b, a)
		if ab != -ba {
			t.Fatalf("compare %q, %q is %d, and %d the other way round", a, b, ab, ba)
		}
		if CompareVersions(a, a+"") != 0 {
			t.Fatalf("%q is not equal to itself", a)
		}
		if got := CompareVersions(a+"~x", a); got >= 0 && !strings.HasSuffix(a, "~") {
			t.Fatalf("%q~x is not older than %q", a, a)
		}
	})
}

func TestCompareEVR(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"1.0-1", "1.0-1", 0},
		{"0:1.0-1", "1.0-1", 0},
		{"1:1.0-1", "9.9-9", 1},
		{"2:1-1", "10:1-1", -1},
		{"007:1-1", "7:1-1", 0},
		{"4294967295:1-1", "4294967294:1-1", 1},
		{"1.0-2", "1.0-10", -1},
		{"1.0~rc1-9", "1.0-1", -1},
		{"1.0^git1-1", "1.0-9", 1},
	} {
		if got := Compare(ParseEVR(c.a), ParseEVR(c.b)); got != c.want {
			t.Errorf("Compare(%s, %s) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := ParseEVR(c.b).Compare(ParseEVR(c.a)); got != -c.want {
			t.Errorf("Compare(%s, %s) = %d, want %d", c.b, c.a, got, -c.want)
		}
	}
}

// TestCompareWithRPM asks the rpm of this machine about random pairs, all in one Lua script.
func TestCompareWithRPM(t *testing.T) {
	tool, err := exec.LookPath("rpm")
	if err != nil {
		t.Skipf("rpm is not installed: %v", err)
	}
	const chars = "0012789abzAZ..~^_+" // nothing that a macro or a Lua string would eat
	rnd := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, 1+rnd.IntN(8)) // rpm refuses an empty version
		for i := range b {
			b[i] = chars[rnd.IntN(len(chars))]
		}
		return string(b)
	}
	var script strings.Builder
	var pairs [][2]string
	for range 2000 { // an argument is at most 128 KiB
		p := [2]string{word(), word()}
		if rnd.IntN(2) == 0 { // unrelated strings differ early
			p[1] = p[0] + p[1]
		}
		pairs = append(pairs, p)
		fmt.Fprintf(&script, "print(rpm.vercmp(%q, %q) .. ' ')\n", p[0], p[1])
	}
	out, err := exec.Command(tool, "--eval", "%{lua: "+script.String()+"}").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	answers := strings.Fields(string(out))
	if len(answers) != len(pairs) {
		t.Fatalf("%d answers to %d questions: %.200s", len(answers), len(pairs), out)
	}
	for i, p := range pairs {
		if got := strconv.Itoa(CompareVersions(p[0], p[1])); got != answers[i] {
			t.Errorf("compare %q with %q: got %s, rpm says %s", p[0], p[1], got, answers[i])
		}
	}
}
