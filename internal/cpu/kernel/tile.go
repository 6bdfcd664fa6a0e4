package kernel

// mulGo returns the plain loop of an m x w tile, m even and w a multiple of 4:
// 2 x 4 accumulators at a time, which fit the registers.
func mulGo(m, w int) Mul {
	return func(c []float32, ldc int, a []float32, aks int, b []float32, ldb int, segs []Seg, kseg int, init []float32, ldi int) {
		for i := 0; i < m; i += 2 {
			for j := 0; j < w; j += 4 {
				p, q := init[i*ldi+j:], init[(i+1)*ldi+j:]
				p0, p1, p2, p3 := p[0], p[1], p[2], p[3]
				q0, q1, q2, q3 := q[0], q[1], q[2], q[3]
				for _, s := range segs {
					ai, bi := int(s.A)+i, int(s.B)+j
					for range kseg {
						x, y := a[ai], a[ai+1]
						r := b[bi : bi+4 : bi+4]
						p0 += x * r[0]
						p1 += x * r[1]
						p2 += x * r[2]
						p3 += x * r[3]
						q0 += y * r[0]
						q1 += y * r[1]
						q2 += y * r[2]
						q3 += y * r[3]
						ai += aks
						bi += ldb
					}
				}
				d, e := c[i*ldc+j:], c[(i+1)*ldc+j:]
				d[0], d[1], d[2], d[3] = p0, p1, p2, p3
				e[0], e[1], e[2], e[3] = q0, q1, q2, q3
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
