package gpu_test

import (
	"regexp"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/backendtest"
)

// silent loads kernels without their reports of bad integers, the only atomics on
// global memory that they have: the simulator looks for races between blocks
// only where there are none.
type silent struct{ *simdriver.Driver }

var reports = regexp.MustCompile(`(?m)^.*\b(red|atom)\.global\..*$`)

func (s silent) Load(name string, ptx []byte) (gpu.Module, error) {
	return s.Driver.Load(name, reports.ReplaceAll(ptx, nil))
}

// TestRaces: no thread block of attention, the optimizer and the products of three
// weights touches what another one writes. With bfloat16 all kinds of their kernels run.
func TestRaces(t *testing.T) {
	backendtest.Run(t, func(t *testing.T) backend.Backend {
		b, err := gpu.New(silent{simdriver.New(simdriver.Options{BlockRaces: true})}, gpu.Options{Activation: backend.BF16})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}, backendtest.Options{Ops: []string{"SharedInput", "Attention", "AttentionGrad", "ZeroGrad", "GradNorm", "AdamW"}})
}
