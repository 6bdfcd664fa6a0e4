package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of kernel.Move by their offsets, which a test compares.
const (
	moveSrc    = 0
	moveAsk    = 24
	moveStride = 48
	moveDst    = 56
	moveStep   = 80
	moveDone   = 88
	moveLines  = 96
	moveSoon   = 104
	moveAsked  = 128
	moveBy     = 136
	moveMask   = 144
)

// group is how many strips of 16 columns are packed together, Group of the path.
func group(bcst bool) int {
	if bcst {
		return 4
	}
	return 2
}

// moving is the state of what is packed beside multiplications, group times 16 columns in strips of width
// columns.
type moving struct {
	width, group                int
	lines                       int          // emitted
	left                        reg.Register // lines of each strip, negative
	from, ask, stride, to, step reg.Register
	reload                      func() reg.Register // the Move, where Soon is asked for; else nil
}

// startMove loads it.
func startMove(move reg.Register, width, group int) *moving {
	m := &moving{width: width, group: group, left: GP64(), from: GP64(), ask: GP64(), stride: GP64(), to: GP64(), step: GP64()}
	MOVQ(Mem{Base: move, Disp: moveStride}, m.stride)
	SHLQ(U8(2), m.stride)
	MOVQ(Mem{Base: move, Disp: moveStep}, m.step)
	SHLQ(U8(2), m.step)
	MOVQ(Mem{Base: move, Disp: moveDone}, m.left)
	MOVQ(m.left, m.to)
	SHLQ(U8(6), m.to)
	ADDQ(Mem{Base: move, Disp: moveDst}, m.to)
	MOVQ(m.left, m.from)
	IMULQ(m.stride, m.from)
	if m.rows() > 1 {
		IMUL3Q(U8(m.rows()), m.from, m.from)
	}
	MOVQ(m.from, m.ask)
	ADDQ(Mem{Base: move, Disp: moveSrc}, m.from)
	ADDQ(Mem{Base: move, Disp: moveAsk}, m.ask)
	SUBQ(Mem{Base: move, Disp: moveLines}, m.left)
	return m
}

// rows is how many rows a line holds of a strip.
func (m *moving) rows() int { return strip / m.width }

// line packs the next line of each strip, if one is left.
func (m *moving) line() {
	m.lines++
	packed := fmt.Sprintf("packed%d", m.lines)
	TESTQ(m.left, m.left)
	JGE(LabelRef(packed))
	to := GP64()
	MOVQ(m.to, to)
	w := startWeave(m.rows())
	for i := range m.group {
		row := GP64()
		MOVQ(m.from, row)
		var in []reg.VecVirtual
		for r := range m.rows() {
			in = append(in, ZMM())
			VMOVUPS(Mem{Base: row, Disp: 4 * strip * i}, in[r])
			if r+1 < m.rows() {
				ADDQ(m.stride, row)
			}
		}
		for _, v := range w.lines(in) {
			VMOVUPS(v, Mem{Base: to})
			ADDQ(m.step, to)
		}
	}
	for range m.rows() {
		for i := range m.group {
			PREFETCHT1(Mem{Base: m.ask, Disp: 4 * strip * i})
		}
		ADDQ(m.stride, m.ask)
		ADDQ(m.stride, m.from)
	}
	if m.reload != nil {
		move, asked := m.reload(), GP64()
		TESTQ(m.left, Mem{Base: move, Disp: moveMask})
		JNE(LabelRef(packed + "asked"))
		MOVQ(Mem{Base: move, Disp: moveAsked}, asked)
		SHLQ(U8(2), asked)
		ADDQ(Mem{Base: move, Disp: moveSoon}, asked)
		for i := range 4 {
			PREFETCHT1(Mem{Base: asked, Disp: 64 * i})
		}
		MOVQ(Mem{Base: move, Disp: moveBy}, asked)
		ADDQ(asked, Mem{Base: move, Disp: moveAsked})
		Label(packed + "asked")
	}
	ADDQ(U8(4*strip), m.to)
	INCQ(m.left)
	Label(packed)
}

// end stores how far the packing came.
func (m *moving) end(move reg.Register) {
	ADDQ(Mem{Base: move, Disp: moveLines}, m.left)
	MOVQ(m.left, Mem{Base: move, Disp: moveDone})
}

// weaver turns 2 or 4 rows of 16 columns into as many lines of 8 or 4 columns, the rows of
// a column side by side; one row it leaves as it is.
type weaver struct{ single, double [2]reg.VecVirtual } // which numbers, and which pairs, of two vectors

func startWeave(rows int) *weaver {
	w := new(weaver)
	if rows == 1 {
		return w
	}
	for half := range 2 {
		w.single[half] = ZMM()
		VMOVUPS(alternating("single", 4, half), w.single[half])
		if rows == 4 {
			w.double[half] = ZMM()
			VMOVUPS(alternating("double", 8, half), w.double[half])
		}
	}
	return w
}

// lines consumes its operands.
func (w *weaver) lines(in []reg.VecVirtual) []reg.VecVirtual {
	if len(in) == 1 {
		return in
	}
	pair := func(x, y reg.VecVirtual, which [2]reg.VecVirtual, permute func(ops ...Op)) (lo, hi reg.VecVirtual) {
		hi = ZMM()
		VMOVAPS(x, hi)
		permute(y, which[0], x)
		permute(y, which[1], hi)
		return x, hi
	}
	single := func(ops ...Op) { VPERMT2PS(ops...) }
	double := func(ops ...Op) { VPERMT2PD(ops...) }
	if len(in) == 2 {
		lo, hi := pair(in[0], in[1], w.single, single)
		return []reg.VecVirtual{lo, hi}
	}
	lo01, hi01 := pair(in[0], in[1], w.single, single)
	lo23, hi23 := pair(in[2], in[3], w.single, single)
	a, b := pair(lo01, lo23, w.double, double)
	c, d := pair(hi01, hi23, w.double, double)
	return []reg.VecVirtual{a, b, c, d}
}

// alternating returns the indices of a permutation that takes pieces of size bytes from the
// lower or upper halves of two vectors, in turns.
func alternating(name string, size, half int) Mem {
	name += string(rune('0'+half)) + "Turns"
	if m, ok := constants[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	n := 64 / size
	for i := range n {
		at := half*n/2 + i/2 + i%2*n
		if size == 4 {
			DATA(size*i, U32(at))
		} else {
			DATA(size*i, U64(at))
		}
	}
	constants[name] = m
	return m
}
