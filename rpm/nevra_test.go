package rpm

import (
	"testing"

	"pgregory.net/rapid"
)

func TestParseEVR(t *testing.T) {
	for _, c := range []struct {
		in   string
		want EVR
	}{
		{"", EVR{}},
		{"2.0", EVR{"", "2.0", ""}},
		{"2.0-3", EVR{"", "2.0", "3"}},
		{"1:2.0-3", EVR{"1", "2.0", "3"}},
		{"0:2.0", EVR{"0", "2.0", ""}},
		{":2.0", EVR{"0", "2.0", ""}},
		{"1:", EVR{"1", "", ""}},
		{"a:2.0", EVR{"", "a:2.0", ""}},
		{"2.0-3-4", EVR{"", "2.0-3", "4"}},
		{"12", EVR{"", "12", ""}},
	} {
		if got := ParseEVR(c.in); got != c.want {
			t.Errorf("ParseEVR(%q) = %+v, want %+v", c.in, got, c.want)
		}
	}
}

func TestParseNEVRA(t *testing.T) {
	for _, c := range []struct {
		in   string
		want NEVRA // zero: an error
	}{
		{"zlib-1:1.3-4.x86_64", NEVRA{"zlib", EVR{"1", "1.3", "4"}, "x86_64"}},
		{"zlib-1.3-4.fc42.x86_64", NEVRA{"zlib", EVR{"", "1.3", "4.fc42"}, "x86_64"}},
		{"java-1.8.0-openjdk-1:1.8.0.42-1.b0.el9.noarch", NEVRA{"java-1.8.0-openjdk", EVR{"1", "1.8.0.42", "1.b0.el9"}, "noarch"}},
		{"a-1~rc1^git-2.src", NEVRA{"a", EVR{"", "1~rc1^git", "2"}, "src"}},
		{"-a-1-2.src", NEVRA{"-a", EVR{"", "1", "2"}, "src"}},
		{"", NEVRA{}},
		{"zlib", NEVRA{}},
		{"zlib.x86_64", NEVRA{}},
		{"zlib-1.x86_64", NEVRA{}},
		{"zlib-1-2", NEVRA{}},
		{"zlib-1-2.", NEVRA{}},
		{"zlib-1-.x86_64", NEVRA{}},
		{"zlib--2.x86_64", NEVRA{}},
		{"-1-2.x86_64", NEVRA{}},
		{"zlib-x:1-2.x86_64", NEVRA{}},
		{"zlib-:1-2.x86_64", NEVRA{}},
		{"zlib-1:-2.x86_64", NEVRA{}},
		{"zlib-1.2-3", NEVRA{}},
	} {
		got, err := ParseNEVRA(c.in)
		if got != c.want || (err != nil) != (c.want == NEVRA{}) {
			t.Errorf("ParseNEVRA(%q) = %+v, %v, want %+v", c.in, got, err, c.want)
		}
	}
}

func TestParseFileNames(t *testing.T) {
	for _, c := range []struct {
		in     string
		file   bool
		source bool
	}{
		{"zlib-1.3.1-4.fc42.x86_64.rpm", true, false},
		{"zlib-1.3.1-4.fc42.src.rpm", true, true},
		{"zlib-1.3.1-4.fc42.nosrc.rpm", true, true},
		{"zlib-1.3.1-4.fc42.x86_64.drpm", false, false},
		{"zlib-1.3.1-4.fc42.src", false, false},
		{"zlib.rpm", false, false},
		{"", false, false},
	} {
		n, err := ParseFileName(c.in)
		if (err == nil) != c.file {
			t.Errorf("ParseFileName(%q): %v", c.in, err)
		}
		if err == nil && n.NVRA()+".rpm" != c.in {
			t.Errorf("ParseFileName(%q).NVRA() = %q", c.in, n.NVRA())
		}
		s, err := ParseSourceRPM(c.in)
		if (err == nil) != c.source {
			t.Errorf("ParseSourceRPM(%q): %v", c.in, err)
		}
		if err == nil && (s.NVR() != "zlib-1.3.1-4.fc42" || s.Name != "zlib" || s.Version != "1.3.1" || s.Release != "4.fc42") {
			t.Errorf("ParseSourceRPM(%q) = %+v", c.in, s)
		}
	}
}

func TestStrings(t *testing.T) {
	n := NEVRA{"zlib", EVR{"1", "1.3", "4"}, "x86_64"}
	for _, c := range []struct{ got, want string }{
		{n.String(), "zlib-1:1.3-4.x86_64"},
		{n.NVRA(), "zlib-1.3-4.x86_64"},
		{n.NVR(), "zlib-1.3-4"},
		{n.EVR.String(), "1:1.3-4"},
		{EVR{"", "1.3", "4"}.String(), "1.3-4"},
		{EVR{"0", "1.3", ""}.String(), "0:1.3"},
		{Dep{Name: "zlib", Flags: SenseGreater | SenseEqual | SensePrereq, EVR: "1:1.3"}.String(), "zlib >= 1:1.3"},
		{Dep{Name: "zlib", Flags: SenseLess, EVR: "2"}.String(), "zlib < 2"},
		{Dep{Name: "(a or b)", Flags: SenseInterp}.String(), "(a or b)"},
		{File{Dir: "/usr/bin/", Base: "ls"}.Path(), "/usr/bin/ls"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// TestNEVRARoundTrip: what String writes, ParseNEVRA reads.
func TestNEVRARoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := NEVRA{
			Name: rapid.StringMatching(`[A-Za-z0-9+._-]{1,12}`).Draw(t, "name"),
			EVR: EVR{
				Epoch:   rapid.StringMatching(`[0-9]{0,3}`).Draw(t, "epoch"),
				Version: rapid.StringMatching(`[A-Za-z0-9+._~^]{1,8}`).Draw(t, "version"),
				Release: rapid.StringMatching(`[A-Za-z0-9+._~^]{1,8}`).Draw(t, "release"),
			},
			Arch: rapid.StringMatching(`[a-z0-9_]{1,8}`).Draw(t, "arch"),
		}
		got, err := ParseNEVRA(n.String())
		if err != nil || got != n {
			t.Fatalf("ParseNEVRA(%q) = %+v, %v", n.String(), got, err)
		}
		if got := ParseEVR(n.EVR.String()); got != n.EVR {
			t.Fatalf("ParseEVR(%q) = %+v", n.EVR.String(), got)
		}
	})
}

func FuzzParseNEVRA(f *testing.F) {
	f.Add("zlib-1:1.3-4.x86_64")
	f.Add("a-1-1.src.rpm")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseNEVRA(s); err == nil && n.String() != s {
			t.Errorf("%q became %q", s, n.String())
		}
		ParseEVR(s)
		ParseSourceRPM(s)
		CompareVersions(s, "1.0~^")
	})
}

func TestCanonArch(t *testing.T) {
	for in, want := range map[string]string{
		"i386": "i386", "i486": "i386", "i586": "i386", "i686": "i386", "athlon": "i386", "i8086": "i8086",
		"x86_64": "x86_64", "x86_64_v2": "x86_64_v2", "ia32e": "x86_64", "ia64": "ia64",
		"ppc": "ppc", "ppc64": "ppc64", "ppc64p7": "ppc64", "ppc64iseries": "ppc64", "ppc64le": "ppc64le",
		"sparc": "sparc", "sparcv9v": "sparc", "sparc64v": "sparc64", "alphaev56": "alpha",
		"armv7hl": "armhfp", "armv7hnl": "armhfp", "armv6hl": "armhfp", "armhfp": "armhfp", "armv5tel": "arm", "arm": "arm",
		"aarch64": "aarch64", "s390x": "s390x", "riscv64": "riscv64", "noarch": "noarch", "src": "src", "nosrc": "nosrc", "": "",
	} {
		if got := CanonArch(in); got != want {
			t.Errorf("CanonArch(%q) = %q, want %q", in, got, want)
		}
	}
}
