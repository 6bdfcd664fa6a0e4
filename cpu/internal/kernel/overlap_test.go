package kernel

import (
	"fmt"
	"slices"
	"testing"
)

// A tile copies the next panel beside its multiplications, over as many calls as it takes. After
// each call the elements that Done counts are in their places, no other place has been
// written, and the sums are those without the copying.
func TestTileCopiesNextPanel(t *testing.T) {
	for _, per := range []int{1, 3} {
		x := newWeights(2, per)
		eachPath(t, func(t *testing.T, k *Set) {
			for _, cols := range []int{32, 64, 96, 416, 16, 48, 40} {
				for _, rows := range []int{0, 1, 5, TileRows} {
					for _, part := range [][2]int{{0, 1}, {4, 1}, {1, 7}, {0, 10}} {
						x.copying(t, k, cols, rows, part[0], part[1])
					}
				}
			}
		})
	}
}

// copying makes calls until all is copied, or until a call copies nothing.
func (x *weights) copying(t *testing.T, k *Set, cols, rows, first, panels int) {
	t.Helper()
	what := fmt.Sprintf("Tile16, Per %d, micro-panels %d to %d, next panel %d x %d", x.b.Per, first, first+panels-1, rows, cols)
	ldc := panels * PanelWidth
	plain, _ := guarded(t, TileRows*ldc)
	k.Tile16(x.product(plain, first, panels, nil))

	src := random(rows*cols+1, 5)[1:]
	dst, guards := guarded(t, panelSize(cols))
	src = poison(src, rowsOf(len(src), rows, cols, cols))
	next := Overlap{Src: src, Dst: dst, Cols: cols}
	multiplies := false
	for s := first; s < first+panels; s++ {
		segs, _ := x.segments(s)
		multiplies = multiplies || len(segs) > 0
	}
	for before := -1; next.Done != before; {
		before = next.Done
		c, check := guarded(t, TileRows*ldc)
		k.Tile16(x.product(c, first, panels, &next))
		check(what)
		sameBits(t, what, plain, c)
		guards(what + ": panel")
		if next.Done < before || next.Done > len(src) {
			t.Fatalf("%s: Done: found %d after %d, expected that or more, up to %d", what, next.Done, before, len(src))
		}
		want := marked(len(dst))
		for i, v := range src[:next.Done] {
			want[inPanel(i/cols, i%cols)] = v
		}
		for i, v := range dst {
			if v != want[i] {
				t.Fatalf("%s: %d done: panel element %d: found %v, expected %v", what, next.Done, i, v, want[i])
			}
		}
	}
	// AVX-512 copies in each iteration, but only rows of whole pairs of micro-panels. The other
	// paths leave all to the caller.
	if packsBeside(k) && cols%(2*PanelWidth) == 0 && multiplies && next.Done != len(src) {
		t.Fatalf("%s: Done: found %d when a call copied nothing, expected %d", what, next.Done, len(src))
	}
}

// product is a call with one start of zeros.
func (x *weights) product(c []float32, first, panels int, o *Overlap) *Product {
	return &Product{C: c, LDC: panels * PanelWidth, A: x.a, B: &x.b, First: first, Panels: panels, Start: make([]float32, PanelWidth), Overlap: o}
}

// A tile that prefetches changes nothing and computes the same, with and without rows to copy, also
// where the memory ends before what it prefetches.
func TestTilePrefetches(t *testing.T) {
	x := newWeights(2, 1)
	eachPath(t, func(t *testing.T, k *Set) {
		const first, panels, cols = 1, 7, 64
		run := func(o *Overlap) []float32 {
			c, check := guarded(t, TileRows*panels*PanelWidth)
			k.Tile16(x.product(c, first, panels, o))
			check("Tile16")
			return c
		}
		plain, src := run(nil), random(3*cols, 5)
		for _, memory := range [][]float32{random(TileRows*panels*PanelWidth, 7), random(5, 7), nil} {
			before := slices.Clone(memory)
			sameBits(t, "Tile16 that prefetches", plain, run(&Overlap{Prefetch: memory, PrefetchStride: panels * PanelWidth}))
			both := Overlap{Src: src, Dst: make([]float32, panelSize(cols)), Cols: cols, Prefetch: memory, PrefetchStride: panels * PanelWidth}
			alone := Overlap{Src: src, Dst: make([]float32, panelSize(cols)), Cols: cols}
			sameBits(t, "Tile16 that prefetches and copies", plain, run(&both))
			run(&alone)
			if both.Done != alone.Done {
				t.Errorf("copied: found %d, expected %d as without prefetching", both.Done, alone.Done)
			}
			sameBits(t, "what was copied", alone.Dst, both.Dst)
			sameBits(t, "what was prefetched", before, memory)
		}
	})
}
