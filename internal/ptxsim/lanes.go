package ptxsim

import (
	"math"
	"strconv"
)

// lanesOp is one vector instruction of a warp: which one, the registers of its result
// and operands, and numbers. The assembly knows its layout.
type lanesOp struct {
	op         uint32
	_          uint32
	d, a, b, c uint32 // in bytes from the first register, or from the first predicate
	n          [5]uint64
}

// lane returns the record of an instruction on registers.
func lane(op uint32, d, a, b, c int, n ...uint64) lanesOp {
	const size = 8 * warpSize
	o := lanesOp{op: op, d: uint32(size * d), a: uint32(size * a), b: uint32(size * b), c: uint32(size * c)}
	copy(o.n[:], n)
	return o
}

// predicateLane returns the record of and, or or xor of two predicates.
func predicateLane(op string, d int, a, b condition) lanesOp {
	return lanesOp{
		op: map[string]uint32{"and": lanesPredicateAnd, "or": lanesPredicateOr, "xor": lanesPredicateXor}[op],
		d:  uint32(4 * d), a: uint32(4 * a.p), b: uint32(4 * b.p), n: [5]uint64{ones(a.neg), ones(b.neg)},
	}
}

// whole says that the instruction is the given ones on whole registers.
func (x *building) whole(ops ...lanesOp) { x.lanes = append(x.lanes, ops...) }

// wholeLast is whole for one instruction with the destination and the operands of the usual shapes.
func (x *building) wholeLast(op uint32, n ...uint64) {
	x.whole(lane(op, x.last[0], x.last[1], x.last[2], x.last[3], n...))
}

// as returns e, which is the instruction op on whole registers.
func (x *building) as(e exec, op uint32, n ...uint64) exec {
	x.wholeLast(op, n...)
	return e
}

// signOf is the sign bit of a signed type; 0 for others.
func signOf(t typ) uint64 {
	if !t.signed() {
		return 0
	}
	return 1 << (t.bits - 1)
}

// operandsOf counts the operands of the instructions that can have flushed ones.
var operandsOf = map[uint32]int{
	lanesFloatAdd: 2, lanesFloatSub: 2, lanesFloatMul: 2, lanesFloatDiv: 2, lanesFloatFma: 3, lanesFloatMin: 2, lanesFloatMax: 2,
	lanesFloatSqrt: 1, lanesFloatRsqrt: 1, lanesFloatExp2: 1,
}

// scratch returns a register, one for each i, that holds something within an instruction only.
func (x *building) scratch(i int) int {
	name := "scratch " + strconv.Itoa(i)
	r, ok := x.specs[name]
	if !ok {
		r = x.newReg()
		x.specs[name] = r
		x.prog.scratch = append(x.prog.scratch, r)
	}
	return r
}

const noMask = math.MaxUint64

// native returns what executes the records in assembly.
func native(ops []lanesOp) exec {
	code := append(ops[:len(ops):len(ops)], lanesOp{})
	return func(w *warp, m uint32) { runLanes(&code[0], &w.r[0], &w.p[0], m) }
}

// asFloat returns e, which is op on whole registers of float32, rounded to nearest, but
// for what else the modifiers say.
func (x *building) asFloat(e exec, o floatMods, op uint32) exec {
	nearest := o.mode == "" || o.mode == "rn"
	switch {
	case !nearest || o.sat:
	case !o.ftz:
		x.wholeLast(op)
	default:
		// The operands without subnormal numbers lie in registers of their own.
		r := x.last
		for i := 1; i <= operandsOf[op]; i++ {
			t := x.scratch(i)
			x.whole(lane(lanesFlush, t, r[i], 0, 0))
			r[i] = t
		}
		x.whole(lane(op, r[0], r[1], r[2], r[3]), lane(lanesFlush, r[0], r[0], 0, 0))
	}
	return e
}
