package ptxsim

import "math/bits"

// buildLdmatrix loads 1, 2 or 4 matrices of 8 x 8 16-bit elements. Lane 8 i + r
// holds the address of row r of matrix i; lane 4 r + c receives the elements
// 2 c and 2 c + 1 of row r, or with .trans of column r.
func buildLdmatrix(x *building) exec {
	x.class = LdMatrix
	x.need("sync")
	x.need("aligned")
	x.need("m8n8")
	n := map[string]int{"x1": 1, "x2": 2, "x4": 4}[x.need("x1", "x2", "x4")]
	trans := x.has("trans")
	sp := spaces[x.opt("shared", "shared::cta")]
	x.typ(func(t typ) bool { return t == typ{kindBits, 16} })
	x.nargs(2, 2)
	var dst []int
	for _, o := range x.vector(0, n) {
		dst = append(dst, x.dstOperand(o, b32, false))
	}
	at := x.place(1, sp)
	return func(w *warp, _ uint32) {
		if !w.together() || !w.full() {
			return
		}
		var tile [4][8][8]uint64
		for i := range n {
			var rows request
			for r := range 8 {
				l := 8*i + r
				addr := w.r[at.base][l] + at.off
				data, _, got := w.access(l, at.space, addr, 16, plainRead)
				if data == nil {
					return
				}
				if got != spaceShared {
					w.fail(l, ErrOutOfBounds, "ldmatrix from %v memory, expected shared", got)
					return
				}
				rows.put(addr)
				for c := range 8 {
					tile[i][r][c] = load(data[2*c:], 2)
				}
			}
			w.count.SharedConflicts += rows.conflicts(16)
		}
		for i, d := range dst {
			for l := range warpSize {
				r, c := l/4, 2*(l%4)
				if trans {
					w.r[d][l] = tile[i][c][r] | tile[i][c+1][r]<<16
				} else {
					w.r[d][l] = tile[i][r][c] | tile[i][r][c+1]<<16
				}
			}
		}
	}
}

// full checks that the warp has all its lanes, as matrix instructions need.
func (w *warp) full() bool {
	if w.all != fullMask {
		w.fail(bits.TrailingZeros32(w.all), ErrDivergent, "a matrix instruction in a warp of %d threads, expected %d", bits.OnesCount32(w.all), warpSize)
		return false
	}
	return true
}

// buildMma: D = A B + C with A 16 x K by rows, B K x 8 by columns, in bfloat16 or
// half precision, C and D 16 x 8 in float32, K 8 or 16. With g = lane / 4 and
// t = lane % 4 a lane holds
//
//	A: rows g and g + 8 in turn, columns 2 t, 2 t + 1 and, for K 16, those plus 8;
//	B: rows 2 t, 2 t + 1 and, for K 16, those plus 8, column g;
//	C, D: row g, columns 2 t, 2 t + 1, then row g + 8.
//
// Each element of D is C plus the products in ascending k, each sum rounded to
// float32; the products are exact. The hardware adds groups of products with
// fewer roundings, in an order that NVIDIA does not publish.
func buildMma(x *building) exec {
	x.class = Matrix
	x.need("sync")
	x.need("aligned")
	k := map[string]int{"m16n8k16": 16, "m16n8k8": 8}[x.need("m16n8k16", "m16n8k8")]
	x.need("row")
	x.need("col")
	x.typ(func(t typ) bool { return t == f32 })
	in := x.typ(func(t typ) bool { return t.bits == 16 && (t.kind == kindBF16 || t.kind == kindFloat) })
	x.typ(func(t typ) bool { return t == in })
	x.typ(func(t typ) bool { return t == f32 })
	x.nargs(4, 4)
	regs := func(i, n int, t typ) []int {
		var out []int
		for _, o := range x.vector(i, n) {
			if i == 0 {
				out = append(out, x.dstOperand(o, t, false))
			} else {
				out = append(out, x.srcOperand(o, t, false))
			}
		}
		return out
	}
	d, a, b, c := regs(0, 4, f32), regs(1, k/4, b32), regs(2, k/8, b32), regs(3, 4, f32)
	decode := func(v uint64) (lo, hi float32) {
		if in.kind == kindBF16 {
			return fromBF16(v & 0xFFFF), fromBF16(v >> 16)
		}
		return float32(fromF16(v & 0xFFFF)), float32(fromF16(v >> 16))
	}
	return func(w *warp, _ uint32) {
		if !w.together() || !w.full() {
			return
		}
		var ma [16][16]float32
		var mb [8][16]float32 // by column
		for i, r := range a {
			for l, v := range &w.r[r] {
				row, col := l/4+8*(i%2), 2*(l%4)+8*(i/2)
				ma[row][col], ma[row][col+1] = decode(v)
			}
		}
		for i, r := range b {
			for l, v := range &w.r[r] {
				col, row := l/4, 2*(l%4)+8*i
				mb[col][row], mb[col][row+1] = decode(v)
			}
		}
		var out [4][warpSize]uint64
		for l := range warpSize {
			// The four sums of a lane do not depend on each other.
			g, t := l/4, l%4
			r0, r1 := ma[g][:k], ma[g+8][:k]
			c0, c1 := mb[2*t][:k], mb[2*t+1][:k]
			s0, s1 := fromF32(w.r[c[0]][l]), fromF32(w.r[c[1]][l])
			s2, s3 := fromF32(w.r[c[2]][l]), fromF32(w.r[c[3]][l])
			for j := range r0 {
				s0 += float32(r0[j] * c0[j])
				s1 += float32(r0[j] * c1[j])
				s2 += float32(r1[j] * c0[j])
				s3 += float32(r1[j] * c1[j])
			}
			out[0][l], out[1][l], out[2][l], out[3][l] = bits32(s0), bits32(s1), bits32(s2), bits32(s3)
		}
		for i, r := range d {
			w.r[r] = out[i]
		}
	}
}
