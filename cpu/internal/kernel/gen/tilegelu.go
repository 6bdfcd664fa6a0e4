package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// beginFinishedTile emits the sums of a micro-panel for a tile that finishes them by itself, and
// loads the scratch memory for them. A row of scratch holds a number of micro-panels, given by
// panels; line is its size in bytes.
func beginFinishedTile(name string, panels int) (run, scratch, line reg.Register, acc [][]reg.VecVirtual) {
	declare(name+"AVX512"+bcstSuffix, "func(run *tileRun)")
	run = Load(Param("run"), GP64())
	Label("panel")
	prefetch(run, "prefetched", 0, tileRows)
	acc = panelSums(run)
	scratch, line = GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runScratch}, scratch)
	MOVQ(U32(4*panelWidth*panels), line)
	return run, scratch, line, acc
}

// geluGradTileBcst emits tiles whose sums are multiplied by GELU's gradient, which slope emits.
// The sums of a micro-panel pass through scratch memory in the L1 cache: the accesses to main
// memory then overlap with the multiplications of the next micro-panel.
func geluGradTileBcst(slope function) {
	run, scratch, line, acc := beginFinishedTile("geluGradTile", 1)
	put(scratch, line, acc, panelWidth, func(r, m Op) { VMOVUPS(r, m) })
	gradient := slope()
	rows := func(label string, store func(src, dst Op)) {
		c, ldc := rowsOfHalf(run, 0)
		other, n := GP64(), GP64()
		MOVQ(Mem{Base: run, Disp: runOther}, other)
		MOVQ(U32(tileRows/2), n)
		Label(label)
		for i := range 2 {
			x := ZMM()
			VMOVUPS(Mem{Base: other}, x)
			d := gradient(x)
			VMULPS(Mem{Base: scratch, Disp: 4 * panelWidth * i}, d, d)
			store(d, Mem{Base: c})
			ADDQ(ldc, c)
			ADDQ(ldc, other)
		}
		ADDQ(U32(2*4*panelWidth), scratch)
		DECQ(n)
		JNZ(LabelRef(label))
	}
	CMPB(Mem{Base: run, Disp: runNonTemporal}, U8(0))
	JNE(LabelRef("nontemporal"))
	rows("stored", func(src, dst Op) { VMOVUPS(src, dst) })
	Label("done")
	ADDQ(U8(4*panelWidth), Mem{Base: run, Disp: runOther})
	advance(run)
	Label("nontemporal")
	rows("storednontemporal", func(src, dst Op) { VMOVNTPS(src, dst) })
	JMP(LabelRef("done"))
}

// geluTileBcst emits tiles that store their sums and the sums' GELU, which value emits, with
// non-temporal stores, two micro-panels at a time: single lines of many rows take longer to
// write than pairs, and more lines at a time overflow the processor's write buffers beside
// the next multiplications. The number of micro-panels is even.
func geluTileBcst(value function) {
	run, scratch, line, acc := beginFinishedTile("geluTile", 2)
	TESTB(U8(1), Mem{Base: run, Disp: runPanels})
	JNE(LabelRef("second"))
	put(scratch, line, acc, panelWidth, func(r, m Op) { VMOVUPS(r, m) })
	JMP(LabelRef("next"))
	Label("second")
	ADDQ(U8(4*panelWidth), scratch)
	put(scratch, line, acc, panelWidth, func(r, m Op) { VMOVUPS(r, m) })
	gelu := value()
	c, ldc := rowsOfHalf(run, 0)
	other, n := GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runOther}, other)
	MOVQ(U32(tileRows), n)
	Label("row")
	for half := range 2 {
		x := ZMM()
		VMOVUPS(Mem{Base: scratch, Disp: 4 * panelWidth * (half - 1)}, x)
		VMOVNTPS(x, Mem{Base: c, Disp: 4 * panelWidth * (half - 1)})
		VMOVNTPS(gelu(x), Mem{Base: other, Disp: 4 * panelWidth * half})
	}
	ADDQ(ldc, c)
	ADDQ(ldc, other)
	ADDQ(line, scratch)
	DECQ(n)
	JNZ(LabelRef("row"))
	ADDQ(U32(2*4*panelWidth), Mem{Base: run, Disp: runOther})
	Label("next")
	advance(run)
}
