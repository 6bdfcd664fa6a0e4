package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// With a vector of 16 columns, each multiplication takes its other factor from memory, and a
// core that multiplies twice a cycle, as it reads, has no reads left for the vectors, for
// asking ahead and for copying. So two steps are taken at once: a vector holds 8 columns of both, side by
// side, and what is read are two numbers of A, for two multiplications. Sums of even and of odd
// steps are added up at the end.

const (
	// aheadLines is how far before its copying a line of the next panel is asked for.
	aheadLines = 64
	// halfRows is how many rows of a tile have their sums in registers.
	halfRows = tileRows / 2
	halfSize = 4 * strip * halfRows // of a segment of a panel, in bytes
)

// tileAVX512 emits the tiles of a run of strips, one half of the rows after the other.
func tileAVX512() {
	TEXT("tile16AVX512", NOSPLIT, "func(run *byte)")
	run := Load(Param("run"), GP64())
	Label("strip")
	for half := range 2 {
		name := func(s string) string { return fmt.Sprintf("%s%d", s, half) }
		ask(run, name("asked"), half*halfRows, halfRows)
		CMPB(Mem{Base: run, Disp: runStream}, U8(0))
		JNE(LabelRef(name("begin")))
		c, ldc := rowsOfHalf(run, half)
		claim(c, ldc, halfRows)
		Label(name("begin"))
		acc := accumulators(halfRows, 2, strip)
		start, none := GP64(), zero(avx512)
		MOVQ(Mem{Base: run, Disp: runStart}, start)
		VMOVUPS(Mem{Base: start}, acc[1][0])
		VUNPCKLPS(none, acc[1][0], acc[0][0])
		VUNPCKHPS(none, acc[1][0], acc[0][1])
		for i := 1; i < halfRows; i++ {
			VMOVAPS(acc[0][0], acc[i][0])
			VMOVAPS(acc[0][1], acc[i][1])
		}
		walkPairs(run, half, name, acc)
		for _, r := range acc {
			foldPair(r[0], r[1])
		}
		c, ldc = rowsOfHalf(run, half)
		sums := make([][]reg.VecVirtual, halfRows)
		for i := range sums {
			sums[i] = acc[i][:1]
		}
		CMPB(Mem{Base: run, Disp: runAdd}, U8(0))
		JE(LabelRef(name("store")))
		put(c, ldc, sums, strip, func(r, m Op) { VADDPS(m, r, r) })
		Label(name("store"))
		CMPB(Mem{Base: run, Disp: runStream}, U8(0))
		JNE(LabelRef(name("stream")))
		put(c, ldc, sums, strip, func(r, m Op) { VMOVUPS(r, m) })
		JMP(LabelRef(name("stored")))
		Label(name("stream"))
		put(c, ldc, sums, strip, func(r, m Op) { VMOVNTPS(r, m) })
		Label(name("stored"))
	}
	advance(run)
}

// rowsOfHalf loads where the rows of a half begin in c, and their stride.
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

// walkPairs emits the loop over the segments of a strip, four pairs of steps at a time. Every
// turn also copies two lines of the next panel while there are any: beside the
// multiplications it costs next to nothing. And memory is asked for that the next segment
// multiplies: of this strip, of the other half or of the next strip.
func walkPairs(run reg.Register, half int, name func(string) string, acc [][]reg.VecVirtual) {
	segs, count := segments(run)
	MOVQ(segs, Mem{Base: run, Disp: runFirst})
	a, b, ldb, from, to, left := operands(run)
	TESTQ(count, count)
	JZ(LabelRef(name("finish")))
	Label(name("segment"))
	ap, bp, soon, soonB, k := GP64(), GP64(), GP64(), GP64(), GP64()
	LEAQ(Mem{Base: segs, Disp: 8}, soon)
	CMPQ(segs, Mem{Base: run, Disp: runLast})
	CMOVQEQ(segs, soon)
	if half == 0 { // which asks for B too
		MOVLQSX(Mem{Base: soon, Disp: 4}, soonB)
		LEAQ(Mem{Base: b, Index: soonB, Scale: 4}, soonB)
		CMPQ(count, U8(1))
		CMOVQEQ(Mem{Base: run, Disp: runFirst}, soon)
		MOVLQSX(Mem{Base: soon}, soon)
		LEAQ(Mem{Base: a, Index: soon, Scale: 4}, soon)
	} else {
		MOVLQSX(Mem{Base: soon}, soon)
		LEAQ(Mem{Base: a, Index: soon, Scale: 4, Disp: halfSize}, soon)
	}
	other := GP64()
	LEAQ(Mem{Base: soon, Disp: halfSize * (1 - 2*half)}, other)
	CMPQ(count, U8(1))
	CMOVQEQ(other, soon)
	MOVLQSX(Mem{Base: segs}, ap)
	MOVLQSX(Mem{Base: segs, Disp: 4}, bp)
	LEAQ(Mem{Base: a, Index: ap, Scale: 4, Disp: halfSize * half}, ap)
	LEAQ(Mem{Base: b, Index: bp, Scale: 4}, bp)
	const pairs = 4
	MOVQ(U32(strip/(2*pairs)), k)
	Label(name("k"))
	copyTwo(run, from, to, left, name("copied"))
	asked := 0
	for p := range pairs {
		multiplyPair(acc, ap, 4*strip, 8*p, Mem{Base: bp}, Mem{Base: bp, Index: ldb, Scale: 1})
		LEAQ(Mem{Base: bp, Index: ldb, Scale: 2}, bp)
		if half == 0 {
			PREFETCHT0(Mem{Base: soonB})
			PREFETCHT0(Mem{Base: soonB, Index: ldb, Scale: 1})
			LEAQ(Mem{Base: soonB, Index: ldb, Scale: 2}, soonB)
		}
		for ; asked < halfRows/2*(p+1)/pairs; asked++ {
			PREFETCHT0(Mem{Base: soon, Disp: 64 * asked})
		}
	}
	ADDQ(U32(64*halfRows/2), soon)
	ADDQ(U8(8*pairs), ap)
	DECQ(k)
	JNZ(LabelRef(name("k")))
	ADDQ(U8(8), segs)
	DECQ(count)
	JNZ(LabelRef(name("segment")))
	MOVQ(from, Mem{Base: run, Disp: runFrom})
	MOVQ(to, Mem{Base: run, Disp: runTo})
	MOVQ(left, Mem{Base: run, Disp: runLeft})
	Label(name("finish"))
}

// operands loads where the operands of a run begin, B's stride, and how far the copying has come.
func operands(run reg.Register) (a, b, ldb, from, to, left reg.Register) {
	a, b, ldb, from, to, left = GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runA}, a)
	MOVQ(Mem{Base: run, Disp: runB}, b)
	MOVQ(Mem{Base: run, Disp: runLDB}, ldb)
	MOVQ(Mem{Base: run, Disp: runFrom}, from)
	MOVQ(Mem{Base: run, Disp: runTo}, to)
	MOVQ(Mem{Base: run, Disp: runLeft}, left)
	return a, b, ldb, from, to, left
}

// copyTwo emits the copying of two lines of the next panel, if any are left.
func copyTwo(run, from, to, left reg.Register, label string) {
	CMPQ(from, Mem{Base: run, Disp: runEnd})
	JAE(LabelRef(label))
	one, two, wrapped := ZMM(), ZMM(), GP64()
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
	Label(label)
}

// multiplyPair emits two steps: the rows of a pair, and two numbers of A for each row of
// sums, step bytes apart.
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

// foldPair adds the sums of even and of odd steps, of which x holds those of the first two columns
// of four and y those of the others, into x.
func foldPair(x, y reg.VecVirtual) {
	odd := ZMM()
	VSHUFPS(U8(0xdd), y, x, odd)
	VSHUFPS(U8(0x88), y, x, x)
	VADDPS(odd, x, x)
}

// pairRows emits the pairing of rows.
func pairRows() {
	TEXT("pairRowsAVX512", NOSPLIT, "func(dst, src *float32, ld, pairs, strips int)")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	ld, pairs := bytes("ld"), Load(Param("pairs"), GP64())
	from, to, n := GP64(), GP64(), GP64()
	Label("pair")
	MOVQ(src, from)
	MOVQ(dst, to)
	Load(Param("strips"), n)
	Label("strip")
	even, odd := ZMM(), ZMM()
	VMOVUPS(Mem{Base: from}, even)
	VMOVUPS(Mem{Base: from, Index: ld, Scale: 1}, odd)
	lo, hi := unpacked(even, odd)
	VMOVUPS(lo, Mem{Base: to})
	VMOVUPS(hi, Mem{Base: to, Index: ld, Scale: 1})
	ADDQ(U8(4*strip), from)
	ADDQ(U8(4*strip), to)
	DECQ(n)
	JNZ(LabelRef("strip"))
	LEAQ(Mem{Base: src, Index: ld, Scale: 2}, src)
	LEAQ(Mem{Base: dst, Index: ld, Scale: 2}, dst)
	DECQ(pairs)
	JNZ(LabelRef("pair"))
	VZEROUPPER()
	RET()
}
