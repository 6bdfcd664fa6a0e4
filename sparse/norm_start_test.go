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

// largest sorts the positions [from, to) by norm, falling, and returns the first k
// in ascending order. The norm is worked out element by element.
func largest(shape sparse.Shape, dense []float32, n sparse.Norm, from, to, k int) []int {
	norm := func(p int) (sum float64) {
		for i := range shape.Block {
			for j := range shape.Block {
				x := math.Abs(float64(dense[(p/shape.BlockCols()*shape.Block+i)*shape.In+p%shape.BlockCols()*shape.Block+j]))
				switch n {
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
	return first(from, to, k, func(a, b int) int { return cmp.Compare(norm(b), norm(a)) })
}

func TestNormTopologyKeepsTheLargest(t *testing.T) {
	s := philox.NewStream(9, philox.TestData, 1, 0)
	for range 300 {
		block := []int{1, 4, 8}[s.IntN(3)]
		shape := sparse.Shape{Out: block * (1 + s.IntN(12)), In: block * (1 + s.IntN(12)), Block: block}
		rows, cols := shape.BlockRows(), shape.BlockCols()
		nnzb, norm := 1+s.IntN(rows*cols), sparse.Norm(s.IntN(3))
		dense := make([]float32, shape.Out*shape.In)
		for i := range dense {
			dense[i] = float32(s.IntN(5)-2) / 4 // sums are exact, and there are ties and empty blocks
		}
		got, err := sparse.NormTopology(shape, nnzb, dense, norm, sparse.GrowRandom)
		if err != nil {
			t.Fatal(err)
		}
		checkStart(t, got, largest(shape, dense, norm, 0, rows*cols, nnzb))

		fanIn, err := sparse.NormTopology(shape, nnzb, dense, norm, sparse.GrowFanIn)
		if err != nil {
			t.Fatal(err)
		}
		like, err := sparse.FanInTopology(shape, nnzb, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		var want []int
		for r := range rows {
			want = append(want, largest(shape, dense, norm, r*cols, (r+1)*cols, int(like.RowPtr[r+1]-like.RowPtr[r]))...)
		}
		checkStart(t, fanIn, want)
	}
}

func TestNormTopologyRejects(t *testing.T) {
	shape := sparse.Shape{Out: 8, In: 8, Block: 4}
	good := make([]float32, 64)
	nan := slices.Clone(good)
	nan[63] = float32(math.NaN())
	for _, c := range []struct {
		what   string
		shape  sparse.Shape
		nnzb   int
		dense  []float32
		norm   sparse.Norm
		growth sparse.Growth
		want   error
	}{
		{"shape", sparse.Shape{Out: 8, In: 9, Block: 4}, 1, good, 0, 0, sparse.ErrShape},
		{"no block", shape, 0, good, 0, 0, sparse.ErrArgument},
		{"too many", shape, 5, good, 0, 0, sparse.ErrArgument},
		{"short", shape, 1, good[1:], 0, 0, sparse.ErrArgument},
		{"norm", shape, 1, good, 3, 0, sparse.ErrArgument},
		{"growth", shape, 1, good, 0, 3, sparse.ErrArgument},
		{"NaN", shape, 1, nan, 0, 0, sparse.ErrNotFinite},
	} {
		if _, err := sparse.NormTopology(c.shape, c.nnzb, c.dense, c.norm, c.growth); !errors.Is(err, c.want) {
			t.Errorf("%s: found error %v, expected %v", c.what, err, c.want)
		}
	}
}
