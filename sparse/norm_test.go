package sparse_test

import (
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// BlockNorm must have the bits of its definition, and be the norm it is called:
// near the sum in float64, within the 6 + n/32 roundings that an element takes.
func TestBlockNorm(t *testing.T) {
	s := philox.NewStream(9, philox.TestData, 1, 0)
	for _, block := range append(sparse.BlockSizes(), 3, 5) {
		w := make([]float32, block*block)
		for round := range 14 {
			for i := range w {
				w[i] = (s.Float32() - 0.5) * float32(math.Pow(10, float64(s.IntN(2*round+1)-round)))
			}
			var l1, l2, largest float64
			for _, x := range w {
				l1 += math.Abs(float64(x))
				l2 += float64(x) * float64(x)
				largest = max(largest, math.Abs(float64(x)))
			}
			for n, exact := range map[sparse.Norm]float64{sparse.L1: l1, sparse.L2: l2, sparse.LInf: largest} {
				got, want := sparse.BlockNorm(w, n), naiveNorm(w, n)
				if math.Float32bits(got) != math.Float32bits(want) {
					t.Errorf("B %d, %s: found %v, want %v", block, n, got, want)
				}
				roundings := 7 + float64(len(w))/32
				if diff := math.Abs(float64(got) - exact); !(diff <= roundings*exact*0x1p-24+0x1p-149) {
					t.Errorf("B %d, %s: found %v, want %v", block, n, got, exact)
				}
			}
		}
	}
}

func TestBlockNormSpecialValues(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	negativeZero := float32(math.Copysign(0, -1))
	const subnormal = 0x1p-149
	for _, n := range []sparse.Norm{sparse.L1, sparse.L2, sparse.LInf} {
		for at := range 64 {
			w := make([]float32, 64)
			for i := range w {
				w[i] = -inf
			}
			w[at] = nan
			if got := sparse.BlockNorm(w, n); got == got {
				t.Errorf("%s: NaN in place %d gave %v, want NaN", n, at, got)
			}
		}
		if got := sparse.BlockNorm([]float32{1, -inf, 2}, n); got != inf {
			t.Errorf("%s of an infinite element: found %v, want +Inf", n, got)
		}
		if got := sparse.BlockNorm([]float32{negativeZero}, n); math.Float32bits(got) != 0 {
			t.Errorf("%s of -0: found bits %x, want +0", n, math.Float32bits(got))
		}
		want := float32(subnormal)
		if n == sparse.L2 {
			want = 0 // the square underflows
		}
		if got := sparse.BlockNorm([]float32{0, -subnormal}, n); got != want {
			t.Errorf("%s of a subnormal number: found %v, want %v", n, got, want)
		}
	}
}

// The order of summation shows in the bits: 2^24 + 1 + 1 in one lane loses both
// ones, in two lanes keeps them.
func TestBlockNormOrder(t *testing.T) {
	oneLane := make([]float32, 96)
	oneLane[0], oneLane[32], oneLane[64] = 1<<24, 1, 1
	if got := sparse.BlockNorm(oneLane, sparse.L1); got != 1<<24 {
		t.Errorf("2^24, 1, 1 in lane 0: found %v, want 2^24", got)
	}
	twoLanes := make([]float32, 96)
	twoLanes[0], twoLanes[33], twoLanes[65] = 1<<24, 1, 1
	if got := sparse.BlockNorm(twoLanes, sparse.L1); got != 1<<24+2 {
		t.Errorf("2^24 in lane 0 and 1, 1 in lane 1: found %v, want 2^24 + 2", got)
	}
	// 1 in lanes 8 and 16: the tree adds 2^24 (lane 0) and lane 16 first, so both
	// ones are lost; added to each other first they would survive.
	tree := make([]float32, 32)
	tree[0], tree[8], tree[16] = 1<<24, 1, 1
	if got := sparse.BlockNorm(tree, sparse.L1); got != 1<<24 {
		t.Errorf("2^24, 1, 1 in lanes 0, 8, 16: found %v, want 2^24", got)
	}
	// (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24 rounds to 1 + 2^-11, and adding 2^-24 to
	// that changes nothing; a fused multiply-add would give 1 + 2^-11 + 2^-23.
	fused := make([]float32, 33)
	fused[0], fused[32] = 0x1p-12, 1+0x1p-12
	if got := sparse.BlockNorm(fused, sparse.L2); got != 1+0x1p-11 {
		t.Errorf("L2 of 2^-12 and 1 + 2^-12 in one lane: found %v, want 1 + 2^-11", got)
	}
}
