package cpu_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// gradCase is one weight gradient. Its tokens take several chunks.
type gradCase struct {
	out, in, tokens, block int
	topo                   *sparse.Topology
	x, dy, grad            []float32
	want                   sums
}

func (c *gradCase) String() string {
	return fmt.Sprintf("%dx%d/T=%d/B=%d", c.out, c.in, c.tokens, c.block)
}

// newGradCase draws the data; blocks is how many there are at most, out of one in three.
func newGradCase(t *testing.T, out, in, tokens, block, blocks int) *gradCase {
	c := &gradCase{out: out, in: in, tokens: tokens, block: block}
	n := out * in
	if block > 0 {
		shape := sparse.Shape{Out: out, In: in, Block: block}
		topo, err := sparse.StartTopology(shape, min(blocks, (shape.Positions()+2)/3), 7, 0)
		if err != nil {
			t.Fatal(err)
		}
		c.topo, n = topo, topo.NNZ()*topo.BlockSize()
	}
	c.x, c.dy, c.grad = draw(1, tokens*in), draw(2, tokens*out), draw(3, n)
	return c
}

// draw returns n numbers in [-1, 1).
func draw(seed uint64, n int) []float32 {
	s := philox.NewStream(seed, philox.TestData, uint32(n), 0)
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*s.Float32() - 1
	}
	return x
}

func (c *gradCase) expect() {
	x, dy := transpose(c.x, c.tokens, c.in), transpose(c.dy, c.tokens, c.out)
	c.want = newSums(len(c.grad))
	for k, at := range elements(c.out, c.in, c.topo) {
		c.want.add(k, float64(c.grad[k]))
		a, b := dy[at[0]*c.tokens:], x[at[1]*c.tokens:]
		for r := range c.tokens {
			c.want.add(k, float64(a[r])*float64(b[r]))
		}
	}
}

// withNaN allocates a buffer of x and NaN behind: rows beyond the last token.
func withNaN(b backend.Backend, x []float32, more int) backend.Buffer {
	buf := b.Alloc("x", backend.F32, len(x)+more)
	tail := make([]float32, more)
	for i := range tail {
		tail[i] = float32(math.NaN())
	}
	b.WriteFloats(buf, 0, x)
	b.WriteFloats(buf, len(x), tail)
	return buf
}

// fillScratchWithNaN leaves NaN in the scratch memory of a backend, as products of NaN do.
func fillScratchWithNaN(t *testing.T, b backend.Backend) {
	const out, in, tokens = 128, 192, 1200
	for _, block := range []int{0, 1, 4, 8, 16, 64} {
		spec := backend.ParamSpec{Name: "w", Out: out, In: in}
		if block == 0 {
			spec.Out, spec.In = out-5, in-3
		} else {
			topo, err := sparse.FullTopology(sparse.Shape{Out: out, In: in, Block: block})
			if err != nil {
				t.Fatal(err)
			}
			if block == 1 { // all of them would take long
				if topo, err = sparse.StartTopology(topo.Shape, out*4, 1, 0); err != nil {
					t.Fatal(err)
				}
			}
			spec.Topology = topo
		}
		w := b.NewParam(spec)
		x, dy := withNaN(b, nil, tokens*in), withNaN(b, nil, tokens*out)
		b.SDD(w, nil, dy, x, tokens)
		if block > 0 {
			b.BlockGradL1(w, dy, x, tokens)
		}
		b.DDS(x, dy, w, tokens, backend.Accumulate, nil)
		b.DSD(dy, nil, x, w, nil, tokens)
	}
}

// The weight gradient of every block size, with x and with dy the larger operand, over chunks of
// tokens of which the last is short. The bits do not depend on the threads.
func TestWeightGradientOfSeveralChunks(t *testing.T) {
	const several = 2*cpu.MostChunk + 35
	var cases []*gradCase
	for _, c := range [][5]int{
		// out, in, tokens, block, blocks
		{77, 35, several, 0, 0}, {35, 77, several, 0, 0}, {16, 141, several, 0, 0}, {48, 32, several, 0, 0}, {5, 3, several, 0, 0},
		{115, 213, 1801, 0, 0}, {213, 115, 1801, 0, 0}, // of 880 tokens
		{77, 35, several, 1, 1000}, {35, 77, several, 1, 1000},
		{76, 36, several, 4, 1000}, {36, 76, several, 4, 1000},
		{72, 40, several, 8, 1000}, {40, 72, several, 8, 1000},
		{80, 48, several, 16, 1000}, {48, 80, several, 16, 1000},
		{96, 64, several, 32, 1000}, {64, 96, several, 32, 1000},
		{192, 128, several, 64, 3}, {128, 192, several, 64, 3},
		// Both operands large: chunks of 32 or 48 tokens.
		{3216, 3232, 71, 16, 60}, {3232, 3216, 71, 16, 60}, {3216, 3232, 101, 8, 60}, {3232, 3216, 101, 4, 60}, {3232, 3215, 101, 1, 300},
	} {
		if testing.Short() && c[0] < c[1] {
			continue // the mirrored shape has the same tasks
		}
		x := newGradCase(t, c[0], c[1], c[2], c[3], c[4])
		x.expect()
		cases = append(cases, x)
	}
	paths := cpu.Paths()
	if testing.Short() {
		paths = paths[len(paths)-1:]
	}
	for _, path := range paths {
		t.Run(path.String(), func(t *testing.T) {
			first := make([][]float32, len(cases))
			counts := []int{1, 2, 3, 5}
			if testing.Short() {
				counts = []int{1, 3}
			}
			for _, threads := range counts {
				b := opener(threads, path)(t)
				fillScratchWithNaN(t, b)
				for i, c := range cases {
					got := c.run(t, b)
					if first[i] == nil {
						first[i] = got
					}
					if !slices.Equal(got, first[i]) {
						t.Errorf("%v: 1 and %d threads: found different bits, expected equal ones", c, threads)
					}
				}
				b.Close()
			}
		})
	}
}

func (c *gradCase) run(t *testing.T, b backend.Backend) []float32 {
	w := b.NewParam(backend.ParamSpec{Name: "w", Out: c.out, In: c.in, Topology: c.topo})
	b.WriteFloats(w.Grad(), 0, c.grad)
	b.SDD(w, nil, withNaN(b, c.dy, 32*c.out), withNaN(b, c.x, 32*c.in), c.tokens)
	got := make([]float32, len(c.grad))
	if err := b.ReadFloats(got, w.Grad(), 0); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		// As in TestLargeProducts.
		tol := float64(c.tokens+3) / (1 << 24) * c.want.size[i]
		if !(math.Abs(float64(v)-c.want.sum[i]) <= tol) {
			t.Fatalf("%v: gradient[%d]: found %v, expected %v within %.2g", c, i, v, c.want.sum[i], tol)
		}
	}
	return got
}
