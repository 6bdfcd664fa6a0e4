package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Intel's processors fetch, rename and retire fewer instructions a cycle than AMD's, and half of them
// where another thread has the other half of the core. Two steps at once (pairs.go) take 38
// instructions and more for 24 multiplications; where each multiplication reads and broadcasts its
// other factor by itself it is 25. Reading is what then bounds it, at 24 multiplications in 12.5
// cycles.

// bcstSuffix ends the names of such functions.
const bcstSuffix = "Bcst"

// tileBcst emits the tiles of a run of strips, one sum in each register.
func tileBcst() {
	TEXT("tile16AVX512"+bcstSuffix, NOSPLIT, "func(run *byte)")
	run := Load(Param("run"), GP64())
	Label("strip")
	ask(run, "asked", 0, tileRows)
	CMPB(Mem{Base: run, Disp: runStream}, U8(0))
	JNE(LabelRef("begin"))
	c, ldc := rowsOfHalf(run, 0)
	claim(c, ldc, tileRows)
	Label("begin")
	acc := sumsOfStrip(run)
	c, ldc = rowsOfHalf(run, 0)
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

// sumsOfStrip emits the sums of a strip of a tile.
func sumsOfStrip(run reg.Register) [][]reg.VecVirtual {
	acc := accumulators(tileRows, 1, strip)
	start := GP64()
	MOVQ(Mem{Base: run, Disp: runStart}, start)
	VMOVUPS(Mem{Base: start}, acc[0][0])
	for i := 1; i < tileRows; i++ {
		VMOVAPS(acc[0][0], acc[i][0])
	}
	walkSingle(run, acc)
	return acc
}

// nearStrip begins a tile that finishes its sums, with those of a strip, and loads the near place for them, which has
// lines of a number of strips.
func nearStrip(name string, strips int) (run, near, line reg.Register, acc [][]reg.VecVirtual) {
	TEXT(name+"AVX512"+bcstSuffix, NOSPLIT, "func(run *byte)")
	run = Load(Param("run"), GP64())
	Label("strip")
	ask(run, "asked", 0, tileRows)
	acc = sumsOfStrip(run)
	near, line = GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runNear}, near)
	MOVQ(U32(4*strip*strips), line)
	return run, near, line, acc
}

// geluGradTileBcst emits tiles whose sums are multiplied with GELU's gradient strip by strip, from a near place: what
// is read and written of far ones then has the time of the next strip's multiplications. slope is the gradient.
func geluGradTileBcst(slope function) {
	run, near, line, acc := nearStrip("geluGradTile", 1)
	put(near, line, acc, strip, func(r, m Op) { VMOVUPS(r, m) })
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
			VMULPS(Mem{Base: near, Disp: 4 * strip * i}, d, d)
			store(d, Mem{Base: c})
			ADDQ(ldc, c)
			ADDQ(ldc, other)
		}
		ADDQ(U32(2*4*strip), near)
		DECQ(n)
		JNZ(LabelRef(label))
	}
	CMPB(Mem{Base: run, Disp: runStream}, U8(0))
	JNE(LabelRef("stream"))
	rows("stored", func(src, dst Op) { VMOVUPS(src, dst) })
	Label("done")
	ADDQ(U8(4*strip), Mem{Base: run, Disp: runOther})
	advance(run)
	Label("stream")
	rows("streamed", func(src, dst Op) { VMOVNTPS(src, dst) })
	JMP(LabelRef("done"))
}

// geluTileBcst emits tiles whose sums, and their GELU, which value is, go past the caches, two strips at a time. Single
// lines of many rows take longer to write than pairs of lines do, and more lines at a time than the processor can keep
// beside the next strips' multiplications. The number of strips is even.
func geluTileBcst(value function) {
	run, near, line, acc := nearStrip("geluTile", 2)
	TESTB(U8(1), Mem{Base: run, Disp: runStrips})
	JNE(LabelRef("second"))
	put(near, line, acc, strip, func(r, m Op) { VMOVUPS(r, m) })
	JMP(LabelRef("next"))
	Label("second")
	ADDQ(U8(4*strip), near)
	put(near, line, acc, strip, func(r, m Op) { VMOVUPS(r, m) })
	gelu := value()
	c, ldc := rowsOfHalf(run, 0)
	other, n := GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runOther}, other)
	MOVQ(U32(tileRows), n)
	Label("row")
	for half := range 2 {
		x := ZMM()
		VMOVUPS(Mem{Base: near, Disp: 4 * strip * (half - 1)}, x)
		VMOVNTPS(x, Mem{Base: c, Disp: 4 * strip * (half - 1)})
		VMOVNTPS(gelu(x), Mem{Base: other, Disp: 4 * strip * half})
	}
	ADDQ(ldc, c)
	ADDQ(ldc, other)
	ADDQ(line, near)
	DECQ(n)
	JNZ(LabelRef("row"))
	ADDQ(U32(2*4*strip), Mem{Base: run, Disp: runOther})
	Label("next")
	advance(run)
}

// walkSingle emits the loop over the segments of a strip, four steps at a time. Every turn also copies
// two lines of the next panel while there are any, and asks for what the next segment multiplies,
// most often of this strip or of the next one.
func walkSingle(run reg.Register, acc [][]reg.VecVirtual) {
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
	ap, bp, soon, soonB, k := GP64(), GP64(), GP64(), GP64(), GP64()
	LEAQ(Mem{Base: segs, Disp: 8}, soon)
	CMPQ(segs, Mem{Base: run, Disp: runLast})
	CMOVQEQ(segs, soon)
	MOVLQSX(Mem{Base: soon, Disp: 4}, soonB)
	MOVLQSX(Mem{Base: soon}, soon)
	LEAQ(Mem{Base: b, Index: soonB, Scale: 4}, soonB)
	LEAQ(Mem{Base: a, Index: soon, Scale: 4}, soon)
	MOVLQSX(Mem{Base: segs}, ap)
	MOVLQSX(Mem{Base: segs, Disp: 4}, bp)
	LEAQ(Mem{Base: a, Index: ap, Scale: 4}, ap)
	LEAQ(Mem{Base: b, Index: bp, Scale: 4}, bp)
	MOVQ(U32(strip), k)
	Label("k")
	copyTwo(run, from, to, left, "copied")
	row, asked := ZMM(), 0
	for i := range steps {
		VMOVUPS(Mem{Base: bp}, row)
		for r := range acc {
			VFMADD231PS_BCST(Mem{Base: ap, Disp: 4*strip*r + 4*i - bias}, row, acc[r][0])
		}
		ADDQ(ldb, bp)
		PREFETCHT0(Mem{Base: soonB})
		ADDQ(ldb, soonB)
		for ; asked < tileRows*(i+1)/strip; asked++ {
			PREFETCHT0(Mem{Base: soon, Disp: 64*asked - bias})
		}
	}
	ADDQ(U32(64*tileRows*steps/strip), soon)
	ADDQ(U8(4*steps), ap)
	SUBQ(U8(steps), k)
	JG(LabelRef("k"))
	ADDQ(U8(8), segs)
	DECQ(count)
	JNZ(LabelRef("segment"))
	MOVQ(from, Mem{Base: run, Disp: runFrom})
	MOVQ(to, Mem{Base: run, Disp: runTo})
	MOVQ(left, Mem{Base: run, Disp: runLeft})
	Label("finish")
}

// cpuid emits the instruction of that name, of leaf 0.
func cpuid() {
	TEXT("vendor", NOSPLIT, "func() (b, d, c uint32)")
	XORL(reg.EAX, reg.EAX)
	XORL(reg.ECX, reg.ECX)
	CPUID()
	Store(reg.EBX, ReturnIndex(0))
	Store(reg.EDX, ReturnIndex(1))
	Store(reg.ECX, ReturnIndex(2))
	RET()
}
