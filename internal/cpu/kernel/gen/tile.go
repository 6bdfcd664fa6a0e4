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

// aheadLines is how far before its copying a line of the next panel is asked for.
const aheadLines = 32

// walk emits the loop over the segments of a strip, each strip steps long, four at a
// time. step gets the pointers to A and to this step's row of B, and its offset from A in
// bytes. With copies, every turn also copies two lines of the next panel while there are
// any: beside the multiplications it costs next to nothing.
func walk(run, a reg.Register, copies bool, step func(ap, bp reg.Register, disp int)) {
	segs, count, b, x := GP64(), GP64(), GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runPtr}, x)
	MOVLQSX(Mem{Base: x}, b)
	MOVLQSX(Mem{Base: x, Disp: 4}, count)
	SUBQ(b, count)
	IMULQ(Mem{Base: run, Disp: runPer}, b)
	IMULQ(Mem{Base: run, Disp: runPer}, count)
	MOVQ(Mem{Base: run, Disp: runSegs}, segs)
	LEAQ(Mem{Base: segs, Index: b, Scale: 8}, segs)
	ldb := GP64()
	MOVQ(Mem{Base: run, Disp: runB}, b)
	MOVQ(Mem{Base: run, Disp: runLDB}, ldb)
	var from, to, left, wrapped reg.Register
	if copies {
		from, to, left, wrapped = GP64(), GP64(), GP64(), GP64()
		MOVQ(Mem{Base: run, Disp: runFrom}, from)
		MOVQ(Mem{Base: run, Disp: runTo}, to)
		MOVQ(Mem{Base: run, Disp: runLeft}, left)
	}
	ap, bp, k := GP64(), GP64(), GP64()
	TESTQ(count, count)
	JZ(LabelRef("finish"))
	Label("segment")
	MOVLQSX(Mem{Base: segs}, ap)
	MOVLQSX(Mem{Base: segs, Disp: 4}, bp)
	LEAQ(Mem{Base: a, Index: ap, Scale: 4}, ap)
	LEAQ(Mem{Base: b, Index: bp, Scale: 4}, bp)
	MOVQ(U32(strip), k)
	soon, soonB := GP64(), GP64()
	if copies {
		// What the next segment multiplies, most often of this strip or the next one.
		LEAQ(Mem{Base: segs, Disp: 8}, soon)
		CMPQ(segs, Mem{Base: run, Disp: runLast})
		CMOVQEQ(segs, soon)
		MOVLQSX(Mem{Base: soon, Disp: 4}, soonB)
		MOVLQSX(Mem{Base: soon}, soon)
		LEAQ(Mem{Base: b, Index: soonB, Scale: 4}, soonB)
		LEAQ(Mem{Base: a, Index: soon, Scale: 4}, soon)
	}
	Label("k")
	if copies {
		CMPQ(from, Mem{Base: run, Disp: runEnd})
		JAE(LabelRef("copied"))
		one, two := ZMM(), ZMM()
		VMOVUPS(Mem{Base: from}, one)
		VMOVUPS(Mem{Base: from, Disp: 64}, two)
		VMOVUPS(one, Mem{Base: to})
		VMOVUPS(two, Mem{Base: to, Disp: 4 * strip * tileRows})
		PREFETCHT1(Mem{Base: from, Disp: 64 * aheadLines})
		PREFETCHT1(Mem{Base: from, Disp: 64 * (aheadLines + 1)})
		ADDQ(U32(128), from)
		ADDQ(U32(2*4*strip*tileRows), to)
		MOVQ(to, wrapped)
		SUBQ(Mem{Base: run, Disp: runWrap}, wrapped)
		SUBQ(U8(2), left)
		CMOVQEQ(wrapped, to) // the row is done
		CMOVQEQ(Mem{Base: run, Disp: runRow}, left)
		Label("copied")
	}
	for i := range 4 {
		step(ap, bp, 4*i)
		ADDQ(ldb, bp)
		if copies {
			PREFETCHT0(Mem{Base: soonB})
			ADDQ(ldb, soonB)
			PREFETCHT0(Mem{Base: soon, Disp: 64*i - 512})
			if i < 2 {
				PREFETCHT0(Mem{Base: soon, Disp: 64*(4+i) - 512})
			}
		}
	}
	if copies {
		ADDQ(U32(6*64), soon)
	}
	ADDQ(U8(16), ap)
	SUBQ(U8(4), k)
	JG(LabelRef("k"))
	ADDQ(U8(8), segs)
	DECQ(count)
	JNZ(LabelRef("segment"))
	if copies {
		MOVQ(from, Mem{Base: run, Disp: runFrom})
		MOVQ(to, Mem{Base: run, Disp: runTo})
		MOVQ(left, Mem{Base: run, Disp: runLeft})
	}
	Label("finish")
}

// advance emits the step to the run's next strip, until there is none.
func advance(run reg.Register) {
	x, y := GP64(), GP64()
	ADDQ(U8(4*strip), Mem{Base: run, Disp: runC})
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

// tileAVX512 emits the tiles of a run of strips, one accumulator a row.
func tileAVX512() {
	TEXT("tile16AVX512", NOSPLIT, "func(run *byte)")
	run := Load(Param("run"), GP64())
	Label("strip")
	CMPB(Mem{Base: run, Disp: runStream}, U8(0))
	JNE(LabelRef("begin"))
	c, ldc := GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runC}, c)
	MOVQ(Mem{Base: run, Disp: runLDC}, ldc)
	claim(c, ldc, tileRows)
	Label("begin")
	acc := accumulators(tileRows, 1, strip)
	start := GP64()
	MOVQ(Mem{Base: run, Disp: runStart}, start)
	VMOVUPS(Mem{Base: start}, acc[0][0])
	for i := 1; i < tileRows; i++ {
		VMOVAPS(acc[0][0], acc[i][0])
	}
	a := GP64()
	MOVQ(Mem{Base: run, Disp: runA}, a)
	ADDQ(U32(512), a) // so that most displacements are short
	row := ZMM()
	walk(run, a, true, func(ap, bp reg.Register, disp int) {
		VMOVUPS(Mem{Base: bp}, row)
		for i := range acc {
			VFMADD231PS_BCST(Mem{Base: ap, Disp: 4*strip*i - 512 + disp}, row, acc[i][0])
		}
	})
	c, ldc = GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runC}, c)
	MOVQ(Mem{Base: run, Disp: runLDC}, ldc)
	addTo(Mem{Base: run, Disp: runAdd}, c, ldc, acc, strip)
	CMPB(Mem{Base: run, Disp: runStream}, U8(0))
	JNE(LabelRef("stream"))
	put(c, ldc, acc, strip, func(r, m Op) { VMOVUPS(r, m) })
	Label("stored")
	advance(run)
	Label("stream")
	put(c, ldc, acc, strip, func(r, m Op) { VMOVNTPS(r, m) })
	JMP(LabelRef("stored"))
}

// tileAVX2 emits the same a few rows at a time, as many as fit.
func tileAVX2() {
	TEXT("tile16AVX2", NOSPLIT, "func(run *byte)")
	const vectors, lanes, part = 2, 8, 6
	run := Load(Param("run"), GP64())
	Label("strip")
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
	walk(run, a, false, func(ap, bp reg.Register, disp int) {
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
