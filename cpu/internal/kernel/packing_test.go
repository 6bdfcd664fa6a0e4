package kernel

import (
	"fmt"
	"testing"
)

// packBeside makes calls with lines to pack meanwhile, until all are packed or a call packs none.
// After each call the lines that Done counts are in their places and nothing else is written.
// AVX-512 packs some lines in each call that multiplies. Finish packs the rest.
func packBeside(t *testing.T, what string, k *Set, width, lines int, multiplies bool, call func(*Packing)) {
	t.Helper()
	cols := k.Group * PanelWidth
	stride := cols + 5
	rows := lines * (PanelWidth / width)
	step := (lines + 1) * PanelWidth
	src := random(max(0, (rows-1)*stride+cols), 7)
	src = poison(src, rowsOf(len(src), rows, stride, cols))
	dst, guards := guarded(t, cols/width*step)
	packed := func(done int) {
		t.Helper()
		guards(what + ": Dst")
		samePlaces(t, fmt.Sprintf("%s: %d done: Dst", what, done), dst, step, src, stride, done, cols, width)
	}
	p := Packing{Src: src, Prefetch: src, Stride: stride, Dst: dst, Step: step, Lines: lines,
		Next: make([]float32, 9*64), NextStep: 64, NextMask: 1}
	for done := -1; p.Done != done; {
		done = p.Done
		call(&p)
		if p.Done < done || p.Done > lines {
			t.Fatalf("%s: Done: found %d after %d, expected that or more, up to %d", what, p.Done, done, lines)
		}
		if packsBeside(k) && multiplies && done < lines && p.Done == done {
			t.Fatalf("%s: Done: found %d of %d lines as before, expected more", what, done, lines)
		}
		packed(p.Done)
	}
	p.Finish(k, width)
	if packed(lines); p.Done != lines {
		t.Fatalf("%s: Done after Finish: found %d, expected %d", what, p.Done, lines)
	}
}

// samePlaces checks micro-panels of which some lines are packed, and that the rest is as it was.
func samePlaces(t *testing.T, what string, dst []float32, step int, src []float32, lds, lines, cols, width int) {
	t.Helper()
	m := PanelWidth / width
	want := make([]float32, len(dst))
	for i := range want {
		want[i] = mark
	}
	for r := range lines * m {
		for c := range cols {
			want[c/width*step+r/m*PanelWidth+c%width*m+r%m] = src[r*lds+c]
		}
	}
	for i, v := range dst {
		if v != want[i] {
			t.Fatalf("%s[%d]: found %v, expected %v", what, i, v, want[i])
		}
	}
}

// Packing into micro-panels of every width, from and to rows with gaps.
func TestPackInterleaved(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, width := range []int{4, 8, 16} {
			for _, lines := range []int{0, 1, 3, 8} {
				for _, cols16 := range []int{0, 1, 2, 5} {
					for _, gap := range []int{0, 3} {
						what := fmt.Sprintf("PackInterleaved: width %d, %d lines, %d times 16 columns, gap %d", width, lines, cols16, gap)
						cols, rows := cols16*PanelWidth, lines*PanelWidth/width
						lds, step := cols+gap, lines*PanelWidth+gap
						src := random(max(0, (rows-1)*lds+cols), 3)
						src = poison(src, rowsOf(len(src), rows, lds, cols))
						dst, check := guarded(t, cols/width*step)
						k.PackInterleaved(dst, step, src, lds, lines, cols16, width)
						check(what)
						samePlaces(t, what, dst, step, src, lds, lines, cols, width)
					}
				}
			}
		}
	})
}
