package bench

import (
	"fmt"
	"sync"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// maxSets bounds the rotation of tiny cases, whose sets the cache would hold by
// the thousand.
const maxSets = 256

// sets are the operands that the products take in turns. The dense weights are
// fewer, since each is larger; x and y serve both.
type sets struct {
	d     Device
	c     Case
	x, y  []backend.Buffer
	w     []backend.Param // block-sparse, each with a topology of its own
	dense []backend.Param
	bias  backend.Param // whose gradient a weight gradient makes too, as in training; nil for the other products
}

// rotation is how many sets of so many bytes pass twice the cache before one
// comes again.
func rotation(cache, bytes int64) int {
	return int(min(maxSets, 1+(2*cache+bytes-1)/bytes))
}

// newSets makes the operands, random, and waits for them.
func newSets(d Device, c Case, cache int64, dense bool) (*sets, error) {
	size := d.Activation().Size()
	s := &sets{d: d, c: c}
	for i := range rotation(cache, c.FloorBytes(size)) {
		t, err := sparse.StartTopology(c.Shape(), c.NNZ(), uint64(i+1), 0)
		if err != nil {
			return nil, fmt.Errorf("topology: %w", err)
		}
		s.x = append(s.x, s.buffer(fmt.Sprintf("x %d", i), c.Tokens*c.In))
		s.y = append(s.y, s.buffer(fmt.Sprintf("y %d", i), c.Tokens*c.Out))
		s.w = append(s.w, s.param(fmt.Sprintf("weight %d", i), t))
	}
	if c.Op == SDD {
		s.bias = d.NewParam(backend.ParamSpec{Name: "bias", Out: 1, In: c.Out})
	}
	if dense {
		for i := range min(len(s.x), rotation(cache, c.denseBytes(size))) {
			s.dense = append(s.dense, s.param(fmt.Sprintf("dense weight %d", i), nil))
		}
	}
	d.Refresh(append(append([]backend.Param(nil), s.w...), s.dense...))
	return s, d.Sync()
}

// Need is the bytes that the operands of a case take at the least, for a check
// against the memory that there is.
func Need(c Case, activation int, cache int64, dense bool) int64 {
	n := rotation(cache, c.FloorBytes(activation))
	values := int64(c.NNZ()) * int64(c.Shape().BlockSize())
	need := int64(n) * (int64(activation)*c.activations() + 16*values)
	if c.Op == SDD {
		need += 16 * int64(c.Out)
	}
	if dense {
		need += int64(min(n, rotation(cache, c.denseBytes(activation)))) * 16 * int64(c.In) * int64(c.Out)
	}
	return need
}

func (s *sets) buffer(name string, n int) backend.Buffer {
	b := s.d.Alloc(name, s.d.Activation(), n)
	s.fill(b, n)
	return b
}

func (s *sets) param(name string, t *sparse.Topology) backend.Param {
	p := s.d.NewParam(backend.ParamSpec{Name: name, Out: s.c.Out, In: s.c.In, Topology: t})
	s.fill(p.Values(), p.Values().Len())
	return p
}

// noise is what buffers are filled with, part by part: numbers in [-1, 1) of a
// period that no tile of a product divides.
var noise = sync.OnceValue(func() []float32 {
	s := philox.NewStream(1, philox.TestData, 0, 0)
	x := make([]float32, 1<<18-1)
	for i := range x {
		x[i] = 2*s.Float32() - 1
	}
	return x
})

// fill writes random numbers to n elements of b.
func (s *sets) fill(b backend.Buffer, n int) {
	x := noise()
	for off := 0; off < n; off += len(x) {
		s.d.WriteFloats(b, off, x[:min(len(x), n-off)])
	}
}

// run queues the i-th product in the rotation through weights.
func (s *sets) run(weights []backend.Param, i int) {
	i %= len(weights)
	w, x, y, t := weights[i], s.x[i], s.y[i], s.c.Tokens
	switch s.c.Op {
	case DSD:
		s.d.DSD(y, nil, x, w, nil, t)
	case DDS:
		s.d.DDS(x, y, w, t, backend.Assign, nil)
	default:
		s.d.SDD(w, s.bias, y, x, t)
	}
}
