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

// kept sorts the positions [from, to): the source's blocks by norm, falling, then the
// others, each by start key where equal, and returns the first k in ascending order.
func kept(s sparse.NormSpec, source *sparse.Matrix, from, to, k int) []int {
	dense := source.Dense()
	active := func(p int) int {
		if _, ok := source.Slot(p/s.BlockCols(), p%s.BlockCols()); ok {
			return 0
		}
		return 1
	}
	key := func(p int) uint64 { return philox.Key64(s.Seed, philox.StartTopo, uint32(p), 0, uint32(s.Tensor)) }
	return first(from, to, k, func(a, b int) int {
		return cmp.Or(cmp.Compare(active(a), active(b)), cmp.Compare(denseNorm(s, dense, b), denseNorm(s, dense, a)), cmp.Compare(key(a), key(b)))
	})
}

// drawSource returns a weight of few values, so that norms tie, and of some blocks of
// zeros.
func drawSource(t *testing.T, s *philox.Stream) (*sparse.Matrix, sparse.NormSpec) {
	t.Helper()
	block := []int{1, 4, 8}[s.IntN(3)]
	shape := sparse.Shape{Out: block * (1 + s.IntN(9)), In: block * (1 + s.IntN(9)), Block: block}
	topo, err := sparse.StartTopology(shape, 1+s.IntN(shape.Positions()), s.Uint64(), 0)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, topo.NNZ()*topo.BlockSize())
	for slot := range topo.NNZ() {
		if s.IntN(3) == 0 {
			continue
		}
		for i := range topo.BlockSize() {
			values[slot*topo.BlockSize()+i] = float32(s.IntN(3)-1) / 4
		}
	}
	m, err := sparse.NewMatrix(topo, values)
	if err != nil {
		t.Fatal(err)
	}
	return m, sparse.NormSpec{Shape: shape, NNZ: topo.NNZ(), Norm: sparse.Norm(s.IntN(3)), Seed: s.Uint64(), Tensor: s.IntN(1000)}
}

func TestKeepTopology(t *testing.T) {
	s := philox.NewStream(9, philox.TestData, 2, 0)
	for range 300 {
		source, spec := drawSource(t, &s)
		same, err := sparse.KeepTopology(spec, source)
		if err != nil {
			t.Fatal(err)
		}
		want := positionsIn(source.Topology)
		checkStart(t, same, want)

		spec.NNZ = 1 + s.IntN(spec.Positions())
		got, err := sparse.KeepTopology(spec, source)
		if err != nil {
			t.Fatal(err)
		}
		checkStart(t, got, kept(spec, source, 0, spec.Positions(), spec.NNZ))
		for slot, at := range source.ValuesOn(got) {
			size := got.BlockSize()
			r, c := int(got.Rows[slot/size])*got.Block+slot%size/got.Block, int(got.Cols[slot/size])*got.Block+slot%got.Block
			if want := source.Dense()[r*got.In+c]; at != want {
				t.Fatalf("element %d: found %v, expected %v", slot, at, want)
			}
		}
	}
}

// With constant fan-in rows that differ come no further apart, and the blocks of each
// are chosen by the same rules.
func TestKeepTopologyFanIn(t *testing.T) {
	s := philox.NewStream(9, philox.TestData, 3, 0)
	for range 300 {
		source, spec := drawSource(t, &s)
		spec.Growth = sparse.GrowFanIn
		same, err := sparse.KeepTopology(spec, source)
		if err != nil {
			t.Fatal(err)
		}
		checkStart(t, same, positionsIn(source.Topology))

		spec.NNZ = 1 + s.IntN(spec.Positions())
		got, err := sparse.KeepTopology(spec, source)
		if err != nil {
			t.Fatal(err)
		}
		// One block at a time to the emptiest row, or from the fullest.
		counts := make([]int, spec.BlockRows())
		for r := range counts {
			counts[r] = int(source.RowPtr[r+1] - source.RowPtr[r])
		}
		for n := source.NNZ(); n < spec.NNZ; n++ {
			counts[slices.Index(counts, slices.Min(counts))]++
		}
		for n := source.NNZ(); n > spec.NNZ; n-- {
			most, last := slices.Max(counts), 0
			for r, c := range counts {
				if c == most {
					last = r
				}
			}
			counts[last]--
		}
		var want []int
		for r, k := range counts {
			want = append(want, kept(spec, source, r*spec.BlockCols(), (r+1)*spec.BlockCols(), k)...)
		}
		checkStart(t, got, want)
	}
}

func TestKeepTopologyRejects(t *testing.T) {
	shape := sparse.Shape{Out: 8, In: 8, Block: 4}
	topo, err := sparse.StartTopology(shape, 2, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	good := &sparse.Matrix{Topology: topo, Val: make([]float32, 32)}
	nan := &sparse.Matrix{Topology: topo, Val: make([]float32, 32)}
	nan.Val[31] = float32(math.NaN())
	for _, c := range []struct {
		what   string
		spec   sparse.NormSpec
		source *sparse.Matrix
		want   error
	}{
		{"nothing", sparse.NormSpec{Shape: shape, NNZ: 1}, good, nil},
		{"no block", sparse.NormSpec{Shape: shape}, good, sparse.ErrArgument},
		{"too many", sparse.NormSpec{Shape: shape, NNZ: 5}, good, sparse.ErrArgument},
		{"shape", sparse.NormSpec{Shape: sparse.Shape{Out: 9, In: 8, Block: 4}, NNZ: 1}, good, sparse.ErrShape},
		{"another shape", sparse.NormSpec{Shape: sparse.Shape{Out: 8, In: 16, Block: 4}, NNZ: 1}, good, sparse.ErrArgument},
		{"norm", sparse.NormSpec{Shape: shape, NNZ: 1, Norm: 3}, good, sparse.ErrArgument},
		{"NaN", sparse.NormSpec{Shape: shape, NNZ: 1}, nan, sparse.ErrNotFinite},
	} {
		if _, err := sparse.KeepTopology(c.spec, c.source); !errors.Is(err, c.want) {
			t.Errorf("%s: found error %v, expected %v", c.what, err, c.want)
		}
	}
}

// positionsIn returns the positions of a topology's blocks, ascending.
func positionsIn(t *sparse.Topology) []int {
	var out []int
	for slot := range t.NNZ() {
		out = append(out, t.Position(slot))
	}
	slices.Sort(out)
	return out
}
