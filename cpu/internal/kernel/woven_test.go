package kernel

import (
	"fmt"
	"testing"
)

// move makes calls with lines to pack meanwhile, of which each does most at the most: the lines
// that Done counts are in their places after each call and nothing else is written. Finish
// packs the rest.
func move(t *testing.T, what string, k *Set, width, lines, most int, call func(*Move)) {
	t.Helper()
	cols := k.Group * Strip
	stride := cols + 5
	rows := lines * (Strip / width)
	step := (lines + 1) * Strip
	src := random(max(0, (rows-1)*stride+cols), 7)
	src = sparing(src, rowsOf(len(src), rows, stride, cols))
	dst, guards := guarded(t, cols/width*step)
	packed := func(done int) {
		t.Helper()
		guards(what + ": Dst")
		samePlaces(t, fmt.Sprintf("%s: %d done: Dst", what, done), dst, step, src, stride, done, cols, width)
	}
	const by, mask = 64, 1 // asked for every other line, from the last one
	m := Move{Src: src, Ask: src, Stride: stride, Dst: dst, Step: step, Lines: lines, Soon: make([]float32, 9*by), By: by, Mask: mask}
	for done := 0; ; {
		call(&m)
		expected := done
		if wide(k) { // the others leave it to Finish
			expected = min(done+most, lines)
		}
		if m.Done != expected {
			t.Fatalf("%s: Done: found %d, expected %d", what, m.Done, expected)
		}
		asked := 0
		for i := 0; i < m.Done && k.AsksAhead && width == Strip; i++ {
			if (lines-i)&mask == 0 {
				asked += by
			}
		}
		if m.Asked != asked {
			t.Fatalf("%s: %d done: Asked: found %d, expected %d", what, m.Done, m.Asked, asked)
		}
		packed(m.Done)
		if m.Done == done {
			break
		}
		done = m.Done
	}
	m.Finish(k, width)
	if packed(lines); m.Done != lines {
		t.Fatalf("%s: Done after Finish: found %d, expected %d", what, m.Done, lines)
	}
}

// samePlaces checks strips of which some lines are packed, and that the rest is as it was.
func samePlaces(t *testing.T, what string, dst []float32, step int, src []float32, lds, lines, cols, width int) {
	t.Helper()
	m := Strip / width
	want := make([]float32, len(dst))
	for i := range want {
		want[i] = mark
	}
	for r := range lines * m {
		for c := range cols {
			want[c/width*step+r/m*Strip+c%width*m+r%m] = src[r*lds+c]
		}
	}
	for i, v := range dst {
		if v != want[i] {
			t.Fatalf("%s[%d]: found %v, expected %v", what, i, v, want[i])
		}
	}
}

// The packing of strips of every width, from and to rows with gaps.
func TestPackStrips(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, width := range []int{4, 8, 16} {
			for _, lines := range []int{0, 1, 3, 8} {
				for _, squares := range []int{0, 1, 2, 5} {
					for _, gap := range []int{0, 3} {
						what := fmt.Sprintf("PackStrips: width %d, %d lines, %d squares, gap %d", width, lines, squares, gap)
						cols, rows := squares*Strip, lines*Strip/width
						lds, step := cols+gap, lines*Strip+gap
						src := random(max(0, (rows-1)*lds+cols), 3)
						src = sparing(src, rowsOf(len(src), rows, lds, cols))
						dst, check := guarded(t, cols/width*step)
						k.PackStrips(dst, step, src, lds, lines, squares, width)
						check(what)
						samePlaces(t, what, dst, step, src, lds, lines, cols, width)
					}
				}
			}
		}
	})
}

// Blocks in an order of their own, some twice, as many as fit together or more, with lines to pack meanwhile or none. Lines that the
// call may not read hold NaN.
func TestWoven(t *testing.T) {
	slots, index := []int32{3, 0, 4, 0, 3, 4, 4, 0}, []int32{2, -1, -1, 0, 3}
	eachPath(t, func(t *testing.T, k *Set) {
		for _, size := range []int{4, 8} {
			for _, lines := range []int{Strip / size, 32, 36, 96} {
				if lines*size%Strip != 0 {
					continue
				}
				for n := range len(slots) + 1 {
					for _, packing := range []int{0, 1, 2, 9} {
						wovenCase(t, k, size, lines, slots[:n], index, packing)
					}
				}
			}
		}
	})
}

func wovenCase(t *testing.T, k *Set, size, lines int, slots, index []int32, packing int) {
	m, length := Strip/size, lines*Strip
	step := length + 7
	used := make([]bool, 4*step)
	for _, s := range slots {
		for i := range length {
			used[int(index[s])*step+i] = true
		}
	}
	a, b := random(length, 1), sparing(random(len(used), 2), used)
	a = sparing(a, rowsOf(length, 1, 0, length))
	before := random(5*size*size, 3)
	add := map[bool]func(*Woven){false: k.Woven4, true: k.Woven4Turned}
	if size == 8 {
		add[false], add[true] = k.Woven8, k.Woven8Turned
	}
	for turned, f := range add {
		what := fmt.Sprintf("Woven%d, turned %v, %d lines, %d blocks, %d lines to pack", size, turned, lines, len(slots), packing)
		run := func() []float32 {
			c, check := guarded(t, len(before))
			copy(c, before)
			w := Woven{C: c, A: a, B: b, Slots: slots, Index: index, Step: step, Lines: lines, Every: 32}
			move(t, what, k, size, packing, (lines+31)/32*Passes(size, len(slots)), func(move *Move) {
				w.Move = move
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
				if turned {
					i, j = j, i
				}
				for l := range lines {
					for r := range m {
						want.add(a[l*Strip+i*m+r], b[int(index[s])*step+l*Strip+j*m+r])
					}
				}
			}
			want.check(t, what, at, v)
		}
		sameBits(t, what, c, run())
	}
}
