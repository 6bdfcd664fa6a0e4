package kernel

import (
	"fmt"
	"testing"
)

// weights is a random weight of five views of strips, one of them empty, and a panel
// to multiply it with; and the sums that they have, without start, if rows are as they are and
// if they are paired.
type weights struct {
	b            Blocks
	a            []float32
	plain, pairs [][]sum // [strip][row*Strip + column]
}

// inPairs returns where PairRows takes row k, column j of a matrix to.
func inPairs(k, j int) (row, col int) { return k&^1 + j%4/2, j&^3 + j%2*2 + k%2 }

func asIs(k, j int) (row, col int) { return k, j }

func (x *weights) want(k *Set) [][]sum {
	if k.PairRows != nil {
		return x.pairs
	}
	return x.plain
}

func (x *weights) strips() int { return (len(x.b.Ptr) - 1) * x.b.Subs }

// segments returns those of a strip and where the strip starts in a block.
func (x *weights) segments(s int) ([]Seg, int) {
	view := s / x.b.Subs
	return x.b.Segs[int(x.b.Ptr[view])*x.b.Per : int(x.b.Ptr[view+1])*x.b.Per], s % x.b.Subs * Strip
}

func newWeights(subs, per int) *weights {
	x := &weights{b: Blocks{LDB: subs*Strip + 3*(per-1), Ptr: []int32{0, 2, 2, 3, 6, 7}, Per: per, Subs: subs}}
	x.a, x.b.Values = random(5*Rows*Strip+11, 1), random(4*Strip*x.b.LDB, 2)
	roomA, roomB := len(x.a)-Rows*Strip, len(x.b.Values)-(Strip-1)*x.b.LDB-subs*Strip
	for i := range 7 * per {
		x.b.Segs = append(x.b.Segs, Seg{int32(97 * i % (roomA + 1)), int32((roomB + 61*i) % (roomB + 1))})
	}
	x.b.Segs[1].A = int32(roomA)
	x.plain, x.pairs = x.sums(asIs), x.sums(inPairs)
	return x
}

// sums takes row k, column j of a block from where place says.
func (x *weights) sums(place func(k, j int) (row, col int)) (all [][]sum) {
	for s := range x.strips() {
		sums := make([]sum, Rows*Strip)
		segs, at := x.segments(s)
		for _, g := range segs {
			for i := range sums {
				for k := range Strip {
					row, col := place(k, i%Strip)
					sums[i].add(x.a[int(g.A)+i/Strip*Strip+k], x.b.Values[int(g.B)+at+col+row*x.b.LDB])
				}
			}
		}
		all = append(all, sums)
	}
	return all
}

// spared returns the panel and the weight with NaN where the strips do not read.
func (x *weights) spared(first, strips int) (a []float32, b Blocks) {
	usedA, usedB := make([]bool, len(x.a)), make([]bool, len(x.b.Values))
	for s := first; s < first+strips; s++ {
		segs, at := x.segments(s)
		for _, g := range segs {
			for k := range Strip {
				for i := range Rows {
					usedA[int(g.A)+i*Strip+k] = true
				}
				for j := range Strip {
					usedB[int(g.B)+at+j+k*x.b.LDB] = true
				}
			}
		}
	}
	b = x.b
	b.Values = sparing(x.b.Values, usedB)
	return sparing(x.a, usedA), b
}

// tileCase is one call of a tile.
type tileCase struct {
	first, strips int
	step          int
	mode          Mode
	off, gap      int // where c starts in a cache line, and what is between its rows
}

// Parts of a weight that begin and end everywhere in a block, in all
// modes, with one start for all strips and one for each.
func TestTileAgainstPlainSums(t *testing.T) {
	for _, subs := range []int{1, 2, 4} {
		for per := 1; per <= 4; per++ {
			x := newWeights(subs, per)
			all := x.strips()
			eachPath(t, func(t *testing.T, k *Set) {
				for _, part := range [][2]int{{0, 0}, {0, all}, {1, 1}, {subs + 1, all - subs - 1}, {all - 1, 1}, {2, 3}} {
					for _, step := range []int{0, Strip} {
						for _, mode := range []Mode{Store, AddTo, Stream} {
							// Whole lines, whole lines from the middle of one, and rows that start anywhere.
							for _, at := range [][2]int{{0, 0}, {8, 0}, {0, 8}, {3, 1}} {
								x.check(t, k, tileCase{part[0], part[1], step, mode, at[0], at[1]})
							}
						}
					}
				}
			})
		}
	}
}

func (x *weights) check(t *testing.T, k *Set, v tileCase) {
	t.Helper()
	what := fmt.Sprintf("Tile16, Subs %d, Per %d, %+v", x.b.Subs, x.b.Per, v)
	width := v.strips * Strip
	ldc := width + v.gap
	a, b := x.spared(v.first, v.strips)
	start := random(max(v.strips, 1)*Strip, 3)
	if v.step == 0 {
		start = start[:Strip:Strip]
	}
	start = sparing(start, rowsOf(len(start), 1, 0, len(start)))
	before := random(Rows*width, 4)
	run := func() []float32 {
		c, check := guardedAt(t, (Rows-1)*ldc+width, v.off)
		for i, old := range before {
			at := i/width*ldc + i%width
			if c[at] = nan; v.mode == AddTo {
				c[at] = old
			}
		}
		k.Tile16(c, ldc, a, &b, v.first, v.strips, start, v.step, v.mode, nil)
		check(what)
		return c
	}
	c := run()
	for at, got := range c {
		if i, j := at/max(ldc, 1), at%max(ldc, 1); j < width {
			s := j / Strip
			want := x.want(k)[v.first+s][i*Strip+j%Strip]
			want.add(start[s*v.step+j%Strip], 1)
			if v.mode == AddTo {
				want.add(before[i*width+j], 1)
			}
			want.check(t, what, i*width+j, got)
		} else if got != mark {
			t.Fatalf("%s: row %d: wrote beside it", what, i)
		}
	}
	sameBits(t, what, c, run())
}

// Tiles that finish their sums have the bits of a plain tile and GELU, or GELUGrad, which may be in place.
func TestFinishedTiles(t *testing.T) {
	for _, subs := range []int{1, 4} {
		x := newWeights(subs, 2)
		all := x.strips()
		eachPath(t, func(t *testing.T, k *Set) {
			if k.GELUTile == nil || k.GELUGradTile == nil {
				if k.Path == AVX512Bcst {
					t.Fatal("GELUTile, GELUGradTile: found none")
				}
				return
			}
			for _, part := range [][2]int{{0, 0}, {0, all}, {1, 1}, {all - 1, 1}, {2, 3}, {1, 4}, {3, 2}} {
				for _, mode := range []Mode{Store, Stream} {
					for _, at := range [][2]int{{0, 0}, {0, 16}, {8, 0}, {0, 8}, {3, 1}} {
						for _, op := range []string{"GELU", "GELUGrad", "GELUGrad in place"} {
							x.checkFinished(t, k, op, tileCase{part[0], part[1], Strip, mode, at[0], at[1]})
						}
					}
				}
			}
		})
	}
}

func (x *weights) checkFinished(t *testing.T, k *Set, op string, v tileCase) {
	t.Helper()
	what := fmt.Sprintf("%s, Subs %d, %+v", op, x.b.Subs, v)
	width := v.strips * Strip
	ldc := width + v.gap
	a, b := x.spared(v.first, v.strips)
	start, pre := random(max(v.strips, 1)*Strip, 3), random((Rows-1)*ldc+width, 4)
	want, wantOther := make([]float32, len(pre)), make([]float32, len(pre))
	k.Tile16(want, ldc, a, &b, v.first, v.strips, start, v.step, Store, nil)
	c, check := guardedAt(t, len(pre), v.off)
	other, checkOther := guardedAt(t, len(pre), v.off)
	for i := range Rows {
		row := func(x []float32) []float32 { return x[i*ldc : i*ldc+width] }
		if op == "GELU" {
			k.GELU(row(wantOther), row(want))
		} else {
			k.GELUGrad(row(want), row(want), row(pre))
			copy(row(wantOther), row(pre))
			copy(row(other), row(pre))
			copy(row(c), row(pre))
		}
		for j := i*ldc + width; j < min(len(c), (i+1)*ldc); j++ {
			c[j], other[j], want[j], wantOther[j] = mark, mark, mark, mark
		}
	}
	near, checkNear := guarded(t, 2*Rows*Strip)
	f, possible, from := k.GELUGradTile, true, other
	switch op {
	case "GELU":
		f, possible = k.GELUTile, v.strips == 0 || v.strips%2 == 0 && v.off == 0 && v.gap%Strip == 0
	case "GELUGrad in place":
		from = c
	}
	done := f(c, from, ldc, a, &b, v.first, v.strips, start, v.step, v.mode, nil, near)
	check(what)
	checkOther(what)
	checkNear(what)
	if done != possible {
		t.Fatalf("%s: found %v, expected %v", what, done, possible)
	}
	if done {
		sameBits(t, what, want, c)
		sameBits(t, what, wantOther, other)
	}
}

// Rows to themselves and beside, with a stride, and beside them what is left alone.
func TestPairRows(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		if k.PairRows == nil {
			if k.Path == AVX512 {
				t.Fatal("PairRows: found none")
			}
			return
		}
		for _, rows := range []int{0, 2, 16, 22} {
			for _, cols := range []int{0, 16, 48} {
				for _, gap := range []int{0, 7} {
					what := fmt.Sprintf("PairRows: %d rows, %d columns, gap %d", rows, cols, gap)
					ld := cols + gap
					src := random(rows*ld, 9)
					dst, check := guarded(t, rows*ld)
					for i := range dst {
						dst[i] = src[i]
					}
					want := append([]float32(nil), dst...)
					for r := range rows {
						for c := range cols {
							row, col := inPairs(r, c)
							want[row*ld+col] = src[r*ld+c]
						}
					}
					for _, from := range [][]float32{src, dst} {
						k.PairRows(dst, from, ld, rows, cols)
						check(what)
						sameBits(t, what, want, dst)
						copy(dst, src)
					}
				}
			}
		}
	})
}
