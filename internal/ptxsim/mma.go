package ptxsim

// mmaShape is what an mma multiplies: D = A B + C with A 16 x k by rows, B k x 8 by columns.
type mmaShape struct {
	k    int
	in   typ  // of one element of A and B; f32 stands for tf32
	half bool // C and D are f16, else f32
}

// buildMma: D = A B + C with A 16 x K by rows, B K x 8 by columns. A and B are in
// bfloat16 or half precision with K 8 or 16, or in tf32 with K 4 or 8; C and D are
// 16 x 8 in float32, or half precision where A and B are. With g = lane / 4 and
// t = lane % 4 a lane holds of 16-bit elements
//
//	A: rows g and g + 8 in turn, columns 2 t, 2 t + 1 and, for K 16, those plus 8;
//	B: rows 2 t, 2 t + 1 and, for K 16, those plus 8, column g;
//	C, D: row g, columns 2 t, 2 t + 1, then row g + 8;
//
// and of tf32 elements
//
//	A: rows g and g + 8 in turn, column t and, for K 8, t + 4;
//	B: row t and, for K 8, t + 4, column g.
//
// Each element of D is C plus the products in ascending k, each sum rounded to
// float32 and, for half precision, the last one to that; the products of 16-bit
// numbers and of tf32, whose lowest 13 bits are not read, are exact. The hardware
// adds groups of products with fewer roundings, in an order that NVIDIA does not publish; with
// Options.Perturb so does the simulator (aligned.go).
func buildMma(x *building) exec {
	x.class = Matrix
	x.need("sync")
	x.need("aligned")
	s := x.mmaShape()
	sums, sum := 4, f32
	if s.half {
		sums, sum = 2, b32
	}
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
	per := s.k / 4 // registers of A
	if s.in == f32 {
		per = s.k / 2
	}
	d, a, b, c := regs(0, sums, sum), regs(1, per, b32), regs(2, per/2, b32), regs(3, sums, sum)
	x.perturbMma(s, d, a, b, c)
	x.mmaRule(s, d, a, b, c)
	if hasLanes && !s.half {
		return nativeMma(s, d, a, b, c)
	}
	return func(w *warp, _ uint32) {
		if !w.together() || !w.full() {
			return
		}
		var t mmaTiles
		if s.in == f32 {
			t.loadTF32(w, a, b)
		} else {
			t.load(w, a, b, s.in)
		}
		t.multiply(w, s, c)
		for i, r := range d {
			w.r[r] = t.out[i]
		}
	}
}

// mmaRegisters are where the registers of a product lie, in bytes from the first one: D, A, B, C.
type mmaRegisters [14]uint32

// nativeMma is buildMma in assembly.
func nativeMma(s mmaShape, d, a, b, c []int) exec {
	var r mmaRegisters
	for i, list := range [][]int{d, a, b, c} {
		for k, reg := range list {
			r[[]int{0, 4, 8, 10}[i]+k] = uint32(8 * warpSize * reg)
		}
	}
	return func(w *warp, _ uint32) {
		if w.together() && w.full() {
			multiplyLanes(s, &w.r[0], &r, len(b))
		}
	}
}

// mmaShape reads the modifiers of mma.
func (x *building) mmaShape() mmaShape {
	k := map[string]int{"m16n8k16": 16, "m16n8k8": 8, "m16n8k4": 4}[x.need("m16n8k16", "m16n8k8", "m16n8k4")]
	x.need("row")
	x.need("col")
	isSum := func(t typ) bool { return t == f32 || t == types["f16"] }
	sum := x.typ(isSum)
	s := mmaShape{k: k, half: sum != f32}
	if n := len(x.mods); n >= 2 && x.mods[n-1] == "tf32" && x.mods[n-2] == "tf32" && k <= 8 && !s.half {
		s.in = f32
		x.mods = x.mods[:n-2]
	} else {
		s.in = x.typ(func(t typ) bool {
			return k >= 8 && t.bits == 16 && (t.kind == kindBF16 && !s.half || t.kind == kindFloat)
		})
		x.typ(func(t typ) bool { return t == s.in })
	}
	x.typ(func(t typ) bool { return t == sum })
	return s
}

// mmaTiles are the operands of one mma and, by register and lane, its result.
type mmaTiles struct {
	a   [16][16]float32
	b   [8][16]float32 // by column
	out [4][warpSize]uint64
}

func (t *mmaTiles) load(w *warp, a, b []int, in typ) {
	decode := func(v uint64) (lo, hi float32) {
		if in.kind == kindBF16 {
			return fromBF16(v & 0xFFFF), fromBF16(v >> 16)
		}
		return float32(fromF16(v & 0xFFFF)), float32(fromF16(v >> 16))
	}
	for i, r := range a {
		for l, v := range &w.r[r] {
			row, col := l/4+8*(i%2), 2*(l%4)+8*(i/2)
			t.a[row][col], t.a[row][col+1] = decode(v)
		}
	}
	for i, r := range b {
		for l, v := range &w.r[r] {
			col, row := l/4, 2*(l%4)+8*i
			t.b[col][row], t.b[col][row+1] = decode(v)
		}
	}
}

func (t *mmaTiles) loadTF32(w *warp, a, b []int) {
	const read = 0xFFFFE000
	for i, r := range a {
		for l, v := range &w.r[r] {
			t.a[l/4+8*(i%2)][l%4+4*(i/2)] = fromF32(v & read)
		}
	}
	for i, r := range b {
		for l, v := range &w.r[r] {
			t.b[l/4][l%4+4*i] = fromF32(v & read)
		}
	}
}

// multiply sets out to A B + C.
func (t *mmaTiles) multiply(w *warp, s mmaShape, c []int) {
	for l := range warpSize {
		// The four sums of a lane do not depend on each other.
		g, q := l/4, l%4
		r0, r1 := t.a[g][:s.k], t.a[g+8][:s.k]
		c0, c1 := t.b[2*q][:s.k], t.b[2*q+1][:s.k]
		var s0, s1, s2, s3 float32
		if s.half {
			u, v := w.r[c[0]][l], w.r[c[1]][l]
			s0, s1 = float32(fromF16(u&0xFFFF)), float32(fromF16(u>>16))
			s2, s3 = float32(fromF16(v&0xFFFF)), float32(fromF16(v>>16))
		} else {
			s0, s1 = fromF32(w.r[c[0]][l]), fromF32(w.r[c[1]][l])
			s2, s3 = fromF32(w.r[c[2]][l]), fromF32(w.r[c[3]][l])
		}
		for j := range r0 {
			s0 += float32(r0[j] * c0[j])
			s1 += float32(r0[j] * c1[j])
			s2 += float32(r1[j] * c0[j])
			s3 += float32(r1[j] * c1[j])
		}
		if s.half {
			t.out[0][l] = toF16(float64(s0), "rn") | toF16(float64(s1), "rn")<<16
			t.out[1][l] = toF16(float64(s2), "rn") | toF16(float64(s3), "rn")<<16
			continue
		}
		t.out[0][l], t.out[1][l], t.out[2][l], t.out[3][l] = bits32(s0), bits32(s1), bits32(s2), bits32(s3)
	}
}
