package gpu_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// weightSharing is what TestSharedWeights multiplies: a weight, and three alike ones.
type weightSharing struct {
	block, long, short int // long and short side in blocks
	nnzb, tokens       int
}

// products runs the products whose sums stay in registers and returns their results, and the kernels that ran.
func (c weightSharing) products(t *testing.T, o simdriver.Options) (results [][]float32, kernels []string) {
	t.Helper()
	r := newHarness(t, o)
	long, short := c.long*c.block, c.short*c.block
	weight := func(shape sparse.Shape, seed uint64) backend.Param {
		topo := r.topology(shape, min(c.nnzb, shape.Positions()), seed)
		w := r.b.NewParam(backend.ParamSpec{Name: "w", Out: shape.Out, In: shape.In, Topology: topo})
		r.b.WriteFloats(w.Values(), 0, r.floats(w.Values().Len()))
		return w
	}
	down, up := weight(sparse.Shape{Out: short, In: long, Block: c.block}, 1), weight(sparse.Shape{Out: long, In: short, Block: c.block}, 2)
	three := []backend.Param{down, down, down}
	for i := range three {
		three[i] = weight(sparse.Shape{Out: short, In: short, Block: c.block}, uint64(3+i))
	}
	bias := r.b.NewParam(backend.ParamSpec{Name: "b", Out: 1, In: short})
	r.b.WriteFloats(bias.Values(), 0, r.floats(short))
	r.b.Refresh(append([]backend.Param{down, up, bias}, three...))
	narrow := func() backend.Buffer { return r.activation(r.floats(c.tokens * short)) }
	x, y, pre, dx := r.activation(r.floats(c.tokens*long)), narrow(), narrow(), narrow()
	dy := []backend.Buffer{narrow(), narrow(), narrow()}
	r.d.ResetCounters()
	keep := func(b backend.Buffer) { results = append(results, r.read(b)) }
	r.b.DSD(y, nil, x, down, nil, c.tokens)
	keep(y)
	r.b.DSD(y, pre, x, down, bias, c.tokens)
	keep(y)
	keep(pre)
	for _, mode := range []backend.DDSMode{backend.Assign, backend.Accumulate, backend.TimesGELU} {
		r.b.DDS(dx, x, up, c.tokens, mode, pre)
		keep(dx)
	}
	r.b.Capabilities().SharedInput.DDSShared(dx, dy, three, c.tokens)
	keep(dx)
	for name := range r.d.Counters() {
		kernels = append(kernels, name)
	}
	slices.Sort(kernels)
	return results, kernels
}

// TestSharedWeights: where two thread blocks share their weights the results are, bit for bit, those of
// the kernels where each brings its own: whatever the order of warps, without races, with an odd
// number of tiles, lists of many rounds of a ring and lists without blocks.
func TestSharedWeights(t *testing.T) {
	for _, c := range []weightSharing{
		{16, 48, 8, 190, 140}, {16, 17, 5, 3, 65}, {32, 25, 5, 60, 140}, {32, 9, 2, 1, 129}, {64, 16, 3, 9, 70}, {64, 20, 4, 25, 200},
	} {
		t.Run(fmt.Sprintf("B=%d, %d blocks, %d tokens", c.block, c.nnzb, c.tokens), func(t *testing.T) {
			want, plain := c.products(t, simdriver.Options{Major: 8, Multiprocessors: 2})
			for _, o := range []simdriver.Options{{Multiprocessors: 2, BlockRaces: true}, {Multiprocessors: 3, Seed: 5}, {Multiprocessors: 2, Seed: 11}} {
				got, kernels := c.products(t, o)
				for i, name := range plain {
					if kernels[i] != name+"_sm90a" {
						t.Errorf("found the kernels %s, expected those of %s for compute capability 9.0", strings.Join(kernels, ", "), strings.Join(plain, ", "))
					}
				}
				for i := range want {
					if !slices.Equal(got[i], want[i]) {
						t.Errorf("seed %d: found other bits in result %d of %d", o.Seed, i+1, len(want))
					}
				}
			}
		})
	}
}
