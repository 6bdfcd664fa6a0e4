package ptxsim

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestAlignedAddends: bits below the last place of the largest addend are cut off, in every group anew.
func TestAlignedAddends(t *testing.T) {
	const u = 0x1p-24
	small := func(n int, v float32) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = v
		}
		return out
	}
	for _, c := range []struct {
		what     string
		g        alignment
		c        float32
		a, b     []float32
		negative bool
		want     float64
	}{
		{"products below the last place of 1", alignment{4, 0}, 1, small(16, 0x1p-12), small(16, 0x1.8p-12), false, 1},
		{"with an extra bit each has its half", alignment{16, 1}, 1, small(16, 0x1p-12), small(16, 0x1.8p-12), false, 1 + 16*u},
		{"with two extra bits all is there", alignment{16, 2}, 1, small(16, 0x1p-12), small(16, 0x1.8p-12), false, 1 + 24*u},
		{"in groups of 4 the result is cut to float32 after each", alignment{4, 2}, 1, small(16, 0x1p-12), small(16, 0x1.8p-12), false, 1 + 24*u},
		{"one after the other in groups of 4", alignment{4, 1}, 0, []float32{1, 0, 0, 0, 0x1p-12, 0x1p-12, 0x1p-12, 0}, append(small(4, 1), small(4, 0x1p-12)...), false, 1 + 2*u},
		{"towards zero from below", alignment{4, 0}, -1, small(4, 0x1p-12), small(4, 0x1p-12), false, -1},
		{"a product is the largest", alignment{4, 0}, u, small(1, 1), small(1, 1), false, 1},
		{"negated", alignment{4, 0}, 3, small(2, 1), small(2, 2), true, -1},
		{"the exponents of factors count, not that of the product", alignment{4, 0}, u, small(1, 1.5), small(1, 1.5), false, 2.25},
		{"cancellation leaves what was not cut off", alignment{4, 0}, 1 + 2*u, []float32{1, 0x1p-12}, []float32{-1, 0x1p-12}, false, 2 * u},
		{"nothing", alignment{4, 0}, 0, small(4, 0), small(4, 0), false, 0},
		{"subnormal", alignment{4, 0}, 0x1p-149, small(1, 0), small(1, 0), false, 0x1p-149},
		{"infinite", alignment{4, 0}, 1, []float32{float32(math.Inf(1))}, []float32{-1}, false, math.Inf(-1)},
	} {
		if got := float64(c.g.add(c.c, c.a, c.b, c.negative)); got != c.want {
			t.Errorf("%s: found %v, expected %v", c.what, got, c.want)
		}
	}
	if got := (alignment{4, 0}).add(1, []float32{float32(math.NaN())}, []float32{0}, false); got == got {
		t.Errorf("not a number: found %v", got)
	}
}

// TestAlignedBound: no sum is further off than internal/backendtest allows, which takes 5/2 (terms + 2)
// units in float32 of the absolute sum for the worst, groups of 4 without extra bits.
func TestAlignedBound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	worst := 0.0
	for range 20000 {
		n := 1 + r.IntN(48)
		a, b := make([]float32, n), make([]float32, n)
		exact, size := 0.0, 0.0
		for i := range a {
			// Large exponents first leave the most to be cut off.
			a[i] = fromBF16(uint64(r.Uint32N(1<<7)|uint32(127-r.IntN(1+13*min(i, 1)))<<7) | uint64(r.Uint32N(2))<<15)
			b[i] = fromBF16(uint64(r.Uint32N(1<<7)|127<<7) | uint64(r.Uint32N(2))<<15)
			exact += float64(a[i]) * float64(b[i])
			size += math.Abs(float64(a[i]) * float64(b[i]))
		}
		g := alignmentOf(r.Uint64())
		off := math.Abs(float64(g.add(0, a, b, false))-exact) / (size * 0x1p-24)
		if !(off <= 2.5*float64(n)+2) {
			t.Fatalf("%+v, %d terms: off by %v units", g, n, off)
		}
		worst = max(worst, off/float64(n))
	}
	if worst < 0.5 {
		t.Errorf("the worst is %v units a term: this tested little", worst)
	}
}
