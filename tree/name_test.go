package tree_test

import (
	"errors"
	iofs "io/fs"
	"strings"
	"testing"

	"vrepofs/tree"
	"vrepofs/tree/treetest"
)

func TestCheckName(t *testing.T) { checkNames(t, tree.CheckName, treetest.HostileNames()) }
func TestCheckPath(t *testing.T) { checkNames(t, tree.CheckPath, treetest.HostilePaths()) }
func TestOddNames(t *testing.T)  { checkNames(t, tree.CheckName, treetest.OddNames()) }
func TestOddAsPath(t *testing.T) { checkNames(t, tree.CheckPath, treetest.OddNames()) }
func TestLongestOK(t *testing.T) {
	checkNames(t, tree.CheckPath, []treetest.Name{{Name: strings.Repeat("a/", 2047) + "aa"}})
}

func checkNames(t *testing.T, check func(string) error, names []treetest.Name) {
	t.Helper()
	for _, n := range names {
		err := check(n.Name)
		switch {
		case n.Why == "" && err != nil:
			t.Errorf("%.60q: %v, want it accepted", n.Name, err)
		case n.Why != "" && (!errors.Is(err, iofs.ErrInvalid) || !strings.Contains(err.Error(), n.Why)):
			t.Errorf("%.60q: %v, want fs.ErrInvalid with %q", n.Name, err, n.Why)
		}
	}
}

// FuzzCheckPath: a path that is accepted is one that cleaning leaves alone and that stays below where it begins.
func FuzzCheckPath(f *testing.F) {
	for _, n := range treetest.HostilePaths() {
		f.Add(n.Name)
	}
	for _, n := range treetest.OddNames() {
		f.Add("Packages/" + n.Name)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if tree.CheckPath(p) != nil {
			return
		}
		if strings.ContainsAny(p, "\x00\n") || len(p) > tree.MaxPath {
			t.Errorf("accepted %q", p)
		}
		for _, c := range strings.Split(p, "/") {
			if c == "" || c == "." || c == ".." || tree.CheckName(c) != nil {
				t.Errorf("accepted %q with component %q", p, c)
			}
		}
	})
}
