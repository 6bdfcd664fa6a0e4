package train

import (
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Every schedule, point by point: 20 steps of which 4 warm up, peak 2. The numbers of the
// cosine are 1 + cos(k pi/16).
func TestSchedulesOfTheRate(t *testing.T) {
	warm := []float64{0.5, 1, 1.5, 2}
	var linear, cosine, constant, wsd []float64
	for k := range 16 {
		linear = append(linear, 2*float64(16-k)/16)
		cosine = append(cosine, 1+math.Cos(float64(k)*math.Pi/16))
		constant, wsd = append(constant, 2), append(wsd, 2)
	}
	wsd[14], wsd[15] = 2, 1 // the last 2 of 20 steps: 2 and 1 left of 2
	for schedule, rest := range map[model.LRSchedule][]float64{model.LRLinear: linear, model.LRCosine: cosine, model.LRConstant: constant, model.LRWSD: wsd} {
		c := DefaultConfig()
		c.LRSchedule, c.LearningRate, c.WarmupSteps, c.MaxSteps = schedule, 2, 4, 20
		for done, want := range slices.Concat(warm, rest) {
			if got := c.rate(int64(done)); !(math.Abs(got-want) <= 1e-12) {
				t.Errorf("%s after %d steps: found %v, expected %v", schedule, done, got, want)
			}
		}
		c.WarmupSteps = 20 // nothing is left to fall
		if got := c.rate(19); got != 2 {
			t.Errorf("%s that warms up all the time: found %v at last, expected 2", schedule, got)
		}
	}
	long := DefaultConfig()
	long.LRSchedule, long.LearningRate, long.WarmupSteps, long.MaxSteps = model.LRWSD, 1, 0, 1000
	for done, want := range map[int64]float64{0: 1, 900: 1, 901: 0.99, 950: 0.5, 999: 0.01} {
		if got := long.rate(done); !(math.Abs(got-want) <= 1e-12) {
			t.Errorf("wsd after %d of 1000 steps: found %v, expected %v", done, got, want)
		}
	}
}

// The window of updates: phases and pruning ratios are those of a run that is as long as
// the window, moved to its beginning. The whole run is the paper's.
func TestUpdateWindow(t *testing.T) {
	c := DefaultConfig()
	c.Layers, c.Hidden, c.Heads, c.FFN, c.BlockSize, c.Sparsity = 1, 64, 2, 128, 8, 0.5
	c.MaxSteps, c.Updates, c.PruneRatio, c.UpdateStart, c.UpdateEnd = 100, 5, 0.4, 0.2, 0.7
	for schedule, at := range map[sparse.Schedule]func(x float64) float64{
		sparse.Cosine:   func(x float64) float64 { return 0.2 * (1 + math.Cos(math.Pi*x)) },
		sparse.Linear:   func(x float64) float64 { return 0.4 * (1 - x) },
		sparse.Constant: func(float64) float64 { return 0.4 },
	} {
		c.PruneSchedule = schedule
		p, err := shapeOf(c)
		if err != nil {
			t.Fatal(err)
		}
		if want := []int64{30, 40, 50, 60}; !slices.Equal(p.UpdateAt, want) {
			t.Fatalf("found updates after steps %v, expected %v", p.UpdateAt, want)
		}
		for i, step := range p.UpdateAt {
			u := p.update(step)
			if want := at(float64(i+1) / 5); u.Number != i+1 || !(math.Abs(u.PruneRatio-want) <= 1e-12) {
				t.Errorf("%s: found update %d of ratio %v, expected %d of %v", schedule, u.Number, u.PruneRatio, i+1, want)
			}
		}
	}
	c.Updates = 0 // phases of 100 steps and more, of what the window has
	c.MaxSteps = 2000
	if p, err := shapeOf(c); err != nil || len(p.UpdateAt) != 9 || p.UpdateAt[0] != 500 || p.UpdateAt[8] != 1300 {
		t.Errorf("found %v (%v), expected 9 updates after steps 500 to 1300", p.UpdateAt, err)
	}
	for _, bad := range []func(*Config){
		func(c *Config) { c.UpdateStart = 0.7 },
		func(c *Config) { c.Updates, c.MaxSteps, c.UpdateEnd = 10, 20, 0.5 }, // 6 steps
	} {
		wrong := c
		bad(&wrong)
		if _, err := shapeOf(wrong); !IsUsage(err) {
			t.Errorf("found %v, expected a usage error", err)
		}
	}
	c.Method, c.UpdateStart = model.Static, 0.9 // which has no use for it
	if _, err := shapeOf(c); err != nil {
		t.Errorf("found %v, expected a static run to plan", err)
	}
}

// A knob that is given with what its default stands for makes the same run.
func TestDefaultsThatAreGiven(t *testing.T) {
	plain := DefaultConfig()
	given := plain
	given.AdamBeta1, given.AdamBeta2, given.AdamEpsilon, given.InitStd, given.LRSparseScale, given.UpdateEnd = 0.9, 0.999, 1e-6, 0.02, 1, 1
	given.Replicas = 1
	a, err := shapeOf(plain)
	if err != nil {
		t.Fatal(err)
	}
	b, err := shapeOf(given)
	if err != nil {
		t.Fatal(err)
	}
	if key, was, is, differs := settings.Differs(&a.Config, &b.Config); differs {
		t.Errorf("%s: found %s and %s, expected one run", key, was, is)
	}
	if a.adam() != b.adam() || !slices.Equal(a.UpdateAt, b.UpdateAt) || a.Model != b.Model {
		t.Errorf("found %+v and %+v, expected one optimizer", a.adam(), b.adam())
	}
}
