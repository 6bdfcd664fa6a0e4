package kernel

import (
	"fmt"
	"testing"
)

// Blocks in any order, some twice, as many as are multiplied together or more, with lines to
// pack meanwhile or none. Lines that the call may not read hold NaN.
func TestGradBlocks(t *testing.T) {
	slots, index := []int32{3, 0, 4, 0, 3, 4, 4, 0}, []int32{2, -1, -1, 0, 3}
	eachPath(t, func(t *testing.T, k *Set) {
		for _, size := range []int{4, 8} {
			for _, lines := range []int{PanelWidth / size, 32, 36, 96} {
				if lines*size%PanelWidth != 0 {
					continue
				}
				for n := range len(slots) + 1 {
					for _, packing := range []int{0, 1, 2, 9} {
						gradBlocksCase(t, k, size, lines, slots[:n], index, packing)
					}
				}
			}
		}
	})
}

func gradBlocksCase(t *testing.T, k *Set, size, lines int, slots, index []int32, packing int) {
	m, length := PanelWidth/size, lines*PanelWidth
	step := length + 7
	used := make([]bool, 4*step)
	for _, s := range slots {
		for i := range length {
			used[int(index[s])*step+i] = true
		}
	}
	a, b := random(length, 1), poison(random(len(used), 2), used)
	a = poison(a, rowsOf(length, 1, 0, length))
	before := random(5*size*size, 3)
	add := map[bool]func(*GradBlocks){false: k.GradBlocks4, true: k.GradBlocks4Transposed}
	if size == 8 {
		add[false], add[true] = k.GradBlocks8, k.GradBlocks8Transposed
	}
	for transposed, f := range add {
		what := fmt.Sprintf("GradBlocks%d, transposed %v, %d lines, %d blocks, %d lines to pack", size, transposed, lines, len(slots), packing)
		run := func() []float32 {
			c, check := guarded(t, len(before))
			copy(c, before)
			w := GradBlocks{C: c, A: a, B: b, Slots: slots, Index: index, Step: step, Lines: lines, Every: 32}
			packBeside(t, what, k, size, packing, len(slots) > 0, func(p *Packing) {
				w.Packing = p
				f(&w)
				w.C = make([]float32, len(before)) // the first call's are compared
			})
			check(what)
			return c
		}
		c := run()
		for at, v := range c {
			var want sum
			want.add(before[at], 1)
			for _, s := range slots {
				if at/(size*size) != int(s) {
					continue
				}
				i, j := at%(size*size)/size, at%size
				if transposed {
					i, j = j, i
				}
				for l := range lines {
					for r := range m {
						want.add(a[l*PanelWidth+i*m+r], b[int(index[s])*step+l*PanelWidth+j*m+r])
					}
				}
			}
			want.check(t, what, at, v)
		}
		sameBits(t, what, c, run())
	}
}

// Tiles in any order, one twice, of which all share the micro-panels on the left, on the right, or
// none, in one or more parts, with lines to pack meanwhile or none. Lines that the call may not
// read hold NaN.
func TestGradTiles(t *testing.T) {
	slots, index := []int32{3, 0, 4, 0}, []int32{2, -1, -1, 0, 3}
	eachPath(t, func(t *testing.T, k *Set) {
		for _, tokens := range []int{4, 32, 36, 96} {
			for _, n := range []int{0, 1, 4} {
				for _, shared := range []string{"a", "b", ""} {
					for _, packing := range []int{0, 1, 2, 9} {
						for _, parts := range []int{1, 3} {
							gradTilesCase(t, k, tokens*k.GradWidth/PanelWidth, slots[:n], index, shared, packing, parts)
						}
					}
				}
			}
		}
	})
}

func gradTilesCase(t *testing.T, k *Set, lines int, slots, index []int32, shared string, packing, parts int) {
	length, w := lines*PanelWidth, k.GradWidth
	m := PanelWidth / w
	size := length + 5
	const ldc, cStep, cPart, every = 19, 1201, 397, 16
	sides := map[string][]float32{}
	steps, partSteps := map[string]int{"a": 7*size + 3, "b": 8*size + 1}, map[string]int{"a": 2*size - 1, "b": 3 * size}
	for i, side := range []string{"a", "b"} {
		if side == shared {
			steps[side], partSteps[side] = 0, 0
		}
		used := make([]bool, 3*steps[side]+2*partSteps[side]+size+length)
		for _, s := range slots {
			for p := range parts {
				for half := range m {
					for l := range length {
						used[int(index[s])*steps[side]+p*partSteps[side]+half*size+l] = true
					}
				}
			}
		}
		sides[side] = poison(random(len(used), uint64(i)), used)
	}
	a, b := sides["a"], sides["b"]
	before := random(4*cStep+2*cPart+15*ldc+16, 3)
	what := fmt.Sprintf("GradTiles: %d lines, %d tiles, %d parts, shared %q, %d lines to pack", lines, len(slots), parts, shared, packing)
	run := func() []float32 {
		c, check := guarded(t, len(before))
		copy(c, before)
		q := GradTiles{C: c, LDC: ldc, CStep: cStep, A: a, AStep: steps["a"], B: b, BStep: steps["b"], Slots: slots, Index: index,
			Size: size, Lines: lines, Every: every, Parts: parts, CPart: cPart, APart: partSteps["a"], BPart: partSteps["b"]}
		packBeside(t, what, k, k.GradWidth, packing, len(slots) > 0, func(p *Packing) {
			q.Packing = p
			k.GradTiles(&q)
			q.C = make([]float32, len(before)) // the first call's are compared
		})
		check(what)
		return c
	}
	c := run()
	want := make([]sum, len(before))
	for i, v := range before {
		want[i].add(v, 1)
	}
	for _, s := range slots {
		x := int(index[s])
		for p := range parts {
			for i := range 16 {
				for j := range 16 {
					at := &want[int(s)*cStep+p*cPart+i*ldc+j]
					for l := range lines {
						for r := range m {
							at.add(a[x*steps["a"]+p*partSteps["a"]+i/w*size+l*PanelWidth+i%w*m+r], b[x*steps["b"]+p*partSteps["b"]+j/w*size+l*PanelWidth+j%w*m+r])
						}
					}
				}
			}
		}
	}
	for i, v := range c {
		want[i].check(t, what, i, v)
	}
	sameBits(t, what, c, run())
}

// Outer16 over every kind of step count, with strides of their own, alone and on top of c.
func TestOuter16(t *testing.T) {
	const size = 16
	eachPath(t, func(t *testing.T, k *Set) {
		for _, n := range []int{0, 1, 2, 3, 7, 33, 128} {
			for _, gap := range [][3]int{{0, 0, 0}, {3, 5, 1}, {16, 1, 48}} {
				lda, ldb, ldc := size+gap[0], size+gap[1], size+gap[2]
				a, b := random(max(0, (n-1)*lda+size), 1), random(max(0, (n-1)*ldb+size), 2)
				a, b = poison(a, rowsOf(len(a), n, lda, size)), poison(b, rowsOf(len(b), n, ldb, size))
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

func TestDots(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		const stride = 51
		for _, n := range []int{0, 16, 48} {
			y, x := random(n, 8), random(6*stride, 9)
			x = poison(x, rowsOf(len(x), 6, stride, n))
			idx := []int32{5, 0, 2, 2, 4, 1, 3, 0, 5}
			for m := range len(idx) + 1 {
				dst, check := guarded(t, m)
				k.Dots(dst, y, x, stride, idx[:m])
				check("Dots")
				for j := range m {
					var want sum
					for l := range n {
						want.add(y[l], x[int(idx[j])*stride+l])
					}
					want.check(t, "Dots", j, dst[j])
				}
				again, _ := guarded(t, m)
				k.Dots(again, y, x, stride, idx[:m])
				sameBits(t, "Dots", dst, again)
			}
		}
	})
}
