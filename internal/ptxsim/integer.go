package ptxsim

import "math/bits"

func sext(v uint64, n int) int64 {
	s := 64 - n
	return int64(v<<s) >> s
}

func isInt(t typ) bool   { return t.integer() && t.bits >= 16 && t.kind != kindBits }
func isBits(t typ) bool  { return t.kind == kindBits && t.bits >= 16 }
func isLogic(t typ) bool { return t.kind == kindPred || isBits(t) }
func isArith(t typ) bool { return isInt(t) || isFloating(t) }

func buildAdd(x *building) exec {
	t := x.typ(func(t typ) bool { return isArith(t) || isHalf(t) })
	if !t.integer() {
		return buildFloating2(x, t, sum)
	}
	if x.has("sat") {
		return x.saturating(t, 1)
	}
	if x.has("cc") {
		return x.carried(t, false)
	}
	return x.as(x.loop2(t, addLoop(t.mask())), lanesAdd, t.mask())
}

func buildSub(x *building) exec {
	t := x.typ(func(t typ) bool { return isArith(t) || isHalf(t) })
	if !t.integer() {
		return buildFloating2(x, t, difference)
	}
	if x.has("sat") {
		return x.saturating(t, -1)
	}
	if x.has("cc") {
		return x.carried(t, false)
	}
	mask := t.mask()
	return x.as(x.op2(t, func(a, b uint64) uint64 { return (a - b) & mask }), lanesSub, mask)
}

func (x *building) saturating(t typ, sign int64) exec {
	if t != types["s32"] {
		x.bad("modifier .sat needs type .s32")
	}
	return x.op2(t, func(a, b uint64) uint64 {
		s := sext(a, 32) + sign*sext(b, 32)
		return uint64(uint32(min(max(s, -1<<31), 1<<31-1)))
	})
}

// product returns the low and high half of a b, each t.bits long.
func product2(t typ, a, b uint64) (lo, hi uint64) {
	if t.bits == 64 {
		hi, lo = bits.Mul64(a, b)
		if t.signed() {
			if int64(a) < 0 {
				hi -= b
			}
			if int64(b) < 0 {
				hi -= a
			}
		}
		return lo, hi
	}
	p := a * b
	if t.signed() {
		p = uint64(sext(a, t.bits) * sext(b, t.bits))
	}
	return p & t.mask(), p >> t.bits & t.mask()
}

// wide returns the type of a product of t with twice the bits.
func (x *building) wide(t typ) typ {
	if t.bits == 64 {
		x.bad("type %v has no wide product", t)
	}
	return typ{t.kind, 2 * t.bits}
}

func buildMul(x *building) exec {
	t := x.typ(func(t typ) bool { return isArith(t) || isHalf(t) })
	if !t.integer() {
		return buildFloating2(x, t, multiplication)
	}
	mask := t.mask()
	switch x.need("lo", "hi", "wide") {
	case "hi":
		e := x.op2(t, func(a, b uint64) uint64 { _, hi := product2(t, a, b); return hi })
		if t.bits == 32 {
			x.wholeLast(signedOr(t, lanesHighSigned, lanesHighUnsigned), mask)
		}
		return e
	case "wide":
		x.nargs(3, 3)
		n := t.bits
		e := x.map2(x.dst(0, x.wide(t)), x.src(1, t), x.src(2, t), func(a, b uint64) uint64 {
			lo, hi := product2(t, a, b)
			return hi<<n | lo
		})
		if n == 32 {
			x.wholeLast(signedOr(t, lanesMulSigned, lanesMulUnsigned), noMask)
		}
		return e
	}
	return x.as(x.op2(t, func(a, b uint64) uint64 { return a * b & mask }), low(t, lanesMulLow, lanesMulUnsigned), mask)
}

func buildMad(x *building) exec {
	t := x.typ(func(t typ) bool { return isArith(t) || isHalf(t) })
	if !t.integer() {
		return buildFloatFma(x, t)
	}
	part := x.need("lo", "hi", "wide")
	if part != "wide" && x.has("cc") {
		return x.carriedMad(t, part == "hi", false)
	}
	switch part {
	case "hi":
		mask := t.mask()
		if x.has("sat") {
			return x.saturatingMad(t)
		}
		return x.op3(t, func(a, b, c uint64) uint64 { _, hi := product2(t, a, b); return (hi + c) & mask })
	case "wide":
		x.nargs(4, 4)
		n, mask := t.bits, x.wide(t).mask()
		e := x.map3(x.dst(0, x.wide(t)), x.src(1, t), x.src(2, t), x.src(3, x.wide(t)), func(a, b, c uint64) uint64 {
			lo, hi := product2(t, a, b)
			return (hi<<n + lo + c) & mask
		})
		if n == 32 {
			x.wholeLast(signedOr(t, lanesMadSigned, lanesMadUnsigned), noMask)
		}
		return e
	}
	return x.as(x.loop3(t, madLoop(t.mask())), low(t, lanesMadLow, lanesMadUnsigned), t.mask())
}

// signedOr chooses an instruction by the type.
func signedOr(t typ, signed, unsigned uint32) uint32 {
	if t.signed() {
		return signed
	}
	return unsigned
}

// low chooses the instruction for the low half of a product.
func low(t typ, any, narrow uint32) uint32 {
	if t.bits == 64 {
		return any
	}
	return narrow
}

func buildDiv(x *building) exec {
	t := x.typ(isArith)
	if !t.integer() {
		return buildFloatDiv(x, t)
	}
	mask := t.mask()
	return x.op2(t, func(a, b uint64) uint64 {
		switch {
		case b == 0:
			return mask // PTX leaves it open; GPUs return all ones
		case t.signed():
			return uint64(sext(a, t.bits)/sext(b, t.bits)) & mask
		}
		return a / b
	})
}

func buildRem(x *building) exec {
	t := x.typ(isInt)
	mask := t.mask()
	return x.op2(t, func(a, b uint64) uint64 {
		switch {
		case b == 0:
			return a // PTX leaves it open
		case t.signed():
			return uint64(sext(a, t.bits)%sext(b, t.bits)) & mask
		}
		return a % b
	})
}

func buildMinMax(x *building) exec {
	t := x.typ(func(t typ) bool { return isArith(t) || isHalf(t) })
	largest := x.in.op == "max"
	if !t.integer() {
		return buildFloatMinMax(x, t, largest)
	}
	e := x.op2(t, func(a, b uint64) uint64 {
		less := a < b
		if t.signed() {
			less = sext(a, t.bits) < sext(b, t.bits)
		}
		if less == largest {
			return b
		}
		return a
	})
	if largest {
		return x.as(e, lanesMost, signOf(t))
	}
	return x.as(e, lanesLeast, signOf(t))
}

func buildAbs(x *building) exec {
	t := x.typ(func(t typ) bool { return t.signed() && t.bits >= 16 || isFloating(t) || isHalf(t) })
	if !t.integer() {
		return buildFloatSign(x, t, func(v, sign uint64) uint64 { return v &^ sign })
	}
	mask := t.mask()
	return x.as(x.op1(t, func(a uint64) uint64 {
		if s := sext(a, t.bits); s < 0 {
			return uint64(-s) & mask
		}
		return a
	}), lanesMagnitude, mask, signOf(t))
}

func buildNeg(x *building) exec {
	t := x.typ(func(t typ) bool { return t.signed() && t.bits >= 16 || isFloating(t) || isHalf(t) })
	if !t.integer() {
		return buildFloatSign(x, t, func(v, sign uint64) uint64 { return v ^ sign })
	}
	mask := t.mask()
	return x.as(x.op1(t, func(a uint64) uint64 { return -a & mask }), lanesNegate, mask)
}

// buildSad: c + |a - b|.
func buildSad(x *building) exec {
	t := x.typ(isInt)
	mask := t.mask()
	return x.op3(t, func(a, b, c uint64) uint64 {
		d := a - b
		if t.signed() && sext(a, t.bits) < sext(b, t.bits) || !t.signed() && a < b {
			d = b - a
		}
		return (c + d) & mask
	})
}

func buildLogic(x *building) exec {
	t := x.typ(isLogic)
	f := map[string]func(a, b uint64) uint64{
		"and": func(a, b uint64) uint64 { return a & b },
		"or":  func(a, b uint64) uint64 { return a | b },
		"xor": func(a, b uint64) uint64 { return a ^ b },
	}[x.in.op]
	if t.kind != kindPred {
		return x.as(x.loop2(t, logicLoops[x.in.op]), map[string]uint32{"and": lanesAnd, "or": lanesOr, "xor": lanesXor}[x.in.op])
	}
	x.class = Move
	x.nargs(3, 3)
	d := x.dstPred(x.in.args[0])
	a, na := x.pred(x.in.args[1])
	b, nb := x.pred(x.in.args[2])
	x.whole(predicateLane(x.in.op, d, condition{a, na}, condition{b, nb}))
	return func(w *warp, m uint32) {
		w.setPredicate(d, m, uint32(f(uint64(w.predicate(a, na)), uint64(w.predicate(b, nb)))))
	}
}

func buildNot(x *building) exec {
	t := x.typ(isLogic)
	if t.kind != kindPred {
		mask := t.mask()
		return x.as(x.op1(t, func(a uint64) uint64 { return ^a & mask }), lanesXorNumber, mask)
	}
	x.class = Move
	x.nargs(2, 2)
	d := x.dstPred(x.in.args[0])
	a, neg := x.pred(x.in.args[1])
	x.whole(predicateLane("and", d, condition{a, !neg}, condition{p: predTrue}))
	return func(w *warp, m uint32) { w.setPredicate(d, m, w.predicate(a, !neg)) }
}

func buildCnot(x *building) exec {
	return x.op1(x.typ(isBits), func(a uint64) uint64 {
		if a == 0 {
			return 1
		}
		return 0
	})
}

// buildLop3: bit i of the result is bit 4a+2b+c of the table, of the bits i of a, b, c.
func buildLop3(x *building) exec {
	t := x.typ(func(t typ) bool { return t == b32 })
	x.nargs(5, 5)
	o := x.in.args[4]
	if o.kind != opInt || o.imm > 255 {
		x.bad("the table is not a literal from 0 to 255")
	}
	d, a, b, c := x.dst(0, t), x.src(1, t), x.src(2, t), x.src(3, t)
	if o.imm == 0x96 { // a ^ b ^ c, of which hashes are made
		both := x.scratch(1)
		x.whole(lane(lanesXor, both, a, b, 0), lane(lanesXor, d, both, c, 0))
		return x.map3(d, a, b, c, func(a, b, c uint64) uint64 { return a ^ b ^ c })
	}
	return x.map3(d, a, b, c, func(a, b, c uint64) uint64 {
		r := uint64(0)
		for i := range 8 {
			if o.imm>>i&1 == 0 {
				continue
			}
			term := t.mask()
			for k, v := range [3]uint64{c, b, a} {
				if i>>k&1 == 0 {
					v = ^v
				}
				term &= v
			}
			r |= term
		}
		return r
	})
}
