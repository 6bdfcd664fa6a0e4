package ptxsim

import (
	"math/bits"
	"slices"
)

// undefinedRule says which results of an instruction are undefined. Without more, a result is undefined as a
// whole where an operand is in part.
type undefinedRule struct {
	decides bool // an undefined guard is a fault
	strict  bool // so is an undefined operand
	wide    bool // all lanes execute it together
	moves   bool // undefined bits of the result are some of the operands'
	// lane returns the undefined bits of the only result, of operands of which some have some; nil: all bits.
	lane func(a *[4]partly) uint64
	// own does all but what addresses and strict ask for; nil: lane says it.
	own func(w *warp, u *undefined, m uint32)

	defs, sources, addresses []int
	masks                    []uint64 // the bits of defs
	predDefs, predUses       []int
}

// apply is for the lanes of m, before they execute the instruction.
func (r *undefinedRule) apply(w *warp, m uint32) {
	u := w.undef
	for _, a := range r.addresses {
		if bad := u.lanes[a] & m; bad != 0 {
			w.dependsOn(bad, "an address", u.from[a])
			return
		}
	}
	if r.own != nil && !r.strict {
		r.own(w, u, m)
		return
	}
	any, computed, from := uint32(0), uint32(0), origin{}
	for _, s := range r.sources {
		if bad := u.lanes[s] & m; bad != 0 {
			any, computed, from = any|bad, computed|u.computed[s]&bad, u.from[s]
		}
	}
	for _, p := range r.predUses {
		if bad := u.preds[p] & m; bad != 0 {
			any, computed, from = any|bad, computed|bad, u.predFrom[p]
		}
	}
	if any != 0 && r.strict {
		w.dependsOn(any, "an operand that decides what the instruction does", from)
		return
	}
	if r.own != nil {
		r.own(w, u, m)
		return
	}
	for _, p := range r.predDefs {
		u.setPred(p, m, any, from)
	}
	if !r.moves {
		computed = any
	}
	for i, d := range r.defs {
		for left := any; left != 0; left &= left - 1 {
			l := bits.TrailingZeros32(left)
			b := r.masks[i]
			if r.lane != nil {
				var a [4]partly
				for k, s := range r.sources {
					a[k&3] = w.partly(s, l)
				}
				b &= r.lane(&a)
			}
			u.set(d, l, b, computed>>l&1 != 0, from)
		}
		u.clear(d, m&^any)
	}
}

// partly returns a lane of a register.
func (w *warp) partly(reg, lane int) partly {
	return partly{w.r[reg][lane&31], w.undef.of(reg, lane)}
}

// Instructions by what undefined operands mean for them.
var (
	// An undefined guard decides about control or memory.
	decidingOps = []string{
		"bra", "brx", "ret", "exit", "call", "trap", "bar", "barrier", "mbarrier", "fence", "membar",
		"st", "atom", "red", "cp", "tensormap", "stmatrix", "setmaxnreg",
	}
	// Undefined operands beside addresses decide, too.
	strictOps = []string{"brx", "bar", "barrier", "mbarrier", "atom", "red", "cp", "tensormap"}
	wideOps   = []string{"shfl", "vote", "match", "redux", "mma", "wgmma", "ldmatrix", "stmatrix", "elect", "bar", "barrier"}
)

// undefinedRule returns the rule of an instruction that has been built; nil if it has no operands and no guard that matter.
func (x *building) undefinedRule() *undefinedRule {
	op := x.in.op
	r := &undefinedRule{
		decides: slices.Contains(decidingOps, op), strict: slices.Contains(strictOps, op), wide: slices.Contains(wideOps, op),
		defs: x.flow.defs, masks: x.defMasks, sources: x.sources, addresses: x.addresses, predDefs: x.predDefs, predUses: x.predUses,
		own: x.own,
	}
	if r.own == nil {
		x.operandRule(r)
	}
	if !r.decides && len(r.defs)+len(r.predDefs)+len(r.addresses)+len(r.sources)+len(r.predUses) == 0 {
		return nil
	}
	return r
}

// lastType returns the type that stands last among the modifiers, and the one before it, if there is one.
func (in *inst) lastTypes() (last, before typ) {
	var found []typ
	for _, m := range in.mods {
		if t, ok := types[m]; ok {
			found = append(found, t)
		}
	}
	switch n := len(found); {
	case n == 0:
		return typ{}, typ{}
	case n == 1:
		return found[0], typ{}
	default:
		return found[n-1], found[n-2]
	}
}

// operandRule adds how the results of an instruction follow from its operands, where that is known closer.
func (x *building) operandRule(r *undefinedRule) {
	op, has := x.in.op, func(m string) bool { return slices.Contains(x.in.mods, m) }
	t, before := x.in.lastTypes()
	mask := uint64(noMask)
	if t.bits > 0 {
		mask = t.mask()
	}
	switch {
	case op == "ld" || op == "ldu" || op == "ldmatrix":
		r.sources = nil // the bytes say it, when they are loaded
	case op == "st" || op == "stmatrix":
		r.own = func(*warp, *undefined, uint32) {}
	case op == "mov" && len(r.defs) == 1 && len(r.sources) == 1:
		r.moves, r.lane = true, func(a *[4]partly) uint64 { return a[0].u }
	case op == "mov" && len(r.defs) > 1:
		r.own = x.unpackRule(t, r)
	case op == "mov" && len(r.defs) == 1:
		part := t.bits / max(len(r.sources), 1)
		n := len(r.sources)
		r.moves, r.lane = true, func(a *[4]partly) (b uint64) {
			for i := range n {
				b |= a[i].u << (i * part)
			}
			return b
		}
	case (op == "and" || op == "or" || op == "xor" || op == "not" || op == "mov") && t.kind == kindPred:
		r.own = x.predicateRule(op)
	case (op == "xor" || op == "sub" && t.integer()) && len(r.sources) == 2 && r.sources[0] == r.sources[1]:
		r.lane = func(*[4]partly) uint64 { return 0 }
	case op == "and" || op == "or" || op == "xor":
		table := logicTables[op]
		r.moves, r.lane = true, func(a *[4]partly) uint64 { return undefinedLogic(table, a[0], a[1], partly{}) }
	case op == "lop3":
		table := x.in.args[4].imm
		r.moves, r.lane = true, func(a *[4]partly) uint64 { return undefinedLogic(table, a[0], a[1], a[2]) }
	case op == "not", op == "neg" && !t.integer():
		r.moves, r.lane = true, func(a *[4]partly) uint64 { return a[0].u }
	case op == "abs" && !t.integer(), op == "copysign":
		x.moved(r)
	case op == "shl" || op == "shr":
		x.moved(r, 1)
	case op == "bfe":
		x.moved(r, 1, 2)
	case op == "shf" || op == "prmt":
		x.moved(r, 2)
	case op == "brev" || op == "cvta":
		x.moved(r)
	case op == "bfi":
		r.moves, r.lane = true, insertRule
	case op == "cvt":
		x.convertRule(r, t, before, has("sat"))
	case isHalf(t) && t.bits == 32:
		r.lane = eachHalfRule
	case !t.integer() || has("sat") || has("cc"):
	case op == "add":
		r.lane = func(a *[4]partly) uint64 { return undefinedSum(a[0], a[1]) }
	case op == "sub":
		r.lane = func(a *[4]partly) uint64 { return undefinedDifference(a[0], a[1]) }
	case op == "neg":
		r.lane = func(a *[4]partly) uint64 { return undefinedDifference(partly{}, a[0]) }
	case op == "mul" || op == "mad":
		r.lane = productRule(t, has)
	case op == "min" || op == "max":
		r.lane = func(a *[4]partly) uint64 { return undefinedExtreme(t, op == "max", a[0], a[1]) }
	case op == "div":
		r.lane = func(a *[4]partly) uint64 { return undefinedQuotient(t, a[0], a[1]) }
	case op == "clz", op == "bfind" && !t.signed():
		f := x.value
		r.lane = func(a *[4]partly) uint64 { return within(f(a[0].low(), 0, 0), f(a[0].high()&mask, 0, 0)) }
	}
}

// moved says that the instruction moves bits of its operands as the controls among them say, which must be
// defined: what it makes of a mask is the mask of what it makes.
func (x *building) moved(r *undefinedRule, controls ...int) {
	f := x.value
	r.moves = true
	r.lane = func(a *[4]partly) uint64 {
		from := *a
		for _, c := range controls {
			if a[c].u != 0 {
				if a[0].u == 0 && a[0].v == 0 && len(controls) == 1 && c == 1 { // a shift of 0
					return 0
				}
				return noMask
			}
			from[c].u = a[c].v
		}
		return f(from[0].u, from[1].u, from[2].u)
	}
}

// insertRule is for bfi: a, b, position, length.
func insertRule(a *[4]partly) uint64 {
	if a[2].u != 0 || a[3].u != 0 {
		return noMask
	}
	pos, length := a[2].v&255, a[3].v&255
	field := (uint64(1)<<length - 1) << pos
	return a[1].u&^field | a[0].u<<pos&field
}

// eachHalfRule is for pairs of 16-bit floats.
func eachHalfRule(a *[4]partly) (b uint64) {
	for _, p := range a {
		for _, half := range []uint64{0xFFFF, 0xFFFF0000} {
			if p.u&half != 0 {
				b |= half
			}
		}
	}
	return b
}

// productRule is for mul and mad of integers.
func productRule(t typ, has func(string) bool) func(a *[4]partly) uint64 {
	extended := func(p partly) partly { return partly{p.v & t.mask(), p.u & t.mask()} }
	if t.signed() {
		extended = func(p partly) partly { return partly{uint64(sext(p.v, t.bits)), uint64(sext(p.u, t.bits))} }
	}
	if has("hi") {
		return func(a *[4]partly) uint64 {
			p := partly{}
			_, p.v = product2(t, a[0].v, a[1].v)
			if n := lowestUndefined(extended(a[0]), extended(a[1])); n < 2*t.bits {
				p.u = noMask << max(n-t.bits, 0) & t.mask()
			}
			return undefinedSum(p, a[2])
		}
	}
	return func(a *[4]partly) uint64 {
		p, q := extended(a[0]), extended(a[1])
		return undefinedSum(partly{p.v * q.v, undefinedProduct(p, q)}, a[2])
	}
}

// convertRule is for cvt to type to from type from.
func (x *building) convertRule(r *undefinedRule, from, to typ, sat bool) {
	switch {
	case len(r.sources) == 2: // the first goes to the upper half
		r.lane = func(a *[4]partly) (b uint64) {
			if a[0].u != 0 {
				b = 0xFFFF0000
			}
			if a[1].u != 0 {
				b |= 0xFFFF
			}
			return b
		}
	case slices.Contains(x.in.mods, "tf32") || sat || !from.integer() || !to.integer():
		whole := from.mask()
		r.lane = func(a *[4]partly) uint64 {
			if a[0].u&whole == 0 {
				return 0
			}
			return noMask
		}
	default:
		x.moved(r)
	}
}

// unpackRule is for mov of a register of type t to several.
func (x *building) unpackRule(t typ, r *undefinedRule) func(w *warp, u *undefined, m uint32) {
	part := typ{kindBits, t.bits / len(r.defs)}
	if len(r.sources) == 0 {
		return func(*warp, *undefined, uint32) {}
	}
	s, defs := r.sources[0], r.defs
	return func(w *warp, u *undefined, m uint32) {
		bad, computed, from := u.lanes[s]&m, u.computed[s], u.from[s]
		for left := bad; left != 0; left &= left - 1 {
			l := bits.TrailingZeros32(left)
			b := u.of(s, l)
			for i, d := range defs {
				u.set(d, l, b>>(i*part.bits)&part.mask(), computed>>l&1 != 0, from)
			}
		}
		for _, d := range defs {
			u.clear(d, m&^bad)
		}
	}
}
