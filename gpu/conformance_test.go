package gpu_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/backendtest"
)

// firstHalf completes the interface for the suite, which is told not to ask for
// what the backend does not have: a call of it would panic.
type firstHalf struct {
	*gpu.Backend
	rest
}

type rest struct{ backend.Backend }

func open(act backend.DType, multiprocessors int) func(t *testing.T) backend.Backend {
	return func(t *testing.T) backend.Backend {
		b, err := gpu.New(simdriver.New(simdriver.Options{Multiprocessors: multiprocessors}), gpu.Options{Activation: act})
		if err != nil {
			t.Fatal(err)
		}
		return firstHalf{Backend: b}
	}
}

func TestConformance(t *testing.T) {
	for _, act := range []backend.DType{backend.F32, backend.BF16} {
		t.Run(act.String(), func(t *testing.T) {
			backendtest.Run(t, open(act, 132), backendtest.Options{Ops: []string{
				"Memory", "DSD", "DDS", "SDD", "Embed", "EmbedGrad", "AddNorm", "AddNormGrad", "DropoutApply", "Gather", "ScatterAdd",
				"Zero", "Tanh", "TanhGrad", "GELUGrad", "CrossEntropy", "SetTopology", "UpdateTopology",
			}})
		})
	}
	// A device with few multiprocessors gets its launches cut differently.
	t.Run("few multiprocessors", func(t *testing.T) {
		backendtest.Run(t, open(backend.BF16, 3), backendtest.Options{Ops: []string{"DSD", "DDS", "SDD"}})
	})
}
