package ptxsim

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// fmaNearest against exact arithmetic, with sums near the middle of two floats,
// subnormal results and everything that a bit pattern can be.
func TestFmaNearest(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine")
	}
	random := rand.New(rand.NewPCG(1, 2))
	exact := func(a, b, c float32) float32 {
		if math.IsNaN(float64(a)*float64(b)+float64(c)) || math.IsInf(float64(a)*float64(b), 0) || math.IsInf(float64(c), 0) {
			return float32(float64(a)*float64(b) + float64(c))
		}
		x := new(big.Float).SetPrec(600).SetFloat64(float64(a))
		x.Mul(x, new(big.Float).SetPrec(600).SetFloat64(float64(b)))
		x.Add(x, new(big.Float).SetPrec(600).SetFloat64(float64(c)))
		f, _ := x.Float32()
		return f
	}
	halfway := 0
	for i := range 400000 {
		a, b, c := math.Float32frombits(random.Uint32()), math.Float32frombits(random.Uint32()), math.Float32frombits(random.Uint32())
		switch i % 4 {
		case 1: // c is odd in its last place, the product half of it or next to that
			c = math.Float32frombits(0x3F800001 | random.Uint32()&0x7FFFFE)
			a, b = math.Float32frombits(0x3F800000|random.Uint32()&3), math.Float32frombits(0x33800000)
		case 2: // about the smallest normal number
			a, b, c = math.Float32frombits(0x20000000|random.Uint32()&0x7FFFFF), math.Float32frombits(0x1F800000|random.Uint32()&0x7FFFFF), math.Float32frombits(random.Uint32()&0xFFFFFF)
		case 3:
			a, b, c = random.Float32()-0.5, random.Float32()-0.5, (random.Float32()-0.5)*float32(math.Ldexp(1, -random.IntN(60)))
		}
		s := float64(a)*float64(b) + float64(c)
		if math.Float64bits(s)&(1<<29-1) == 1<<28 {
			halfway++
		}
		got := fmaNearest(uint64(math.Float32bits(a)), uint64(math.Float32bits(b)), uint64(math.Float32bits(c)))
		want := exact(a, b, c)
		if want == 0 && fromF32(got) == 0 {
			continue // big.Float does not keep the sign of a zero sum as IEEE 754 does
		}
		if got != bits32(want) {
			t.Fatalf("%x * %x + %x: found %#x, expected %#x", a, b, c, got, bits32(want))
		}
	}
	if halfway < 1000 {
		t.Errorf("found %d sums halfway between two floats, expected thousands", halfway)
	}
}

// sectors against a set.
func TestSectors(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var q request
		seen := map[uint64]bool{}
		for range random.IntN(warpSize + 1) {
			a := uint64(random.IntN(1+random.IntN(4000))) << random.IntN(3)
			q.put(a)
			seen[a>>5] = true
		}
		if got := q.sectors(); got != int64(len(seen)) {
			t.Fatalf("%v: found %d sectors, expected %d", q.addr[:q.n], got, len(seen))
		}
	}
}
