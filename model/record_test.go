package model_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// recorder is a backend that counts the sequences it is given and the batches
// that are uploaded.
type recorder struct {
	*reference.Backend
	runs map[any]int
}

func (r *recorder) Record(name any, work func()) {
	r.runs[name]++
	work()
}

func newRecorder() *recorder { return &recorder{reference.New(), map[any]int{}} }

// TestSequences: a step is two recorded sequences, and a sequence has a name of
// its own for each batch size, place in the step, kind of gradient, and model.
func TestSequences(t *testing.T) {
	r, o := newRecorder(), smallOptions
	o.FixedMasked = true
	c := smallConfig(model.Dynamic, 4)
	c.Growth = sparse.GrowGradient
	m := build(t, r, c, o)
	a := model.StepArgs{LR: 1e-2, Adam: adam()}
	run := func(what string, sequences, names int, do func()) {
		t.Helper()
		before, known := 0, len(r.runs)
		for _, n := range r.runs {
			before += n
		}
		do()
		after := -before
		for _, n := range r.runs {
			after += n
		}
		if after != sequences || len(r.runs)-known != names {
			t.Errorf("%s: found %d sequences, %d of them new, expected %d and %d", what, after, len(r.runs)-known, sequences, names)
		}
	}
	run("first step", 2, 2, func() { step(t, m, a, smallBatch(4, 1)) })
	run("second step", 2, 0, func() { step(t, m, a, smallBatch(4, 2)) })
	run("smaller batch", 2, 1, func() { step(t, m, a, smallBatch(3, 1)) })
	run("three micro-batches", 4, 3, func() { step(t, m, a, smallBatch(4, 1), smallBatch(4, 2), smallBatch(4, 3)) })
	run("five micro-batches", 6, 0, func() {
		step(t, m, a, smallBatch(4, 1), smallBatch(4, 2), smallBatch(4, 3), smallBatch(4, 4), smallBatch(4, 5))
	})
	run("gradients", 1, 0, func() {
		if _, err := m.Gradients([]model.Batch{smallBatch(4, 1)}, false); err != nil {
			t.Fatal(err)
		}
	})
	run("growth", 2, 1, func() {
		grow := a
		grow.Step = 5
		grow.Update = update(1)
		grow.Update.Growth = sparse.GrowGradient
		step(t, m, grow, smallBatch(4, 1))
	})
	run("another optimizer", 2, 1, func() {
		other := a
		other.Step = 6
		other.Adam.WeightDecay = 0
		step(t, m, other, smallBatch(4, 1))
	})
	run("evaluation", 2, 2, func() {
		for _, size := range []int{4, 2} {
			if _, err := m.Eval(smallBatch(size, 1)); err != nil {
				t.Fatal(err)
			}
		}
	})
	run("another model", 2, 2, func() { step(t, build(t, r, c, o), a, smallBatch(4, 1)) })
	run("launches that depend on the batch", 0, 0, func() { step(t, build(t, r, c, smallOptions), a, smallBatch(4, 1)) })
}

// TestAheadChangesNothing: batches that are handed over ahead give the same bits,
// also where the next step gets another batch, or an evaluation comes between,
// or the batch is not one.
func TestAheadChangesNothing(t *testing.T) {
	run := func(ahead bool) (*model.Model, []state, []model.StepResult) {
		b := reference.New()
		c := smallConfig(model.Dynamic, 4)
		c.Dropout = 0.1
		m := build(t, b, c, smallOptions)
		batches := make([]model.Batch, 7)
		for i := range batches {
			batches[i] = smallBatch(4-i%2, uint64(i))
		}
		var results []model.StepResult
		for s := range 6 {
			a := model.StepArgs{Step: int64(s), LR: 1e-2, Adam: adam()}
			if ahead {
				a.Next = &batches[s+1]
			}
			if ahead && s == 2 {
				a.Next = &batches[5]
			}
			if ahead && s == 4 {
				a.Next = &model.Batch{Size: 77}
			}
			results = append(results, step(t, m, a, batches[s], batches[6-s]))
			if s == 3 {
				if _, err := m.Eval(batches[1]); err != nil {
					t.Fatal(err)
				}
			}
		}
		return m, snapshot(t, b, m), results
	}
	m, x, rx := run(false)
	_, y, ry := run(true)
	if d := difference(m, x, y); d != "" || !reflect.DeepEqual(rx, ry) {
		t.Errorf("found other %s, and results %+v, expected %+v", d, ry, rx)
	}
	// What is wrong with it is said in its own step.
	m = build(t, reference.New(), smallConfig(model.Dynamic, 4), smallOptions)
	bad := smallBatch(4, 1)
	bad.IDs[3] = -1
	step(t, m, model.StepArgs{LR: 1e-2, Adam: adam(), Next: &bad}, smallBatch(4, 2))
	if _, err := m.Step(model.StepArgs{Step: 1, LR: 1e-2, Adam: adam()}, []model.Batch{bad}); !errors.Is(err, model.ErrBatch) {
		t.Errorf("found the error %v, expected ErrBatch", err)
	}
}

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
		return m, snapshot(t, b, m), append(losses, e.MLMLossSum)
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
