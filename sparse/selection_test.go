package sparse

import (
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

func TestSmallestEqualsSorting(t *testing.T) {
	s := philox.NewStream(6, philox.TestData, 1, 0)
	scratch := new(Scratch)
	for round := range 3000 {
		keys := make([]uint64, 1+s.IntN(200))
		// Keys that differ in the middle bytes, that are few, and that are full.
		shift, levels := uint(8*s.IntN(8)), uint64(1+s.IntN(20))
		for i := range keys {
			switch round % 3 {
			case 0:
				keys[i] = s.Uint64()
			case 1:
				keys[i] = (s.Uint64() % levels) << shift
			case 2:
				keys[i] = ^uint64(0) - s.Uint64()%levels
			}
		}
		k := 1 + s.IntN(len(keys))
		sorted := slices.Sorted(slices.Values(keys))
		before := slices.Clone(keys)
		threshold, ties := scratch.smallest(keys, k)
		below, _ := slices.BinarySearch(sorted, sorted[k-1])
		if threshold != sorted[k-1] || ties != k-below {
			t.Fatalf("round %d, k %d of %d: threshold %x with %d ties, want %x with %d",
				round, k, len(keys), threshold, ties, sorted[k-1], k-below)
		}
		if !slices.Equal(keys, before) {
			t.Fatalf("round %d: smallest changed its keys", round)
		}
	}
}

// The random keys of a test never collide; these do.
func TestGrowTakesTheLowerPositionOnATie(t *testing.T) {
	s := Scratch{active: []uint64{1 << 2}}
	keys := []uint64{7, 5, 0, 7, 5, 7, 9}
	s.grow(0, len(keys), 4, func(p int) uint64 { return keys[p] })
	if want := []int32{0, 1, 3, 4}; !slices.Equal(s.grown, want) {
		t.Errorf("grown %v, want %v", s.grown, want)
	}
}

// Nor do those that decide between equal norms.
func TestLargestDecidesEqualNormsByKeyThenPosition(t *testing.T) {
	norms := []float32{1, 3, 2, 2, 0, 2, 2, 2, 9}
	keys := []uint64{0, 9, 5, 7, 0, 5, 1, 5, 9}
	for k, want := range [][]int32{{}, {18}, {11, 18}, {11, 16, 18}, {11, 12, 16, 18}, {11, 12, 15, 16, 18}, {11, 12, 15, 16, 17, 18}} {
		s := Scratch{grown: []int32{}}
		ranks := make([]uint64, len(norms))
		for i, n := range norms {
			ranks[i] = falling(n)
		}
		s.first(ranks, 10, k, func(p int) uint64 { return keys[p-10] })
		if !slices.Equal(s.grown, want) {
			t.Errorf("%d largest: found %v, expected %v", k, s.grown, want)
		}
	}
}
