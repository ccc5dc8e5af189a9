package state

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/blob"
	"vrepofs/rpm"
)

// TestArenaReadsTheSame: rows are read through an arena as they are alone, whatever their names are, and damage is found in both.
func TestArenaReadsTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`[a-c.-]{0,4}`)
		shared := &arena{}
		for range rapid.IntRange(1, 5).Draw(rt, "rows") {
			r := RPM{
				NEVRA:  rpm.NEVRA{Name: text.Draw(rt, "name"), Arch: text.Draw(rt, "arch"), EVR: rpm.EVR{Epoch: rapid.SampledFrom([]string{"", "0", "7"}).Draw(rt, "epoch"), Version: text.Draw(rt, "version"), Release: text.Draw(rt, "release")}},
				Source: text.Draw(rt, "source"), File: text.Draw(rt, "file"), Digest: blob.Sum([]byte("a")), Size: 7, Serial: 1,
			}
			if rapid.Bool().Draw(rt, "usual") {
				r.File = r.NVRA() + ".rpm"
			}
			if rapid.Bool().Draw(rt, "signed") {
				r.Keys = []string{text.Draw(rt, "key")}
			}
			if rapid.Bool().Draw(rt, "modular") {
				r.Streams, r.Documented = []string{text.Draw(rt, "stream"), "m:1:1:c"}, true
			}
			row := r.Append(nil)
			row = row[:rapid.SampledFrom([]int{len(row), len(row), rapid.IntRange(0, len(row)).Draw(rt, "cut")}).Draw(rt, "length")]
			alone, err := DecodeRPM(row)
			d := rowDecoder{rest: row, shared: shared}
			got := d.rpm()
			if errShared := d.end(); (err == nil) != (errShared == nil) {
				rt.Fatalf("alone %v, shared %v", err, errShared)
			} else if err == nil && !reflect.DeepEqual(got, alone) {
				rt.Fatalf("got %+v, want %+v", got, alone)
			}
		}
	})
}
