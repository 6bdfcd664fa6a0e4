package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const outerSignature = "func(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, n int, add bool, next []float32, stride int)"

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

// walk emits the loop over the segments of a strip, each inner steps long, four at a
// time. step gets the pointers to A and to this step's row of B, and its offset from A in
// bytes. With copies, every turn also copies two lines of the next panel while there are
// any: beside the multiplications it costs next to nothing.
func walk(run, a reg.Register, inner int, copies bool, step func(ap, bp reg.Register, disp int)) {
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
	MOVQ(U32(inner), k)
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
func advance(run reg.Register, cols int) {
	x, y := GP64(), GP64()
	ADDQ(U8(4*cols), Mem{Base: run, Disp: runC})
	MOVQ(Mem{Base: run, Disp: runStartStep}, x)
	ADDQ(x, Mem{Base: run, Disp: runStart})
	ADDQ(U8(4*cols), Mem{Base: run, Disp: runB})
	DECQ(Mem{Base: run, Disp: runSub})
	JNZ(LabelRef("same"))
	MOVQ(Mem{Base: run, Disp: runSubs}, x)
	MOVQ(x, Mem{Base: run, Disp: runSub})
	IMUL3Q(I8(4*cols), x, y)
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
func tileAVX512(name string, cols int) {
	TEXT(name+"AVX512", NOSPLIT, "func(run *byte)")
	run := Load(Param("run"), GP64())
	Label("strip")
	CMPB(Mem{Base: run, Disp: runStream}, U8(0))
	JNE(LabelRef("begin"))
	c, ldc := GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runC}, c)
	MOVQ(Mem{Base: run, Disp: runLDC}, ldc)
	claim(c, ldc, tileRows)
	Label("begin")
	acc := accumulators(tileRows, 1, cols)
	start := GP64()
	MOVQ(Mem{Base: run, Disp: runStart}, start)
	VMOVUPS(Mem{Base: start}, acc[0][0])
	for i := 1; i < tileRows; i++ {
		VMOVAPS(acc[0][0], acc[i][0])
	}
	a := GP64()
	MOVQ(Mem{Base: run, Disp: runA}, a)
	ADDQ(U32(512), a) // so that most displacements are short
	row := narrow(cols)
	walk(run, a, cols, true, func(ap, bp reg.Register, disp int) {
		VMOVUPS(Mem{Base: bp}, row)
		for i := range acc {
			VFMADD231PS_BCST(Mem{Base: ap, Disp: 4*strip*i - 512 + disp}, row, acc[i][0])
		}
	})
	c, ldc = GP64(), GP64()
	MOVQ(Mem{Base: run, Disp: runC}, c)
	MOVQ(Mem{Base: run, Disp: runLDC}, ldc)
	addTo(Mem{Base: run, Disp: runAdd}, c, ldc, acc, cols)
	if cols == 16 {
		CMPB(Mem{Base: run, Disp: runStream}, U8(0))
		JNE(LabelRef("stream"))
	}
	put(c, ldc, acc, cols, func(r, m Op) { VMOVUPS(r, m) })
	Label("stored")
	advance(run, cols)
	if cols == 16 {
		Label("stream")
		put(c, ldc, acc, cols, func(r, m Op) { VMOVNTPS(r, m) })
		JMP(LabelRef("stored"))
	}
}

// tileAVX2 emits the same a few rows at a time, as many as fit.
func tileAVX2(name string, cols int) {
	TEXT(name+"AVX2", NOSPLIT, "func(run *byte)")
	vectors, lanes := max(1, cols/8), min(cols, 8)
	part := 12 / vectors
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
	walk(run, a, cols, false, func(ap, bp reg.Register, disp int) {
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
	advance(run, cols)
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

// outer emits the square tile of a weight gradient: a sum of outer products of
// rows of a and of b. AVX2 does a quarter of the rows of a 16 x 16 tile at a time.
func outer(s isa, name string, size int) {
	TEXT(name+s.name, NOSPLIT, outerSignature)
	lanes := min(size, s.lanes)
	vectors, part := size/lanes, size
	if size/lanes*size > 16 {
		part = 4
	}
	a, c := Load(Param("a").Base(), GP64()), Load(Param("c").Base(), GP64())
	left := GP64()
	if part == size {
		claim(c, bytes("ldc"), size)
	} else {
		MOVQ(U32(size/part), left)
		Label("rows")
	}
	acc, row := accumulators(part, vectors, lanes), make([]reg.VecVirtual, vectors)
	for i := range acc {
		for v := range acc[i] {
			VXORPS(acc[i][v].AsX(), acc[i][v].AsX(), acc[i][v].AsX())
		}
	}
	for v := range row {
		row[v] = narrow(lanes)
	}
	value := narrow(lanes)
	ap, bp, next := GP64(), Load(Param("b").Base(), GP64()), GP64()
	MOVQ(a, ap)
	lda, ldb, stride := bytes("lda"), bytes("ldb"), bytes("stride")
	Load(Param("next").Base(), next)
	n := Load(Param("n"), GP64())
	TESTQ(n, n)
	JZ(LabelRef("finish"))
	Label("step")
	PREFETCHT1(Mem{Base: next})
	for v := range row {
		VMOVUPS(Mem{Base: bp, Disp: 4 * lanes * v}, row[v])
	}
	for i := range acc {
		if s == avx512 {
			VFMADD231PS_BCST(Mem{Base: ap, Disp: 4 * i}, row[0], acc[i][0])
			continue
		}
		VBROADCASTSS(Mem{Base: ap, Disp: 4 * i}, value)
		for v := range row {
			VFMADD231PS(row[v], value, acc[i][v])
		}
	}
	ADDQ(lda, ap)
	ADDQ(ldb, bp)
	ADDQ(stride, next)
	DECQ(n)
	JNZ(LabelRef("step"))
	Label("finish")
	ldc := bytes("ldc")
	flag, err := Param("add").Resolve()
	if err != nil {
		panic(err)
	}
	addTo(flag.Addr, c, ldc, acc, lanes)
	put(c, ldc, acc, lanes, func(r, m Op) { VMOVUPS(r, m) })
	if part < size {
		for range part {
			ADDQ(ldc, c)
		}
		ADDQ(U32(4*part), a)
		DECQ(left)
		JNZ(LabelRef("rows"))
	}
	VZEROUPPER()
	RET()
}

// panel emits the copy of four rows at a time of the activations into a panel: 16
// columns go side by side, the next 16 tileRows*16 elements further.
func panel(s isa) {
	TEXT("panel"+s.name, NOSPLIT, "func(dst, src []float32, lds int, fours, strips int)")
	dst, src := Load(Param("dst").Base(), GP64()), Load(Param("src").Base(), GP64())
	lds, lds3 := bytes("lds"), GP64()
	LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	fours := Load(Param("fours"), GP64())
	from, to, n := GP64(), GP64(), GP64()
	Label("rows")
	MOVQ(src, from)
	MOVQ(dst, to)
	Load(Param("strips"), n)
	Label("strip")
	row := []Mem{{Base: from}, {Base: from, Index: lds, Scale: 1}, {Base: from, Index: lds, Scale: 2}, {Base: from, Index: lds3, Scale: 1}}
	for v := 0; v < strip; v += s.lanes {
		for i, m := range row {
			r := s.vec()
			VMOVUPS(m.Offset(4*v), r)
			VMOVUPS(r, Mem{Base: to, Disp: 4 * (strip*i + v)})
		}
	}
	ADDQ(U8(4*strip), from)
	ADDQ(U32(4*strip*tileRows), to)
	DECQ(n)
	JNZ(LabelRef("strip"))
	LEAQ(Mem{Base: src, Index: lds, Scale: 4}, src)
	ADDQ(U32(4*4*strip), dst)
	DECQ(fours)
	JNZ(LabelRef("rows"))
	VZEROUPPER()
	RET()
}

// spmv emits one output row for 64 tokens.
func spmv(s isa) {
	TEXT("spmv"+s.name, NOSPLIT, "func(dst, x []float32, idx []int32, val []float32, init float32)")
	acc := make([]reg.VecVirtual, 64/s.lanes)
	for i := range acc {
		acc[i] = s.vec()
	}
	init, err := Param("init").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(init.Addr, acc[0])
	for i := 1; i < len(acc); i++ {
		VMOVAPS(acc[0], acc[i])
	}
	x := Load(Param("x").Base(), GP64())
	idx, val := Load(Param("idx").Base(), GP64()), Load(Param("val").Base(), GP64())
	n := Load(Param("idx").Len(), GP64())
	at, w := GP64(), s.vec()
	TESTQ(n, n)
	JZ(LabelRef("store"))
	Label("element")
	MOVLQSX(Mem{Base: idx}, at)
	SHLQ(U8(8), at)
	VBROADCASTSS(Mem{Base: val}, w)
	for i := range acc {
		VFMADD231PS(Mem{Base: x, Index: at, Scale: 1, Disp: 4 * s.lanes * i}, w, acc[i])
	}
	ADDQ(U8(4), idx)
	ADDQ(U8(4), val)
	DECQ(n)
	JNZ(LabelRef("element"))
	Label("store")
	dst := Load(Param("dst").Base(), GP64())
	for i := range acc {
		VMOVUPS(acc[i], Mem{Base: dst, Disp: 4 * s.lanes * i})
	}
	VZEROUPPER()
	RET()
}

// lanes4 emits four output rows of a product with 4 x 4 blocks for 64 tokens. The
// element of a block that meets input k and output j is 4*j+k, or if turned 4*k+j.
func lanes4(s isa, name string, turned bool) {
	TEXT(name+s.name, NOSPLIT, "func(dst, x []float32, segs []int64, w []float32, start []float32)")
	const tokens, size = 64, 4
	vectors := 4
	if s == avx2 {
		vectors = 3 // 16 registers hold 3 x 4 sums, so 64 tokens go in 24, 24 and 16
	}
	x, dst := Load(Param("x").Base(), GP64()), Load(Param("dst").Base(), GP64())
	for first, part := 0, 0; first < tokens; part++ {
		vectors = min(vectors, (tokens-first)/s.lanes)
		label := "part" + string(rune('0'+part))
		acc := accumulators(size, vectors, s.lanes)
		start := Load(Param("start").Base(), GP64())
		for j := range acc {
			VBROADCASTSS(Mem{Base: start, Disp: 4 * j}, acc[j][0])
			for v := 1; v < vectors; v++ {
				VMOVAPS(acc[j][0], acc[j][v])
			}
		}
		segs, count := Load(Param("segs").Base(), GP64()), Load(Param("segs").Len(), GP64())
		w, xp, wp := Load(Param("w").Base(), GP64()), GP64(), GP64()
		TESTQ(count, count)
		JZ(LabelRef(label + "store"))
		Label(label + "segment")
		MOVLQSX(Mem{Base: segs}, xp)
		MOVLQSX(Mem{Base: segs, Disp: 4}, wp)
		LEAQ(Mem{Base: x, Index: xp, Scale: 4}, xp)
		LEAQ(Mem{Base: w, Index: wp, Scale: 4}, wp)
		for k := range size {
			in := make([]reg.VecVirtual, vectors)
			for v := range in {
				if s == avx512 {
					in[v] = s.vec()
					VMOVUPS(Mem{Base: xp, Disp: 4 * (tokens*k + first + s.lanes*v)}, in[v])
				}
			}
			for j := range acc {
				at := size*j + k
				if turned {
					at = size*k + j
				}
				value := s.vec()
				VBROADCASTSS(Mem{Base: wp, Disp: 4 * at}, value)
				for v, r := range acc[j] {
					if s == avx512 {
						VFMADD231PS(in[v], value, r)
					} else {
						VFMADD231PS(Mem{Base: xp, Disp: 4 * (tokens*k + first + s.lanes*v)}, value, r)
					}
				}
			}
		}
		ADDQ(U8(8), segs)
		DECQ(count)
		JNZ(LabelRef(label + "segment"))
		Label(label + "store")
		for j := range acc {
			for v, r := range acc[j] {
				VMOVUPS(r, Mem{Base: dst, Disp: 4 * (tokens*j + first + s.lanes*v)})
			}
		}
		first += vectors * s.lanes
	}
	VZEROUPPER()
	RET()
}

// dots4 emits the dot products of vectors in groups of four, added to as many 4 x 4
// tiles. AVX2 takes two of the first at a time.
func dots4(s isa) {
	TEXT("dots4"+s.name, NOSPLIT, "func(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, n, fours int)")
	const size = 4
	part := size
	if s == avx2 {
		part = 2
	}
	c, ldc := Load(Param("c").Base(), GP64()), bytes("ldc")
	a, lda := Load(Param("a").Base(), GP64()), bytes("lda")
	ldb, ldb3, lda3 := bytes("ldb"), GP64(), GP64()
	LEAQ(Mem{Base: ldb, Index: ldb, Scale: 2}, ldb3)
	LEAQ(Mem{Base: lda, Index: lda, Scale: 2}, lda3)
	rows := Load(Param("fours"), GP64())
	if part < size {
		SHLQ(U8(1), rows)
	}
	Label("rows")
	cols, to, b := Load(Param("fours"), GP64()), GP64(), Load(Param("b").Base(), GP64())
	MOVQ(c, to)
	Label("cols")
	acc := accumulators(part, size, s.lanes)
	for i := range acc {
		for _, r := range acc[i] {
			VXORPS(r.AsX(), r.AsX(), r.AsX())
		}
	}
	ap, bp, n := GP64(), GP64(), Load(Param("n"), GP64())
	MOVQ(a, ap)
	MOVQ(b, bp)
	at := func(base, ld, ld3 reg.Register, i int) Mem {
		switch i {
		case 0:
			return Mem{Base: base}
		case 3:
			return Mem{Base: base, Index: ld3, Scale: 1}
		}
		return Mem{Base: base, Index: ld, Scale: uint8(i)}
	}
	SUBQ(U32(s.lanes), n)
	JL(LabelRef("sum"))
	Label("step")
	right := make([]reg.VecVirtual, size)
	for j := range right {
		right[j] = s.vec()
		VMOVUPS(at(bp, ldb, ldb3, j), right[j])
	}
	for i := range acc {
		left := s.vec()
		VMOVUPS(at(ap, lda, lda3, i), left)
		for j, r := range acc[i] {
			VFMADD231PS(right[j], left, r)
		}
	}
	ADDQ(U32(4*s.lanes), ap)
	ADDQ(U32(4*s.lanes), bp)
	SUBQ(U32(s.lanes), n)
	JGE(LabelRef("step"))
	Label("sum")
	p := GP64()
	MOVQ(to, p)
	for i := range acc {
		total := fold4(s, acc[i])
		VADDPS(Mem{Base: p}, total, total)
		VMOVUPS(total, Mem{Base: p})
		ADDQ(ldc, p)
	}
	ADDQ(U8(16), to)
	LEAQ(Mem{Base: b, Index: ldb, Scale: 4}, b)
	DECQ(cols)
	JNZ(LabelRef("cols"))
	for range part {
		ADDQ(ldc, c)
	}
	LEAQ(Mem{Base: a, Index: lda, Scale: uint8(part)}, a)
	DECQ(rows)
	JNZ(LabelRef("rows"))
	VZEROUPPER()
	RET()
}

// fold4 emits the sums of the lanes of four vectors, side by side. It takes no new
// register but for halves: VHADDPS knows the lower sixteen only.
func fold4(s isa, v []reg.VecVirtual) reg.Register {
	y := make([]reg.Register, 4)
	for i := range y {
		y[i] = v[i].AsY()
		if s == avx512 {
			half := YMM()
			VEXTRACTF64X4(U8(1), v[i], half)
			VADDPS(half, y[i], y[i])
		}
	}
	VHADDPS(y[1], y[0], y[0])
	VHADDPS(y[3], y[2], y[2])
	VHADDPS(y[2], y[0], y[0])
	high, low := v[1].AsX(), v[0].AsX()
	VEXTRACTF128(U8(1), y[0], high)
	VADDPS(high, low, low)
	return low
}

// dots emits the dot products of one vector with four others at a time.
func dots(s isa) {
	TEXT("dots"+s.name, NOSPLIT, "func(dst, y, x []float32, stride int, idx []int32)")
	dst, x := Load(Param("dst").Base(), GP64()), Load(Param("x").Base(), GP64())
	stride, idx := bytes("stride"), Load(Param("idx").Base(), GP64())
	groups := Load(Param("idx").Len(), GP64())
	SHRQ(U8(2), groups)
	JZ(LabelRef("done"))
	Label("group")
	var base []reg.Register
	var acc [4]reg.VecVirtual
	for i := range acc {
		p := GP64()
		MOVLQSX(Mem{Base: idx, Disp: 4 * i}, p)
		IMULQ(stride, p)
		ADDQ(x, p)
		base = append(base, p)
		acc[i] = zero(s)
	}
	y, n := Load(Param("y").Base(), GP64()), Load(Param("y").Len(), GP64())
	loopOver(s, "", append(base, y), n, 1, func(at []Mem) {
		v := s.vec()
		VMOVUPS(at[4], v)
		for i := range acc {
			VFMADD231PS(at[i], v, acc[i])
		}
	})
	VMOVUPS(fold4(s, acc[:]), Mem{Base: dst})
	ADDQ(U8(16), dst)
	ADDQ(U8(16), idx)
	DECQ(groups)
	JNZ(LabelRef("group"))
	Label("done")
	VZEROUPPER()
	RET()
}

// transpose emits the transposition of 8 rows x 8 columns at a time, for AVX. Halves of
// rows r and r+4 share a register, so that no value crosses its middle.
func transpose() {
	TEXT("transposeAVX2", NOSPLIT, "func(dst *float32, ldd int, src *float32, lds int, rows8, cols8 int)")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	ldd, lds := bytes("ldd"), bytes("lds")
	ldd3, lds3 := GP64(), GP64()
	LEAQ(Mem{Base: ldd, Index: ldd, Scale: 2}, ldd3)
	LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	cols := Load(Param("cols8"), GP64())
	rows, from, to, low := GP64(), GP64(), GP64(), GP64()
	Label("column")
	Load(Param("rows8"), rows)
	MOVQ(src, from)
	MOVQ(dst, to)
	Label("row")
	LEAQ(Mem{Base: from, Index: lds, Scale: 4}, low)
	at := func(base reg.Register, r, disp int) Mem {
		switch r {
		case 0:
			return Mem{Base: base, Disp: disp}
		case 3:
			return Mem{Base: base, Index: lds3, Scale: 1, Disp: disp}
		}
		return Mem{Base: base, Index: lds, Scale: uint8(r), Disp: disp}
	}
	out := GP64()
	MOVQ(to, out)
	for half := range 2 {
		var t, u [4]reg.VecVirtual
		for r := range t {
			x := XMM()
			t[r] = YMM()
			VMOVUPS(at(from, r, 16*half), x)
			VINSERTF128(U8(1), at(low, r, 16*half), x.AsY(), t[r])
			u[r] = YMM()
		}
		VUNPCKLPS(t[1], t[0], u[0])
		VUNPCKHPS(t[1], t[0], u[1])
		VUNPCKLPS(t[3], t[2], u[2])
		VUNPCKHPS(t[3], t[2], u[3])
		for c := range 4 {
			o := YMM()
			if c%2 == 0 {
				VUNPCKLPD(u[2+c/2], u[c/2], o)
			} else {
				VUNPCKHPD(u[2+c/2], u[c/2], o)
			}
			if c == 3 {
				VMOVUPS(o, Mem{Base: out, Index: ldd3, Scale: 1})
			} else if c > 0 {
				VMOVUPS(o, Mem{Base: out, Index: ldd, Scale: uint8(c)})
			} else {
				VMOVUPS(o, Mem{Base: out})
			}
		}
		if half == 0 {
			LEAQ(Mem{Base: out, Index: ldd, Scale: 4}, out)
		}
	}
	LEAQ(Mem{Base: from, Index: lds, Scale: 8}, from)
	ADDQ(U8(32), to)
	DECQ(rows)
	JNZ(LabelRef("row"))
	ADDQ(U8(32), src)
	LEAQ(Mem{Base: dst, Index: ldd, Scale: 8}, dst)
	DECQ(cols)
	JNZ(LabelRef("column"))
	VZEROUPPER()
	RET()
}

// transpose16 emits the transposition of 16 rows x 16 columns at a time, for AVX-512: whole
// cache lines in, whole lines out, along 16 rows.
func transpose16() {
	TEXT("transposeAVX512", NOSPLIT, "func(dst *float32, ldd int, src *float32, lds int, rows16, cols16 int)")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	ldd, lds := bytes("ldd"), bytes("lds")
	rows := Load(Param("rows16"), GP64())
	from, to, cols := GP64(), GP64(), GP64()
	Label("row")
	Load(Param("cols16"), cols)
	MOVQ(src, from)
	MOVQ(dst, to)
	Label("column")
	var x [16]reg.VecVirtual
	p := GP64()
	MOVQ(from, p)
	for r := range x {
		x[r] = ZMM()
		VMOVUPS(Mem{Base: p}, x[r])
		PREFETCHT0(Mem{Base: p, Disp: 512})
		ADDQ(lds, p)
	}
	// In turns of 1, 2, 4 and 8: pairs of rows swap every other piece of that size.
	var y [16]reg.VecVirtual
	for r := 0; r < 16; r += 2 {
		y[r], y[r+1] = ZMM(), ZMM()
		VUNPCKLPS(x[r+1], x[r], y[r])
		VUNPCKHPS(x[r+1], x[r], y[r+1])
	}
	for r := 0; r < 16; r += 4 {
		for i := range 2 {
			VUNPCKLPD(y[r+2+i], y[r+i], x[r+2*i])
			VUNPCKHPD(y[r+2+i], y[r+i], x[r+2*i+1])
		}
	}
	// x[4*g+c] holds column c of every lane of four columns, of rows 4*g to 4*g+3.
	for c := range 4 {
		VSHUFF32X4(U8(0x88), x[4+c], x[c], y[c])
		VSHUFF32X4(U8(0xdd), x[4+c], x[c], y[4+c])
		VSHUFF32X4(U8(0x88), x[12+c], x[8+c], y[8+c])
		VSHUFF32X4(U8(0xdd), x[12+c], x[8+c], y[12+c])
	}
	for c := range 4 {
		VSHUFF32X4(U8(0x88), y[8+c], y[c], x[c])
		VSHUFF32X4(U8(0x88), y[12+c], y[4+c], x[4+c])
		VSHUFF32X4(U8(0xdd), y[8+c], y[c], x[8+c])
		VSHUFF32X4(U8(0xdd), y[12+c], y[4+c], x[12+c])
	}
	for c := range x {
		VMOVUPS(x[c], Mem{Base: to})
		ADDQ(ldd, to)
	}
	ADDQ(U8(64), from)
	DECQ(cols)
	JNZ(LabelRef("column"))
	MOVQ(lds, p)
	SHLQ(U8(4), p)
	ADDQ(p, src)
	ADDQ(U8(64), dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// copy16 emits the copy of rows of 16 elements.
func copy16() {
	TEXT("copy16AVX2", NOSPLIT, "func(dst []float32, ldd int, src []float32, lds int, rows int)")
	dst, src := Load(Param("dst").Base(), GP64()), Load(Param("src").Base(), GP64())
	ldd, lds := bytes("ldd"), bytes("lds")
	rows := Load(Param("rows"), GP64())
	lo, hi := YMM(), YMM()
	TESTQ(rows, rows)
	JZ(LabelRef("done"))
	Label("row")
	VMOVUPS(Mem{Base: src}, lo)
	VMOVUPS(Mem{Base: src, Disp: 32}, hi)
	VMOVUPS(lo, Mem{Base: dst})
	VMOVUPS(hi, Mem{Base: dst, Disp: 32})
	ADDQ(lds, src)
	ADDQ(ldd, dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
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
