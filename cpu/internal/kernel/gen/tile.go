package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of kernel.tileRun by their offsets, which a test compares.
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
	runStrips
	runStart
	runStartStep
	runFrom
	runEnd
	runTo
	runLeft
	runRow
	runWrap
	runAdd
	runStream
	runSub
	runLast
	runFirst
	runAsk
	runAskStride
	runOther
	runNear
)

// tileRows is kernel.Rows, the rows of a tile, and strip kernel.Strip, the
// columns of a strip.
const tileRows, strip = 24, 16

// bytes loads a stride given in elements.
func bytes(name string) reg.Register {
	r := Load(Param(name), GP64())
	SHLQ(U8(2), r)
	return r
}

// claim asks for the lines of rows of c, which will be written at the end. (The Go
// assembler has no PREFETCHW; a line that no other core holds comes for writing too.)
func claim(c, ldc reg.Register, rows int) {
	p := GP64()
	MOVQ(c, p)
	for range rows {
		PREFETCHT0(Mem{Base: p})
		ADDQ(ldc, p)
	}
}

// ask asks for the lines of this strip of rows of another array, if one is given, from row first on.
func ask(run reg.Register, label string, first, rows int) {
	p, stride := GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runAskStride}, stride)
	TESTQ(stride, stride)
	JZ(LabelRef(label))
	IMUL3Q(U8(first), stride, p)
	ADDQ(Mem{Base: run, Disp: runAsk}, p)
	for range rows {
		PREFETCHT1(Mem{Base: p})
		ADDQ(stride, p)
	}
	Label(label)
}

// walk emits the loop over the segments of a strip, each strip steps long, four at a
// time. step gets the pointers to A and to this step's row of B, and its offset from A in
// bytes.
func walk(run, a reg.Register, step func(ap, bp reg.Register, disp int)) {
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
	MOVQ(U32(strip), k)
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

// segments loads where those of the strip begin, and their number.
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

// advance emits the step to the run's next strip, until there is none.
func advance(run reg.Register) {
	x, y := GP64(), GP64()
	ADDQ(U8(4*strip), Mem{Base: run, Disp: runC})
	ADDQ(U8(4*strip), Mem{Base: run, Disp: runAsk})
	MOVQ(Mem{Base: run, Disp: runStartStep}, x)
	ADDQ(x, Mem{Base: run, Disp: runStart})
	ADDQ(U8(4*strip), Mem{Base: run, Disp: runB})
	DECQ(Mem{Base: run, Disp: runSub})
	JNZ(LabelRef("same"))
	MOVQ(Mem{Base: run, Disp: runSubs}, x)
	MOVQ(x, Mem{Base: run, Disp: runSub})
	IMUL3Q(I8(4*strip), x, y)
	SUBQ(y, Mem{Base: run, Disp: runB})
	ADDQ(U8(4), Mem{Base: run, Disp: runPtr})
	Label("same")
	DECQ(Mem{Base: run, Disp: runStrips})
	JNZ(LabelRef("strip"))
	VZEROUPPER()
	RET()
}

// put stores rows of accumulators.
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

// addTo emits the addition of what is there, if the byte flag is not zero.
func addTo(flag Mem, c, ldc reg.Register, acc [][]reg.VecVirtual, lanes int) {
	CMPB(flag, U8(0))
	JE(LabelRef("store"))
	put(c, ldc, acc, lanes, func(r, m Op) { VADDPS(m, r, r) })
	Label("store")
}

// tileAVX2 emits the tiles of a run of strips, a few rows at a time, as many as fit.
func tileAVX2() {
	TEXT("tile16AVX2", NOSPLIT, "func(run *byte)")
	const vectors, lanes, part = 2, 8, 6
	run := Load(Param("run"), GP64())
	Label("strip")
	ask(run, "asked", 0, tileRows)
	c, a, left := GP64(), GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runC}, c)
	MOVQ(Mem{Base: run, Disp: runA}, a)
	MOVQ(U32(tileRows/part), left)
	Label("rows")
	start, ldc := GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runStart}, start)
	acc, row := accumulators(part, vectors, lanes), make([]reg.VecVirtual, vectors)
	for v := range row {
		row[v] = narrow(lanes)
		VMOVUPS(Mem{Base: start, Disp: 32 * v}, acc[0][v])
		for i := 1; i < part; i++ {
			VMOVAPS(acc[0][v], acc[i][v])
		}
	}
	value := narrow(lanes)
	walk(run, a, func(ap, bp reg.Register, disp int) {
		for v := range row {
			VMOVUPS(Mem{Base: bp, Disp: 32 * v}, row[v])
		}
		for i := range acc {
			VBROADCASTSS(Mem{Base: ap, Disp: 4*strip*i + disp}, value)
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
	ADDQ(U32(4*strip*part), a)
	DECQ(left)
	JNZ(LabelRef("rows"))
	advance(run)
}

func accumulators(rows, vectors, lanes int) [][]reg.VecVirtual {
	acc := make([][]reg.VecVirtual, rows)
	for i := range acc {
		for range vectors {
			acc[i] = append(acc[i], narrow(lanes))
		}
	}
	return acc
}

// constant returns 64 bytes of read-only memory that repeat a 32-bit word.
func constant(name string, word uint32) Mem {
	if m, ok := constants[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(word))
	}
	constants[name] = m
	return m
}

var constants = map[string]Mem{}
