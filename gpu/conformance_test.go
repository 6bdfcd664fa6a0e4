package gpu_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/backendtest"
)

func open(act backend.DType, multiprocessors int) func(t *testing.T) backend.Backend {
	return func(t *testing.T) backend.Backend {
		b, err := gpu.New(simulated(t, simdriver.Options{Multiprocessors: multiprocessors}), gpu.Options{Activation: act})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func TestConformance(t *testing.T) {
	for _, act := range []backend.DType{backend.F32, backend.BF16} {
		t.Run(act.String(), func(t *testing.T) {
			backendtest.Run(t, open(act, 132), backendtest.Options{})
		})
	}
	// Compute capabilities 8.6, 8.9 and 12.0 have 99 KiB of shared memory for a thread block.
	t.Run("little shared memory", func(t *testing.T) {
		little := func(t *testing.T) backend.Backend {
			b, err := gpu.New(simulated(t, simdriver.Options{SharedBytes: 99 << 10, SharedPerSM: 100 << 10}), gpu.Options{Activation: backend.BF16})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		backendtest.Run(t, little, backendtest.Options{Ops: []string{"Attention", "AttentionGrad", "Kept"}})
	})
	// Sums of matrix products that cut bits off, in groups of 4 without extra bits, and approximations
	// that are off by what PTX allows.
	t.Run("perturbed", func(t *testing.T) {
		perturbed := func(t *testing.T) backend.Backend {
			b, err := gpu.New(simulated(t, simdriver.Options{Perturb: 9}), gpu.Options{Activation: backend.BF16})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		backendtest.Run(t, perturbed, backendtest.Options{Ops: []string{"DSD", "DDS", "SDD", "Attention", "AttentionGrad", "CrossEntropy"}, OneIn: 24})
	})
	// A device with few multiprocessors gets its launches cut differently.
	t.Run("few multiprocessors", func(t *testing.T) {
		backendtest.Run(t, open(backend.BF16, 3), backendtest.Options{Ops: []string{"DSD", "DDS", "SDD", "SharedInput"}})
	})
	// One with the shared memory of compute capability 8.6 gets fewer stages and shorter rings.
	t.Run("little shared memory", func(t *testing.T) {
		little := func(t *testing.T) backend.Backend {
			d := simulated(t, simdriver.Options{Multiprocessors: 46, SharedBytes: 99 << 10, SharedPerSM: 100 << 10})
			b, err := gpu.New(d, gpu.Options{Activation: backend.BF16})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		backendtest.Run(t, little, backendtest.Options{Ops: []string{"DSD", "DDS", "SharedInput"}})
	})
}
