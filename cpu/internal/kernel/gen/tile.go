package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of kernel.tileRun by their offsets. A test compares them.
const (
	runC = 8 * iota
	runLDC
	runA
	runB
	runLDB
	runSegs
	runPtr
	runPer
	runSubs
	runPanels
	runStart
	runStartStep
	runCopyFrom
	runCopyEnd
	runCopyTo
	runCopyLeft
	runCopyRow
	runCopyWrap
	runAdd
	runNonTemporal
	runSubLeft
	runLastSeg
	runFirstSeg
	runPrefetch
	runPrefetchStride
	runOther
	runScratch
)

// The sizes of a tile, as in package kernel: its rows, and the columns of a micro-panel.
const tileRows, panelWidth = 24, 16

// prefetchRows emits prefetches for the rows of c, which are written at the end. The Go
// assembler has no PREFETCHW, but a line that no other core holds arrives writable.
func prefetchRows(c, ldc reg.Register, rows int) {
	p := GP64()
	MOVQ(c, p)
	for range rows {
		PREFETCHT0(Mem{Base: p})
		ADDQ(ldc, p)
	}
}

// prefetch emits prefetches for the same columns of another array, if the run has one, for rows
// from first on.
func prefetch(run reg.Register, label string, first, rows int) {
	p, stride := GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runPrefetchStride}, stride)
	TESTQ(stride, stride)
	JZ(LabelRef(label))
	IMUL3Q(U8(first), stride, p)
	ADDQ(Mem{Base: run, Disp: runPrefetch}, p)
	for range rows {
		PREFETCHT1(Mem{Base: p})
		ADDQ(stride, p)
	}
	Label(label)
}

// eachSegment emits the loop over the segments of a micro-panel. Each has panelWidth steps,
// which are taken four at a time. step gets the pointers to A and to the step's row of B, and
// the step's offset from A in bytes.
func eachSegment(run, a reg.Register, step func(ap, bp reg.Register, disp int)) {
	segs, count := segments(run)
	b, ldb, ap, bp, k := GP64(), GP64(), GP64(), GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runB}, b)
	MOVQ(Mem{Base: run, Disp: runLDB}, ldb)
	TESTQ(count, count)
	JZ(LabelRef("finish"))
	Label("segment")
	MOVLQSX(Mem{Base: segs}, ap)
	MOVLQSX(Mem{Base: segs, Disp: 4}, bp)
	LEAQ(Mem{Base: a, Index: ap, Scale: 4}, ap)
	LEAQ(Mem{Base: b, Index: bp, Scale: 4}, bp)
	MOVQ(U32(panelWidth), k)
	Label("k")
	for i := range 4 {
		step(ap, bp, 4*i)
		ADDQ(ldb, bp)
	}
	ADDQ(U8(16), ap)
	SUBQ(U8(4), k)
	JG(LabelRef("k"))
	ADDQ(U8(8), segs)
	DECQ(count)
	JNZ(LabelRef("segment"))
	Label("finish")
}

// segments loads where the micro-panel's segments begin, and their number.
func segments(run reg.Register) (segs, count reg.Register) {
	segs, count = GP64(), GP64()
	x, from := GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runPtr}, x)
	MOVLQSX(Mem{Base: x}, from)
	MOVLQSX(Mem{Base: x, Disp: 4}, count)
	SUBQ(from, count)
	IMULQ(Mem{Base: run, Disp: runPer}, from)
	IMULQ(Mem{Base: run, Disp: runPer}, count)
	MOVQ(Mem{Base: run, Disp: runSegs}, segs)
	LEAQ(Mem{Base: segs, Index: from, Scale: 8}, segs)
	return segs, count
}

// advance emits the step to the run's next micro-panel, and the end behind the last.
func advance(run reg.Register) {
	x, y := GP64(), GP64()
	ADDQ(U8(4*panelWidth), Mem{Base: run, Disp: runC})
	ADDQ(U8(4*panelWidth), Mem{Base: run, Disp: runPrefetch})
	MOVQ(Mem{Base: run, Disp: runStartStep}, x)
	ADDQ(x, Mem{Base: run, Disp: runStart})
	ADDQ(U8(4*panelWidth), Mem{Base: run, Disp: runB})
	DECQ(Mem{Base: run, Disp: runSubLeft})
	JNZ(LabelRef("same"))
	MOVQ(Mem{Base: run, Disp: runSubs}, x)
	MOVQ(x, Mem{Base: run, Disp: runSubLeft})
	IMUL3Q(I8(4*panelWidth), x, y)
	SUBQ(y, Mem{Base: run, Disp: runB})
	ADDQ(U8(4), Mem{Base: run, Disp: runPtr})
	Label("same")
	DECQ(Mem{Base: run, Disp: runPanels})
	JNZ(LabelRef("panel"))
	VZEROUPPER()
	RET()
}

// put emits the stores of rows of accumulators.
func put(c, ldc reg.Register, acc [][]reg.VecVirtual, lanes int, store func(src, dst Op)) {
	p := GP64()
	MOVQ(c, p)
	for i := range acc {
		for v, r := range acc[i] {
			store(r, Mem{Base: p, Disp: 4 * lanes * v})
		}
		ADDQ(ldc, p)
	}
}

// addTo emits the addition of what c holds, if the byte flag is not zero.
func addTo(flag Mem, c, ldc reg.Register, acc [][]reg.VecVirtual, lanes int) {
	CMPB(flag, U8(0))
	JE(LabelRef("store"))
	put(c, ldc, acc, lanes, func(r, m Op) { VADDPS(m, r, r) })
	Label("store")
}

// tileAVX2 emits the tiles of a run of micro-panels, six rows at a time: the registers hold no
// more accumulators.
func tileAVX2() {
	declare("tile16AVX2", "func(run *tileRun)")
	const vectors, lanes, part = 2, 8, 6
	run := Load(Param("run"), GP64())
	Label("panel")
	prefetch(run, "prefetched", 0, tileRows)
	c, a, left := GP64(), GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runC}, c)
	MOVQ(Mem{Base: run, Disp: runA}, a)
	MOVQ(U32(tileRows/part), left)
	Label("rows")
	start, ldc := GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runStart}, start)
	acc, row := accumulators(part, vectors, lanes), make([]reg.VecVirtual, vectors)
	for v := range row {
		row[v] = vector(lanes)
		VMOVUPS(Mem{Base: start, Disp: 32 * v}, acc[0][v])
		for i := 1; i < part; i++ {
			VMOVAPS(acc[0][v], acc[i][v])
		}
	}
	value := vector(lanes)
	eachSegment(run, a, func(ap, bp reg.Register, disp int) {
		for v := range row {
			VMOVUPS(Mem{Base: bp, Disp: 32 * v}, row[v])
		}
		for i := range acc {
			VBROADCASTSS(Mem{Base: ap, Disp: 4*panelWidth*i + disp}, value)
			for v := range row {
				VFMADD231PS(row[v], value, acc[i][v])
			}
		}
	})
	MOVQ(Mem{Base: run, Disp: runLDC}, ldc)
	addTo(Mem{Base: run, Disp: runAdd}, c, ldc, acc, lanes)
	put(c, ldc, acc, lanes, func(r, m Op) { VMOVUPS(r, m) })
	for range part {
		ADDQ(ldc, c)
	}
	ADDQ(U32(4*panelWidth*part), a)
	DECQ(left)
	JNZ(LabelRef("rows"))
	advance(run)
}
