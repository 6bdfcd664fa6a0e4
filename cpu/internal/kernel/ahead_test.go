package kernel

import (
	"fmt"
	"testing"
)

// A tile copies the next panel meanwhile, over as many calls as it takes. After each
// call the elements that Done counts are in their places, no other place has been
// written, and the sums are those without the copying.
func TestTileCopiesAhead(t *testing.T) {
	for _, per := range []int{1, 3} {
		x := newWeights(2, per)
		eachPath(t, func(t *testing.T, k *Set) {
			for _, cols := range []int{32, 64, 96, 416, 16, 48, 40} {
				for _, rows := range []int{0, 1, 5, Rows} {
					for _, part := range [][2]int{{0, 1}, {4, 1}, {1, 7}, {0, 10}} {
						x.copying(t, k, cols, rows, part[0], part[1])
					}
				}
			}
		})
	}
}

// copying makes calls until all is copied, or until none can be expected.
func (x *weights) copying(t *testing.T, k *Set, cols, rows, first, strips int) {
	t.Helper()
	what := fmt.Sprintf("Tile16, Per %d, strips %d to %d, %d rows of %d ahead", x.b.Per, first, first+strips-1, rows, cols)
	tile, ldc := k.Tile16, strips*Strip
	plain, _ := guarded(t, Rows*ldc)
	tile(plain, ldc, x.a, &x.b, first, strips, make([]float32, Strip), 0, Store, nil)

	src := random(rows*cols+1, 5)[1:]
	dst, guards := guarded(t, panelSize(cols))
	src = sparing(src, rowsOf(len(src), rows, cols, cols))
	ahead := Ahead{Src: src, Dst: dst, Cols: cols}
	turns := 0
	for s := first; s < first+strips; s++ {
		segs, _ := x.segments(s)
		turns += len(segs) * Strip / 4
	}
	// The assembly that copies does so in every turn; the Go loop never does, nor does
	// any for rows that are not whole pairs of strips.
	moves := wide(k) && cols%(2*Strip) == 0 && turns > 0
	for call := 0; ; call++ {
		before := ahead.Done
		c, check := guarded(t, Rows*ldc)
		tile(c, ldc, x.a, &x.b, first, strips, make([]float32, Strip), 0, Store, &ahead)
		check(what)
		sameBits(t, what, plain, c)
		guards(what + ": panel")
		if ahead.Done < before || ahead.Done > len(src) {
			t.Fatalf("%s: Done: found %d after %d, expected that or more, up to %d", what, ahead.Done, before, len(src))
		}
		want := make([]float32, len(dst))
		for i := range want {
			want[i] = mark
		}
		for i, v := range src[:ahead.Done] {
			want[inPanel(i/cols, i%cols)] = v
		}
		for i, v := range dst {
			if v != want[i] {
				t.Fatalf("%s: call %d, %d done: panel element %d: found %v, expected %v", what, call, ahead.Done, i, v, want[i])
			}
		}
		if moves {
			if expected := min(len(src), before+2*Strip*turns); ahead.Done != expected {
				t.Fatalf("%s: call %d: Done: found %d, expected %d", what, call, ahead.Done, expected)
			}
		}
		if before == ahead.Done { // nothing left, or nothing moves: one call more said so
			return
		}
	}
}

// A tile that asks for memory changes nothing and computes the same, with and without rows to copy,
// also where less is there than it asks for.
func TestTileAsks(t *testing.T) {
	x := newWeights(2, 1)
	eachPath(t, func(t *testing.T, k *Set) {
		const first, strips, cols = 1, 7, 64
		run := func(ahead *Ahead) []float32 {
			c, check := guarded(t, Rows*strips*Strip)
			k.Tile16(c, strips*Strip, x.a, &x.b, first, strips, make([]float32, Strip), 0, Store, ahead)
			check("Tile16")
			return c
		}
		plain, src := run(nil), random(3*cols, 5)
		for _, asked := range [][]float32{random(Rows*strips*Strip, 7), random(5, 7), nil} {
			before := append([]float32(nil), asked...)
			sameBits(t, "Tile16 that asks", plain, run(&Ahead{Ask: asked, AskStride: strips * Strip}))
			both := Ahead{Src: src, Dst: make([]float32, panelSize(cols)), Cols: cols, Ask: asked, AskStride: strips * Strip}
			alone := Ahead{Src: src, Dst: make([]float32, panelSize(cols)), Cols: cols}
			sameBits(t, "Tile16 that asks and copies", plain, run(&both))
			run(&alone)
			if both.Done != alone.Done {
				t.Errorf("copied: found %d, expected %d as without asking", both.Done, alone.Done)
			}
			sameBits(t, "what was copied", alone.Dst, both.Dst)
			sameBits(t, "what was asked for", before, asked)
		}
	})
}
