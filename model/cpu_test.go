package model_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func openCPU(t *testing.T, threads int) backend.Backend {
	t.Helper()
	b, err := cpu.New(cpu.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// floats reads a whole buffer as float32.
func floats(t *testing.T, b backend.Backend, x backend.Buffer) []float32 {
	t.Helper()
	v := make([]float32, x.Len())
	if err := b.ReadFloats(v, x, 0); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestFloat32AgreesWithReference: the whole model on the float32 backend against
// the float64 one, per tensor, in the norm of the difference over the norm.
func TestFloat32AgreesWithReference(t *testing.T) {
	for _, c := range []struct {
		method model.Method
		block  int
	}{{model.Dense, 0}, {model.Dynamic, 1}, {model.Dynamic, 4}, {model.Static, 8}, {model.Dynamic, 16}} {
		t.Run(fmt.Sprintf("%s/B=%d", c.method, c.block), func(t *testing.T) {
			cfg := smallConfig(c.method, c.block)
			cfg.Dropout = 0.1
			if c.block == 16 {
				cfg.Hidden, cfg.FFN = 32, 48
			}
			ref, fast := reference.New(), openCPU(t, 2)
			m, f := build(t, ref, cfg, smallOptions), build(t, fast, cfg, smallOptions)
			randomize(t, ref, m)
			for i, p := range m.Params() {
				v := floats(t, ref, p.Values())
				ref.WriteFloats(p.Values(), 0, v) // the rounding is not to be compared
				fast.WriteFloats(f.Params()[i].Values(), 0, v)
			}
			fast.Refresh(f.Params())

			micro := []model.Batch{smallBatch(4, 1), smallBatch(3, 2)}
			x, err := m.Gradients(micro, true)
			if err != nil {
				t.Fatal(err)
			}
			y, err := f.Gradients(micro, true)
			if err != nil {
				t.Fatal(err)
			}
			near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-5*math.Abs(b) }
			if !near(y.MLMLoss, x.MLMLoss) || !near(y.NSPLoss, x.NSPLoss) || !near(y.GradNorm, x.GradNorm) || x.Masked != y.Masked || x.Pairs != y.Pairs {
				t.Errorf("found %+v, expected %+v", y, x)
			}
			for i, p := range m.Params() {
				want, got := doubles(t, ref, p.Grad()), floats(t, fast, f.Params()[i].Grad())
				diff, norm := 0.0, 0.0
				for j := range want {
					d := float64(got[j]) - want[j]
					diff += d * d
					norm += want[j] * want[j]
				}
				// The second term is for the key biases, whose gradient is exactly 0.
				if tol := 1e-5*math.Sqrt(norm) + 1e-7*x.GradNorm; !(math.Sqrt(diff) <= tol) {
					t.Errorf("%s: found a difference of norm %.3g, expected at most %.3g", m.Table()[i].Name, math.Sqrt(diff), tol)
				}
			}
		})
	}
}

// TestThreadsDoNotShow: a training run with accumulation, dropout and topology
// updates ends in the same bits with one thread and with three.
func TestThreadsDoNotShow(t *testing.T) {
	for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient} {
		run := func(threads int) (*model.Model, [][]float32, []*sparse.Topology) {
			b := openCPU(t, threads)
			c := smallConfig(model.Dynamic, 8)
			c.Hidden, c.FFN, c.VocabSize, c.Dropout, c.Growth = 64, 128, 300, 0.1, growth
			m := build(t, b, c, smallOptions)
			for s := range 6 {
				a := model.StepArgs{Step: int64(s), LR: 1e-2, Adam: adam()}
				if s%2 == 1 {
					a.Update = update(s/2 + 1)
					a.Update.Growth = growth
				}
				step(t, m, a, smallBatch(4, uint64(s)), smallBatch(2, uint64(s+9)))
			}
			var values [][]float32
			for _, p := range m.Params() {
				values = append(values, floats(t, b, p.Values()), floats(t, b, p.M()), floats(t, b, p.V()))
			}
			topos, err := m.Topologies()
			if err != nil {
				t.Fatal(err)
			}
			return m, values, topos
		}
		m, x, tx := run(1)
		_, y, ty := run(3)
		for i := range x {
			if !slices.Equal(x[i], y[i]) {
				t.Errorf("%s: %s differs between thread counts", growth, m.Table()[i/3].Name)
			}
		}
		for i := range tx {
			if !tx[i].Equal(ty[i]) {
				t.Errorf("%s: the topology of %s differs between thread counts", growth, m.SparseParams()[i].Spec().Name)
			}
		}
	}
}

// TestEstimateMemoryOnCPU: the same account holds on the float32 backend.
func TestEstimateMemoryOnCPU(t *testing.T) {
	for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient} {
		c := smallConfig(model.Dynamic, 8)
		c.Growth = growth
		checkMemory(t, openCPU(t, 2), c, smallOptions)
	}
	checkMemory(t, openCPU(t, 1), smallConfig(model.Dense, 0), smallOptions)
}
