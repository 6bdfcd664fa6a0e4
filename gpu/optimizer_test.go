package gpu_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// bench is a backend with bfloat16 activations and random data.
type bench struct {
	*gpu.Backend
	t *testing.T
	d *simdriver.Driver
	r philox.Stream
}

func newBench(t *testing.T) *bench {
	t.Helper()
	d := simdriver.New(simdriver.Options{})
	b, err := gpu.New(d, gpu.Options{Activation: backend.BF16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return &bench{b, t, d, philox.NewStream(3, philox.TestData, 0, 0)}
}

func (b *bench) fill(x backend.Buffer) backend.Buffer {
	v := make([]float32, x.Len())
	for i := range v {
		v[i] = 2*b.r.Float32() - 1
	}
	b.WriteFloats(x, 0, v)
	return x
}

func (b *bench) activations(name string, n int) backend.Buffer {
	return b.fill(b.Alloc(name, backend.BF16, n))
}

func (b *bench) weight(name string, block, rows, cols, nnz int) backend.Param {
	spec := backend.ParamSpec{Name: name, Out: rows * max(1, block), In: cols * max(1, block), Decay: true}
	if block > 0 {
		topo, err := sparse.StartTopology(sparse.Shape{Out: spec.Out, In: spec.In, Block: block}, nnz, 9, 0)
		if err != nil {
			b.t.Fatal(err)
		}
		spec.Topology = topo
	}
	p := b.NewParam(spec)
	b.fill(p.Values())
	b.fill(p.Grad())
	b.Refresh([]backend.Param{p})
	return p
}

func (b *bench) floats(x backend.Buffer) []float32 {
	b.t.Helper()
	v := make([]float32, x.Len())
	if err := b.ReadFloats(v, x, 0); err != nil {
		b.t.Fatal(err)
	}
	return v
}

// copies returns the working copies of a weight, forward then backward.
func (b *bench) copies(p backend.Param) []byte {
	b.t.Helper()
	if err := b.Sync(); err != nil {
		b.t.Fatal(err)
	}
	n := 2 * p.Values().Len()
	both := make([]byte, 2*n)
	forward, backward := gpu.WorkingCopies(p)
	for i, from := range []gpu.Ptr{forward, backward} {
		if err := b.d.CopyOut(0, both[i*n:][:n], from); err != nil {
			b.t.Fatal(err)
		}
	}
	return both
}

// TestAdamWorkingCopies: a step writes the same working copies as Refresh.
func TestAdamWorkingCopies(t *testing.T) {
	b := newBench(t)
	all := []backend.Param{b.weight("b16", 16, 3, 5, 7), b.weight("dense", 0, 5, 9, 0), b.weight("b32", 32, 2, 3, 5), b.weight("b64", 64, 1, 2, 2), b.weight("b8", 8, 3, 3, 4)}
	norm := b.Alloc("norm", backend.F32, 1)
	for _, lasso := range []float32{0, 0.5} {
		b.BeginStep(backend.StepScalars{Step: 4, LR: 0.25, Train: true})
		before := b.copies(all[0])
		b.AdamW(all, norm, backend.AdamConfig{Beta1: 0.9, Beta2: 0.99, Eps: 1e-6, GroupLasso: lasso, GroupLassoStd: 0.1})
		if bytes.Equal(b.copies(all[0]), before) {
			t.Fatal("a step left the working copies as they were")
		}
		var step [][]byte
		for _, p := range all {
			if forward, _ := gpu.WorkingCopies(p); forward != 0 {
				step = append(step, b.copies(p))
			}
		}
		b.Refresh(all)
		for i, p := range []backend.Param{all[0], all[2], all[3]} {
			if !bytes.Equal(step[i], b.copies(p)) {
				t.Errorf("lasso %v: %s: AdamW and Refresh made different working copies", lasso, p.Spec().Name)
			}
		}
	}
}

// TestReplayedOptimizer: launches that were recorded once do the following steps, since
// whatever changes from step to step is read on the device.
func TestReplayedOptimizer(t *testing.T) {
	attn, drop := backend.Attn{Batch: 2, Seq: 20, Heads: 2, Head: 8}, backend.Dropout{Rate: 0.3, Site: 5}
	const rows, n = 40, 40 * 16
	config := backend.AdamConfig{Beta1: 0.9, Beta2: 0.99, Eps: 1e-6, WeightDecay: 0.01, MaxGradNorm: 2}
	run := func(b *bench, replay bool) (all [][]float32) {
		params := []backend.Param{b.weight("sparse", 16, 2, 3, 4), b.weight("dense", 0, 5, 9, 0)}
		var x [8]backend.Buffer
		for i := range x {
			x[i] = b.activations("x", n)
		}
		wide := b.activations("wide", rows*48)
		lse, lengths, norm := b.Alloc("lse", backend.F32, 2*rows), b.Alloc("lengths", backend.I32, 2), b.Alloc("norm", backend.F32, 1)
		b.WriteInts(lengths, 0, []int32{20, 13})
		scores := b.GrowScores(params[0])
		work := func() {
			b.Attention(x[0], lse, x[1], x[2], x[3], lengths, attn, drop)
			b.AttentionGrad(x[4], x[5], x[6], x[7], x[1], x[2], x[3], x[0], lse, lengths, attn, drop)
			b.BlockGradL1(params[0], wide, wide, 20)
			b.GradNorm(norm, params)
			b.AdamW(params, norm, config)
		}
		var graph gpu.Graph
		for step := range int64(4) {
			b.BeginStep(backend.StepScalars{Seed: 11, Step: step, LR: 0.1 / float32(step+1), Train: step != 2})
			switch {
			case replay && step == 1: // the first step has loaded kernels and made tables
				if err := b.d.BeginCapture(0); err != nil {
					t.Fatal(err)
				}
				work()
				g, err := b.d.EndCapture(0)
				if err != nil {
					t.Fatal(err)
				}
				graph = g
				fallthrough
			case replay && step > 1:
				if err := b.d.LaunchGraph(graph, 0); err != nil {
					t.Fatal(err)
				}
			default:
				work()
			}
			for _, y := range []backend.Buffer{x[0], x[4], x[5], x[6], params[0].Values(), params[1].Values(), params[0].M(), scores, norm} {
				all = append(all, b.floats(y))
			}
		}
		return all
	}
	direct, replayed := run(newBench(t), false), run(newBench(t), true)
	for i := range direct {
		if !slices.Equal(direct[i], replayed[i]) {
			t.Errorf("step %d, array %d: a replay gave other values", i/9, i%9)
		}
	}
	if slices.Equal(direct[9], direct[27]) {
		t.Error("two steps gave the same attention, so nothing is tested")
	}
}
