package reference_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// bench is a reference backend with a source of random data.
type bench struct {
	*reference.Backend
	t      *testing.T
	stream philox.Stream
	params int
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{reference.New(), t, philox.NewStream(11, philox.TestData, 0, 0), 0}
	b.BeginStep(backend.StepScalars{Seed: 7, Step: 3, Micro: 1, Train: true, LR: 0.1, MLMScale: 0.5, NSPScale: 0.25})
	return b
}

func (b *bench) uniform(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = 2*b.stream.Float64() - 1
	}
	return x
}

// fresh returns a buffer of random numbers.
func (b *bench) fresh(n int) backend.Buffer {
	x := b.Alloc("x", backend.F64, n)
	b.WriteDoubles(x, 0, b.uniform(n))
	return x
}

func (b *bench) rows(n int) backend.Buffer { return b.Alloc("rows", backend.F32, n) }

func (b *bench) ints(v ...int32) backend.Buffer {
	x := b.Alloc("integers", backend.I32, len(v))
	b.WriteInts(x, 0, v)
	return x
}

// param returns a parameter with random values and gradients. block 0 makes it
// dense.
func (b *bench) param(out, in, block, nnzb int) backend.Param {
	b.t.Helper()
	spec := backend.ParamSpec{Name: fmt.Sprintf("p%d", b.params), Index: b.params, Out: out, In: in, Decay: true}
	b.params++
	if block != 0 {
		top, err := sparse.StartTopology(sparse.Shape{Out: out, In: in, Block: block}, nnzb, 3, spec.Index)
		if err != nil {
			b.t.Fatal(err)
		}
		spec.Topology = top
	}
	p := b.NewParam(spec)
	b.WriteDoubles(p.Values(), 0, b.uniform(p.Values().Len()))
	b.WriteDoubles(p.Grad(), 0, b.uniform(p.Grad().Len()))
	return p
}

func (b *bench) read(x backend.Buffer) []float64 {
	b.t.Helper()
	v := make([]float64, x.Len())
	if err := b.ReadDoubles(v, x, 0); err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *bench) close(what string, got, want []float64, tol float64) {
	b.t.Helper()
	if len(got) != len(want) {
		b.t.Fatalf("%s: found %d elements, expected %d", what, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tol) {
			b.t.Fatalf("%s[%d]: found %v, expected %v", what, i, got[i], want[i])
		}
	}
}

// masked returns values as a dense matrix, with zeros where no block is active,
// and the mask. It goes element by element over the dense matrix, unlike the
// products.
func (b *bench) masked(p backend.Param, values []float64) (dense, mask []float64) {
	b.t.Helper()
	s := p.Spec()
	dense, mask = make([]float64, s.Out*s.In), make([]float64, s.Out*s.In)
	top, err := b.Topology(p)
	if err != nil {
		b.t.Fatal(err)
	}
	for o := range s.Out {
		for i := range s.In {
			k := o*s.In + i
			if top == nil {
				dense[k], mask[k] = values[k], 1
			} else if slot, active := top.Slot(o/top.Block, i/top.Block); active {
				dense[k], mask[k] = values[slot*top.BlockSize()+o%top.Block*top.Block+i%top.Block], 1
			}
		}
	}
	return dense, mask
}

// The three products equal masked-dense arithmetic at every block size.
func TestProductsEqualMaskedDense(t *testing.T) {
	for _, c := range []struct{ block, rows, cols int }{
		{0, 13, 7}, {1, 7, 11}, {4, 3, 5}, {8, 5, 2}, {16, 2, 3}, {32, 3, 1}, {64, 1, 2},
	} {
		size, all := max(1, c.block), c.rows*c.cols
		for _, nnzb := range []int{1, (all + 1) / 2, all} {
			for _, tokens := range []int{1, 5, 33} {
				t.Run(fmt.Sprintf("B=%d/nnzb=%d/T=%d", c.block, nnzb, tokens), func(t *testing.T) {
					maskedDense(newBench(t), c.rows*size, c.cols*size, c.block, nnzb, tokens)
				})
			}
		}
	}
}

func maskedDense(b *bench, outs, ins, block, nnzb, tokens int) {
	b.t.Helper()
	w, bias := b.param(outs, ins, block, nnzb), b.param(1, outs, 0, 0)
	x, dy := b.fresh(tokens*ins), b.fresh(tokens*outs)
	y, pre, dx := b.fresh(tokens*outs), b.fresh(tokens*outs), b.fresh(tokens*ins)
	full, _ := b.masked(w, b.read(w.Values()))
	xs, dys, vec := b.read(x), b.read(dy), b.read(bias.Values())
	old, _ := b.masked(w, b.read(w.Grad()))
	oldBias := b.read(bias.Grad())

	wantY, wantDX, wantW := make([]float64, tokens*outs), make([]float64, tokens*ins), old
	for t := range tokens {
		for o := range outs {
			sum := vec[o]
			for i := range ins {
				sum += full[o*ins+i] * xs[t*ins+i]
				wantW[o*ins+i] += dys[t*outs+o] * xs[t*ins+i]
			}
			wantY[t*outs+o] = sum
			oldBias[o] += dys[t*outs+o]
		}
		for i := range ins {
			for o := range outs {
				wantDX[t*ins+i] += full[o*ins+i] * dys[t*outs+o]
			}
		}
	}
	const tol = 1e-12
	b.DSD(y, nil, x, w, bias, tokens)
	b.close("y", b.read(y), wantY, tol)
	b.DSD(y, pre, x, w, bias, tokens)
	b.close("pre", b.read(pre), wantY, tol)
	for i, a := range wantY {
		wantY[i] = a * 0.5 * math.Erfc(-a/math.Sqrt2)
	}
	b.close("gelu", b.read(y), wantY, tol)
	b.DDS(dx, dy, w, tokens, backend.Assign, nil)
	b.close("dx", b.read(dx), wantDX, tol)
	b.DDS(dx, dy, w, tokens, backend.Accumulate, nil)
	for i := range wantDX {
		wantDX[i] *= 2
	}
	b.close("dx accumulated", b.read(dx), wantDX, tol)
	b.SDD(w, bias, dy, x, tokens)
	_, mask := b.masked(w, b.read(w.Grad()))
	for i := range wantW {
		wantW[i] *= mask[i]
	}
	got, _ := b.masked(w, b.read(w.Grad()))
	b.close("weight gradient", got, wantW, tol)
	b.close("bias gradient", b.read(bias.Grad()), oldBias, tol)
}
