package collective_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
)

// Vectors that come one after the other give the bits of the tree over all of them, and
// of two at most are made for each level of it.
func TestPairing(t *testing.T) {
	const n = 33
	var p collective.Pairing
	for _, replicas := range []int{1, 2, 8, 4} {
		made := map[*float32]bool{}
		for r := range replicas {
			v := p.Next(n)
			made[&v[0]] = true
			for i := range v {
				v[i] = leaf(r, i)
			}
			p.Add(v)
		}
		sum := p.Sum()
		for i, x := range sum {
			if want := recursive(0, replicas, i); x != want {
				t.Fatalf("%d vectors, element %d: found %v, expected %v", replicas, i, x, want)
			}
		}
		levels := 1
		for 1<<(levels-1) < replicas {
			levels++
		}
		if len(made) > levels {
			t.Errorf("%d vectors: found %d in memory, expected at most %d", replicas, len(made), levels)
		}
	}
}
