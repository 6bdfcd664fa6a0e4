package train_test

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// The FLOPs of exploration, counted by hand: at each update the weight gradient at every
// position of every weight of the encoder, 2 S (4 H^2 + 2 H F) a layer and sequence.
func TestFLOPsOfGrowth(t *testing.T) {
	text := smallCorpus(t)
	const layers, hidden, ffn, tokens, sequences = 2, 32, 64, 32, 4
	const update = sequences * 2 * tokens * layers * (4*hidden*hidden + 2*hidden*ffn)
	at := []int64{4, 8, 11, 15, 19, 23, 26} // round(i 30/8)
	same := func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }
	var plain *train.Summary
	for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient} {
		c := smallRun(text, filepath.Join(t.TempDir(), "run"))
		c.Growth, c.GrowthScore = growth, "micro-batch"
		s, err := train.Run(t.Context(), c, openCPU, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := 0.
		if growth == sparse.GrowGradient {
			want = float64(len(at)) * update
		} else {
			plain = s
		}
		if !same(s.GrowthFLOPs, want) || !same(s.ExecutedFLOPs, plain.ExecutedFLOPs+want) || s.FLOPs != plain.FLOPs {
			t.Errorf("%s: found %v FLOPs of growth, %v executed, %v by the paper's count, expected %v, %v and %v",
				growth, s.GrowthFLOPs, s.ExecutedFLOPs, s.FLOPs, want, plain.ExecutedFLOPs+want, plain.FLOPs)
		}
		records, err := metrics.Read(filepath.Join(c.OutputDir, metrics.FileName))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			rec, ok := r.(*metrics.Train)
			if !ok {
				continue
			}
			sum := 0.
			for _, step := range at {
				if step <= rec.Step && growth == sparse.GrowGradient {
					sum += update
				}
			}
			if !same(rec.GrowthFLOPs, sum) {
				t.Errorf("%s: step %d: found %v FLOPs of growth, expected %v", growth, rec.Step, rec.GrowthFLOPs, sum)
			}
		}
		// What a continued run counts goes on from there.
		next := continued(t, c.OutputDir)
		next.MaxSteps, next.Growth, next.Updates = 40, sparse.GrowGradient, 4 // after steps 10, 20 and 30, which are behind it
		p, err := train.NewPlan(t.Context(), next, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.GrowthFLOPs(40); !same(got, want) {
			t.Errorf("%s, continued: found %v FLOPs of growth, expected %v", growth, got, want)
		}
		next.Updates = 5 // after step 32 too
		if p, err = train.NewPlan(t.Context(), next, nil); err != nil {
			t.Fatal(err)
		}
		if p.LastUpdate() != len(at)+1 {
			t.Errorf("%s, continued: found the last update to be number %d, expected %d", growth, p.LastUpdate(), len(at)+1)
		}
		if got := p.GrowthFLOPs(40); !same(got, want+update) || !same(p.ExecutedFLOPs(40), s.ExecutedFLOPs*40/30-want/3+update) {
			t.Errorf("%s, continued with an update: found %v FLOPs of growth, %v executed, expected %v, %v", growth, got, p.ExecutedFLOPs(40), want+update, s.ExecutedFLOPs*40/30-want/3+update)
		}
	}
	// Executed by hand: all that is not the encoder's products is that of the dense model.
	c := smallRun(text, filepath.Join(t.TempDir(), "run"))
	c.Method = model.Dense
	p, err := train.NewPlan(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	saved := 30. * sequences * 3 * 2 * tokens * layers * (4*hidden*hidden + 2*hidden*ffn) * 0.75 // s = 0.75
	if got := p.ExecutedFLOPs(30) - plain.ExecutedFLOPs; !same(got, saved) {
		t.Errorf("found %v FLOPs fewer than dense, expected %v", got, saved)
	}
}
