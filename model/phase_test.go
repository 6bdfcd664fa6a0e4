package model_test

import (
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// A step that trains a part costs two whole products and one on the part when the
// rest is frozen, and what a sparse step costs when it is zero. What is executed
// is dense either way.
func TestFLOPsOfPartialTraining(t *testing.T) {
	const s = 8
	c := smallConfig(model.Partial, 4)
	c.Sparsity = 0.75
	w := float64(2 * (4*16*16 + 2*16*32)) // the encoder's weights
	scores := float64(3 * 4 * s * s * 16 * 2)
	for rest, want := range map[model.Rest]float64{
		model.Frozen: 2*s*w*(2+0.25) + scores,
		model.Zero:   3*2*s*w*0.25 + scores,
	} {
		c.Rest = rest
		got, err := model.AskedNonEmbeddingFLOPs(c, s)
		if err != nil || !(math.Abs(got-want) < 1e-6*want) {
			t.Errorf("%s: found %v (%v), expected %v", rest, got, err, want)
		}
		l, err := model.EstimateCost(c, smallOptions, model.Storage{})
		if err != nil {
			t.Fatal(err)
		}
		if l.ExecutedFLOPs != l.DenseExecutedFLOPs || l.MemoryBytes != l.DenseMemoryBytes || l.DenseNonEmbeddingFLOPs != 3*2*s*w+scores {
			t.Errorf("%s: found %v executed, %v dense; %d bytes, %d dense; %v dense by the paper's count", rest, l.ExecutedFLOPs, l.DenseExecutedFLOPs,
				l.MemoryBytes, l.DenseMemoryBytes, l.DenseNonEmbeddingFLOPs)
		}
	}
}

func TestRestNames(t *testing.T) {
	for _, r := range []model.Rest{model.Frozen, model.Zero} {
		var got model.Rest
		if err := got.UnmarshalText([]byte(r.String())); err != nil || got != r {
			t.Errorf("%s: found %v, %v", r, got, err)
		}
	}
	if err := new(model.Rest).UnmarshalText([]byte("gone")); err == nil {
		t.Error("found no error for an unknown name")
	}
	c := smallConfig(model.Partial, 4)
	c.Rest = 7
	if c.Validate() == nil {
		t.Error("found no error for an unknown number")
	}
}
