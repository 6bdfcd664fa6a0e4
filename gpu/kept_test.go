package gpu_test

import (
	"reflect"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// drawing hides that a device reads what dropout kept, so that its backward draws again.
type drawing struct{ backend.Backend }

func (d drawing) Capabilities() backend.Capabilities {
	c := d.Backend.Capabilities()
	c.KeepsDropout = false
	return c
}

// TestKeptDropoutChangesNothing: training gives the same bits whether the backward reads
// what dropout kept or draws again, and with activations that are computed again.
func TestKeptDropoutChangesNothing(t *testing.T) {
	train := func(wrap func(backend.Backend) backend.Backend, recompute bool) (values [][]float32) {
		b, err := gpu.New(simulated(t, simdriver.Options{}), gpu.Options{Activation: backend.BF16})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}()
		c, o := stepModel(16, sparse.GrowRandom), stepOptions
		c.Layers, o.Recompute = 2, recompute
		m, err := model.New(wrap(b), c, o)
		if err != nil {
			t.Fatal(err)
		}
		for s := range 3 {
			args := model.StepArgs{Step: int64(s), LR: 0.01, Adam: stepAdam}
			if _, err := m.Step(args, []model.Batch{stepBatch(3, uint64(s)), stepBatch(2, uint64(s+9))}); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range m.Params() {
			v := make([]float32, p.Values().Len())
			if err := b.ReadFloats(v, p.Values(), 0); err != nil {
				t.Fatal(err)
			}
			values = append(values, v)
		}
		return values
	}
	as := func(b backend.Backend) backend.Backend { return b }
	want := train(as, false)
	for name, got := range map[string][][]float32{
		"drawn again":     train(func(b backend.Backend) backend.Backend { return drawing{b} }, false),
		"computed again":  train(as, true),
		"both of the two": train(func(b backend.Backend) backend.Backend { return drawing{b} }, true),
	} {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: found other weights than where bits are read", name)
		}
	}
}
