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

// denseNorm works out the norm of the block at a position element by element.
func denseNorm(s sparse.NormSpec, dense []float32, p int) (sum float64) {
	for i := range s.Block {
		for j := range s.Block {
			x := math.Abs(float64(dense[(p/s.BlockCols()*s.Block+i)*s.In+p%s.BlockCols()*s.Block+j]))
			switch s.Norm {
			case sparse.L1:
				sum += x
			case sparse.L2:
				sum += x * x
			case sparse.LInf:
				sum = max(sum, x)
			}
		}
	}
	return sum
}

// largest sorts the positions [from, to) by norm, falling, then by start key, and
// returns the first k in ascending order.
func largest(s sparse.NormSpec, dense []float32, from, to, k int) []int {
	key := func(p int) uint64 { return philox.Key64(s.Seed, philox.StartTopo, uint32(p), 0, uint32(s.Tensor)) }
	return first(from, to, k, func(a, b int) int {
		return cmp.Or(cmp.Compare(denseNorm(s, dense, b), denseNorm(s, dense, a)), cmp.Compare(key(a), key(b)))
	})
}

func TestNormTopologyKeepsTheLargest(t *testing.T) {
	s := philox.NewStream(9, philox.TestData, 1, 0)
	for range 300 {
		block := []int{1, 4, 8}[s.IntN(3)]
		shape := sparse.Shape{Out: block * (1 + s.IntN(12)), In: block * (1 + s.IntN(12)), Block: block}
		rows, cols := shape.BlockRows(), shape.BlockCols()
		dense := make([]float32, shape.Out*shape.In)
		for i := range dense {
			dense[i] = float32(s.IntN(5)-2) / 4 // sums are exact, and there are ties and empty blocks
		}
		spec := sparse.NormSpec{Shape: shape, NNZ: 1 + s.IntN(rows*cols), Norm: sparse.Norm(s.IntN(3)), Seed: s.Uint64(), Tensor: s.IntN(1000)}
		got, err := sparse.NormTopology(spec, dense)
		if err != nil {
			t.Fatal(err)
		}
		checkStart(t, got, largest(spec, dense, 0, rows*cols, spec.NNZ))

		spec.Growth = sparse.GrowFanIn
		fanIn, err := sparse.NormTopology(spec, dense)
		if err != nil {
			t.Fatal(err)
		}
		like, err := sparse.FanInTopology(shape, spec.NNZ, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		var want []int
		for r := range rows {
			want = append(want, largest(spec, dense, r*cols, (r+1)*cols, int(like.RowPtr[r+1]-like.RowPtr[r]))...)
		}
		checkStart(t, fanIn, want)
	}
}

// Of a weight of zeros the start is left; of one that has fewer nonzero blocks than
// are kept all of those, and of the others those that the start would draw.
func TestNormTopologyOfZeros(t *testing.T) {
	shape := sparse.Shape{Out: 48, In: 64, Block: 8}
	dense := make([]float32, shape.Out*shape.In)
	spec := sparse.NormSpec{Shape: shape, NNZ: 15, Seed: 9, Tensor: 4}
	for growth, start := range map[sparse.Growth]func(sparse.Shape, int, uint64, int) (*sparse.Topology, error){
		sparse.GrowRandom: sparse.StartTopology, sparse.GrowFanIn: sparse.FanInTopology,
	} {
		spec.Growth = growth
		want, err := start(shape, spec.NNZ, spec.Seed, spec.Tensor)
		if err != nil {
			t.Fatal(err)
		}
		got, err := sparse.NormTopology(spec, dense)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: found %+v (%v), expected the start %+v", growth, got, err, want)
		}
	}
	dense[0], dense[len(dense)-1] = 1, -1 // the first block and the last
	spec.Growth = sparse.GrowRandom
	got, err := sparse.NormTopology(spec, dense)
	if err != nil {
		t.Fatal(err)
	}
	rest := firstByKey(1, shape.Positions()-1, spec.NNZ-2, spec.Seed, spec.Tensor)
	checkStart(t, got, slices.Concat([]int{0}, rest, []int{shape.Positions() - 1}))
}

func TestNormTopologyRejects(t *testing.T) {
	shape := sparse.Shape{Out: 8, In: 8, Block: 4}
	good := make([]float32, 64)
	nan := slices.Clone(good)
	nan[63] = float32(math.NaN())
	spec := func(change func(s *sparse.NormSpec)) sparse.NormSpec {
		s := sparse.NormSpec{Shape: shape, NNZ: 1}
		change(&s)
		return s
	}
	same := func(*sparse.NormSpec) {}
	for _, c := range []struct {
		what  string
		spec  sparse.NormSpec
		dense []float32
		want  error
	}{
		{"nothing", spec(same), good, nil},
		{"shape", spec(func(s *sparse.NormSpec) { s.In = 9 }), good, sparse.ErrShape},
		{"no block", spec(func(s *sparse.NormSpec) { s.NNZ = 0 }), good, sparse.ErrArgument},
		{"too many", spec(func(s *sparse.NormSpec) { s.NNZ = 5 }), good, sparse.ErrArgument},
		{"short", spec(same), good[1:], sparse.ErrArgument},
		{"norm", spec(func(s *sparse.NormSpec) { s.Norm = 3 }), good, sparse.ErrArgument},
		{"growth", spec(func(s *sparse.NormSpec) { s.Growth = 200 }), good, sparse.ErrArgument},
		{"tensor", spec(func(s *sparse.NormSpec) { s.Tensor = -1 }), good, sparse.ErrArgument},
		{"NaN", spec(same), nan, sparse.ErrNotFinite},
	} {
		if _, err := sparse.NormTopology(c.spec, c.dense); !errors.Is(err, c.want) {
			t.Errorf("%s: found error %v, expected %v", c.what, err, c.want)
		}
	}
}
