package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// interleaver makes of 2 or 4 rows of 16 columns as many lines of 8 or 4 columns, in which the
// rows of a column are neighbors. One row it leaves as it is. single and double are the
// permutations of two vectors by lanes and by pairs of lanes.
type interleaver struct{ single, double [2]reg.VecVirtual }

func newInterleaver(rows int) *interleaver {
	w := new(interleaver)
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

// lines emits the lines. It overwrites its operands.
func (w *interleaver) lines(in []reg.VecVirtual) []reg.VecVirtual {
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

// alternating returns the indices of a permutation that takes size bytes from the lower (half 0)
// or upper halves (half 1) of two vectors alternately.
func alternating(name string, size, half int) Mem {
	name += string(rune('0'+half)) + "Alternate"
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

// interleave emits the packing of lines into micro-panels of size columns, 16 columns at a time,
// of which AVX2 takes eight. It prefetches the rows of the next line.
func interleave(s isa, size int) {
	declare(fmt.Sprintf("interleave%d%s", size, s.name), "func(dst *float32, step int, src *float32, lds int, lines, cols16 int)",
		fmt.Sprintf("is interleaveGo(%d) with at least one line and 16 columns.", size))
	tokens := panelWidth / size
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	step, lds := stride("step"), stride("lds")
	lines := Load(Param("lines"), GP64())
	from, to, n, p := GP64(), GP64(), GP64(), GP64()
	var w *interleaver
	if s == avx512 {
		w = newInterleaver(tokens)
	}
	Label("line")
	MOVQ(src, from)
	MOVQ(dst, to)
	Load(Param("cols16"), n)
	Label("square")
	for part := 0; part < panelWidth; part += s.lanes {
		MOVQ(from, p)
		var row []reg.VecVirtual
		for r := range tokens {
			row = append(row, s.vec())
			VMOVUPS(Mem{Base: p, Disp: 4 * part}, row[r])
			if part == 0 {
				PREFETCHT0(Mem{Base: p, Index: lds, Scale: uint8(tokens)})
			}
			if r+1 < tokens {
				ADDQ(lds, p)
			}
		}
		if w != nil {
			for _, line := range w.lines(row) {
				VMOVUPS(line, Mem{Base: to})
				ADDQ(step, to)
			}
			continue
		}
		for _, line := range halfLines(row) {
			VMOVUPS(line[0], Mem{Base: to})
			VMOVUPS(line[1], Mem{Base: to, Disp: 32})
			ADDQ(step, to)
		}
	}
	ADDQ(U32(64), from)
	DECQ(n)
	JNZ(LabelRef("square"))
	for range tokens {
		ADDQ(lds, src)
	}
	ADDQ(U8(4*panelWidth), dst)
	DECQ(lines)
	JNZ(LabelRef("line"))
	VZEROUPPER()
	RET()
}

// halfLines emits the lines of eight columns of 2 or 4 rows, in halves.
func halfLines(row []reg.VecVirtual) [][2]reg.Register {
	// Until they are joined, the halves of a vector hold columns of the lower and the upper four.
	join := func(x, y reg.Register) (lo, hi reg.Register) {
		l := YMM()
		VPERM2F128(U8(0x20), y, x, l)
		VPERM2F128(U8(0x31), y, x, x)
		return l, x
	}
	if len(row) == 2 {
		lo, hi := join(unpacked(row[0], row[1]))
		return [][2]reg.Register{{lo, hi}}
	}
	l01, h01 := unpacked(row[0], row[1])
	l23, h23 := unpacked(row[2], row[3])
	c0, c1 := unpackedPairs(l01, l23)
	c2, c3 := unpackedPairs(h01, h23)
	lo0, hi0 := join(c0, c1)
	lo1, hi1 := join(c2, c3)
	return [][2]reg.Register{{lo0, lo1}, {hi0, hi1}}
}
