package model_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
)

func TestBatchesAreChecked(t *testing.T) {
	b := reference.New()
	m := build(t, b, smallConfig(model.Dense, 0), smallOptions)
	for _, c := range []struct {
		want   string
		change func(*model.Batch)
	}{
		{"", func(*model.Batch) {}},
		{"found size 0", func(b *model.Batch) { b.Size = 0 }},
		{"found size 5, expected 1 to 4", func(b *model.Batch) { b.Size = 5 }},
		{"ids: found 31 values, expected 32", func(b *model.Batch) { b.IDs = b.IDs[1:] }},
		{"ids[3]: found 40, expected 0 to 39", func(b *model.Batch) { b.IDs[3] = 40 }},
		{"ids[31]: found -1", func(b *model.Batch) { b.IDs[31] = -1 }},
		{"segments[0]: found 2, expected 0 to 1", func(b *model.Batch) { b.Segments[0] = 2 }},
		{"segments: found 0 values", func(b *model.Batch) { b.Segments = nil }},
		{"lengths[0]: found 9, expected 0 to 8", func(b *model.Batch) { b.Lengths[0] = 9 }},
		{"lengths[1]: found -1", func(b *model.Batch) { b.Lengths[1] = -1 }},
		{"masked positions[0]: found 32, expected -1 to 31", func(b *model.Batch) { b.MaskedPos[0] = 32 }},
		{"masked positions: found 11 values, expected 12", func(b *model.Batch) { b.MaskedPos = b.MaskedPos[1:] }},
		{"masked labels[2]: found 40", func(b *model.Batch) { b.MaskedLabels[2] = 40 }},
		{"masked slot 1: found position -1 with label 5", func(b *model.Batch) { b.MaskedLabels[1] = 5 }},
		{"masked slot 0: found position 0 with label -1", func(b *model.Batch) { b.MaskedLabels[0] = -1 }},
		{"masked positions[5]: found token 6 of sequence 1, expected one below its length 6", func(b *model.Batch) { b.MaskedPos[5]++ }},
		{"next-sentence labels[0]: found 2", func(b *model.Batch) { b.NSPLabels[0] = 2 }},
	} {
		batch := smallBatch(4, 1)
		c.change(&batch)
		_, evalErr := m.Eval(batch)
		_, stepErr := m.Step(model.StepArgs{LR: 1e-3, Adam: adam()}, []model.Batch{smallBatch(4, 2), batch})
		for _, err := range []error{evalErr, stepErr} {
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, model.ErrBatch) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("found error %v, expected %q", err, c.want)
			}
		}
		if c.want != "" && !strings.Contains(stepErr.Error(), "micro-batch 1") {
			t.Errorf("found error %v, expected it to name micro-batch 1", stepErr)
		}
	}
	if _, err := m.Step(model.StepArgs{}, nil); !errors.Is(err, model.ErrBatch) {
		t.Errorf("no micro-batch: found error %v", err)
	}
	if err := b.Sync(); err != nil {
		t.Errorf("a refused batch reached the backend: %v", err)
	}
}

// TestEvalLeavesTrainingAlone: an evaluation or a look at the gradients between
// two steps changes nothing.
func TestEvalLeavesTrainingAlone(t *testing.T) {
	run := func(eval bool) []state {
		b := reference.New()
		c := smallConfig(model.Dynamic, 4)
		c.Dropout = 0.2
		m := build(t, b, c, smallOptions)
		for s := range 3 {
			if eval {
				e, err := m.Eval(smallBatch(4, 50+uint64(s)))
				if err != nil {
					t.Fatal(err)
				}
				r, err := m.Gradients([]model.Batch{smallBatch(4, 50+uint64(s))}, false)
				if err != nil {
					t.Fatal(err)
				}
				if !(math.Abs(e.MLMLossSum-8*r.MLMLoss) <= 1e-12) || !(math.Abs(e.NSPLossSum-4*r.NSPLoss) <= 1e-12) {
					t.Errorf("found evaluation %+v, expected that of %+v: dropout is off", e, r)
				}
			}
			step(t, m, model.StepArgs{Step: int64(s), LR: 1e-2, Adam: adam()}, smallBatch(4, uint64(s)))
		}
		return stateOf(t, b, m)
	}
	m := build(t, reference.New(), smallConfig(model.Dynamic, 4), smallOptions)
	if d := difference(m, run(false), run(true)); d != "" {
		t.Errorf("evaluation changed %s", d)
	}
}
