package merge_test

import (
	"errors"
	iofs "io/fs"
	"slices"
	"strings"
	"testing"

	"vrepofs/merge"
)

const (
	keyA = "0011223344556677"
	keyB = "8899aabbccddeeff"
	keyC = "0123456789abcdef"
)

func wants(t *testing.T, required bool, keys ...string) merge.Signatures {
	t.Helper()
	k, err := merge.ParseKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	return merge.Signatures{Keys: k, Required: required}
}

func TestBetter(t *testing.T) {
	low, high := [32]byte{1}, [32]byte{2}
	a, b, c := []string{keyA}, []string{keyB}, []string{keyC}
	free, ab := merge.Signatures{}, wants(t, false, keyA, keyB)
	for _, c := range []struct {
		want         merge.Signatures
		keysA, keysB []string
		a, b         [32]byte
		better       bool
	}{
		{free, a, nil, high, low, true},
		{free, nil, a, low, high, false},
		{free, a, b, low, high, true},
		{free, a, b, high, low, false},
		{free, nil, nil, high, low, false},
		{ab, a, b, high, low, true},
		{ab, b, a, low, high, false},
		{ab, b, c, high, low, true},
		{ab, c, nil, high, low, true},
		{ab, a, a, low, high, true},
		{ab, []string{keyC, keyA}, b, high, low, true}, // signed by several
		{ab, nil, nil, low, high, true},
	} {
		if got := c.want.Better(c.keysA, c.a, c.keysB, c.b); got != c.better {
			t.Errorf("%v: Better(%v %x, %v %x) = %v, want %v", c.want, c.keysA, c.a[:1], c.keysB, c.b[:1], got, c.better)
		}
	}
}

func TestAccepts(t *testing.T) {
	v4, v6 := strings.Repeat("f", 24)+keyA, keyA+strings.Repeat("f", 48)
	for _, c := range []struct {
		want   merge.Signatures
		keys   []string
		accept bool
	}{
		{merge.Signatures{}, nil, true},
		{wants(t, false, keyA), []string{keyB}, true},
		{wants(t, true), nil, false},
		{wants(t, true), []string{keyB}, true},
		{wants(t, true, keyA), []string{keyB}, false},
		{wants(t, true, keyA), []string{keyB, keyA}, true},
		{wants(t, true, keyA, keyB), []string{keyB}, true},
		{wants(t, true, v4), []string{keyA}, true},
		{wants(t, true, v6), []string{keyA}, true},
		{wants(t, true, keyA[8:]), []string{keyA}, true},
		{wants(t, true, keyA[:8]), []string{keyA}, false},
		{wants(t, true, "0x"+strings.ToUpper(keyB)), []string{keyB}, true},
	} {
		if got := c.want.Accepts(c.keys); got != c.accept {
			t.Errorf("%v.Accepts(%v) = %v, want %v", c.want, c.keys, got, c.accept)
		}
	}
}

func TestParseKeys(t *testing.T) {
	got, err := merge.ParseKeys([]string{"5400 A767 A660 EFF0 1A38 0146 6B63 CAB6 630C 11E0", "0x" + keyB})
	if want := []string{"5400a767a660eff01a3801466b63cab6630c11e0", keyB}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, bad := range [][]string{{""}, {"release"}, {"0x"}, {keyA + "0"}, {"001122334455667g"}, {keyA, strings.ToUpper(keyA)},
		{strings.Repeat("f", 24) + keyA, keyA}, {keyA[8:], keyA}, slices.Repeat([]string{keyA}, 65)} {
		if got, err := merge.ParseKeys(bad); !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("ParseKeys(%.60q) = %v, %v", bad, got, err)
		}
	}
}
