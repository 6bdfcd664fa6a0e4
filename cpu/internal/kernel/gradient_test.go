package kernel

import (
	"fmt"
	"testing"
)

// Outer16 over every kind of step count, with strides of their own, alone and on top of c.
func TestOuter16(t *testing.T) {
	const size = 16
	eachPath(t, func(t *testing.T, k *Set) {
		for _, n := range []int{0, 1, 2, 3, 7, 33, 128} {
			for _, gap := range [][3]int{{0, 0, 0}, {3, 5, 1}, {16, 1, 48}} {
				lda, ldb, ldc := size+gap[0], size+gap[1], size+gap[2]
				a, b := random(max(0, (n-1)*lda+size), 1), random(max(0, (n-1)*ldb+size), 2)
				a, b = sparing(a, rowsOf(len(a), n, lda, size)), sparing(b, rowsOf(len(b), n, ldb, size))
				before := random(size*size, 3)
				for _, add := range []bool{false, true} {
					what := fmt.Sprintf("Outer16: n %d, strides %d, %d, %d, add %v", n, lda, ldb, ldc, add)
					run := func() []float32 {
						c, check := guarded(t, (size-1)*ldc+size)
						for i := range size * size {
							c[i/size*ldc+i%size] = nan
							if add {
								c[i/size*ldc+i%size] = before[i]
							}
						}
						k.Outer16(c, ldc, a, lda, b, ldb, n, add)
						check(what)
						return c
					}
					c := run()
					for at, v := range c {
						i, j := at/ldc, at%ldc
						if j >= size {
							if v != mark {
								t.Fatalf("%s: row %d: wrote beside it", what, i)
							}
							continue
						}
						var want sum
						if add {
							want.add(before[i*size+j], 1)
						}
						for s := range n {
							want.add(a[s*lda+i], b[s*ldb+j])
						}
						want.check(t, what, i*size+j, v)
					}
					sameBits(t, what, c, run())
				}
			}
		}
	})
}

// Lanes4, Lanes8 and what is turned: no segment, one, one twice and several, at odd places.
func TestLanes(t *testing.T) {
	for _, size := range []int{4, 8} {
		lanesCase(t, size)
	}
}

func lanesCase(t *testing.T, size int) {
	tokens := LanesOf(size)
	five, two := int32(5*tokens), int32(2*tokens)
	all := []Seg{{3, 21}, {five, 0}, {five, 0}, {two + 1, 38}, {0, 59}}
	x, w, start := random((5+size)*tokens, 1), random(59+size*size, 2), random(size, 3)
	eachPath(t, func(t *testing.T, k *Set) {
		for n := range len(all) + 1 {
			segs := all[:n]
			usedX, usedW := make([]bool, len(x)), make([]bool, len(w))
			for _, s := range segs {
				for i := range size * tokens {
					usedX[int(s.A)+i] = true
				}
				for i := range size * size {
					usedW[int(s.B)+i] = true
				}
			}
			x, w := sparing(x, usedX), sparing(w, usedW)
			mul := map[bool]func(dst, x []float32, segs []Seg, w, start []float32){false: k.Lanes4, true: k.Lanes4Turned}
			if size == 8 {
				mul[false], mul[true] = k.Lanes8, k.Lanes8Turned
			}
			for turned, f := range mul {
				what := fmt.Sprintf("Lanes%d, turned %v, %d segments", size, turned, n)
				run := func() []float32 {
					dst, check := guarded(t, size*tokens)
					for i := range dst {
						dst[i] = nan
					}
					f(dst, x, segs, w, start)
					check(what)
					return dst
				}
				dst := run()
				for i, v := range dst {
					j, l := i/tokens, i%tokens
					var want sum
					want.add(start[j], 1)
					for _, s := range segs {
						for in := range size {
							at := size*j + in
							if turned {
								at = size*in + j
							}
							want.add(w[int(s.B)+at], x[int(s.A)+in*tokens+l])
						}
					}
					want.check(t, what, i, v)
				}
				sameBits(t, what, dst, run())
			}
		}
	})
}
