package ptxsim

import (
	"math/bits"
	"slices"
)

// exec executes one instruction for the lanes of m.
type exec = func(w *warp, m uint32)

// building is one instruction on its way to an exec. Builders take the
// modifiers that they know; what is left is an error.
type building struct {
	*decoder
	in       *inst
	mods     []string
	class    Class
	guard    int
	other    exec // with Options.Perturb; nil: the same
	after    exec // second part, for calls
	exited   bool // see op
	flow     flow
	product  *productRegisters // of a wgmma
	predUses []int             // predicates that it reads, and writes
	predDefs []int
	last     [4]int    // destination and operands of the usual shapes
	compared *lanesOp  // by compare, without the predicate; nil: not on whole registers
	joined   string    // the operation with that
	answers  [2]int    // predicates of a comparison and of its opposite; 0: none
	lanes    []lanesOp // what does the same on whole registers; nil: nothing

	// For undefined values:
	sources    []int       // registers of operands that are not addresses, constants included, in order
	addresses  []int       // registers that addresses come from
	conditions []condition // predicate operands
	defMasks   []uint64    // the bits of flow.defs
	value      func(a, b, c uint64) uint64
	own        func(w *warp, u *undefined, m uint32) // says what becomes undefined; nil: undefinedRule does
}

func (x *building) bad(format string, args ...any) {
	x.fail(x.in.line, "instruction "+x.in.text()+": "+format, args...)
}

// opt takes the first modifier that is one of names; "" if there is none.
func (x *building) opt(names ...string) string {
	for i, m := range x.mods {
		if slices.Contains(names, m) {
			x.mods = slices.Delete(x.mods, i, i+1)
			return m
		}
	}
	return ""
}

// has takes the modifier if it is there.
func (x *building) has(name string) bool { return x.opt(name) != "" }

// need is opt for a modifier that must be there.
func (x *building) need(names ...string) string {
	m := x.opt(names...)
	if m == "" {
		x.bad("expected one of the modifiers %v", names)
	}
	return m
}

// typ takes the last modifier, which must be a type for which ok holds.
func (x *building) typ(ok func(t typ) bool) typ {
	if n := len(x.mods); n > 0 {
		if t, known := types[x.mods[n-1]]; known && ok(t) {
			x.mods = x.mods[:n-1]
			return t
		}
		x.bad("type .%s is not supported", x.mods[n-1])
	}
	x.bad("expected a type")
	return typ{}
}

func (x *building) nargs(lo, hi int) int {
	if n := len(x.in.args); n < lo || n > hi {
		x.bad("%d operands, expected %d to %d", n, lo, hi)
	}
	return len(x.in.args)
}

// dst returns the register of destination operand i of type t.
func (x *building) dst(i int, t typ) int { return x.dstOperand(x.in.args[i], t, false) }

func (x *building) dstOperand(o operand, t typ, wider bool) int {
	switch {
	case o.kind == opSink:
		return x.sink()
	case o.kind != opReg || o.sym.typ.kind == kindPred:
		x.bad("a destination is not a register")
	case o.sym.typ.bits != t.bits && !(wider && o.sym.typ.bits > t.bits):
		x.bad("register %s has %d bits, expected %d", o.sym.name, o.sym.typ.bits, t.bits)
	case t.excludes(o.sym.typ):
		x.bad("register %s has type %v, expected %v", o.sym.name, o.sym.typ, t)
	}
	r := x.reg(o.sym)
	x.flow.defs, x.defMasks = append(x.flow.defs, r), append(x.defMasks, o.sym.typ.mask())
	return r
}

// sink returns a register for a result that nothing reads.
func (x *building) sink() int {
	r := x.newReg()
	x.flow.defs, x.defMasks = append(x.flow.defs, r), append(x.defMasks, noMask)
	return r
}

// use returns a register that the instruction reads.
func (x *building) use(y *symbol) int {
	r := x.reg(y)
	x.flow.uses = append(x.flow.uses, r)
	return r
}

// src returns the register of source operand i of type t.
func (x *building) src(i int, t typ) int { return x.srcOperand(x.in.args[i], t, false) }

func (x *building) srcOperand(o operand, t typ, wider bool) int {
	r := x.sourceRegister(o, t, wider)
	x.sources = append(x.sources, r)
	return r
}

func (x *building) sourceRegister(o operand, t typ, wider bool) int {
	if o.neg {
		x.bad("only predicates can be negated")
	}
	switch o.kind {
	case opReg:
		if b := o.sym.typ.bits; o.sym.typ.kind == kindPred || b != t.bits && !(wider && b > t.bits) {
			x.bad("register %s has type %v, expected %d bits", o.sym.name, o.sym.typ, t.bits)
		}
		if t.excludes(o.sym.typ) {
			x.bad("register %s has type %v, expected %v", o.sym.name, o.sym.typ, t)
		}
		return x.use(o.sym)
	case opInt, opFloat, opBits32, opBits64:
		if whole := o.kind == opInt; whole && isFloating(t) || !whole && (t.kind == kindUint || t.kind == kindInt) {
			x.bad("a literal is an integer where the type is %v, or the other way round", t)
		}
		v, err := o.bits(t)
		if err != nil {
			x.bad("%v", err)
		}
		return x.constant(v)
	case opSpecial:
		r := x.special(o.name)
		if r < 0 {
			x.bad("special register %s is not supported", o.name)
		}
		return r
	case opName:
		if o.sym != nil && t.bits >= 32 {
			return x.address(o.sym, o.imm)
		}
		if r := x.special(o.name); r >= 0 {
			return r
		}
		x.bad("%s is not declared", o.name)
	}
	x.bad("an operand is not a register, literal or variable")
	return 0
}

// pred returns the predicate of operand o and whether it is negated.
func (x *building) pred(o operand) (p int, neg bool) {
	switch {
	case o.kind == opReg && o.sym.typ.kind == kindPred:
		p := x.predReg(o.sym)
		x.predUses, x.conditions = append(x.predUses, p), append(x.conditions, condition{p, o.neg})
		return p, o.neg
	case o.kind == opInt:
		p := predTrue
		if o.imm == 0 {
			p = predFalse
		}
		x.conditions = append(x.conditions, condition{p, o.neg})
		return p, o.neg
	}
	x.bad("an operand is not a predicate")
	return 0, false
}

// dstPred returns the predicate that operand o names, a spare one for _.
func (x *building) dstPred(o operand) int {
	if o.kind == opSink {
		x.prog.preds++
		return x.prog.preds - 1
	}
	before, conditions := len(x.predUses), len(x.conditions)
	p, neg := x.pred(o)
	if p < firstPred || neg {
		x.bad("a destination is not a predicate register")
	}
	x.predUses, x.conditions, x.predDefs = x.predUses[:before], x.conditions[:conditions], append(x.predDefs, p)
	return p
}

func (w *warp) predicate(p int, neg bool) uint32 {
	if neg {
		return ^w.p[p]
	}
	return w.p[p]
}

func (w *warp) setPredicate(p int, m, v uint32) { w.p[p] = w.p[p]&^m | v&m }

// map1, map2 and map3 apply f to the lanes of m.
func (x *building) map1(d, a int, f func(a uint64) uint64) exec {
	x.last = [4]int{d, a}
	x.value = func(a, _, _ uint64) uint64 { return f(a) }
	return func(w *warp, m uint32) {
		rd, ra := &w.r[d], &w.r[a]
		if m == fullMask {
			for l := range rd {
				rd[l] = f(ra[l])
			}
			return
		}
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			rd[l] = f(ra[l])
		}
	}
}

func (x *building) map2(d, a, b int, f func(a, b uint64) uint64) exec {
	x.last = [4]int{d, a, b}
	x.value = func(a, b, _ uint64) uint64 { return f(a, b) }
	return func(w *warp, m uint32) {
		rd, ra, rb := &w.r[d], &w.r[a], &w.r[b]
		if m == fullMask {
			for l := range rd {
				rd[l] = f(ra[l], rb[l])
			}
			return
		}
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			rd[l] = f(ra[l], rb[l])
		}
	}
}

func (x *building) map3(d, a, b, c int, f func(a, b, c uint64) uint64) exec {
	x.last = [4]int{d, a, b, c}
	x.value = f
	return func(w *warp, m uint32) {
		rd, ra, rb, rc := &w.r[d], &w.r[a], &w.r[b], &w.r[c]
		if m == fullMask {
			for l := range rd {
				rd[l] = f(ra[l], rb[l], rc[l])
			}
			return
		}
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			rd[l] = f(ra[l], rb[l], rc[l])
		}
	}
}

// The usual shapes d, a / d, a, b / d, a, b, c with one type.
func (x *building) op1(t typ, f func(a uint64) uint64) exec {
	x.nargs(2, 2)
	return x.map1(x.dst(0, t), x.src(1, t), f)
}

func (x *building) op2(t typ, f func(a, b uint64) uint64) exec {
	x.nargs(3, 3)
	return x.map2(x.dst(0, t), x.src(1, t), x.src(2, t), f)
}

func (x *building) op3(t typ, f func(a, b, c uint64) uint64) exec {
	x.nargs(4, 4)
	return x.map3(x.dst(0, t), x.src(1, t), x.src(2, t), x.src(3, t), f)
}

// builders maps a mnemonic to its builder. It is filled by init, since the
// builder of call refers to it through the decoder.
var builders map[string]func(x *building) exec

func init() {
	builders = map[string]func(x *building) exec{
		"add": buildAdd, "sub": buildSub, "mul": buildMul, "mad": buildMad, "fma": buildFma, "div": buildDiv, "rem": buildRem,
		"min": buildMinMax, "max": buildMinMax, "abs": buildAbs, "neg": buildNeg, "sad": buildSad,
		"addc": buildAddc, "subc": buildAddc, "madc": buildMadc, "dp4a": buildDot, "dp2a": buildDot,
		"and": buildLogic, "or": buildLogic, "xor": buildLogic, "not": buildNot, "cnot": buildCnot, "lop3": buildLop3,
		"shl": buildShl, "shr": buildShr, "shf": buildShf, "popc": buildPopc, "clz": buildClz, "brev": buildBrev, "bfind": buildBfind,
		"bfe": buildBfe, "bfi": buildBfi, "prmt": buildPrmt,
		"rcp": buildRcp, "sqrt": buildSqrt, "rsqrt": buildApprox, "ex2": buildApprox, "lg2": buildApprox, "sin": buildApprox, "cos": buildApprox,
		"tanh": buildApprox, "copysign": buildCopysign, "testp": buildTestp,
		"setp": buildSetp, "set": buildSet, "selp": buildSelp, "slct": buildSlct, "mov": buildMov, "cvt": buildCvt, "cvta": buildCvta, "isspacep": buildIsspacep,
		"nanosleep": buildNanosleep, "mbarrier": buildMbarrier, "createpolicy": buildCreatepolicy, "prefetch": noEffect, "prefetchu": noEffect, "applypriority": noEffect,
		"griddepcontrol": noEffect,
		"bra":            buildBra, "brx": buildBrx, "ret": buildRet, "exit": buildExit, "call": buildCall, "trap": buildTrap,
		"ld": buildLd, "ldu": buildLd, "st": buildSt, "atom": buildAtom, "red": buildAtom,
		"bar": buildBar, "barrier": buildBar, "membar": buildFence, "fence": buildFence,
		"shfl": buildShfl, "vote": buildVote, "match": buildMatch, "redux": buildRedux, "activemask": buildActivemask,
		"cp": buildCp, "ldmatrix": buildLdmatrix, "mma": buildMma, "wgmma": buildWgmma, "stmatrix": buildStmatrix, "elect": buildElect, "tensormap": buildTensormap, "mapa": buildMapa, "getctarank": buildGetctarank, "setmaxnreg": buildSetmaxnreg,
	}
}
