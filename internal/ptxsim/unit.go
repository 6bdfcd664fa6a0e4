package ptxsim

import (
	"slices"
	"strconv"
	"strings"
)

// Unit is the part of a multiprocessor that executes an instruction.
type Unit uint8

// The units.
const (
	NoUnit      Unit = iota // moves, parameters, conversions of addresses: ptxas makes no instruction of most
	IntegerUnit             // integers, comparisons, selections
	FloatUnit               // float32
	HalfUnit                // float16 and bfloat16
	DoubleUnit              // float64
	SpecialUnit             // exponentials, reciprocals, sines, counts of bits
	ConvertUnit             // conversions between types
	MemoryUnit              // loads, stores, atomics, ldmatrix, shuffles and votes
	MatrixUnit              // mma, wgmma
	ControlUnit             // branches, barriers, fences
	Units                   // how many there are
)

// String returns the unit's name in lower case.
func (u Unit) String() string {
	return [...]string{"none", "integer", "float", "half", "double", "special", "convert", "memory", "matrix", "control", "unknown"}[min(u, Units)]
}

// MatrixKind sorts matrix products by what a GPU has different rates for.
type MatrixKind uint8

// The kinds of matrix products.
const (
	MmaHalf     MatrixKind = iota // mma of 16-bit numbers
	MmaTF32                       // mma of tf32
	WgmmaHalf                     // wgmma of 16-bit numbers
	WgmmaTF32                     // wgmma of tf32
	MatrixKinds                   // how many there are
)

// opCost is what a launch with time needs to know of an instruction.
type opCost struct {
	unit          Unit
	issues        int64 // instructions of the machine, about
	uses, defs    []int // registers
	reads, writes []int // predicates
	bytes         int   // of a lane, for shared memory
	kind          MatrixKind
	flops         int64 // of the warp
	columns       int64 // n of wgmma
	effect        costEffect
	groups        int // of waitCopies
}

// costEffect is what an instruction does to time beside its latency.
type costEffect uint8

const (
	noEffectOnTime costEffect = iota
	commitCopies              // closes a group of cp.async
	waitCopies                // waits until at most so many groups are under way
	waitAllCopies
	copyAsync // its result comes when it is waited for
)

// specialFunctions are the mnemonics that the special-function unit executes, a quarter of a warp a cycle and less.
var specialFunctions = []string{"rcp", "sqrt", "rsqrt", "ex2", "lg2", "sin", "cos", "tanh", "popc", "clz", "brev", "bfind"}

// costOf says what an instruction costs. The numbers of machine instructions of divisions are about
// what ptxas makes of them.
func costOf(in *inst, x *building) opCost {
	c := opCost{issues: 1, uses: x.flow.uses, defs: x.flow.defs, reads: x.predUses, writes: x.predDefs}
	t := typ{}
	if n := len(in.mods); n > 0 {
		t = types[in.mods[n-1]]
	}
	has := func(m string) bool { return slices.Contains(in.mods, m) }
	switch x.class {
	case Integer, Float:
		c.unit = arithmeticUnit(in.op, t)
		c.issues = arithmeticIssues(in, t)
	case Convert:
		c.unit = ConvertUnit
		if in.op == "cvta" {
			c.unit = NoUnit
		} else if n := len(in.mods); n > 1 && wholeNumber(t) && wholeNumber(types[in.mods[n-2]]) {
			c.unit = IntegerUnit
		}
	case Move:
		c.unit = NoUnit
		if in.op == "setp" || in.op == "set" || in.op == "selp" || in.op == "slct" {
			c.unit = IntegerUnit
		}
	case Local:
		if c.unit = MemoryUnit; has("param") {
			c.unit = NoUnit
		}
	case Global, Shared, Atomic, WarpWide, LdMatrix, Async:
		c.unit = MemoryUnit
	case Matrix:
		c.unit = MatrixUnit
		c.shape(in)
	default:
		c.unit = ControlUnit
	}
	if x.class == Shared || x.class == Global {
		c.bytes = t.bits / 8
		if has("v2") {
			c.bytes *= 2
		} else if has("v4") {
			c.bytes *= 4
		}
	}
	if x.class == Async && !has("bulk") && !has("mbarrier") {
		switch {
		case has("commit_group"):
			c.effect = commitCopies
		case has("wait_all"):
			c.effect = waitAllCopies
		case has("wait_group"):
			c.effect, c.groups = waitCopies, int(in.args[0].imm)
		default:
			c.effect = copyAsync
		}
	}
	return c
}

func wholeNumber(t typ) bool { return t.integer() && t.bits >= 32 }

func arithmeticUnit(op string, t typ) Unit {
	switch {
	case slices.Contains(specialFunctions, op):
		return SpecialUnit
	case isHalf(t):
		return HalfUnit
	case t == f64:
		return DoubleUnit
	case isFloating(t):
		return FloatUnit
	}
	return IntegerUnit
}

func arithmeticIssues(in *inst, t typ) int64 {
	exact := slices.Contains(in.mods, "rn") || slices.Contains(in.mods, "rz") || slices.Contains(in.mods, "rm") || slices.Contains(in.mods, "rp")
	switch in.op {
	case "div", "rem":
		switch {
		case wholeNumber(t):
			return int64(t.bits) / 2
		case exact:
			return 8
		}
		return 3
	case "sqrt", "rcp":
		if exact {
			return 8
		}
	}
	if t.integer() && t.bits == 64 && !slices.Contains(in.mods, "wide") {
		return 2 // halves
	}
	return 1
}

// shape reads the operations of a matrix product: 2 m n k, of wgmma a quarter for each of the four warps.
func (c *opCost) shape(in *inst) {
	tf32 := slices.Contains(in.mods, "tf32")
	for _, m := range in.mods {
		rest, ok := strings.CutPrefix(m, "m")
		if !ok {
			continue
		}
		rows, rest, ok := strings.Cut(rest, "n")
		if !ok {
			continue
		}
		cols, depth, ok := strings.Cut(rest, "k")
		if !ok {
			continue
		}
		p, err1 := strconv.Atoi(rows)
		n, err2 := strconv.Atoi(cols)
		k, err3 := strconv.Atoi(depth)
		if err1 != nil || err2 != nil || err3 != nil {
			continue
		}
		c.flops = 2 * int64(p) * int64(n) * int64(k)
		c.kind = MmaHalf
		if in.op == "wgmma" {
			c.flops, c.kind, c.columns = c.flops/4, WgmmaHalf, int64(n)
		}
		if tf32 {
			c.kind++
		}
		return
	}
	c.unit = ControlUnit // a fence of wgmma, or a wait
}

// emitCost is emit for an instruction of which more is known than that it steers.
func (d *decoder) emitCost(o op, f flow, c opCost) {
	d.prog.code, d.flows = append(d.prog.code, o), append(d.flows, f)
	d.prog.rules = append(d.prog.rules, f.rule)
	d.prog.costs = append(d.prog.costs, c)
}
