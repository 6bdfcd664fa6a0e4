package sparse_test

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// firstByKey sorts [from, to) by the start key and returns the first k, ascending.
func firstByKey(from, to, k int, seed uint64, tensor int) []int {
	key := func(p int) uint64 {
		return philox.Key64(seed, philox.StartTopo, uint32(p), 0, uint32(tensor))
	}
	return first(from, to, k, func(a, b int) int { return cmp.Compare(key(a), key(b)) })
}

// first returns the k positions of [from, to) that an order puts first, ties by
// position, ascending.
func first(from, to, k int, order func(a, b int) int) []int {
	var positions []int
	for p := from; p < to; p++ {
		positions = append(positions, p)
	}
	slices.SortFunc(positions, func(a, b int) int { return cmp.Or(order(a, b), cmp.Compare(a, b)) })
	positions = positions[:k]
	slices.Sort(positions)
	return positions
}

func TestStartTopologiesAreTheSmallestKeys(t *testing.T) {
	s := philox.NewStream(4, philox.TestData, 1, 0)
	for range 400 {
		block := []int{1, 4, 16}[s.IntN(3)]
		shape := sparse.Shape{Out: block * (1 + s.IntN(20)), In: block * (1 + s.IntN(20)), Block: block}
		rows, cols := shape.BlockRows(), shape.BlockCols()
		nnzb, seed, tensor := 1+s.IntN(rows*cols), s.Uint64(), s.IntN(1000)

		random, err := sparse.StartTopology(shape, nnzb, seed, tensor)
		if err != nil {
			t.Fatal(err)
		}
		checkStart(t, random, firstByKey(0, rows*cols, nnzb, seed, tensor))

		fanIn, err := sparse.FanInTopology(shape, nnzb, seed, tensor)
		if err != nil {
			t.Fatal(err)
		}
		var want []int
		for r := range rows {
			k := nnzb / rows
			if r < nnzb-k*rows {
				k++
			}
			want = append(want, firstByKey(r*cols, (r+1)*cols, k, seed, tensor)...)
		}
		checkStart(t, fanIn, want)
	}
}

func checkStart(t *testing.T, topology *sparse.Topology, want []int) {
	t.Helper()
	var got []int
	explored := make([]uint64, (topology.Positions()+63)/64)
	for slot := range topology.NNZ() {
		got = append(got, topology.Position(slot))
		explored[topology.Position(slot)/64] |= 1 << (topology.Position(slot) % 64)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%+v: positions %v, want %v", topology.Shape, got, want)
	}
	if !slices.Equal(topology.Explored, explored) {
		t.Fatalf("%+v: explored %x, want %x", topology.Shape, topology.Explored, explored)
	}
	if err := topology.Check(); err != nil {
		t.Fatal(err)
	}
}

func TestStartTopologyIsUniform(t *testing.T) {
	const draws, positions, nnzb = 4000, 30, 9
	var count [positions]float64
	for seed := range uint64(draws) {
		topology, err := sparse.StartTopology(sparse.Shape{Out: 5, In: 6, Block: 1}, nnzb, seed, 2)
		if err != nil {
			t.Fatal(err)
		}
		for slot := range nnzb {
			count[topology.Position(slot)]++
		}
	}
	// Without replacement the statistic times (n-1)/(n-nnzb) is about chi-squared
	// with 29 degrees of freedom, which exceeds 58.3 once in a thousand.
	chi, mean := 0.0, float64(draws*nnzb)/positions
	for _, c := range count {
		chi += (c - mean) * (c - mean) / mean
	}
	chi *= float64(positions-1) / (positions - nnzb)
	if !(chi < 58.3) {
		t.Errorf("chi-squared %.1f of %v", chi, count)
	}
}

func TestStartTopologiesDifferByTensorAndSeed(t *testing.T) {
	shape := sparse.Shape{Out: 64, In: 64, Block: 1}
	draw := func(seed uint64, tensor int) *sparse.Topology {
		topology, err := sparse.StartTopology(shape, 400, seed, tensor)
		if err != nil {
			t.Fatal(err)
		}
		return topology
	}
	if !draw(1, 1).Equal(draw(1, 1)) {
		t.Errorf("the same seed and tensor give two topologies")
	}
	if draw(1, 1).Equal(draw(1, 2)) || draw(1, 1).Equal(draw(2, 1)) || draw(1, 1).Equal(draw(1|1<<40, 1)) {
		t.Errorf("another seed or tensor gives the same topology")
	}
}

func TestStartRefuses(t *testing.T) {
	shape := sparse.Shape{Out: 8, In: 8, Block: 4}
	for name, start := range map[string]func(sparse.Shape, int, uint64, int) (*sparse.Topology, error){
		"StartTopology": sparse.StartTopology, "FanInTopology": sparse.FanInTopology,
	} {
		for _, nnzb := range []int{-1, 0, 5} {
			if _, err := start(shape, nnzb, 0, 0); !errors.Is(err, sparse.ErrArgument) {
				t.Errorf("%s, nnzb %d of 4: found error %v, want ErrArgument", name, nnzb, err)
			}
		}
		for _, tensor := range []int{-1, math.MaxUint32 + 1} {
			if _, err := start(shape, 1, 0, tensor); !errors.Is(err, sparse.ErrArgument) {
				t.Errorf("%s, tensor %d: found error %v, want ErrArgument", name, tensor, err)
			}
		}
		if _, err := start(sparse.Shape{Out: 8, In: 9, Block: 4}, 1, 0, 0); !errors.Is(err, sparse.ErrShape) {
			t.Errorf("%s: found error %v, want ErrShape", name, err)
		}
	}
}

func TestFullTopology(t *testing.T) {
	full, err := sparse.FullTopology(sparse.Shape{Out: 24, In: 16, Block: 8})
	if err != nil {
		t.Fatal(err)
	}
	checkStart(t, full, []int{0, 1, 2, 3, 4, 5})
	if full.Density() != 1 {
		t.Errorf("density %v, want 1", full.Density())
	}
}
