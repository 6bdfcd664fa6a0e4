package ptxsim

import "math/bits"

// atomicOp maps an operation to what it stores, given the old value, the operand
// and, for cas, the second operand.
func atomicOp(op string, t typ) func(old, b, c uint64) uint64 {
	less := func(a, b uint64) bool {
		if t.signed() {
			return sext(a, t.bits) < sext(b, t.bits)
		}
		return a < b
	}
	number, logic := t.kind == kindUint || t.kind == kindInt, t.kind == kindBits
	arith := t.kind == kindUint || t == types["s32"]
	switch {
	case op == "add" && (isFloating(t) || isHalf(t)):
		return addAtomic(t)
	case t.bits == 16 && op != "cas" && op != "exch":
		return nil
	case op == "add" && arith:
		return func(old, b, _ uint64) uint64 { return (old + b) & t.mask() }
	case op == "min" && number:
		return func(old, b, _ uint64) uint64 {
			if less(b, old) {
				return b
			}
			return old
		}
	case op == "max" && number:
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

// addAtomic adds floats, rounded to nearest. The results of several threads' additions
// depend on their order, which is that of the lanes, warps and blocks here and open on a GPU.
func addAtomic(t typ) func(old, b, c uint64) uint64 {
	switch {
	case t == f32:
		return func(old, b, _ uint64) uint64 { return bits32(fromF32(old) + fromF32(b)) }
	case t == f64:
		return func(old, b, _ uint64) uint64 { return bits64(fromF64(old) + fromF64(b)) }
	}
	o := halfMods{one: half(t)}
	return func(old, b, _ uint64) uint64 {
		return eachHalf(t, func(n int) uint64 {
			p, q := o.in(old>>n), o.in(b>>n)
			s := p + q
			if finite(s) {
				s = odd(s, addError(p, q, s))
			}
			return o.out(s)
		})
	}
}

// buildAtom: d = [a]; [a] = op(d, b). red has no d. Lanes go in order. With .v2, .v4 or
// .v8 each element of a vector is an atomic of its own.
func buildAtom(x *building) exec {
	x.class = Atomic
	t := x.typ(func(t typ) bool { return t.integer() && t.bits >= 16 || isFloating(t) || isHalf(t) })
	name := x.need("add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec")
	f := atomicOp(name, t)
	if isHalf(t) {
		x.need("noftz")
	}
	n := map[string]int{"": 1, "v2": 2, "v4": 4, "v8": 8}[x.opt("v2", "v4", "v8")]
	if n > 1 && (t.integer() || n*t.bytes() > 16) {
		x.bad("a vector of %d is not supported for type %v", n, t)
	}
	order := x.ordering()
	sp := spaces[x.opt("global", "shared", "shared::cta", "shared::cluster")]
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
	if x.has("L2::cache_hint") {
		x.in.args = x.policy(first + 1 + operands)
	}
	x.nargs(first+1+operands, first+1+operands)
	at := x.place(first, sp)
	var d, b []int
	for i, o := range x.vector(first+1, n) {
		b = append(b, x.srcOperand(o, t, false))
		if first == 1 {
			d = append(d, x.dstOperand(x.vector(0, n)[i], t, false))
		} else {
			d = append(d, x.sink())
		}
	}
	c := b[0]
	if name == "cas" {
		c = x.src(first+2, t)
	}
	if sp != spaceShared && sp != spaceCluster {
		x.prog.ordered = true
	}
	return func(w *warp, m uint32) {
		base, vc := w.r[at.base], w.r[c]
		w.swaps = name == "cas"
		for i := range b {
			vb := w.r[b[i]]
			for left := m; left != 0; left &= left - 1 {
				l := bits.TrailingZeros32(left)
				addr := base[l] + at.off + uint64(i*t.bytes())
				old, ok := w.atomic(l, at.space, addr, t, name != "exch", func(old uint64) uint64 { return f(old, vb[l], vc[l]) })
				if !ok {
					return
				}
				w.synchronize(at.space, addr, order, true, true)
				w.r[d[i]][l] = old
				if u := w.undef; u != nil {
					u.set(d[i], l, w.fetched&t.mask(), false, origin{pc: w.pc - 1, space: at.space, addr: addr})
				}
			}
		}
		w.swaps = false
	}
}

// atomic replaces the value at addr by f of it and returns it. reads says that the new
// value depends on the old one.
func (w *warp) atomic(lane int, sp space, addr uint64, t typ, reads bool, f func(old uint64) uint64) (old uint64, ok bool) {
	if reads {
		if data, _, _ := w.access(lane, sp, addr, t.bytes(), strongRead); data == nil {
			return 0, false
		}
	}
	data, state, sp := w.access(lane, sp, addr, t.bytes(), strongWrite)
	if data == nil {
		return 0, false
	}
	old = load(data, t.bytes())
	if w.fetched = 0; !written(state) {
		w.meetUndefined()
		w.fetched = w.undefinedIn(state)
	}
	store(data, t.bytes(), f(old))
	markWritten(state)
	if sp == spaceShared || sp == spaceCluster {
		w.count.SharedAtomics++
	} else {
		w.count.GlobalAtomics++
		w.touch(addr, t.bytes(), false)
		w.touch(addr, t.bytes(), true)
	}
	return old, true
}
