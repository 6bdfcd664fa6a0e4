package ptxsim

import (
	"math/bits"
	"slices"
)

// partly is a value of which the bits u are undefined.
type partly struct{ v, u uint64 }

// low and high are the least and the largest unsigned number that it may be.
func (p partly) low() uint64  { return p.v &^ p.u }
func (p partly) high() uint64 { return p.v | p.u }

// of returns p as a number of type t, with the sign bit changed so that numbers of a signed type are in order.
func (p partly) of(t typ) partly {
	return partly{(p.v ^ signOf(t)) & t.mask(), p.u & t.mask()}
}

// undefinedSum: an undefined bit below may carry as far as the least and the largest sum differ.
func undefinedSum(a, b partly) uint64 {
	return a.u | b.u | ((a.low() + b.low()) ^ (a.high() + b.high()))
}

func undefinedDifference(a, b partly) uint64 {
	return a.u | b.u | ((a.low() - b.high()) ^ (a.high() - b.low()))
}

// undefinedProduct is for the lower 64 bits of a product: those from the lowest that an undefined one reaches.
func undefinedProduct(a, b partly) uint64 {
	switch {
	case a.u == 0 && bits.OnesCount64(a.v) == 1:
		return b.u << bits.TrailingZeros64(a.v)
	case b.u == 0 && bits.OnesCount64(b.v) == 1:
		return a.u << bits.TrailingZeros64(b.v)
	}
	return noMask << lowestUndefined(a, b)
}

// lowestUndefined is the position of the lowest undefined bit of a product; 64 or more: there is none in 64 bits.
func lowestUndefined(a, b partly) int {
	n := 128
	if a.u != 0 && b.high() != 0 {
		n = bits.TrailingZeros64(a.u) + bits.TrailingZeros64(b.high())
	}
	if b.u != 0 && a.high() != 0 {
		n = min(n, bits.TrailingZeros64(b.u)+bits.TrailingZeros64(a.high()))
	}
	return n
}

// undefinedLogic is for the operation with a table as that of lop3: a bit is undefined if it may be 0 and may be 1.
func undefinedLogic(table uint64, a, b, c partly) uint64 {
	may := [2]uint64{}
	for i := range 8 {
		term := uint64(noMask)
		for k, p := range [3]partly{c, b, a} {
			if i>>k&1 != 0 {
				term &= p.high()
			} else {
				term &= ^p.low()
			}
		}
		may[table>>i&1] |= term
	}
	return may[0] & may[1]
}

// The tables of the operations of two operands, a and b.
var logicTables = map[string]uint64{"and": 0xC0, "or": 0xFC, "xor": 0x3C}

// within returns the bits that may differ between numbers from lo to hi.
func within(lo, hi uint64) uint64 {
	return 1<<bits.Len64(lo^hi) - 1
}

// undefinedExtreme is for the least or the largest of two integers of type t.
func undefinedExtreme(t typ, largest bool, a, b partly) uint64 {
	a, b = a.of(t), b.of(t)
	if largest {
		a, b = partly{^a.v & t.mask(), a.u}, partly{^b.v & t.mask(), b.u} // the least of the complements
	}
	switch {
	case a.high() <= b.low():
		return a.u
	case b.high() <= a.low():
		return b.u
	}
	return within(min(a.low(), b.low()), min(a.high(), b.high()))
}

// undefinedQuotient is for unsigned a / b.
func undefinedQuotient(t typ, a, b partly) uint64 {
	if t.signed() || b.low() == 0 {
		return t.mask()
	}
	return within(a.low()/b.high(), a.high()/b.low())
}

// maybe is what a predicate may be.
type maybe uint8

const (
	mayBeFalse maybe = 1 << iota
	mayBeTrue
	mayBeBoth = mayBeFalse | mayBeTrue
)

func certain(b bool) maybe {
	if b {
		return mayBeTrue
	}
	return mayBeFalse
}

func (p maybe) not() maybe { return p>>1 | p<<1&mayBeTrue }

// joined is what the and, or or xor of two predicates may be.
func (p maybe) joined(op string, q maybe) maybe {
	r := maybe(0)
	for _, a := range []bool{false, true} {
		for _, b := range []bool{false, true} {
			if p&certain(a) == 0 || q&certain(b) == 0 {
				continue
			}
			switch op {
			case "and":
				r |= certain(a && b)
			case "or":
				r |= certain(a || b)
			default:
				r |= certain(a != b)
			}
		}
	}
	return r
}

// compared is what a comparison of type t may give.
func compared(op string, t typ, a, b partly) maybe {
	if !t.integer() {
		return mayBeBoth
	}
	a, b = a.of(t), b.of(t)
	if i := slices.Index([]string{"gt", "ge", "hi", "hs"}, op); i >= 0 {
		a, b, op = b, a, []string{"lt", "le"}[i%2]
	}
	r := maybe(0)
	add := func(true, false bool) {
		if true {
			r |= mayBeTrue
		}
		if false {
			r |= mayBeFalse
		}
	}
	same, differ := (a.v^b.v)&^(a.u|b.u) == 0, a.u|b.u != 0 || a.v != b.v
	switch op {
	case "eq":
		add(same, differ)
	case "ne":
		add(differ, same)
	case "lt", "lo":
		add(a.low() < b.high(), a.high() >= b.low())
	default:
		add(a.low() <= b.high(), a.high() > b.low())
	}
	return r
}
