package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Intel's processors fetch, rename and retire fewer instructions a cycle than AMD's, and half as
// many while the SMT sibling is busy. Two steps at once (tilepairs.go) take 38 instructions and
// more for 24 multiplications. Where each multiplication broadcasts its other factor from
// memory it is 25. Loads are then the bound: 24 multiplications in 12.5 cycles.

// bcstSuffix ends the names of such functions, after the assembler's .BCST.
const bcstSuffix = "Bcst"

// tileBcst emits the tiles of a run of micro-panels, all rows at a time.
func tileBcst() {
	declare("tile16AVX512"+bcstSuffix, "func(run *tileRun)")
	run := Load(Param("run"), GP64())
	Label("panel")
	prefetch(run, "prefetched", 0, tileRows)
	CMPB(Mem{Base: run, Disp: runNonTemporal}, U8(0))
	JNE(LabelRef("begin"))
	c, ldc := rowsOfHalf(run, 0)
	prefetchRows(c, ldc, tileRows)
	Label("begin")
	acc := panelSums(run)
	c, ldc = rowsOfHalf(run, 0)
	addTo(Mem{Base: run, Disp: runAdd}, c, ldc, acc, panelWidth)
	CMPB(Mem{Base: run, Disp: runNonTemporal}, U8(0))
	JNE(LabelRef("nontemporal"))
	put(c, ldc, acc, panelWidth, func(r, m Op) { VMOVUPS(r, m) })
	Label("stored")
	advance(run)
	Label("nontemporal")
	put(c, ldc, acc, panelWidth, func(r, m Op) { VMOVNTPS(r, m) })
	JMP(LabelRef("stored"))
}

// panelSums emits the sums of a micro-panel of a tile.
func panelSums(run reg.Register) [][]reg.VecVirtual {
	acc := accumulators(tileRows, 1, panelWidth)
	start := GP64()
	MOVQ(Mem{Base: run, Disp: runStart}, start)
	VMOVUPS(Mem{Base: start}, acc[0][0])
	for i := 1; i < tileRows; i++ {
		VMOVAPS(acc[0][0], acc[i][0])
	}
	broadcastSegments(run, acc)
	return acc
}

// broadcastSegments emits the loop over the segments of a micro-panel, four steps at a time.
// Each iteration also copies two lines of the next panel while there are any, and prefetches
// what the next segment multiplies, most often of this micro-panel or of the next one.
func broadcastSegments(run reg.Register, acc [][]reg.VecVirtual) {
	const (
		bias  = 512 // so that most displacements are short
		steps = 4
	)
	segs, count := segments(run)
	a, b, ldb, from, to, left := operands(run)
	ADDQ(U32(bias), a)
	TESTQ(count, count)
	JZ(LabelRef("finish"))
	Label("segment")
	ap, bp, next, nextB, k := GP64(), GP64(), GP64(), GP64(), GP64()
	LEAQ(Mem{Base: segs, Disp: 8}, next)
	CMPQ(segs, Mem{Base: run, Disp: runLastSeg})
	CMOVQEQ(segs, next)
	MOVLQSX(Mem{Base: next, Disp: 4}, nextB)
	MOVLQSX(Mem{Base: next}, next)
	LEAQ(Mem{Base: b, Index: nextB, Scale: 4}, nextB)
	LEAQ(Mem{Base: a, Index: next, Scale: 4}, next)
	MOVLQSX(Mem{Base: segs}, ap)
	MOVLQSX(Mem{Base: segs, Disp: 4}, bp)
	LEAQ(Mem{Base: a, Index: ap, Scale: 4}, ap)
	LEAQ(Mem{Base: b, Index: bp, Scale: 4}, bp)
	MOVQ(U32(panelWidth), k)
	Label("k")
	copyTwo(run, from, to, left, "copied")
	row, prefetched := ZMM(), 0
	for i := range steps {
		VMOVUPS(Mem{Base: bp}, row)
		for r := range acc {
			VFMADD231PS_BCST(Mem{Base: ap, Disp: 4*panelWidth*r + 4*i - bias}, row, acc[r][0])
		}
		ADDQ(ldb, bp)
		PREFETCHT0(Mem{Base: nextB})
		ADDQ(ldb, nextB)
		for ; prefetched < tileRows*(i+1)/panelWidth; prefetched++ {
			PREFETCHT0(Mem{Base: next, Disp: 64*prefetched - bias})
		}
	}
	ADDQ(U32(64*tileRows*steps/panelWidth), next)
	ADDQ(U8(4*steps), ap)
	SUBQ(U8(steps), k)
	JG(LabelRef("k"))
	ADDQ(U8(8), segs)
	DECQ(count)
	JNZ(LabelRef("segment"))
	MOVQ(from, Mem{Base: run, Disp: runCopyFrom})
	MOVQ(to, Mem{Base: run, Disp: runCopyTo})
	MOVQ(left, Mem{Base: run, Disp: runCopyLeft})
	Label("finish")
}
