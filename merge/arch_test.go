package merge_test

import (
	"testing"

	"vrepofs/merge"
)

func TestInArch(t *testing.T) {
	for _, c := range []struct {
		arch, view string
		want       bool
	}{
		{"x86_64", "x86_64", true},
		{"noarch", "x86_64", true},
		{"ia32e", "x86_64", true},
		{"i686", "x86_64", false},
		{"i686", "i386", true},
		{"i686", "i686", true},
		{"aarch64", "x86_64", false},
		{"src", "x86_64", false},
		{"noarch", "src", false},
		{"src", "src", true},
		{"nosrc", "src", true},
		{"nosrc", "x86_64", false},
		{"armv7hl", "armhfp", true},
		{"armv7l", "armhfp", false},
	} {
		if got := merge.InArch(c.arch, c.view); got != c.want {
			t.Errorf("InArch(%q, %q) = %v, want %v", c.arch, c.view, got, c.want)
		}
	}
}
