package kernel

import (
	"fmt"
	"testing"
)

// weights is a random weight of five groups of micro-panels, one of them empty, and a packed panel
// to multiply it with; and their sums without start, for rows as they are and for paired rows.
type weights struct {
	b            Blocks
	a            []float32
	plain, pairs [][]sum // [micro-panel][row*PanelWidth + column]
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

func (x *weights) panels() int { return (len(x.b.Ptr) - 1) * x.b.Subs }

// segments returns those of a micro-panel and where it starts in a block.
func (x *weights) segments(s int) ([]Seg, int) {
	view := s / x.b.Subs
	return x.b.Segs[int(x.b.Ptr[view])*x.b.Per : int(x.b.Ptr[view+1])*x.b.Per], s % x.b.Subs * PanelWidth
}

func newWeights(subs, per int) *weights {
	x := &weights{b: Blocks{LDB: subs*PanelWidth + 3*(per-1), Ptr: []int32{0, 2, 2, 3, 6, 7}, Per: per, Subs: subs}}
	x.a, x.b.Values = random(5*TileRows*PanelWidth+11, 1), random(4*PanelWidth*x.b.LDB, 2)
	roomA, roomB := len(x.a)-TileRows*PanelWidth, len(x.b.Values)-(PanelWidth-1)*x.b.LDB-subs*PanelWidth
	for i := range 7 * per {
		x.b.Segs = append(x.b.Segs, Seg{int32(97 * i % (roomA + 1)), int32((roomB + 61*i) % (roomB + 1))})
	}
	x.b.Segs[1].A = int32(roomA)
	x.plain, x.pairs = x.sums(asIs), x.sums(inPairs)
	return x
}

// sums takes row k, column j of a block from where place says.
func (x *weights) sums(place func(k, j int) (row, col int)) (all [][]sum) {
	for s := range x.panels() {
		sums := make([]sum, TileRows*PanelWidth)
		segs, at := x.segments(s)
		for _, g := range segs {
			for i := range sums {
				for k := range PanelWidth {
					row, col := place(k, i%PanelWidth)
					sums[i].add(x.a[int(g.A)+i/PanelWidth*PanelWidth+k], x.b.Values[int(g.B)+at+col+row*x.b.LDB])
				}
			}
		}
		all = append(all, sums)
	}
	return all
}

// poisoned returns the panel and the weight with NaN where the micro-panels do not read.
func (x *weights) poisoned(first, panels int) (a []float32, b Blocks) {
	usedA, usedB := make([]bool, len(x.a)), make([]bool, len(x.b.Values))
	for s := first; s < first+panels; s++ {
		segs, at := x.segments(s)
		for _, g := range segs {
			for k := range PanelWidth {
				for i := range TileRows {
					usedA[int(g.A)+i*PanelWidth+k] = true
				}
				for j := range PanelWidth {
					usedB[int(g.B)+at+j+k*x.b.LDB] = true
				}
			}
		}
	}
	b = x.b
	b.Values = poison(x.b.Values, usedB)
	return poison(x.a, usedA), b
}

// tileCase is one call of a tile.
type tileCase struct {
	first, panels int
	step          int
	mode          Mode
	off, gap      int // where c starts in a cache line, and what is between its rows
}

// Parts of a weight that begin and end everywhere in a block, in all
// modes, with one start for all micro-panels and one for each.
func TestTileAgainstPlainSums(t *testing.T) {
	for _, subs := range []int{1, 2, 4} {
		for per := 1; per <= 4; per++ {
			x := newWeights(subs, per)
			all := x.panels()
			eachPath(t, func(t *testing.T, k *Set) {
				for _, part := range [][2]int{{0, 0}, {0, all}, {1, 1}, {subs + 1, all - subs - 1}, {all - 1, 1}, {2, 3}} {
					for _, step := range []int{0, PanelWidth} {
						for _, mode := range []Mode{Store, AddTo, NonTemporal} {
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
	width := v.panels * PanelWidth
	ldc := width + v.gap
	a, b := x.poisoned(v.first, v.panels)
	start := random(max(v.panels, 1)*PanelWidth, 3)
	if v.step == 0 {
		start = start[:PanelWidth:PanelWidth]
	}
	start = poison(start, rowsOf(len(start), 1, 0, len(start)))
	before := random(TileRows*width, 4)
	run := func() []float32 {
		c, check := guardedAt(t, (TileRows-1)*ldc+width, v.off)
		for i, old := range before {
			at := i/width*ldc + i%width
			if c[at] = nan; v.mode == AddTo {
				c[at] = old
			}
		}
		k.Tile16(&Product{C: c, LDC: ldc, A: a, B: &b, First: v.first, Panels: v.panels, Start: start, StartStep: v.step, Mode: v.mode})
		check(what)
		return c
	}
	c := run()
	for at, got := range c {
		if i, j := at/max(ldc, 1), at%max(ldc, 1); j < width {
			s := j / PanelWidth
			want := x.want(k)[v.first+s][i*PanelWidth+j%PanelWidth]
			want.add(start[s*v.step+j%PanelWidth], 1)
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

// Tiles that finish their sums have the bits of a plain tile and GELU, or GELUGrad, which may be
// in place.
func TestFinishedTiles(t *testing.T) {
	for _, subs := range []int{1, 4} {
		x := newWeights(subs, 2)
		all := x.panels()
		eachPath(t, func(t *testing.T, k *Set) {
			if k.GELUTile == nil || k.GELUGradTile == nil {
				if k.Path == AVX512Broadcast {
					t.Fatal("GELUTile, GELUGradTile: found none")
				}
				return
			}
			for _, part := range [][2]int{{0, 0}, {0, all}, {1, 1}, {all - 1, 1}, {2, 3}, {1, 4}, {3, 2}} {
				for _, mode := range []Mode{Store, NonTemporal} {
					for _, at := range [][2]int{{0, 0}, {0, 16}, {8, 0}, {0, 8}, {3, 1}} {
						for _, op := range []string{"GELU", "GELUGrad", "GELUGrad in place"} {
							x.checkFinished(t, k, op, tileCase{part[0], part[1], PanelWidth, mode, at[0], at[1]})
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
	width := v.panels * PanelWidth
	ldc := width + v.gap
	a, b := x.poisoned(v.first, v.panels)
	start, pre := random(max(v.panels, 1)*PanelWidth, 3), random((TileRows-1)*ldc+width, 4)
	want, wantOther := make([]float32, len(pre)), make([]float32, len(pre))
	k.Tile16(&Product{C: want, LDC: ldc, A: a, B: &b, First: v.first, Panels: v.panels, Start: start, StartStep: v.step})
	c, check := guardedAt(t, len(pre), v.off)
	other, checkOther := guardedAt(t, len(pre), v.off)
	for i := range TileRows {
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
	scratch, checkScratch := guarded(t, 2*TileRows*PanelWidth)
	f, possible, from := k.GELUGradTile, true, other
	switch op {
	case "GELU":
		f, possible = k.GELUTile, v.panels == 0 || v.panels%2 == 0 && v.off == 0 && v.gap%PanelWidth == 0
	case "GELUGrad in place":
		from = c
	}
	done := f(&Product{C: c, X: from, LDC: ldc, A: a, B: &b, First: v.first, Panels: v.panels, Start: start, StartStep: v.step, Mode: v.mode, Scratch: scratch})
	check(what)
	checkOther(what)
	checkScratch(what)
	if done != possible {
		t.Fatalf("%s: found %v, expected %v", what, done, possible)
	}
	if done {
		sameBits(t, what, want, c)
		sameBits(t, what, wantOther, other)
	}
}

// Rows in place and elsewhere, with a stride. What lies between them stays as it was.
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
