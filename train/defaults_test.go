package train_test

import (
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// The demo as it comes has no warning, whatever its seed: what its coarse blocks lead to is a note.
// Who asks for the same in a setting of the model's is warned.
func TestDemoAsItComesIsNotWarnedOf(t *testing.T) {
	c := train.DefaultConfig()
	c.Seed, c.Threads = 3, 1
	p, err := train.NewPlan(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Warnings) != 0 || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "without a block") {
		t.Errorf("found warnings %q and notes %q, expected one note", p.Warnings, p.Notes)
	}
	c.BatchSize = 8
	if p, err = train.NewPlan(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	if len(p.Warnings) == 0 || len(p.Notes) != 0 {
		t.Errorf("with batches of 8: found warnings %q and notes %q, expected warnings", p.Warnings, p.Notes)
	}
}

// Evaluations on the simulator are short by themselves, those of other devices and those that the
// user asks for are not.
func TestEvaluationsAreShortOnTheSimulator(t *testing.T) {
	for _, k := range []struct {
		device             string
		during, last       int // asked for
		wantDuring, wantTo int
	}{
		{"cpu", -1, -1, 16, 0},
		{"sim", -1, -1, 1, 1},
		{"sim", 16, 0, 16, 0},
		{"sim", 5, -1, 5, 1},
	} {
		c := train.DefaultConfig()
		c.Device, c.EvalBatches, c.FinalBatches = k.device, k.during, k.last
		p, err := train.NewPlan(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if p.Config.EvalBatches != k.wantDuring || p.Config.FinalBatches != k.wantTo {
			t.Errorf("%s, %d and %d: found %d and %d batches, expected %d and %d", k.device, k.during, k.last, p.Config.EvalBatches, p.Config.FinalBatches, k.wantDuring, k.wantTo)
		}
	}
}
