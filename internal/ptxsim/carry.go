package ptxsim

import "math/bits"

// Extended-precision arithmetic. The carry flag of a thread is a bit of the warp's.
// As on the hardware a subtraction adds the complement: the flag is 1 where nothing
// was borrowed, also for an addc that follows a sub.cc.

func isExtended(t typ) bool { return isInt(t) && t.bits >= 32 }

func buildAddc(x *building) exec {
	t := x.typ(isExtended)
	return x.carried(t, true)
}

// carried builds add, sub, addc and subc. The ones with .cc that take no carry
// in come here after their .cc was read; addc and subc read it here.
func (x *building) carried(t typ, carryIn bool) exec {
	if !isExtended(t) {
		x.bad("type %v is not supported", t)
	}
	write := !carryIn || x.has("cc")
	invert := x.in.op == "sub" || x.in.op == "subc"
	x.nargs(3, 3)
	d, a, b := x.dst(0, t), x.src(1, t), x.src(2, t)
	x.carryRule(carryIn, write)
	return func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			q, c := w.r[b][l], uint64(0)
			if invert {
				q, c = ^q&t.mask(), 1
			}
			if carryIn {
				c = uint64(w.carry >> l & 1)
			}
			w.r[d][l] = w.addCarry(t, l, w.r[a][l], q, c, write)
		}
	}
}

// addCarry returns a + b + c of type t, and sets lane l's carry flag if asked to.
func (w *warp) addCarry(t typ, l int, a, b, c uint64, set bool) uint64 {
	s, over := bits.Add64(a, b, c)
	if t.bits < 64 {
		over = s >> t.bits & 1
	}
	if set {
		w.carry = w.carry&^(1<<l) | uint32(over)<<l
	}
	return s & t.mask()
}

func buildMadc(x *building) exec {
	t := x.typ(isExtended)
	return x.carriedMad(t, x.need("lo", "hi") == "hi", true)
}

// carriedMad builds mad.cc and madc: the half of a b, plus c, plus the carry.
func (x *building) carriedMad(t typ, high, carryIn bool) exec {
	if !isExtended(t) {
		x.bad("type %v is not supported", t)
	}
	write := !carryIn || x.has("cc")
	x.nargs(4, 4)
	d, a, b, c := x.dst(0, t), x.src(1, t), x.src(2, t), x.src(3, t)
	x.carryRule(carryIn, write)
	return func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			p, hi := product2(t, w.r[a][l], w.r[b][l])
			if high {
				p = hi
			}
			in := uint64(0)
			if carryIn {
				in = uint64(w.carry >> l & 1)
			}
			w.r[d][l] = w.addCarry(t, l, p, w.r[c][l], in, write)
		}
	}
}

// saturatingMad: mad.hi.sat.s32.
func (x *building) saturatingMad(t typ) exec {
	if t != types["s32"] {
		x.bad("modifier .sat needs type .s32")
	}
	return x.op3(t, func(a, b, c uint64) uint64 {
		s := sext(a, 32)*sext(b, 32)>>32 + sext(c, 32)
		return uint64(uint32(min(max(s, -1<<31), 1<<31-1)))
	})
}

// buildDot: dp4a and dp2a: c plus the products of the bytes of a with those of b,
// or of the two halves of a with the low or high bytes of b.
func buildDot(x *building) exec {
	is32 := func(t typ) bool { return t == u32 || t == types["s32"] }
	tb := x.typ(is32)
	ta := x.typ(is32)
	n, sizeA, from := 4, 8, 0
	if x.in.op == "dp2a" {
		n, sizeA = 2, 16
		if x.need("lo", "hi") == "hi" {
			from = 2
		}
	}
	field := func(v uint64, t typ, i, size int) uint64 {
		v = v >> (i * size) & (1<<size - 1)
		if t.signed() {
			return uint64(sext(v, size))
		}
		return v
	}
	return x.op3(u32, func(a, b, c uint64) uint64 {
		for i := range n {
			c += field(a, ta, i, sizeA) * field(b, tb, from+i, 8)
		}
		return c & u32.mask()
	})
}
