package sparse_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// pairs is random growth under a row constraint that the tests add: two block rows each
// exchange blocks.
var pairs = func() sparse.Growth {
	g, err := sparse.AddRows(sparse.RowConstraint{Name: "pairs", Help: "as many in every two block rows", Rows: 2})
	if err != nil {
		panic(err)
	}
	return g
}()

// gradientPairs is what AddRows adds besides.
var gradientPairs = pairs + 1

// shipped returns the growths of the package.
func shipped() []sparse.Growth {
	return []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient, sparse.GrowFanIn, sparse.GrowGradientFanIn}
}

// The words of files and checkpoints stay what they were, and so do their numbers.
func TestGrowthWords(t *testing.T) {
	for i, want := range []struct {
		word, criterion, rows string
	}{
		{"random", "random", "none"}, {"gradient", "gradient", "none"}, {"fan-in", "random", "fan-in"},
		{"gradient-fan-in", "gradient", "fan-in"}, {"pairs", "random", "pairs"}, {"gradient-pairs", "gradient", "pairs"},
	} {
		g := sparse.Growth(i)
		if g.String() != want.word || g.Criterion().Name != want.criterion || g.Constraint().Name != want.rows || g.Criterion().Help == "" || g.Constraint().Help == "" {
			t.Errorf("%d: found %s by %s under %s, expected %s by %s under %s", i, g, g.Criterion().Name, g.Constraint().Name, want.word, want.criterion, want.rows)
		}
		if found, err := sparse.GrowthOf(want.criterion, want.rows); err != nil || found != g {
			t.Errorf("%s under %s: found %s and error %v, expected %s", want.criterion, want.rows, found, err, g)
		}
		if g.Scores() != (want.criterion == "gradient") || g.Balanced() != (want.rows != "none") {
			t.Errorf("%s: found scores %v and balanced %v", g, g.Scores(), g.Balanced())
		}
	}
	if _, err := sparse.GrowthOf("gradient", "magic"); !errors.Is(err, sparse.ErrName) {
		t.Errorf("found error %v, expected ErrName", err)
	}
	if g := sparse.Growth(200); g.Known() || g.Scores() || g.Balanced() {
		t.Error("found growth 200 known, expected it unknown")
	}
}

func TestTablesRefuse(t *testing.T) {
	key := func(*sparse.Candidate) uint64 { return 0 }
	score := func(*sparse.BlockState, *sparse.Update) float32 { return 0 }
	for want, add := range map[string]func() error{
		`found the name "", expected`:        func() error { _, err := sparse.AddGrow(sparse.GrowCriterion{Key: key}); return err },
		`found the name "Two words"`:         func() error { _, err := sparse.AddGrow(sparse.GrowCriterion{Name: "Two words", Key: key}); return err },
		"found the name random, expected":    func() error { _, err := sparse.AddGrow(sparse.GrowCriterion{Name: "random", Key: key}); return err },
		"found the name none, expected":      func() error { _, err := sparse.AddRows(sparse.RowConstraint{Name: "none"}); return err },
		"grow criterion x: found no key":     func() error { _, err := sparse.AddGrow(sparse.GrowCriterion{Name: "x"}); return err },
		"row constraint y: found groups":     func() error { _, err := sparse.AddRows(sparse.RowConstraint{Name: "y", Rows: -1}); return err },
		"prune criterion: found the name no": func() error { _, err := sparse.AddPrune(sparse.PruneCriterion{Name: "norm", Score: score}); return err },
		"prune criterion z: found no score":  func() error { _, err := sparse.AddPrune(sparse.PruneCriterion{Name: "z"}); return err },
	} {
		if err := add(); !errors.Is(err, sparse.ErrArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("found error %v, expected %q", err, want)
		}
	}
}

// Newborns that are protected stay, for as many updates as asked for, whatever their
// norms.
func TestProtection(t *testing.T) {
	for _, protect := range []int{0, 1, 3} {
		topology := rowsOf(t, 40, 10)
		born := map[int32]int{} // by slot
		for number := 1; number <= 12; number++ {
			values := make([]float32, 10) // newborns are the smallest
			for slot := range values {
				values[slot] = 100 - float32(topology.NewAt[slot])
			}
			change, err := topology.Update(values, nil, sparse.Update{Number: number, Step: int64(number), PruneRatio: 0.2, Protect: protect}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if protect < 4 && len(change.Slots) != 2 {
				t.Fatalf("protect %d, update %d: found %d blocks moved, expected 2", protect, number, len(change.Slots))
			}
			youngest := number
			for _, slot := range change.Slots {
				if at, newborn := born[slot]; newborn {
					youngest = min(youngest, number-at)
				}
				born[slot] = number
			}
			if want := protect + 1; number > 8 && youngest != want {
				t.Errorf("protect %d, update %d: the youngest block that went was %d updates old, expected %d", protect, number, youngest, want)
			}
		}
	}
	// Where all but one block are protected, one goes.
	topology := rowsOf(t, 40, 10)
	for slot := range 9 {
		topology.NewAt[slot] = 1
	}
	change, err := topology.Update(make([]float32, 10), nil, sparse.Update{Number: 2, Step: 9, PruneRatio: 1, Protect: 1}, 0)
	if err != nil || !slices.Equal(change.Slots, []int32{9}) {
		t.Errorf("found %v and error %v, expected slot 9 alone", change.Slots, err)
	}
}

// Under noise alone a norm is the root of the variance, so a fair comparison prunes the
// blocks that are small for their age.
func TestAgeFactors(t *testing.T) {
	const start, rate = 0.02 * 0.02, 1e-3
	variance := func(start float64, steps int) float64 { return start + float64(steps)*rate*rate }
	topology := rowsOf(t, 40, 4)
	copy(topology.NewAt, []int32{0, 1, 2, 2})
	copy(topology.Born, []int32{0, 100, 200, 200})
	values := make([]float32, 4)
	for slot, v := range []float64{variance(start, 300), variance(0, 200), variance(0, 100), variance(0, 100)} {
		values[slot] = float32(math.Sqrt(v))
	}
	values[1] *= 0.9 // small for its age, but larger than the newborns
	ages := func(alpha float64, n sparse.Norm) *sparse.Ages {
		return &sparse.Ages{
			Start: []float32{sparse.AgeFactor(alpha, variance(start, 300), n)}, From: []int32{100, 200},
			Scale: []float32{sparse.AgeFactor(alpha, variance(0, 200), n), sparse.AgeFactor(alpha, variance(0, 100), n)},
		}
	}
	for _, norm := range []sparse.Norm{sparse.L1, sparse.L2, sparse.LInf} {
		for alpha, want := range map[float64][]int32{0: {2, 3}, 1: {1, 2}} {
			u := sparse.Update{Number: 3, Step: 300, PruneRatio: 0.5, Norm: norm, Ages: ages(alpha, norm)}
			change, err := topology.Clone().Update(values, nil, u, 0)
			if alpha == 1 && err == nil { // three are equal but for rounding
				if !slices.Contains(change.Slots, 1) {
					t.Errorf("%s, alpha 1: found %v pruned, expected slot 1 among them", norm, change.Slots)
				}
			} else if err != nil || !slices.Equal(change.Slots, want) {
				t.Errorf("%s, alpha %v: found %v and error %v, expected %v", norm, alpha, change.Slots, err, want)
			}
		}
	}
	for variance, want := range map[float64]float32{4: 0.5, 0: math.MaxFloat32, 0.25: 2} {
		if got := sparse.AgeFactor(1, variance, sparse.L1); got != want {
			t.Errorf("variance %v: found the factor %v, expected %v", variance, got, want)
		}
	}
	if a, b := sparse.AgeFactor(0.5, 16, sparse.L1), sparse.AgeFactor(0.5, 16, sparse.L2); a != 0.5 || b != 0.25 {
		t.Errorf("found %v and %v, expected 0.5 and its square", a, b)
	}
}

func TestCriteriaRefuse(t *testing.T) {
	topology := rowsOf(t, 5, 2, 2)
	four := make([]float32, 4)
	nan := []float32{1, float32(math.NaN()), 1, 1}
	for _, c := range []struct {
		change func(u *sparse.Update)
		x      sparse.Arrays
		kind   error
		want   string
	}{
		{func(u *sparse.Update) { u.Prune = 9 }, sparse.Arrays{Values: four}, sparse.ErrArgument, "found unknown prune criterion 9, expected a prune criterion that is known"},
		{func(u *sparse.Update) { u.Growth = 99 }, sparse.Arrays{Values: four}, sparse.ErrArgument, "found unknown growth 99, expected a growth that is known"},
		{func(u *sparse.Update) { u.Protect = -1 }, sparse.Arrays{Values: four}, sparse.ErrArgument, "found a protection of -1 updates"},
		{func(u *sparse.Update) { u.Prune = sparse.PruneSaliency }, sparse.Arrays{Values: four}, sparse.ErrArgument, "found moments of 0 and 0 elements for saliency, expected 4 each"},
		{func(u *sparse.Update) { u.Prune = sparse.PruneSaliency }, sparse.Arrays{Values: four, M: nan, V: four}, sparse.ErrNotFinite, "slot 1, block row 0, column 1: found the saliency NaN"},
		{func(u *sparse.Update) { u.Growth = sparse.GrowGradientFanIn }, sparse.Arrays{Values: four}, sparse.ErrArgument, "found 0 growth scores, expected 10"},
		{func(u *sparse.Update) { u.Ages = &sparse.Ages{} }, sparse.Arrays{Values: four}, sparse.ErrArgument, "found factors of the start for 0 tensors, expected one for tensor 0"},
		{func(u *sparse.Update) { u.Ages = &sparse.Ages{Start: nan} }, sparse.Arrays{Values: four}, sparse.ErrArgument, "found the factor of an age NaN"},
		{func(u *sparse.Update) { u.Ages = &sparse.Ages{Start: four, From: []int32{1}} }, sparse.Arrays{Values: four}, sparse.ErrArgument, "found 0 factors for the births after 1 steps"},
		{func(u *sparse.Update) {
			u.Ages = &sparse.Ages{Start: four, From: []int32{7, 7}, Scale: []float32{1, 1}}
		}, sparse.Arrays{Values: four}, sparse.ErrArgument, "found births after step 7 behind those after 7"},
	} {
		u := sparse.Update{Number: 1, PruneRatio: 0.5}
		c.change(&u)
		before := topology.Clone()
		_, err := topology.UpdateIn(new(sparse.Scratch), c.x, u, 0)
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) || !topology.Equal(before) {
			t.Errorf("found error %v, expected %q and no change", err, c.want)
		}
	}
}
