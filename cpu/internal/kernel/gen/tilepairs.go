package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// With a vector of 16 columns every multiplication loads its other factor. A core that
// multiplies twice a cycle also loads twice a cycle, so no load is left for the vectors, for
// prefetching and for copying. So two steps are taken at once: a vector holds 8 columns of
// both steps, interleaved, and one load brings two elements of A for two multiplications.
// The sums of even and of odd steps are added at the end.

const (
	// copyDistance is how many lines ahead of its copying the next panel is prefetched.
	copyDistance = 64
	// halfRows is how many rows of a tile have their accumulators in registers.
	halfRows = tileRows / 2
	halfSize = 4 * panelWidth * halfRows // of a segment of a panel, in bytes
)

// tileAVX512 emits the tiles of a run of micro-panels, half of the rows at a time.
func tileAVX512() {
	declare("tile16AVX512", "func(run *tileRun)")
	run := Load(Param("run"), GP64())
	Label("panel")
	for half := range 2 {
		name := func(s string) string { return fmt.Sprintf("%s%d", s, half) }
		prefetch(run, name("prefetched"), half*halfRows, halfRows)
		CMPB(Mem{Base: run, Disp: runNonTemporal}, U8(0))
		JNE(LabelRef(name("begin")))
		c, ldc := rowsOfHalf(run, half)
		prefetchRows(c, ldc, halfRows)
		Label(name("begin"))
		acc := accumulators(halfRows, 2, panelWidth)
		start, none := GP64(), zero(avx512)
		MOVQ(Mem{Base: run, Disp: runStart}, start)
		VMOVUPS(Mem{Base: start}, acc[1][0])
		VUNPCKLPS(none, acc[1][0], acc[0][0])
		VUNPCKHPS(none, acc[1][0], acc[0][1])
		for i := 1; i < halfRows; i++ {
			VMOVAPS(acc[0][0], acc[i][0])
			VMOVAPS(acc[0][1], acc[i][1])
		}
		pairSegments(run, half, name, acc)
		for _, r := range acc {
			addEvenOdd(r[0], r[1])
		}
		c, ldc = rowsOfHalf(run, half)
		sums := make([][]reg.VecVirtual, halfRows)
		for i := range sums {
			sums[i] = acc[i][:1]
		}
		CMPB(Mem{Base: run, Disp: runAdd}, U8(0))
		JE(LabelRef(name("store")))
		put(c, ldc, sums, panelWidth, func(r, m Op) { VADDPS(m, r, r) })
		Label(name("store"))
		CMPB(Mem{Base: run, Disp: runNonTemporal}, U8(0))
		JNE(LabelRef(name("nontemporal")))
		put(c, ldc, sums, panelWidth, func(r, m Op) { VMOVUPS(r, m) })
		JMP(LabelRef(name("stored")))
		Label(name("nontemporal"))
		put(c, ldc, sums, panelWidth, func(r, m Op) { VMOVNTPS(r, m) })
		Label(name("stored"))
	}
	advance(run)
}

// rowsOfHalf loads where the rows of a half begin in c, and the row stride.
func rowsOfHalf(run reg.Register, half int) (c, ldc reg.Register) {
	c, ldc = GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runC}, c)
	MOVQ(Mem{Base: run, Disp: runLDC}, ldc)
	if half == 1 {
		three := GP64()
		LEAQ(Mem{Base: ldc, Index: ldc, Scale: 2}, three)
		LEAQ(Mem{Base: c, Index: three, Scale: 4}, c)
	}
	return c, ldc
}

// pairSegments emits the loop over the segments of a micro-panel, four pairs of steps at a time.
// Each iteration also copies two lines of the next panel while there are any, which is
// almost free beside the multiplications. And it prefetches what the next segment multiplies:
// of this micro-panel, of the other half or of the next micro-panel.
func pairSegments(run reg.Register, half int, name func(string) string, acc [][]reg.VecVirtual) {
	segs, count := segments(run)
	MOVQ(segs, Mem{Base: run, Disp: runFirstSeg})
	a, b, ldb, from, to, left := operands(run)
	TESTQ(count, count)
	JZ(LabelRef(name("finish")))
	Label(name("segment"))
	ap, bp, next, nextB, k := GP64(), GP64(), GP64(), GP64(), GP64()
	LEAQ(Mem{Base: segs, Disp: 8}, next)
	CMPQ(segs, Mem{Base: run, Disp: runLastSeg})
	CMOVQEQ(segs, next)
	if half == 0 { // which prefetches B too
		MOVLQSX(Mem{Base: next, Disp: 4}, nextB)
		LEAQ(Mem{Base: b, Index: nextB, Scale: 4}, nextB)
		CMPQ(count, U8(1))
		CMOVQEQ(Mem{Base: run, Disp: runFirstSeg}, next)
		MOVLQSX(Mem{Base: next}, next)
		LEAQ(Mem{Base: a, Index: next, Scale: 4}, next)
	} else {
		MOVLQSX(Mem{Base: next}, next)
		LEAQ(Mem{Base: a, Index: next, Scale: 4, Disp: halfSize}, next)
	}
	other := GP64()
	LEAQ(Mem{Base: next, Disp: halfSize * (1 - 2*half)}, other)
	CMPQ(count, U8(1))
	CMOVQEQ(other, next)
	MOVLQSX(Mem{Base: segs}, ap)
	MOVLQSX(Mem{Base: segs, Disp: 4}, bp)
	LEAQ(Mem{Base: a, Index: ap, Scale: 4, Disp: halfSize * half}, ap)
	LEAQ(Mem{Base: b, Index: bp, Scale: 4}, bp)
	const pairs = 4
	MOVQ(U32(panelWidth/(2*pairs)), k)
	Label(name("k"))
	copyTwo(run, from, to, left, name("copied"))
	prefetched := 0
	for p := range pairs {
		multiplyPair(acc, ap, 4*panelWidth, 8*p, Mem{Base: bp}, Mem{Base: bp, Index: ldb, Scale: 1})
		LEAQ(Mem{Base: bp, Index: ldb, Scale: 2}, bp)
		if half == 0 {
			PREFETCHT0(Mem{Base: nextB})
			PREFETCHT0(Mem{Base: nextB, Index: ldb, Scale: 1})
			LEAQ(Mem{Base: nextB, Index: ldb, Scale: 2}, nextB)
		}
		for ; prefetched < halfRows/2*(p+1)/pairs; prefetched++ {
			PREFETCHT0(Mem{Base: next, Disp: 64 * prefetched})
		}
	}
	ADDQ(U32(64*halfRows/2), next)
	ADDQ(U8(8*pairs), ap)
	DECQ(k)
	JNZ(LabelRef(name("k")))
	ADDQ(U8(8), segs)
	DECQ(count)
	JNZ(LabelRef(name("segment")))
	MOVQ(from, Mem{Base: run, Disp: runCopyFrom})
	MOVQ(to, Mem{Base: run, Disp: runCopyTo})
	MOVQ(left, Mem{Base: run, Disp: runCopyLeft})
	Label(name("finish"))
}

// operands loads where the operands of a run begin, B's stride, and the state of the copying.
func operands(run reg.Register) (a, b, ldb, from, to, left reg.Register) {
	a, b, ldb, from, to, left = GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runA}, a)
	MOVQ(Mem{Base: run, Disp: runB}, b)
	MOVQ(Mem{Base: run, Disp: runLDB}, ldb)
	MOVQ(Mem{Base: run, Disp: runCopyFrom}, from)
	MOVQ(Mem{Base: run, Disp: runCopyTo}, to)
	MOVQ(Mem{Base: run, Disp: runCopyLeft}, left)
	return a, b, ldb, from, to, left
}

// copyTwo emits the copy of two lines of the next panel, if any are left.
func copyTwo(run, from, to, left reg.Register, label string) {
	CMPQ(from, Mem{Base: run, Disp: runCopyEnd})
	JAE(LabelRef(label))
	one, two, wrapped := ZMM(), ZMM(), GP64()
	VMOVUPS(Mem{Base: from}, one)
	VMOVUPS(Mem{Base: from, Disp: 64}, two)
	VMOVUPS(one, Mem{Base: to})
	VMOVUPS(two, Mem{Base: to, Disp: 4 * panelWidth * tileRows})
	PREFETCHT1(Mem{Base: from, Disp: 64 * copyDistance})
	PREFETCHT1(Mem{Base: from, Disp: 64 * (copyDistance + 1)})
	ADDQ(U32(128), from)
	ADDQ(U32(2*4*panelWidth*tileRows), to)
	MOVQ(to, wrapped)
	SUBQ(Mem{Base: run, Disp: runCopyWrap}, wrapped)
	SUBQ(U8(2), left)
	CMOVQEQ(wrapped, to) // the row is done
	CMOVQEQ(Mem{Base: run, Disp: runCopyRow}, left)
	Label(label)
}

// multiplyPair emits two steps: the rows of a pair, and two elements of A for each row of
// accumulators, step bytes apart.
func multiplyPair(acc [][]reg.VecVirtual, ap reg.Register, step, disp int, rows ...Mem) {
	var right [2]reg.VecVirtual
	for v := range right {
		right[v] = ZMM()
		VMOVUPS(rows[v], right[v])
	}
	for i, r := range acc {
		left := ZMM()
		VBROADCASTSD(Mem{Base: ap, Disp: step*i + disp}, left)
		VFMADD231PS(right[0], left, r[0])
		VFMADD231PS(right[1], left, r[1])
	}
}

// pairRows emits kernel.Set.PairRows.
func pairRows() {
	declare("pairRowsAVX512", "func(dst, src *float32, ld, pairs, panels int)",
		"is Set.PairRows for 2*pairs rows and PanelWidth*panels columns, both positive.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	ld, pairs := stride("ld"), Load(Param("pairs"), GP64())
	from, to, n := GP64(), GP64(), GP64()
	Label("pair")
	MOVQ(src, from)
	MOVQ(dst, to)
	Load(Param("panels"), n)
	Label("panel")
	even, odd := ZMM(), ZMM()
	VMOVUPS(Mem{Base: from}, even)
	VMOVUPS(Mem{Base: from, Index: ld, Scale: 1}, odd)
	lo, hi := unpacked(even, odd)
	VMOVUPS(lo, Mem{Base: to})
	VMOVUPS(hi, Mem{Base: to, Index: ld, Scale: 1})
	ADDQ(U8(4*panelWidth), from)
	ADDQ(U8(4*panelWidth), to)
	DECQ(n)
	JNZ(LabelRef("panel"))
	LEAQ(Mem{Base: src, Index: ld, Scale: 2}, src)
	LEAQ(Mem{Base: dst, Index: ld, Scale: 2}, dst)
	DECQ(pairs)
	JNZ(LabelRef("pair"))
	VZEROUPPER()
	RET()
}
