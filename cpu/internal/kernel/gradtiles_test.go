package kernel

import (
	"fmt"
	"testing"
)

// Tiles in an order of their own, one twice, of which all share the strips on the left, on the
// right, or none, in one or more parts; with lines to pack meanwhile or none. Lines that the call may not read hold NaN.
func TestGradTiles(t *testing.T) {
	slots, index := []int32{3, 0, 4, 0}, []int32{2, -1, -1, 0, 3}
	eachPath(t, func(t *testing.T, k *Set) {
		for _, tokens := range []int{4, 32, 36, 96} {
			for _, n := range []int{0, 1, 4} {
				for _, shared := range []string{"a", "b", ""} {
					for _, packing := range []int{0, 1, 2, 9} {
						for _, parts := range []int{1, 3} {
							gradTilesCase(t, k, tokens*k.TileWidth/Strip, slots[:n], index, shared, packing, parts)
						}
					}
				}
			}
		}
	})
}

func gradTilesCase(t *testing.T, k *Set, lines int, slots, index []int32, shared string, packing, parts int) {
	length, w := lines*Strip, k.TileWidth
	m := Strip / w
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
		sides[side] = sparing(random(len(used), uint64(i)), used)
	}
	a, b := sides["a"], sides["b"]
	before := random(4*cStep+2*cPart+15*ldc+16, 3)
	what := fmt.Sprintf("GradTiles: %d lines, %d tiles, %d parts, shared %q, %d lines to pack", lines, len(slots), parts, shared, packing)
	run := func() []float32 {
		c, check := guarded(t, len(before))
		copy(c, before)
		q := GradTiles{C: c, LDC: ldc, CStep: cStep, A: a, AStep: steps["a"], B: b, BStep: steps["b"], Slots: slots, Index: index,
			Size: size, Lines: lines, Every: every, Parts: parts, CPart: cPart, APart: partSteps["a"], BPart: partSteps["b"]}
		move(t, what, k, k.TileWidth, packing, (lines+every-1)/every*m*parts*len(slots), func(move *Move) {
			q.Move = move
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
							at.add(a[x*steps["a"]+p*partSteps["a"]+i/w*size+l*Strip+i%w*m+r], b[x*steps["b"]+p*partSteps["b"]+j/w*size+l*Strip+j%w*m+r])
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
