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
					for _, pairs := range []int{0, 1, 2, 9, 200} {
						what := fmt.Sprintf("Outer16: n %d, strides %d, %d, %d, add %v, %d pairs to move", n, lda, ldb, ldc, add, pairs)
						run := func() []float32 {
							c, check := guarded(t, (size-1)*ldc+size)
							for i := range size * size {
								c[i/size*ldc+i%size] = nan
								if add {
									c[i/size*ldc+i%size] = before[i]
								}
							}
							calls := 0
							move(t, what, k, n, pairs, func(m *Move) {
								if calls++; calls > 1 {
									m0, _ := guarded(t, len(c))
									k.Outer16(m0, ldc, a, lda, b, ldb, n, false, m)
									return
								}
								k.Outer16(c, ldc, a, lda, b, ldb, n, add, m)
							})
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
		}
	})
}

// move makes calls of n steps with pairs of strips to pack meanwhile: those that Done counts are
// in their places after each and nothing else is written. Finish packs the rest.
func move(t *testing.T, what string, k *Set, n, pairs int, call func(*Move)) {
	t.Helper()
	const cols = Group * Strip
	const stride = cols + 5
	rows := (pairs + 1) / 2
	step := (rows + 1) * Strip
	src := random(max(0, (rows-1)*stride+cols), 7)
	src = sparing(src, rowsOf(len(src), rows, stride, cols))
	dst, guards := guarded(t, Group*step)
	packed := func(done int) {
		t.Helper()
		guards(what + ": Dst")
		want := make([]float32, len(dst))
		for i := range want {
			want[i] = mark
		}
		for i := range 2 * done * Strip {
			r, c := i/cols, i%cols
			want[c/Strip*step+r*Strip+c%Strip] = src[r*stride+c]
		}
		for i, v := range dst {
			if v != want[i] {
				t.Fatalf("%s: %d done: Dst[%d]: found %v, expected %v", what, done, i, v, want[i])
			}
		}
	}
	m := Move{Src: src, Ask: src, Stride: stride, Dst: dst, Step: step, Pairs: pairs}
	// The assembly that packs takes a pair in four steps.
	for done := 0; ; {
		call(&m)
		expected := done
		if k.Path == AVX512 {
			expected = min(done+n/4, pairs)
		}
		if m.Done != expected {
			t.Fatalf("%s: Done: found %d, expected %d", what, m.Done, expected)
		}
		packed(m.Done)
		if m.Done == done {
			break
		}
		done = m.Done
	}
	m.Finish(k)
	// Of a row that is half to do, all is done.
	if packed(2 * rows); m.Done != pairs {
		t.Fatalf("%s: Done after Finish: found %d, expected %d", what, m.Done, pairs)
	}
}

// Dots4 adds to squares of 4 to 16 rows.
func TestDots4(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, n := range []int{0, 16, 32, 80, 208} {
			for fours := 1; fours <= 4; fours++ {
				for _, gap := range [][3]int{{0, 0, 0}, {3, 5, 1}, {16, 48, 12}} {
					size := 4 * fours
					lda, ldb, ldc := n+gap[0], n+gap[1], size+gap[2]
					what := fmt.Sprintf("Dots4: n %d, %d x %d, strides %d, %d, %d", n, size, size, lda, ldb, ldc)
					a, b := random((size-1)*lda+n, 1), random((size-1)*ldb+n, 2)
					a, b = sparing(a, rowsOf(len(a), size, lda, n)), sparing(b, rowsOf(len(b), size, ldb, n))
					before := random(size*size, 3)
					run := func() []float32 {
						c, check := guarded(t, (size-1)*ldc+size)
						for i, v := range before {
							c[i/size*ldc+i%size] = v
						}
						k.Dots4(c, ldc, a, lda, b, ldb, n, fours)
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
						want.add(before[i*size+j], 1)
						for l := range n {
							want.add(a[i*lda+l], b[j*ldb+l])
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
	all := []Seg{{3, 21}, {5 * Lanes, 0}, {5 * Lanes, 0}, {2*Lanes + 1, 38}, {0, 59}}
	x, w, start := random((5+size)*Lanes, 1), random(59+size*size, 2), random(size, 3)
	eachPath(t, func(t *testing.T, k *Set) {
		for n := range len(all) + 1 {
			segs := all[:n]
			usedX, usedW := make([]bool, len(x)), make([]bool, len(w))
			for _, s := range segs {
				for i := range size * Lanes {
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
					dst, check := guarded(t, size*Lanes)
					for i := range dst {
						dst[i] = nan
					}
					f(dst, x, segs, w, start)
					check(what)
					return dst
				}
				dst := run()
				for i, v := range dst {
					j, l := i/Lanes, i%Lanes
					var want sum
					want.add(start[j], 1)
					for _, s := range segs {
						for in := range size {
							at := size*j + in
							if turned {
								at = size*in + j
							}
							want.add(w[int(s.B)+at], x[int(s.A)+in*Lanes+l])
						}
					}
					want.check(t, what, i, v)
				}
				sameBits(t, what, dst, run())
			}
		}
	})
}
