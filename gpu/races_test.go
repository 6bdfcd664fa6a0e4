package gpu_test

import (
	"fmt"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/backendtest"
)

// TestRaces: no thread of attention, the optimizer and the products of three weights
// touches what another one writes, without something that orders them. With bfloat16 all
// kinds of their kernels run. Of the other operations it is a sample.
func TestRaces(t *testing.T) {
	open := func(act backend.DType) func(t *testing.T) backend.Backend {
		return func(t *testing.T) backend.Backend {
			b, err := gpu.New(simdriver.New(simdriver.Options{BlockRaces: true}), gpu.Options{Activation: act})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	}
	backendtest.Run(t, open(backend.BF16), backendtest.Options{Ops: []string{"SharedInput", "Attention", "AttentionGrad", "ZeroGrad", "GradNorm", "AdamW"}})
	t.Run("all operations", func(t *testing.T) { backendtest.Run(t, open(backend.BF16), backendtest.Options{OneIn: 60}) })
	t.Run("all operations in float32", func(t *testing.T) { backendtest.Run(t, open(backend.F32), backendtest.Options{OneIn: 60}) })
}

// TestOrder: no bit of a result depends on the order in which blocks and warps have their turns.
func TestOrder(t *testing.T) {
	open := func(seed uint64) func(t *testing.T) backend.Backend {
		return func(t *testing.T) backend.Backend {
			b, err := gpu.New(simdriver.New(simdriver.Options{Seed: seed}), gpu.Options{Activation: backend.BF16})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	}
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed+1), func(t *testing.T) {
			backendtest.Run(t, open(0), backendtest.Options{Other: open(seed + 1), OneIn: 40})
		})
	}
}
