package train

import (
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// The factors of prune_age are those of the rates that the steps really had.
func TestAges(t *testing.T) {
	c := DefaultConfig()
	c.MaxSteps, c.Updates, c.LearningRate, c.WarmupSteps, c.PruneAge, c.VocabSize = 60, 6, 2e-3, 7, 0.5, 64
	p, err := shapeOf(c)
	if err != nil {
		t.Fatal(err)
	}
	table, err := model.Table(p.Model)
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got float32, variance float64) {
		t.Helper()
		if want := math.Pow(variance, -0.25); !(math.Abs(float64(got)-want) <= 1e-6*want) {
			t.Errorf("%s: found the factor %v, expected %v", what, got, want)
		}
	}
	for _, done := range []int64{10, 40} {
		u, err := p.aged(p.update(done))
		if err != nil || u == nil || u.Ages == nil {
			t.Fatalf("step %d: found %+v and error %v, expected an update with ages", done, u, err)
		}
		if want := int(done/10 - 1); len(u.Ages.From) != want {
			t.Fatalf("step %d: found births after %v, expected those of %d updates", done, u.Ages.From, want)
		}
		moved := func(from int64) (sum float64) {
			for step := from; step < done; step++ {
				lr := 2e-3 * float64(60-step) / 53
				if step < 7 {
					lr = 2e-3 * float64(step+1) / 7
				}
				sum += lr * lr
			}
			return sum
		}
		for i, from := range u.Ages.From {
			if want := int32(10 * (i + 1)); from != want {
				t.Errorf("step %d: found births after %v", done, u.Ages.From)
			}
			near("newborn", u.Ages.Scale[i], moved(int64(from)))
		}
		for i, row := range table {
			if row.Sparse {
				near(row.Name, u.Ages.Start[i], model.StartVariance(row, p.Model)+moved(0))
			}
		}
		if err := u.Check(); err != nil {
			t.Error(err)
		}
	}
	c.PruneAge = 0
	if p, err = shapeOf(c); err != nil {
		t.Fatal(err)
	}
	if u, err := p.aged(p.update(10)); err != nil || u.Ages != nil {
		t.Errorf("found %+v and error %v, expected an update without ages", u, err)
	}
	if u, err := p.aged(nil); err != nil || u != nil {
		t.Errorf("found %+v and error %v, expected none", u, err)
	}
	// The L2 norm is a sum of squares: its factor is the square.
	c.PruneAge, c.PruneNorm = 0.5, sparse.L2
	if p, err = shapeOf(c); err != nil {
		t.Fatal(err)
	}
	u, err := p.aged(p.update(20))
	if err != nil {
		t.Fatal(err)
	}
	c.PruneBy = sparse.PruneSaliency
	if p, err = shapeOf(c); err != nil {
		t.Fatal(err)
	}
	v, err := p.aged(p.update(20))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := float64(u.Ages.Scale[0]), float64(v.Ages.Scale[0]); !(math.Abs(a-b*b) <= 1e-5*a) {
		t.Errorf("found the factors %v of L2 and %v of saliency, expected the square", a, b)
	}
}
