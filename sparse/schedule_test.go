package sparse_test

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func TestPruneRatio(t *testing.T) {
	half := math.Sqrt2 / 2 // cos(pi/4)
	cases := []struct {
		schedule sparse.Schedule
		step     int64
		want     float64
	}{
		{sparse.Cosine, 0, 0.5}, {sparse.Cosine, 25, 0.25 * (1 + half)}, {sparse.Cosine, 50, 0.25},
		{sparse.Cosine, 75, 0.25 * (1 - half)}, {sparse.Cosine, 100, 0},
		{sparse.Linear, 0, 0.5}, {sparse.Linear, 25, 0.375}, {sparse.Linear, 100, 0},
		{sparse.Constant, 0, 0.5}, {sparse.Constant, 99, 0.5}, {sparse.Constant, 100, 0.5},
		{sparse.Cosine, -5, 0.5}, {sparse.Cosine, 105, 0}, {sparse.Linear, 105, 0},
	}
	for _, c := range cases {
		if got := c.schedule.PruneRatio(0.5, c.step, 100); !(math.Abs(got-c.want) <= 1e-15) {
			t.Errorf("%s at step %d of 100: found %v, want %v", c.schedule, c.step, got, c.want)
		}
	}
	for _, schedule := range []sparse.Schedule{sparse.Cosine, sparse.Constant, sparse.Linear} {
		before := math.Inf(1)
		for step := range int64(1001) {
			got := schedule.PruneRatio(1, step, 1000)
			if !(got >= 0 && got <= 1 && got <= before) {
				t.Fatalf("%s at step %d of 1000: found %v after %v, want a ratio that does not rise", schedule, step, got, before)
			}
			before = got
		}
	}
}

func TestUpdateSteps(t *testing.T) {
	got, err := sparse.UpdateSteps(10, 4)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int64{3, 5, 8}; !slices.Equal(got, want) { // 2.5, 5, 7.5
		t.Errorf("4 phases of 10 steps: found %v, want %v", got, want)
	}
	for _, total := range []int64{1, 2, 3, 7, 30, 100, 757000, 1 << 40, math.MaxInt64} {
		for _, n := range []int{1, 2, 3, 7, 29, 30, 80, 160} {
			steps, err := sparse.UpdateSteps(total, n)
			if int64(n) > total {
				if !errors.Is(err, sparse.ErrArgument) {
					t.Errorf("%d phases of %d steps: found error %v, want ErrArgument", n, total, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(steps) != n-1 {
				t.Fatalf("%d phases of %d steps: found %d updates, want %d", n, total, len(steps), n-1)
			}
			before := int64(0)
			for i, step := range steps {
				if step <= before || step >= total {
					t.Fatalf("%d phases of %d steps: found %v, want steps that rise within 1..%d", n, total, steps, total-1)
				}
				before = step
				// |step - i total/n| <= 1/2, in integers.
				off := new(big.Int).Mul(big.NewInt(step), big.NewInt(int64(n)))
				off.Sub(off, new(big.Int).Mul(big.NewInt(int64(i+1)), big.NewInt(total)))
				if off.Mul(off, big.NewInt(2)).CmpAbs(big.NewInt(int64(n))) > 0 {
					t.Fatalf("%d phases of %d steps: update %d after step %d is not the nearest", n, total, i+1, step)
				}
			}
		}
	}
	for _, n := range []int{0, -1} {
		if _, err := sparse.UpdateSteps(10, n); !errors.Is(err, sparse.ErrArgument) {
			t.Errorf("%d phases: found error %v, want ErrArgument", n, err)
		}
	}
	if _, err := sparse.UpdateSteps(-3, 1); !errors.Is(err, sparse.ErrArgument) {
		t.Errorf("-3 steps: found error %v, want ErrArgument", err)
	}
}

func TestLearningRateFactor(t *testing.T) {
	// exp(1.969*0.81 + 0.2905*0.9) = exp(1.85634); the paper's factor at s = 0.9 is 6.40.
	for s, want := range map[float64]float64{0: 1, 0.9: 6.40, 0.5: 1.891} {
		if got := sparse.LearningRateFactor(s); !(math.Abs(got-want) <= 0.005) {
			t.Errorf("s = %v: found %v, want %v", s, got, want)
		}
	}
}
