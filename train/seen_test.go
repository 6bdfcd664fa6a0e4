package train

import (
	"path/filepath"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
)

// What a run says that it has read for each weight is what its examples have: the count
// goes through the text again, and counts the weights from their shapes.
func TestReadForEachWeight(t *testing.T) {
	c := DefaultConfig()
	c.Layers, c.Hidden, c.Heads, c.FFN, c.BlockSize, c.Sparsity = 1, 32, 1, 64, 8, 0.75
	c.SeqLen, c.BatchSize, c.Accumulation, c.MaxSteps, c.Updates = 16, 2, 2, 7, 2
	c.EvalBatches, c.FinalBatches, c.Threads = 1, 1, 1
	c.OutputDir = filepath.Join(t.TempDir(), "run")
	open := func(_, _ string, threads int) (backend.Backend, error) { return cpu.New(cpu.Options{Threads: threads}) }
	s, err := Run(t.Context(), c, open, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	const examples, weights = 7 * 4, (4*32*32 + 2*32*64) / 4
	batch := corpus.NewBatch(1, c.SeqLen, p.Config.maxMasked())
	masked := 0
	for g := range int64(examples) {
		p.data.train.Train(batch, g)
		for _, position := range batch.MaskedPos {
			if position >= 0 {
				masked++
			}
		}
	}
	if want := float64(masked) / weights; masked == 0 || s.Train.PredictionsPerWeight != want {
		t.Errorf("found %v masked predictions a weight, expected %d of %d weights: %v", s.Train.PredictionsPerWeight, masked, weights, want)
	}
	if want := float64(examples*16) / weights; s.Train.TokensPerWeight != want {
		t.Errorf("found %v tokens a weight, expected %v", s.Train.TokensPerWeight, want)
	}
}

// The utilization is that of the stated peak, and left out where none is known; the time
// left is that of the steps that remain.
func TestUtilization(t *testing.T) {
	for _, peak := range []float64{0, 0.5} {
		c := DefaultConfig()
		c.Layers, c.Hidden, c.Heads, c.FFN, c.SeqLen, c.BatchSize, c.BlockSize = 1, 32, 1, 64, 16, 2, 8
		c.MaxSteps, c.LoggingSteps, c.EvalBatches, c.FinalBatches, c.Threads, c.Peak = 6, 4, 1, 1, 1, peak
		c.OutputDir = filepath.Join(t.TempDir(), "run")
		var seen logged
		open := func(_, _ string, threads int) (backend.Backend, error) { return cpu.New(cpu.Options{Threads: threads}) }
		if _, err := Run(t.Context(), c, open, &seen); err != nil {
			t.Fatal(err)
		}
		first, last := seen.lines[0], seen.lines[1]
		perSecond := first.FLOPs / 4 * first.TokensPerSecond / (2 * 16) // steps a second times the FLOPs of one
		if want := perSecond / 0.5e12; peak > 0 && !(first.MFU >= 0.999*want && first.MFU <= 1.001*want) {
			t.Errorf("found a utilization of %v, expected %v", first.MFU, want)
		}
		if peak == 0 && first.MFU != 0 {
			t.Errorf("found a utilization of %v, expected none without a peak", first.MFU)
		}
		if want := 2 * (2 * 16) / first.TokensPerSecond; !(first.SecondsLeft >= 0.999*want && first.SecondsLeft <= 1.001*want) || last.SecondsLeft != 0 {
			t.Errorf("found %v and %v seconds left, expected %v and none", first.SecondsLeft, last.SecondsLeft, want)
		}
	}
}

// logged collects log lines.
type logged struct {
	NopObserver
	lines []TrainMetrics
}

func (l *logged) Logged(m TrainMetrics) { l.lines = append(l.lines, m) }
