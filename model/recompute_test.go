package model_test

import (
	"reflect"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// TestRecomputeChangesNothing but the memory: training gives the same bits.
func TestRecomputeChangesNothing(t *testing.T) {
	run := func(o model.Options) (*model.Model, []state, []float64) {
		b := reference.New()
		c := smallConfig(model.Dynamic, 4)
		c.Layers, c.Dropout, c.Growth = 3, 0.1, sparse.GrowGradient
		m := build(t, b, c, o)
		var losses []float64
		for s := range 3 {
			a := model.StepArgs{Step: int64(s), LR: 1e-2, Adam: adam(), Update: update(s + 1)}
			a.Update.Growth = sparse.GrowGradient
			losses = append(losses, step(t, m, a, smallBatch(4, uint64(s)), smallBatch(3, uint64(s+9))).Loss())
		}
		e, err := m.Eval(smallBatch(4, 1))
		if err != nil {
			t.Fatal(err)
		}
		return m, stateOf(t, b, m), append(losses, e.MLMLossSum)
	}
	again := smallOptions
	again.Recompute = true
	m, x, lx := run(smallOptions)
	_, y, ly := run(again)
	if d := difference(m, x, y); d != "" || !reflect.DeepEqual(lx, ly) {
		t.Errorf("found other %s, and losses %v, expected %v", d, ly, lx)
	}
}

// TestRecomputeEstimate: the memory of all layers but one shrinks to their output,
// and their forward products and scores count twice.
func TestRecomputeEstimate(t *testing.T) {
	for _, method := range []model.Method{model.Dynamic, model.Dense} {
		o := smallOptions
		o.Recompute = true
		checkMemory(t, reference.New(), smallConfig(method, 4), o)
	}
	c := preset(t, "tiny") // L 2, H 128, F 512, A 2
	o := model.Options{MicroBatch: 8, SeqLen: 64, MaxMasked: 10}
	plain, err := model.EstimateCost(c, o, model.Storage{})
	if err != nil {
		t.Fatal(err)
	}
	o.Recompute = true
	again, err := model.EstimateCost(c, o, model.Storage{})
	if err != nil {
		t.Fatal(err)
	}
	// Of one layer seven [T, H], two [T, F], lse [n, A, S] and four [T].
	if want := int64(4 * 8 * 64 * (7*128 + 2*512 + 2 + 4)); plain.MemoryBytes-again.MemoryBytes != want {
		t.Errorf("found %d bytes less, expected %d", plain.MemoryBytes-again.MemoryBytes, want)
	}
	for i, extra := range []float64{2 * 64 * 4 * 6 * 256, 2 * 64 * 2 * 26 * 256, 4 * 64 * 64 * 128} {
		p, q := plain.FLOPs[i], again.FLOPs[i]
		if d := q.Executed - p.Executed; !(d-extra <= 1e-9*p.Executed && extra-d <= 1e-9*p.Executed) || q.Theoretical != p.Theoretical {
			t.Errorf("%s: found %v more, expected %v", p.Name, d, extra)
		}
	}
}
