package kernel

// square is the plain loop of 2 x 4 sums, which fit the registers, over n steps. A's
// two elements are i apart and k from step to step.
func square(sum *[8]float32, a []float32, i, k int, b []float32, ldb, n int) {
	p0, p1, p2, p3, q0, q1, q2, q3 := sum[0], sum[1], sum[2], sum[3], sum[4], sum[5], sum[6], sum[7]
	at, from := 0, 0
	for range n {
		x, y := a[at], a[at+i]
		r := b[from : from+4 : from+4]
		p0 += x * r[0]
		p1 += x * r[1]
		p2 += x * r[2]
		p3 += x * r[3]
		q0 += y * r[0]
		q1 += y * r[1]
		q2 += y * r[2]
		q3 += y * r[3]
		at += k
		from += ldb
	}
	*sum = [8]float32{p0, p1, p2, p3, q0, q1, q2, q3}
}

// put stores the sums of square in c, on top of what is there if add is set.
func put(c []float32, ldc int, sum *[8]float32, add bool) {
	for i := range 2 {
		d, s := c[i*ldc:i*ldc+4], sum[4*i:4*i+4]
		for j, v := range s {
			if add {
				v += d[j]
			}
			d[j] = v
		}
	}
}

func tileGo(c []float32, ldc int, a []float32, b *Blocks, first, strips int, start []float32, step int, mode Mode, _ *Ahead) {
	for s := range strips {
		view, sub := (first+s)/b.Subs, (first+s)%b.Subs
		segs := b.Segs[int(b.Ptr[view])*b.Per : int(b.Ptr[view+1])*b.Per]
		for i := 0; i < Rows; i += 2 {
			for j := 0; j < Strip; j += 4 {
				r := start[s*step+j : s*step+j+4]
				sum := [8]float32{r[0], r[1], r[2], r[3], r[0], r[1], r[2], r[3]}
				for _, g := range segs {
					square(&sum, a[int(g.A)+i*Strip:], Strip, 1, b.Values[int(g.B)+sub*Strip+j:], b.LDB, Strip)
				}
				put(c[i*ldc+s*Strip+j:], ldc, &sum, mode == AddTo)
			}
		}
	}
}

func outerGo(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, n int, add bool) {
	for i := 0; i < 16; i += 2 {
		for j := 0; j < 16; j += 4 {
			var sum [8]float32
			if n > 0 {
				square(&sum, a[i:], 1, lda, b[j:], ldb, n)
			}
			put(c[i*ldc+j:], ldc, &sum, add)
		}
	}
}

func panelGo(dst, src []float32, lds, rows, cols int) {
	for r := range rows {
		for c := 0; c < cols; c += Strip {
			n := min(Strip, cols-c)
			copy(dst[c*Rows+r*Strip:][:n], src[r*lds+c:])
		}
	}
}

// lanesGo takes the element of a block for output j and input k at j*sj + k*sk.
func lanesGo(size, sj, sk int) func(dst, x []float32, segs []Seg, w, start []float32) {
	lanes := LanesOf(size)
	return func(dst, x []float32, segs []Seg, w, start []float32) {
		for j := range size {
			d := dst[j*lanes : (j+1)*lanes]
			for l := range d {
				d[l] = start[j]
			}
			for _, s := range segs {
				for k := range size {
					axpyGo(d, w[int(s.B)+j*sj+k*sk], x[int(s.A)+k*lanes:int(s.A)+(k+1)*lanes])
				}
			}
		}
	}
}

func spmvGo(dst, x []float32, idx []int32, val []float32, init float32) {
	dst = dst[:Lanes]
	for l := range dst {
		dst[l] = init
	}
	for j, c := range idx {
		axpyGo(dst, val[j], x[int(c)*Lanes:int(c)*Lanes+Lanes])
	}
}

func dotsGo(dst, y, x []float32, stride int, idx []int32) {
	for j, c := range idx {
		dst[j] = dotGo(y, x[int(c)*stride:int(c)*stride+len(y)])
	}
}

func transposeGo(dst []float32, ldd int, src []float32, lds int, rows, cols int) {
	for r := range rows {
		for c, v := range src[r*lds : r*lds+cols] {
			dst[c*ldd+r] = v
		}
	}
}

func copy16Go(dst []float32, ldd int, src []float32, lds int, rows int) {
	for r := range rows {
		copy(dst[r*ldd:r*ldd+16], src[r*lds:r*lds+16])
	}
}
