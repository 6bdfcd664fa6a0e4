package sparse_test

import (
	"encoding"
	"errors"
	"fmt"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func TestNames(t *testing.T) {
	checkNames(t, map[string]sparse.Norm{"l1": sparse.L1, "l2": sparse.L2, "linf": sparse.LInf})
	checkNames(t, map[string]sparse.Growth{
		"random": sparse.GrowRandom, "gradient": sparse.GrowGradient, "fan-in": sparse.GrowFanIn})
	checkNames(t, map[string]sparse.Schedule{
		"cosine": sparse.Cosine, "constant": sparse.Constant, "linear": sparse.Linear})
	checkNames(t, map[string]sparse.Distribution{"uniform": sparse.Uniform, "erk": sparse.ERK})
	checkNames(t, map[string]sparse.Choice{
		"fixed": sparse.ChooseFixed, "random": sparse.ChooseRandom, "magnitude": sparse.ChooseMagnitude})

	var norm sparse.Norm
	err := norm.UnmarshalText([]byte("l3"))
	if want := `unknown name: norm: found "l3", expected one of l1, l2, linf`; err == nil || err.Error() != want {
		t.Errorf("found error %v, want %q", err, want)
	}
	if got, want := sparse.Growth(9).String(), "unknown growth 9"; got != want {
		t.Errorf("found %q, want %q", got, want)
	}
}

// enumeration is a pointer to a constant of E.
type enumeration[E any] interface {
	*E
	encoding.TextUnmarshaler
}

func checkNames[E interface {
	comparable
	fmt.Stringer
	encoding.TextMarshaler
}, P enumeration[E]](t *testing.T, names map[string]E) {
	t.Helper()
	for text, want := range names {
		var got E
		if err := P(&got).UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("reading %q: found %v, %v", text, got, err)
		}
		if written, err := want.MarshalText(); err != nil || string(written) != text || want.String() != text {
			t.Errorf("found the name %q (%v) and %q, want %q", written, err, want.String(), text)
		}
	}
	for _, text := range []string{"", "L1", " random", "Cosine", "uniform "} {
		var got E
		if err := P(&got).UnmarshalText([]byte(text)); !errors.Is(err, sparse.ErrName) {
			t.Errorf("reading %q: found %v, %v, want ErrName", text, got, err)
		}
	}
}
