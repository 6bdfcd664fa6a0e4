package sparse_test

import (
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// How the newborns fare, worked out by hand: a row of ten blocks of one element.
func TestNewbornsByHand(t *testing.T) {
	topology, err := sparse.NewTopology(sparse.Shape{Out: 1, In: 10, Block: 1}, make([]int32, 6), []int32{0, 1, 2, 3, 4, 5})
	if err != nil {
		t.Fatal(err)
	}
	copy(topology.NewAt, []int32{0, 1, 7, 8, 8, 8})
	copy(topology.Born, []int32{0, 10, 70, 80, 80, 80})
	// The three smallest are pruned: slots 3, 1 and 4, of which 3 and 4 are newborns; the
	// threshold is 2. The newborns' norms over it are 0.25, 1 and more than the most.
	change, err := topology.Update([]float32{8, -1, 4, 0.5, 2, 1e9}, nil, sparse.Update{Number: 9, Step: 90, PruneRatio: 0.5}, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := change.Stats
	if s.Newborn != 3 || s.RemovedNew != 2 || s.Threshold != 2 || s.StartAlive != 1 || !slices.Equal(s.Survivors[:], []int{1, 1, 0, 0}) {
		t.Errorf("found %+v, expected 3 newborns of which 2 go, the threshold 2, 1 block of the start, 1 left of each of the last two updates", s)
	}
	if s.NewbornShare() != 0.5 || s.RemovedNewDense() != 0.2 || s.StartShare() != 1/6. || s.NewbornNorm() != (0.25+1+4096)/3 {
		t.Errorf("found %v, %v, %v, %v, expected 0.5, 0.2, 1/6 and the mean of 0.25, 1 and 4096", s.NewbornShare(), s.RemovedNewDense(), s.StartShare(), s.NewbornNorm())
	}
}

func TestNoNewborns(t *testing.T) {
	for name, s := range map[string]sparse.Stats{"no newborn": {Threshold: 1, Active: 4}, "a threshold of 0": {Newborn: 2, Active: 4}} {
		if n := s.NewbornNorm(); !math.IsNaN(n) {
			t.Errorf("%s: found a newborn norm of %v, expected NaN", name, n)
		}
	}
}
