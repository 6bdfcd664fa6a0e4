package cpu_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// bench is a backend with what a benchmark of its operations needs.
type bench struct {
	*testing.B
	*cpu.Backend
}

func newBench(b *testing.B, threads int) bench {
	be, err := cpu.New(cpu.Options{Threads: threads})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := be.Sync(); err != nil {
			b.Error(err)
		}
		be.Close()
	})
	be.BeginStep(backend.StepScalars{Seed: 1, Train: true, LR: 1e-4, MLMScale: 1e-3, NSPScale: 1e-3})
	return bench{b, be}
}

// floats allocates a buffer of random numbers in [-1, 1).
func (b bench) floats(n int) backend.Buffer {
	s := philox.NewStream(1, philox.TestData, uint32(n), 0)
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*s.Float32() - 1
	}
	buf := b.Alloc("x", backend.F32, n)
	b.WriteFloats(buf, 0, x)
	return buf
}

func (b bench) ints(n, below int) backend.Buffer {
	s := philox.NewStream(2, philox.TestData, uint32(n), 0)
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(s.IntN(below))
	}
	buf := b.Alloc("i", backend.I32, n)
	b.WriteInts(buf, 0, x)
	return buf
}

// weight makes a parameter; block 0: dense, otherwise at density 0.1.
func (b bench) weight(out, in, block int) backend.Param { return b.sparseWeight(out, in, block, 0.9) }

func (b bench) sparseWeight(out, in, block int, sparsity float64) backend.Param {
	spec := backend.ParamSpec{Name: "w", Out: out, In: in, Decay: true}
	if block > 0 {
		shape := sparse.Shape{Out: out, In: in, Block: block}
		t, err := sparse.StartTopology(shape, int(math.Round((1-sparsity)*float64(shape.Positions()))), 1, 0)
		if err != nil {
			b.Fatal(err)
		}
		spec.Topology = t
	}
	p := b.NewParam(spec)
	b.copyFrom(p.Values())
	return p
}

func (b bench) copyFrom(dst backend.Buffer) {
	x := make([]float32, dst.Len())
	if err := b.ReadFloats(x, b.floats(dst.Len()), 0); err != nil {
		b.Fatal(err)
	}
	b.WriteFloats(dst, 0, x)
}

// BenchmarkProducts reports the useful GFLOP/s of each product: the cases of
// `sparsebert-gpu bench` for the shapes of BERT-Tiny to Base, B = 0 being the dense weight. The
// command rotates operands beyond the caches; here they stay the same.
func BenchmarkProducts(b *testing.B) {
	for _, s := range []struct{ in, out int }{{128, 512}, {512, 128}, {512, 2048}, {2048, 512}, {768, 768}, {768, 3072}, {3072, 768}} {
		for _, block := range []int{0, 1, 4, 8, 16, 32, 64} {
			for _, sparsity := range []float64{0, 0.5, 0.75, 0.9, 0.95, 0.99} {
				if block == 0 && sparsity > 0 {
					continue
				}
				for _, op := range []string{"dsd", "dds", "sdd"} {
					for _, threads := range []int{1, 2} {
						name := fmt.Sprintf("op=%s/shape=%dx%d/B=%d/s=%v/threads=%d", op, s.in, s.out, block, sparsity, threads)
						b.Run(name, func(b *testing.B) { product(newBench(b, threads), op, s.out, s.in, 4096, block, sparsity) })
					}
				}
			}
		}
	}
}

func product(b bench, op string, out, in, t, block int, sparsity float64) {
	w := b.sparseWeight(out, in, block, sparsity)
	x, y := b.floats(t*in), b.floats(t*out)
	var f func()
	switch op {
	case "dsd":
		f = func() { b.DSD(y, nil, x, w, nil, t) }
	case "dds":
		f = func() { b.DDS(x, y, w, t, backend.Assign, nil) }
	default:
		f = func() { b.SDD(w, nil, y, x, t) }
	}
	f()
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
	flops := 2 * float64(t) * float64(w.Values().Len())
	b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// BenchmarkLayers times the other operations at the sizes of a BERT-Tiny batch
// of 32 sequences of 128 tokens, V = 8192, 20 masked positions in each.
func BenchmarkLayers(b *testing.B) {
	const batch, seq, h, f, v, masked = 32, 128, 128, 512, 8192, 32 * 20
	const t = batch * seq
	for _, threads := range []int{1, 2} {
		run := func(name string, make func(b bench) func()) {
			b.Run(fmt.Sprintf("op=%s/threads=%d", name, threads), func(b *testing.B) {
				n := newBench(b, threads)
				op := make(n)
				op()
				b.ReportAllocs()
				for b.Loop() {
					op()
				}
			})
		}
		attn := backend.Attn{Batch: batch, Seq: seq, Heads: 2, Head: h / 2}
		for _, rate := range []float32{0, 0.1} {
			d := backend.Dropout{Rate: rate, Site: 1}
			run(fmt.Sprintf("Attention/rate=%v", rate), func(b bench) func() {
				q, k, v, c, lse := b.floats(t*h), b.floats(t*h), b.floats(t*h), b.floats(t*h), b.floats(t*2)
				n := b.Alloc("lengths", backend.I32, batch)
				full := make([]int32, batch)
				for i := range full {
					full[i] = seq
				}
				b.WriteInts(n, 0, full)
				return func() { b.Attention(c, lse, q, k, v, n, attn, d) }
			})
			run(fmt.Sprintf("AttentionGrad/rate=%v", rate), func(b bench) func() {
				q, k, v, c, lse := b.floats(t*h), b.floats(t*h), b.floats(t*h), b.floats(t*h), b.floats(t*2)
				dq, dk, dv := b.floats(t*h), b.floats(t*h), b.floats(t*h)
				n := b.Alloc("lengths", backend.I32, batch)
				full := make([]int32, batch)
				for i := range full {
					full[i] = seq
				}
				b.WriteInts(n, 0, full)
				b.Attention(c, lse, q, k, v, n, attn, d)
				return func() { b.AttentionGrad(dq, dk, dv, c, q, k, v, c, lse, n, attn, d) }
			})
			run(fmt.Sprintf("AddNorm/rate=%v", rate), func(b bench) func() {
				g, beta := b.weight(1, h, 0), b.weight(1, h, 0)
				y, z, x, s, m, r := b.floats(t*h), b.floats(t*h), b.floats(t*h), b.floats(t*h), b.floats(t), b.floats(t)
				return func() { b.AddNorm(y, z, m, r, x, s, g, beta, t, d) }
			})
		}
		run("AddNormGrad", func(b bench) func() {
			g, beta := b.weight(1, h, 0), b.weight(1, h, 0)
			y, z, x, s, m, r := b.floats(t*h), b.floats(t*h), b.floats(t*h), b.floats(t*h), b.floats(t), b.floats(t)
			return func() { b.AddNormGrad(x, s, y, z, m, r, g, beta, t, backend.Dropout{}) }
		})
		run("DSD+GELU", func(b bench) func() {
			w, bias := b.weight(f, h, 16), b.weight(1, f, 0)
			x, y, pre := b.floats(t*h), b.floats(t*f), b.floats(t*f)
			return func() { b.DSD(y, pre, x, w, bias, t) }
		})
		run("DDS*GELU", func(b bench) func() {
			w := b.weight(h, f, 16)
			dx, dy, pre := b.floats(t*f), b.floats(t*h), b.floats(t*f)
			return func() { b.DDS(dx, dy, w, t, backend.TimesGELU, pre) }
		})
		run("decoder", func(b bench) func() {
			w, bias := b.weight(v, h, 0), b.weight(1, v, 0)
			x, y := b.floats(masked*h), b.floats(masked*v)
			return func() { b.DSD(y, nil, x, w, bias, masked) }
		})
		run("decoder dx", func(b bench) func() {
			w := b.weight(v, h, 0)
			x, y := b.floats(masked*h), b.floats(masked*v)
			return func() { b.DDS(x, y, w, masked, backend.Assign, nil) }
		})
		run("decoder dw", func(b bench) func() {
			w, bias := b.weight(v, h, 0), b.weight(1, v, 0)
			x, y := b.floats(masked*h), b.floats(masked*v)
			return func() { b.SDD(w, bias, y, x, masked) }
		})
		run("CrossEntropy", func(b bench) func() {
			s, l, labels := b.floats(3), b.floats(masked*v), b.ints(masked, v)
			return func() { b.CrossEntropy(s, l, labels, masked, v, backend.MLM, true) }
		})
		run("Embed", func(b bench) func() {
			w, p, y := b.weight(v, h, 0), b.weight(512, h, 0), b.weight(2, h, 0)
			z, ids, segs := b.floats(t*h), b.ints(t, v), b.ints(t, 2)
			return func() { b.Embed(z, ids, segs, w, p, y, t, seq) }
		})
		run("EmbedGrad", func(b bench) func() {
			w, p, y := b.weight(v, h, 0), b.weight(512, h, 0), b.weight(2, h, 0)
			z, ids, segs := b.floats(t*h), b.ints(t, v), b.ints(t, 2)
			return func() { b.EmbedGrad(w, p, y, z, ids, segs, t, seq) }
		})
		run("optimizer", func(b bench) func() {
			params := []backend.Param{b.weight(v, h, 0), b.weight(f, h, 16), b.weight(h, f, 16)}
			for _, p := range params {
				b.copyFrom(p.Grad())
			}
			norm := b.floats(1)
			c := backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, WeightDecay: 0.01, MaxGradNorm: 1}
			return func() {
				b.GradNorm(norm, params)
				b.AdamW(params, norm, c)
			}
		})
	}
}
