package state

import (
	"bytes"
	"reflect"
	"testing"
)

// TestRowOfStreams reads rows of both versions back, and refuses the second where it is damaged or could have been the first.
func TestRowOfStreams(t *testing.T) {
	r := row("a", "1", "x86_64", "")
	plain := r.Append(nil)
	for _, streams := range [][]string{nil, {"a:1:2:c"}, {"a:1:2:c", "b:1:2:c"}} {
		for _, documented := range []bool{false, true} {
			if r.Streams, r.Documented = streams, documented && streams != nil; streams == nil && documented {
				continue
			}
			b := r.Append(nil)
			if streams == nil != bytes.Equal(b, plain) {
				t.Errorf("%v: % x", streams, b)
			}
			got, err := DecodeRPM(b)
			if err != nil || !reflect.DeepEqual(got, r) {
				t.Errorf("%+v, %v, want %+v", got, err, r)
			}
			for n := range b {
				if _, err := DecodeRPM(b[:n]); err == nil {
					t.Errorf("%v: the first %d bytes of %d are a row", streams, n, len(b))
				}
			}
		}
	}
	none := append(bytes.Clone(plain), 1, 0) // version 2 without streams
	none[0] = 2
	flag := append(bytes.Clone(plain), 2, 1, 1, 'a')
	flag[0] = 2
	third := bytes.Clone(plain)
	third[0] = 3
	for _, b := range [][]byte{none, flag, third} {
		if got, err := DecodeRPM(b); err == nil {
			t.Errorf("% x is a row: %+v", b, got)
		}
	}
}
