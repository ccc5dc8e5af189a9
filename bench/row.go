package main

import (
	"fmt"
	"slices"
)

// goal is what a row must reach: a bound on the ratio or on our own value.
type goal struct {
	Set     bool    `json:"set"`      // false: the row is only printed
	Ratio   bool    `json:"ratio"`    // the bound is on the ratio to the peer; else on our value
	AtLeast bool    `json:"at_least"` // else at most
	Bound   float64 `json:"bound"`
}

func ratioAtLeast(x float64) goal { return goal{Set: true, Ratio: true, AtLeast: true, Bound: x} }
func ratioAtMost(x float64) goal  { return goal{Set: true, Ratio: true, Bound: x} }
func atLeast(x float64) goal      { return goal{Set: true, AtLeast: true, Bound: x} }
func atMost(x float64) goal       { return goal{Set: true, Bound: x} }

// result is one measured row.
type result struct {
	Row   string    `json:"row"`
	What  string    `json:"what"` // what was measured, against which peer
	Unit  string    `json:"unit"` // of the values: "RPM/s", "s", "MiB"
	Ours  []float64 `json:"ours"`
	Peer  []float64 `json:"peer,omitempty"` // one for each of ours; empty: no peer, the goal is absolute
	Goal  goal      `json:"goal"`
	Notes string    `json:"notes,omitempty"`
}

// summary is the order statistics of some values.
type summary struct{ Min, Q1, Median, Q3, Max float64 }

func summarise(v []float64) summary {
	if len(v) == 0 {
		return summary{}
	}
	s := slices.Clone(v)
	slices.Sort(s)
	at := func(q float64) float64 {
		x := q * float64(len(s)-1)
		i := int(x)
		if i+1 == len(s) {
			return s[i]
		}
		return s[i] + (x-float64(i))*(s[i+1]-s[i])
	}
	return summary{s[0], at(.25), at(.5), at(.75), s[len(s)-1]}
}

// ratios are ours to the peer's, round by round.
func (r result) ratios() []float64 {
	var out []float64
	for i, p := range r.Peer {
		out = append(out, r.Ours[i]/p)
	}
	return out
}

// verdict is "pass", "miss", or "" for a row without a goal. A maximum is held against the worst round where the goal is absolute
// and a maximum (memory, stalls), else the median decides.
func (r result) verdict() string {
	if !r.Goal.Set {
		return ""
	}
	v := summarise(r.Ours)
	x := v.Median
	switch {
	case r.Goal.Ratio:
		x = summarise(r.ratios()).Median
	case !r.Goal.AtLeast:
		x = v.Max
	}
	if r.Goal.AtLeast == (x >= r.Goal.Bound) || x == r.Goal.Bound {
		return "pass"
	}
	return "miss"
}

// add puts a row into the table, if it was asked for.
func (b *bench) add(r result) {
	if !b.want(r.Row) {
		return
	}
	b.results = append(b.results, r)
	logf("%s", r.line())
}

// rounds is how often a measurement is repeated: short for rounds below 2 s.
func (b *bench) rounds(short bool) int {
	switch {
	case b.turns > 0:
		return b.turns
	case b.quick && short:
		return 3
	case b.quick:
		return 1
	case short:
		return 11
	}
	return 5
}

// inTurn measures n rounds of both, in alternating order, and returns what they say.
func inTurn(n int, ours, peer func() (float64, error)) (o, p []float64, err error) {
	for i := range n {
		for k := range 2 {
			if (i+k)%2 == 0 {
				v, err := ours()
				if err != nil {
					return o, p, fmt.Errorf("round %d: %w", i+1, err)
				}
				o = append(o, v)
			} else {
				v, err := peer()
				if err != nil {
					return o, p, fmt.Errorf("round %d of the peer: %w", i+1, err)
				}
				p = append(p, v)
			}
		}
	}
	return o, p, nil
}
