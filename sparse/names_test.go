package sparse_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func TestNames(t *testing.T) {
	checkNames(t, sparse.ParseNorm, map[string]sparse.Norm{"l1": sparse.L1, "l2": sparse.L2, "linf": sparse.LInf})
	checkNames(t, sparse.ParseGrowth, map[string]sparse.Growth{
		"random": sparse.GrowRandom, "gradient": sparse.GrowGradient, "fan-in": sparse.GrowFanIn})
	checkNames(t, sparse.ParseSchedule, map[string]sparse.Schedule{
		"cosine": sparse.Cosine, "constant": sparse.Constant, "linear": sparse.Linear})
	checkNames(t, sparse.ParseDistribution, map[string]sparse.Distribution{
		"uniform": sparse.Uniform, "erk": sparse.ERK})

	_, err := sparse.ParseNorm("l3")
	if want := `unknown name: found norm "l3", expected l1, l2, linf`; err == nil || err.Error() != want {
		t.Errorf("found error %v, want %q", err, want)
	}
	if got, want := sparse.Growth(9).String(), "unknown growth 9"; got != want {
		t.Errorf("found %q, want %q", got, want)
	}
}

func checkNames[E interface {
	comparable
	fmt.Stringer
}](t *testing.T, parse func(string) (E, error), names map[string]E) {
	t.Helper()
	for text, want := range names {
		if got, err := parse(text); err != nil || got != want {
			t.Errorf("parsing %q: found %v, %v", text, got, err)
		}
		if got := want.String(); got != text {
			t.Errorf("found the name %q, want %q", got, text)
		}
	}
	for _, text := range []string{"", "L1", " random", "Cosine", "uniform "} {
		if got, err := parse(text); !errors.Is(err, sparse.ErrName) {
			t.Errorf("parsing %q: found %v, %v, want ErrName", text, got, err)
		}
	}
}
