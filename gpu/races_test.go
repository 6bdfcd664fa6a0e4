package gpu_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/backendtest"
)

// TestRaces: no thread of attention, the optimizer and the products of three weights
// touches what another one writes, without something that orders them. With bfloat16 all
// kinds of their kernels run.
func TestRaces(t *testing.T) {
	backendtest.Run(t, func(t *testing.T) backend.Backend {
		b, err := gpu.New(simdriver.New(simdriver.Options{BlockRaces: true}), gpu.Options{Activation: backend.BF16})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}, backendtest.Options{Ops: []string{"SharedInput", "Attention", "AttentionGrad", "ZeroGrad", "GradNorm", "AdamW"}})
}
