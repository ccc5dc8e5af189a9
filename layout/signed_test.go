package layout_test

import (
	"errors"
	"strings"
	"testing"

	"vrepofs/compose"
	"vrepofs/merge"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

const wantedKey = 0x8899aabbccddeeff

// TestUnsignedParentHoldsTag holds that a tag which requires signatures refuses what lacks them, and that what a parent brings
// keeps its name on the last good generation: also when nobody ever looked inside, and after the mount is made anew.
func TestUnsignedParentHoldsTag(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	do := must(t)
	nvrs := storetest.Builds(t, s,
		testrpm.Spec{Name: "a", Signature: testrpm.FakeSignature(wantedKey, 1)}, testrpm.Spec{Name: "b"},
		testrpm.Spec{Name: "c", Signature: testrpm.FakeSignature(0x0011223344556677, 1)})
	do(s.CreateTag(ctx, who, "base", []string{"x86_64"}))
	do(s.CreateSignedTag(ctx, who, "release", []string{"x86_64", "aarch64"}, merge.Signatures{Keys: []string{"CCDDEEFF"}, Required: true}))
	do(s.AddParent(ctx, who, "release", state.Link{Parent: "base", Priority: 10}))
	do(s.TagBuilds(ctx, who, "release", nvrs[:1]))
	for nvr, want := range map[string]string{"b-1.0-1": "b-1.0-1.x86_64 (unsigned)", "c-1.0-1": "c-1.0-1.x86_64 (signed by 0011223344556677)"} {
		_, err := s.TagBuilds(ctx, who, "release", []string{nvr})
		if !errors.Is(err, state.ErrConflict) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "signed by ccddeeff") {
			t.Errorf("%s in a tag that requires a key: %v, want %q", nvr, err, want)
		}
	}
	m := mount(t, s)
	do(s.TagBuilds(ctx, who, "base", nvrs[1:]))
	const ls = "echo $(ls $MNT/tags/release/x86_64/Packages)"
	if got := m.sh(t, ls); got != "a" {
		t.Errorf("the tag shows %q", got)
	}
	held := func(m *mounted) string {
		if err := m.layout.Held()["release"]; err != nil {
			return err.Error()
		}
		return ""
	}
	if got := held(m); !strings.Contains(got, "2 of 3 packages are not signed by ccddeeff") {
		t.Errorf("held: %q", got)
	}
	again := mount(t, s)
	if got := again.sh(t, ls); got != "a" || held(again) == "" {
		t.Errorf("after a new start: the tag shows %q, held %q", got, held(again))
	}
	if _, err := s.SetChannel(ctx, who, "production", "release/x86_64", false); !errors.Is(err, state.ErrConflict) {
		t.Errorf("a view that cannot be, published: %v", err)
	}
	m = again
	do(s.Block(ctx, who, "release", true, []string{"b", "c"}))
	if got := m.sh(t, ls); got != "a" || held(m) != "" {
		t.Errorf("after a block: the tag shows %q, held %q", got, held(m))
	}
	// A tag that says nothing takes all; it cannot be made to require what it lacks.
	yes := true
	if _, err := s.SetTag(ctx, who, "base", store.TagSettings{Required: &yes}); !errors.Is(err, state.ErrConflict) {
		t.Errorf("requiring signatures of unsigned packages: %v", err)
	}
}

// TestWantedCopy holds that of signed copies the one of the first wanted key is shown, and that another order is another view.
func TestWantedCopy(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	do := must(t)
	spec := testrpm.Spec{Name: "a"}
	nvrs := storetest.Builds(t, s, spec)
	for _, key := range []uint64{0x0011223344556677, wantedKey} {
		spec.Signature = testrpm.FakeSignature(key, 1)
		storetest.Builds(t, s, spec)
	}
	do(s.CreateTag(ctx, who, "t", []string{"x86_64"}))
	do(s.TagBuilds(ctx, who, "t", nvrs))
	shown := func() string {
		t.Helper()
		r, _, err := s.State("")
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.Composer.View(ctx, r, "t", "x86_64")
		if err != nil {
			t.Fatal(err)
		}
		b, err := state.GetBuild(r, "a-1.0-1")
		if err != nil || len(b.RPMs) != 3 || v.Count != 1 {
			t.Fatalf("%d copies, %d in the view: %v", len(b.RPMs), v.Count, err)
		}
		e, err := compose.Lookup(s.Index, v.Root, "Packages/a/a-1.0-1.x86_64.rpm")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.RPMs {
			if r.Digest == e.Digest {
				return strings.Join(r.Keys, " ")
			}
		}
		t.Fatal("the view shows none of the copies")
		return ""
	}
	for _, keys := range [][]string{{"0011223344556677", "8899aabbccddeeff"}, {"8899AABBCCDDEEFF", "0011223344556677"}, {"0123456789abcdef", "ccddeeff"}} {
		do(s.SetTag(ctx, who, "t", store.TagSettings{Keys: &keys}))
		want := strings.ToLower(keys[0])
		if want == "0123456789abcdef" {
			want = "8899aabbccddeeff"
		}
		if got := shown(); got != want {
			t.Errorf("keys %v: the copy signed by %q is shown, want %q", keys, got, want)
		}
	}
}
