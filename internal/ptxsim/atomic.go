package ptxsim

import "math/bits"

// atomics maps an operation to what it stores, given the old value, the operand
// and, for cas, the second operand. Floating-point atomics are missing on
// purpose: their results depend on the order of the threads.
func atomicOp(op string, t typ) func(old, b, c uint64) uint64 {
	less := func(a, b uint64) bool {
		if t.signed() {
			return sext(a, t.bits) < sext(b, t.bits)
		}
		return a < b
	}
	arith, logic := t.kind == kindUint || t == types["s32"], t.kind == kindBits
	switch {
	case op == "add" && arith:
		return func(old, b, _ uint64) uint64 { return (old + b) & t.mask() }
	case op == "min" && !logic:
		return func(old, b, _ uint64) uint64 {
			if less(b, old) {
				return b
			}
			return old
		}
	case op == "max" && !logic:
		return func(old, b, _ uint64) uint64 {
			if less(old, b) {
				return b
			}
			return old
		}
	case op == "and" && logic:
		return func(old, b, _ uint64) uint64 { return old & b }
	case op == "or" && logic:
		return func(old, b, _ uint64) uint64 { return old | b }
	case op == "xor" && logic:
		return func(old, b, _ uint64) uint64 { return old ^ b }
	case op == "exch" && logic:
		return func(_, b, _ uint64) uint64 { return b }
	case op == "cas" && logic:
		return func(old, b, c uint64) uint64 {
			if old == b {
				return c
			}
			return old
		}
	case op == "inc" && t == u32:
		return func(old, b, _ uint64) uint64 {
			if old >= b {
				return 0
			}
			return old + 1
		}
	case op == "dec" && t == u32:
		return func(old, b, _ uint64) uint64 {
			if old == 0 || old > b {
				return b
			}
			return old - 1
		}
	}
	return nil
}

// buildAtom: d = [a]; [a] = op(d, b). red has no d. Lanes go in order.
func buildAtom(x *building) exec {
	x.class = Atomic
	t := x.typ(func(t typ) bool { return t.integer() && t.bits >= 32 })
	name := x.need("add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec")
	f := atomicOp(name, t)
	x.opt("relaxed", "acquire", "release", "acq_rel")
	x.opt("cta", "cluster", "gpu", "sys")
	sp := spaces[x.opt("global", "shared", "shared::cta")]
	operands := 1
	if name == "cas" {
		operands = 2
	}
	first := 1 // operand with the address
	if x.in.op == "red" {
		first = 0
	}
	if f == nil || first == 0 && (name == "exch" || name == "cas") {
		x.bad("operation .%s is not supported for type %v", name, t)
	}
	x.nargs(first+1+operands, first+1+operands)
	at := x.place(first, sp)
	d := x.sink()
	if first == 1 {
		d = x.dst(0, t)
	}
	b := x.src(first+1, t)
	c := b
	if name == "cas" {
		c = x.src(first+2, t)
	}
	if sp != spaceShared {
		x.prog.ordered = true
	}
	return func(w *warp, m uint32) {
		base, vb, vc := w.r[at.base], w.r[b], w.r[c]
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			addr := base[l] + at.off
			if data, _, _ := w.access(l, at.space, addr, t.bytes(), strongRead); data == nil {
				return
			}
			data, state, sp := w.access(l, at.space, addr, t.bytes(), strongWrite)
			if data == nil {
				return
			}
			old := load(data, t.bytes())
			store(data, t.bytes(), f(old, vb[l], vc[l]))
			markWritten(state)
			w.r[d][l] = old
			if sp == spaceShared {
				w.count.SharedAtomics++
			} else {
				w.count.GlobalAtomics++
			}
		}
	}
}
