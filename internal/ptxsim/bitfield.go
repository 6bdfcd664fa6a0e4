package ptxsim

import "math/bits"

// Shift amounts are 32-bit; more than the width counts as the width.
func buildShl(x *building) exec {
	t := x.typ(isBits)
	x.nargs(3, 3)
	mask := t.mask()
	return x.as(x.map2(x.dst(0, t), x.src(1, t), x.src(2, u32), func(a, b uint64) uint64 { return a << b & mask }), lanesShiftLeft, mask)
}

func buildShr(x *building) exec {
	t := x.typ(func(t typ) bool { return t.integer() && t.bits >= 16 })
	x.nargs(3, 3)
	mask := t.mask()
	if t.signed() {
		e := x.map2(x.dst(0, t), x.src(1, t), x.src(2, u32), func(a, b uint64) uint64 { return uint64(sext(a, t.bits)>>b) & mask })
		return x.as(e, lanesShiftSigned, mask, signOf(t))
	}
	return x.as(x.map2(x.dst(0, t), x.src(1, t), x.src(2, u32), func(a, b uint64) uint64 { return a >> b }), lanesShiftRight)
}

// buildShf: b:a shifted as one number; the high half for l, the low half for r.
func buildShf(x *building) exec {
	t := x.typ(func(t typ) bool { return t == b32 })
	left, wrap := x.need("l", "r") == "l", x.need("wrap", "clamp") == "wrap"
	e := x.op3(t, func(a, b, c uint64) uint64 {
		n := min(c, 32)
		if wrap {
			n = c & 31
		}
		if left {
			return (b<<32 | a) << n >> 32
		}
		return (b<<32 | a) >> n & 0xFFFFFFFF
	})
	care, most := uint64(noMask), uint64(32)
	if wrap {
		care = 31
	}
	if left {
		return x.as(e, lanesFunnelLeft, care, most)
	}
	return x.as(e, lanesFunnelRight, care, most, t.mask())
}

func isBits32(t typ) bool { return isBits(t) && t.bits >= 32 }

func buildPopc(x *building) exec {
	t := x.typ(isBits32)
	x.nargs(2, 2)
	return x.map1(x.dst(0, u32), x.src(1, t), func(a uint64) uint64 { return uint64(bits.OnesCount64(a)) })
}

func buildClz(x *building) exec {
	t := x.typ(isBits32)
	x.nargs(2, 2)
	return x.map1(x.dst(0, u32), x.src(1, t), func(a uint64) uint64 { return uint64(bits.LeadingZeros64(a) - 64 + t.bits) })
}

func buildBrev(x *building) exec {
	t := x.typ(isBits32)
	return x.op1(t, func(a uint64) uint64 { return bits.Reverse64(a) >> (64 - t.bits) })
}

// buildBfind: position of the highest bit that is not the sign, 0xFFFFFFFF if
// there is none; .shiftamt: how far a left shift would bring it to the top.
func buildBfind(x *building) exec {
	t := x.typ(func(t typ) bool { return isInt(t) && t.bits >= 32 })
	shift := x.has("shiftamt")
	x.nargs(2, 2)
	return x.map1(x.dst(0, u32), x.src(1, t), func(a uint64) uint64 {
		if t.signed() && sext(a, t.bits) < 0 {
			a = ^a & t.mask()
		}
		n := bits.Len64(a) - 1
		switch {
		case n < 0:
			return 0xFFFFFFFF
		case shift:
			n = t.bits - 1 - n
		}
		return uint64(n)
	})
}

// buildBfe: c bits of a from position b on, extended by the field's sign.
func buildBfe(x *building) exec {
	t := x.typ(func(t typ) bool { return isInt(t) && t.bits >= 32 })
	x.nargs(4, 4)
	e := x.map3(x.dst(0, t), x.src(1, t), x.src(2, u32), x.src(3, u32), func(a, b, c uint64) uint64 {
		pos, n, msb := int(b&255), int(c&255), t.bits-1
		sign := uint64(0)
		if t.signed() && n > 0 {
			sign = a >> min(pos+n-1, msb) & 1
		}
		r := uint64(0)
		for i := range t.bits {
			bit := sign
			if i < n && pos+i <= msb {
				bit = a >> (pos + i) & 1
			}
			r |= bit << i
		}
		return r
	})
	if !t.signed() {
		x.wholeLast(lanesBits, t.mask(), 255)
	}
	return e
}

// buildBfi: b with d bits from position c on replaced by the low bits of a.
func buildBfi(x *building) exec {
	t := x.typ(isBits32)
	x.nargs(5, 5)
	d, a, b, c, n := x.dst(0, t), x.src(1, t), x.src(2, t), x.src(3, u32), x.src(4, u32)
	return func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			pos, length := w.r[c][l]&255, w.r[n][l]&255
			field := (uint64(1)<<length - 1) << pos & t.mask()
			w.r[d][l] = w.r[b][l]&^field | w.r[a][l]<<pos&field
		}
	}
}

// buildPrmt: each byte of the result is chosen among the eight bytes of b:a.
func buildPrmt(x *building) exec {
	mode := x.opt("f4e", "b4e", "rc8", "ecl", "ecr", "rc16") // after the type
	t := x.typ(func(t typ) bool { return t == b32 })
	e := x.op3(t, func(a, b, c uint64) uint64 {
		r := uint64(0)
		for i := range 4 {
			r |= selected(b<<32|a, mode, c, i) << (8 * i)
		}
		return r
	})
	if o := x.in.args[3]; o.kind == opInt && mode == "" && o.imm&0x8888 == 0 {
		bytes := uint64(0x80808080) << 32 // zeros
		for i := range 4 {
			bytes |= o.imm >> (4 * i) & 7 << (8 * i)
		}
		x.wholeLast(lanesBytes, bytes, bytes+0x08080808)
	}
	return e
}

// selected returns byte i of prmt's result.
func selected(both uint64, mode string, c uint64, i int) uint64 {
	k := int(c & 3)
	switch mode {
	case "f4e":
		return both >> (8 * (k + i)) & 255
	case "b4e":
		return both >> (8 * ((k - i) & 7)) & 255
	case "rc8":
		return both >> (8 * k) & 255
	case "ecl":
		return both >> (8 * max(i, k)) & 255
	case "ecr":
		return both >> (8 * min(i, k)) & 255
	case "rc16":
		return both >> (8 * (2*(k&1) + i&1)) & 255
	}
	sel := c >> (4 * i)
	v := both >> (8 * (sel & 7)) & 255
	if sel&8 != 0 { // replicate the sign
		v = uint64(uint8(int8(v) >> 7))
	}
	return v
}
