package kernel

import (
	"fmt"
	"testing"
)

// Lanes4, Lanes8 and the transposed ones: no segment, one, one twice and several, at odd places.
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
			x, w := poison(x, usedX), poison(w, usedW)
			mul := map[bool]func(dst, x []float32, segs []Seg, w, start []float32){false: k.Lanes4, true: k.Lanes4Transposed}
			if size == 8 {
				mul[false], mul[true] = k.Lanes8, k.Lanes8Transposed
			}
			for transposed, f := range mul {
				what := fmt.Sprintf("Lanes%d, transposed %v, %d segments", size, transposed, n)
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
							if transposed {
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

func TestSpMV(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		x, val := random(9*Lanes, 4), random(6, 5)
		idx := []int32{8, 0, 3, 3, 5, 1}
		for n := range len(idx) + 1 {
			used := make([]bool, len(x))
			for _, c := range idx[:n] {
				copy(used[int(c)*Lanes:], rowsOf(Lanes, 1, 0, Lanes))
			}
			x := poison(x, used)
			dst, check := guarded(t, Lanes)
			k.SpMV(dst, x, idx[:n], val[:n], 0.25)
			check("SpMV")
			for l := range Lanes {
				var want sum
				want.add(0.25, 1)
				for j := range n {
					want.add(val[j], x[int(idx[j])*Lanes+l])
				}
				want.check(t, "SpMV", l, dst[l])
			}
			again, _ := guarded(t, Lanes)
			k.SpMV(again, x, idx[:n], val[:n], 0.25)
			sameBits(t, "SpMV", dst, again)
		}
	})
}
