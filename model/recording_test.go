package model_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
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

func (r *recorder) Capabilities() backend.Capabilities {
	have := r.Backend.Capabilities()
	have.Recorder = r
	return have
}

func (r *recorder) Record(name any, work func()) {
	r.runs[name]++
	work()
}

func (r *recorder) Repeats(any) bool { return false }

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
