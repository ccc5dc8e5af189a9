package closure

import (
	"errors"
	"slices"
	"strings"

	"vrepofs/rpm"
)

// operator is how the operands of a rich dependency are joined.
type operator uint8

const (
	opName operator = iota // no operands: one name
	opAnd
	opOr
	opIf     // A if B, A if B else C
	opUnless // A unless B, A unless B else C
	opWith
	opWithout
)

// expr is a requirement taken apart.
type expr struct {
	op   operator
	atom int32  // of opName
	args []expr // A, B and, where there is an else, C; and, or and with: two or more
}

// eval returns the sets in which an expression is met.
func (c *checker) eval(e *expr, sides []Side) Side {
	arg := func(i int) Side { return c.eval(&e.args[i], sides) }
	switch e.op {
	case opName:
		return c.atom[e.atom].met
	case opAnd:
		met := Before | After
		for i := range e.args {
			met &= arg(i)
		}
		return met
	case opOr:
		var met Side
		for i := range e.args {
			met |= arg(i)
		}
		return met
	case opIf:
		if len(e.args) == 2 {
			return Before | After
		}
		return arg(2) | arg(0)&arg(1)
	case opUnless:
		if len(e.args) == 2 {
			return arg(0)
		}
		return arg(0) | arg(2)&arg(1)
	}
	var met Side
	for _, i := range c.who(e) {
		met |= sides[i]
	}
	return met
}

// who returns the packages that meet an expression of names, or, with and without; ascending.
func (c *checker) who(e *expr) []int32 {
	if e.op == opName {
		return c.atom[e.atom].who
	}
	out := c.who(&e.args[0])
	for i := range e.args[1:] {
		other := c.who(&e.args[1+i])
		if e.op == opOr {
			out = slices.Concat(out, other)
			slices.Sort(out)
			out = slices.Compact(out)
			continue
		}
		var both []int32
		for _, p := range out {
			if _, in := slices.BinarySearch(other, p); in == (e.op == opWith) {
				both = append(both, p)
			}
		}
		out = both
	}
	return out
}

// keepWho asks for the providers of every name in an expression. False when it has operators that packages cannot be asked about
// one by one.
func (c *checker) keepWho(e *expr) bool {
	if e.op == opName {
		c.atom[e.atom].keep = true
		return true
	}
	if e.op != opOr && e.op != opWith && e.op != opWithout {
		return false
	}
	for i := range e.args {
		if !c.keepWho(&e.args[i]) {
			return false
		}
	}
	return true
}

// Limits of rich dependencies, far above any that are used.
const (
	maxRichDepth = 64
	maxRichBytes = 64 << 10
)

var errRich = errors.New("rich dependency cannot be read")

// richParser reads a rich dependency as rpm's rpmrichParse does (lib/rpmds.c): operands are names, perhaps with a version, or
// further ones in parentheses; operators are not mixed without parentheses; and, or and with chain.
type richParser struct {
	c     *checker
	s     string // what is left
	depth int
}

func (p *richParser) whole() (expr, error) {
	if len(p.s) > maxRichBytes {
		return expr{}, errRich
	}
	e, err := p.rich()
	if err == nil && p.s != "" {
		err = errRich
	}
	return e, err
}

// rich reads from an opening parenthesis to its closing one.
func (p *richParser) rich() (expr, error) {
	if p.depth++; p.depth > maxRichDepth {
		return expr{}, errRich
	}
	defer func() { p.depth-- }()
	p.s = p.s[1:]
	first, err := p.operand()
	if err != nil {
		return expr{}, err
	}
	e := expr{args: []expr{first}}
	for word := ""; ; {
		p.space()
		if rest, ok := strings.CutPrefix(p.s, ")"); ok {
			p.s = rest
			break
		}
		end := strings.IndexAny(p.s, " \t\n)(")
		if end < 0 {
			return expr{}, errRich
		}
		next := p.s[:end]
		p.s = p.s[end:]
		op := map[string]operator{"and": opAnd, "or": opOr, "if": opIf, "unless": opUnless, "with": opWith, "without": opWithout}[next]
		switch {
		case word == "" && op != 0:
			e.op = op
		case word == next && (op == opAnd || op == opOr || op == opWith):
		case next == "else" && (e.op == opIf || e.op == opUnless) && len(e.args) == 2:
		default:
			return expr{}, errRich
		}
		word = next
		arg, err := p.operand()
		if err != nil {
			return expr{}, err
		}
		e.args = append(e.args, arg)
	}
	if len(e.args) == 1 {
		return first, nil
	}
	if (e.op == opWith || e.op == opWithout) && !p.c.keepWho(&e) {
		return expr{}, errRich
	}
	return e, nil
}

// operand reads a name with perhaps a version, or a rich dependency.
func (p *richParser) operand() (expr, error) {
	p.space()
	if strings.HasPrefix(p.s, "(") {
		return p.rich()
	}
	name := p.word()
	if name == "" {
		return expr{}, errRich
	}
	p.space()
	flags := uint32(0)
	n := 0
	for ; n < len(p.s) && strings.IndexByte("<>=", p.s[n]) >= 0; n++ {
		flags |= map[byte]uint32{'<': rpm.SenseLess, '>': rpm.SenseGreater, '=': rpm.SenseEqual}[p.s[n]]
	}
	if n == 0 {
		return p.c.name(name, 0, ""), nil
	}
	p.s = p.s[n:]
	p.space()
	evr := p.word()
	if evr == "" {
		return expr{}, errRich
	}
	return p.c.name(name, flags, evr), nil
}

func (p *richParser) space() { p.s = strings.TrimLeft(p.s, " \t\n") }

// word reads up to a space or to a closing parenthesis that it did not open: "libz.so.1()(64bit)" is one.
func (p *richParser) word() string {
	open, n := 0, 0
	for ; n < len(p.s); n++ {
		switch p.s[n] {
		case ' ', '\t', '\n':
			goto end
		case '(':
			open++
		case ')':
			if open--; open < 0 {
				goto end
			}
		}
	}
end:
	w := p.s[:n]
	p.s = p.s[n:]
	return w
}
