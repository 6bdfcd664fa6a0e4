package ptxsim

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// buildWgmma: wgmma.mma_async of bf16, f16 and tf32 with float32 accumulators, and its
// fence and groups. D = A B, plus D where the predicate holds: A is 64 x k by rows, from
// registers or shared memory, B k x n from shared memory.
//
// Each of the four warps computes its 16 rows when it issues the instruction, which is as
// early as the hardware may; products.go finds what touches the operands before the wait.
// The sums are those of mma: ascending k, each rounded to float32.
func buildWgmma(x *building) exec {
	x.class = Matrix
	if what := x.need("mma_async", "fence", "commit_group", "wait_group"); what != "mma_async" {
		return x.wgmmaRest(what)
	}
	return x.wgmma()
}

// matrixSource is an operand of wgmma in shared memory.
type matrixSource struct {
	desc  int // register with the descriptor
	in    typ
	trans bool // the k of an element does not choose its neighbor, its row or column does
}

// wgmmaShape reads m64nNkK.
func (x *building) wgmmaShape() (n, k int) {
	if len(x.mods) > 0 {
		if rest, ok := strings.CutPrefix(x.mods[0], "m64n"); ok {
			if a, b, ok := strings.Cut(rest, "k"); ok {
				n, _ = strconv.Atoi(a)
				k, _ = strconv.Atoi(b)
			}
		}
	}
	if n < 8 || n > 256 || n%8 != 0 || k != 8 && k != 16 {
		x.bad("expected a shape m64nNk8 or k16 with N from 8 to 256")
	}
	x.mods = x.mods[1:]
	return n, k
}

// care has the bits set that a product reads of a register with such elements.
func (s *matrixSource) care() uint64 {
	if s.in == f32 {
		return 0xFFFFE000
	}
	return noMask
}

func (x *building) wgmma() exec {
	x.need("sync")
	x.need("aligned")
	n, k := x.wgmmaShape()
	x.need("f32")
	in := f32 // tf32
	switch x.need("bf16", "f16", "tf32") {
	case "bf16":
		in = types["bf16"]
	case "f16":
		in = types["f16"]
	}
	if second := x.opt("bf16", "f16", "tf32"); types[second] != in && second != "tf32" || second == "tf32" && in != f32 {
		x.bad("the factors have different types")
	}
	if (in == f32) != (k == 8) {
		x.bad("k %d does not belong to the type", k)
	}
	x.nargs(6, 8)
	var d []int
	for _, o := range x.vector(0, n/2) {
		d = append(d, x.dstOperand(o, f32, false))
		x.srcOperand(o, f32, false)
	}
	literal := func(i int) int64 {
		if i >= len(x.in.args) {
			return 0
		}
		if x.in.args[i].kind != opInt {
			x.bad("operand %d is not a literal", i+1)
		}
		return int64(x.in.args[i].imm)
	}
	b := matrixSource{desc: x.src(2, b64), in: in, trans: literal(len(x.in.args)-1) == 1 && len(x.in.args) > 6}
	var fromA []int
	a := matrixSource{in: in, trans: len(x.in.args) == 8 && literal(6) == 1}
	if x.in.args[1].kind == opVector {
		for _, o := range x.vector(1, 4) {
			fromA = append(fromA, x.srcOperand(o, b32, false))
		}
	} else {
		a.desc = x.src(1, b64)
	}
	p, neg := x.pred(x.in.args[3])
	x.own = func(w *warp, u *undefined, m uint32) {
		for _, r := range []int{a.desc, b.desc} {
			if bad := u.lanes[r] & m; bad != 0 && !(r == a.desc && fromA != nil) {
				w.dependsOn(bad, "an address", u.from[r])
			}
		}
		if bad := u.preds[p] & m; bad != 0 {
			w.dependsOn(bad, "whether the instruction adds", u.predFrom[p])
		}
	}
	on := &productRegisters{d, fromA}
	x.product, x.flow.lasts = on, true
	negative := (literal(4) < 0) != (literal(5) < 0)
	return func(w *warp, _ uint32) {
		if !w.together() || !w.full() || !w.issueProduct(on) {
			return
		}
		if !w.same(b.desc, w.r[b.desc][0]) || fromA == nil && !w.same(a.desc, w.r[a.desc][0]) {
			w.fail(0, ErrDivergent, "the lanes have different descriptors of a factor")
			return
		}
		var t mmaTiles
		var missing undefinedTiles
		if w.undef != nil && fromA != nil {
			missing.add(w.undef, fromA, nil, a.care())
		}
		switch {
		case fromA != nil && in == f32:
			t.loadTF32(w, fromA, nil)
		case fromA != nil:
			t.load(w, fromA, nil, in)
		default:
			w.elements(a, w.id%4*16, k, t.a[:], &missing.from, &missing.rows)
		}
		keep := w.predicate(p, neg)&1 != 0
		for j := range n / 8 {
			missing.columns = 0
			w.elements(b, 8*j, k, t.b[:], &missing.from, &missing.columns)
			if w.fault != nil {
				return
			}
			w.multiplyAdd(&t, k, d[4*j:4*j+4], keep, negative)
			missing.results(w, d[4*j:4*j+4], keep)
		}
	}
}

// multiplyAdd sets d, 16 x 8 in four registers, to A B or, if negative, its negation, plus d if keep says so.
// A lane's four sums go side by side, since each addition waits for the one before it.
func (w *warp) multiplyAdd(t *mmaTiles, k int, d []int, keep, negative bool) {
	if w.blk.perturbed {
		w.multiplyAddAligned(t, k, d, keep, negative)
		return
	}
	for l := range warpSize {
		a0, b0 := t.a[l/4][:k], t.b[2*(l%4)][:k]
		a1, b1 := t.a[l/4+8][:len(a0)], t.b[2*(l%4)+1][:len(a0)]
		b0 = b0[:len(a0)]
		var s00, s01, s10, s11 float32
		if keep {
			s00, s01, s10, s11 = fromF32(w.r[d[0]][l]), fromF32(w.r[d[1]][l]), fromF32(w.r[d[2]][l]), fromF32(w.r[d[3]][l])
		}
		if negative {
			for j, v := range a0 {
				s00 -= float32(v * b0[j])
				s01 -= float32(v * b1[j])
				s10 -= float32(a1[j] * b0[j])
				s11 -= float32(a1[j] * b1[j])
			}
		} else {
			for j, v := range a0 {
				s00 += float32(v * b0[j])
				s01 += float32(v * b1[j])
				s10 += float32(a1[j] * b0[j])
				s11 += float32(a1[j] * b1[j])
			}
		}
		w.r[d[0]][l], w.r[d[1]][l], w.r[d[2]][l], w.r[d[3]][l] = bits32(s00), bits32(s01), bits32(s10), bits32(s11)
	}
}

// elements reads rows (of A) or columns (of B) from o on, of k elements each, from shared memory, 16 bytes at a time.
//
// A descriptor holds, in units of 16 bytes, the address and two strides, and the swizzle. Where
// k chooses neighbors, 8 rows of as many bytes as the swizzle is wide follow each other, and
// stride gets to the next 8; else rows of that width hold neighbors in o, 8 of them have
// following k, stride gets to the next 8 k and leading to the next o.
//
// Where an element of row i of these is not written, it sets bit i of missing.
func (w *warp) elements(s matrixSource, o, k int, to [][16]float32, from *origin, missing *uint32) {
	desc := w.r[s.desc][0]
	size := uint64(s.in.bytes())
	start, leading, stride := desc&0x3FFF<<4, desc>>16&0x3FFF<<4, desc>>32&0x3FFF<<4
	width := [4]uint64{16, 128, 64, 32}[desc>>62]
	if s.trans && width == 16 {
		w.fail(0, ErrMisaligned, "a transposed operand of wgmma without swizzle is not supported")
		return
	}
	// Patterns of the swizzle begin at multiples of 8 rows; a descriptor that begins within one says where.
	if rows := width/16 - 1; start>>7&rows != 0 || desc>>49&7 != 0 {
		w.fail(0, ErrMisaligned, "a factor of wgmma at shared address %#x with base offset %d, expected a multiple of %d but for parts of a row, and 0", start, desc>>49&7, 8*width)
		return
	}
	n := int(16 / size)
	var piece [8]float32
	var lacks uint32 // elements of piece that are not written
	read := func(offset uint64) bool {
		addr := start + offset
		addr ^= addr >> 3 & (width - 16) & 0x70
		data, state, _ := w.reach(0, spaceShared, addr, 16)
		if data == nil {
			return false
		}
		w.products.reading(addr)
		for word := uint64(0); word < 16; word += 4 {
			if !w.readsAsync(0, addr+word) {
				return false
			}
		}
		lacks = 0
		whole := written(state)
		if whole && s.in.kind == kindBF16 { // most of them
			for i := range piece {
				piece[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*i:])) << 16)
			}
			return true
		}
		for i := range n {
			at := i * int(size)
			if one := state[at : at+int(size)]; !whole && !written(one) && w.undefinedIn(one)&s.care() != 0 {
				if *missing == 0 && lacks == 0 {
					*from = origin{pc: w.pc - 1, space: spaceShared, addr: addr + uint64(at)}
				}
				lacks |= 1 << i
			}
			v := load(data[at:], int(size))
			if s.in == f32 {
				v &= 0xFFFFE000
			}
			piece[i] = float32(decodeFloat(v, s.in))
		}
		return true
	}
	if s.trans {
		per := width / size
		for r := 0; r < len(to); r += n {
			row := uint64(o + r)
			for c := range k {
				if !read(row/per*leading + uint64(c)/8*stride + uint64(c)%8*width + row%per*size) {
					return
				}
				*missing |= lacks << r
				for i, v := range piece[:n] {
					to[r+i][c] = v
				}
			}
		}
		return
	}
	for r := range to {
		row := uint64(o + r)
		for c := 0; c < k; c += n {
			at := uint64(c) * size
			if !read(row/8*stride + row%8*width + at/width*leading + at%width) {
				return
			}
			if lacks != 0 {
				*missing |= 1 << r
			}
			copy(to[r][c:], piece[:n])
		}
	}
}
