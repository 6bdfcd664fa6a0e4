package backendtest

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// draws is the random data of one check, the same on every run.
type draws struct {
	stream *rand.Rand
	column // of the tolerance table
	next   int
}

func newDraws(name string, dt backend.DType) *draws {
	h := fnv.New64a()
	fmt.Fprint(h, name)
	return &draws{stream: rand.New(rand.NewPCG(h.Sum64(), 0)), column: columnOf(dt)}
}

// uniform returns n numbers in [-scale, scale) as float32.
func (d *draws) uniform(n int, scale float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32((2*d.stream.Float64() - 1) * scale)
	}
	return x
}

// reals is uniform rounded to the activation dtype under test, so that the
// upload is exact. Weights are drawn by it too: a backend may multiply with
// copies of that dtype.
func (d *draws) reals(n int, scale float64) []float32 {
	return d.rounded(d.uniform(n, scale))
}

func (d *draws) rounded(x []float32) []float32 {
	if d.bf16 {
		for i, v := range x {
			x[i] = roundBF16(v)
		}
	}
	return x
}

// roundBF16 rounds to the nearest bfloat16, ties to even.
func roundBF16(x float32) float32 {
	if x != x {
		return x // the carry below could make a NaN a number
	}
	b := math.Float32bits(x)
	b += 0x7fff + b>>16&1
	return math.Float32frombits(b &^ 0xffff)
}

// ids returns n integers in [from, to).
func (d *draws) ids(n, from, to int) []int32 {
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(from + d.stream.IntN(to-from))
	}
	return x
}

// paramData is a parameter with everything that can be uploaded.
type paramData struct {
	spec               backend.ParamSpec
	values, grad, m, v []float32
}

// dense draws a dense parameter.
func (d *draws) dense(name string, out, in int, scale float64) paramData {
	return d.param(backend.ParamSpec{Name: name, Out: out, In: in}, out*in, scale)
}

// sparse draws a block-sparse parameter with the given number of active blocks.
func (d *draws) sparse(name string, shape sparse.Shape, nnzb int, scale float64) paramData {
	t, err := sparse.StartTopology(shape, nnzb, d.stream.Uint64(), d.next)
	if err != nil {
		panic(fmt.Sprintf("backendtest: %v", err)) // a fault of the suite
	}
	return d.blocks(name, t, scale)
}

// blocks draws a block-sparse parameter with the active blocks of t.
func (d *draws) blocks(name string, t *sparse.Topology, scale float64) paramData {
	nnzb := t.NNZ()
	// Slots in ascending position would hide a mix-up of slot and view order.
	for i := range nnzb {
		j := i + d.stream.IntN(nnzb-i)
		t.Rows[i], t.Rows[j] = t.Rows[j], t.Rows[i]
		t.Cols[i], t.Cols[j] = t.Cols[j], t.Cols[i]
	}
	t.Index()
	spec := backend.ParamSpec{Name: name, Out: t.Out, In: t.In, Topology: t}
	return d.param(spec, nnzb*t.BlockSize(), scale)
}

func (d *draws) param(spec backend.ParamSpec, n int, scale float64) paramData {
	spec.Index = d.next
	d.next++
	p := paramData{spec: spec, values: d.reals(n, scale), grad: d.uniform(n, 1), m: d.uniform(n, 1), v: d.uniform(n, 1)}
	for i, v := range p.v {
		p.v[i] = v * v
	}
	return p
}

// full returns an array of n elements per block element as a dense matrix, 0
// where no block is active.
func (p paramData) full(x []float32) []float64 {
	t := p.spec.Topology
	out := make([]float64, p.spec.Out*p.spec.In)
	if t == nil {
		for i, v := range x {
			out[i] = float64(v)
		}
		return out
	}
	for k, v := range x {
		i, j := p.place(k)
		out[i*p.spec.In+j] = float64(v)
	}
	return out
}

// place returns the row and column of stored element k.
func (p paramData) place(k int) (row, col int) {
	t := p.spec.Topology
	if t == nil {
		return k / p.spec.In, k % p.spec.In
	}
	slot, inside := k/t.BlockSize(), k%t.BlockSize()
	return int(t.Rows[slot])*t.Block + inside/t.Block, int(t.Cols[slot])*t.Block + inside%t.Block
}
