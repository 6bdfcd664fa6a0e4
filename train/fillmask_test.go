package train

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// Scores that are not finite name no token: they are an error, not a list of NaN.
func TestLikeliestIsFinite(t *testing.T) {
	v, err := corpus.NewVocab([]string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"})
	if err != nil {
		t.Fatal(err)
	}
	f := &Filler{vocab: v}
	got, err := f.likeliest([]float64{0, 0, 0, 0, 0, math.Log(5)}, 1)
	if err != nil || len(got) != 1 || got[0].Token != "a" || math.Abs(got[0].Probability-0.5) > 1e-12 {
		t.Errorf("found %v and error %v, expected a with probability 0.5", got, err)
	}
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		got, err := f.likeliest([]float64{0, 1, 2, x, 3, 4}, 2)
		if !errors.Is(err, model.ErrNotFinite) || !strings.Contains(err.Error(), "logit of token 3") {
			t.Errorf("%v: found %v and error %v, expected ErrNotFinite that names token 3", x, got, err)
		}
	}
}
