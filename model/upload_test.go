package model_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// TestPrefetchChangesNothing: batches that are handed over ahead give the same bits,
// also where the next step gets another batch, or an evaluation comes between,
// or the batch is not one.
func TestPrefetchChangesNothing(t *testing.T) {
	run := func(prefetch bool) (*model.Model, []state, []model.StepResult) {
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
			if prefetch {
				a.Next = &batches[s+1]
			}
			if prefetch && s == 2 {
				a.Next = &batches[5]
			}
			if prefetch && s == 4 {
				a.Next = &model.Batch{Size: 77}
			}
			results = append(results, step(t, m, a, batches[s], batches[6-s]))
			if s == 3 {
				if _, err := m.Eval(batches[1]); err != nil {
					t.Fatal(err)
				}
			}
		}
		return m, stateOf(t, b, m), results
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
