package gpu_test

import (
	"os"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/backendtest"
)

// whole is set where tests that make a selection of many similar cases are to make all of them.
const whole = "TEST_WHOLE"

// repeated is how many checks there are for each one that the simulator runs twice: its order
// of blocks and warps is the same each time, and TestOrder compares other orders.
func repeated() int {
	if os.Getenv(whole) != "" {
		return 0
	}
	return 8
}

// simulator is a simulated GPU for the conformance suite.
func simulator(name string, o simdriver.Options, act backend.DType, ops ...string) backendtest.Device {
	open := func(t *testing.T) backend.Backend {
		b, err := gpu.New(simulated(t, o), gpu.Options{Activation: act})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return backendtest.Device{Name: name, Open: open, Options: backendtest.Options{Ops: ops, RepeatOneIn: repeated()}}
}

func TestConformance(t *testing.T) {
	t.Run("float32", func(t *testing.T) {
		backendtest.RunAll(t, simulator("", simdriver.Options{}, backend.F32))
	})
	t.Run("bfloat16", func(t *testing.T) {
		older := simulator("compute capability 8.0", simdriver.Options{Major: 8}, backend.BF16, "DSD", "DDS", "SDD", "Rows")
		older.OneIn = 2 // only dense products run on other kernels
		// Sums of matrix products that cut bits off, in groups of 4 without extra bits, and approximations
		// that are off by what PTX allows.
		perturbed := simulator("perturbed", simdriver.Options{Perturb: 9}, backend.BF16)
		perturbed.OneIn = 24
		backendtest.RunAll(t,
			simulator("132 multiprocessors", simdriver.Options{}, backend.BF16),
			// Compute capabilities 8.6, 8.9 and 12.0 have 99 KiB of shared memory for a thread block.
			simulator("little shared memory", simdriver.Options{SharedBytes: 99 << 10, SharedPerSM: 100 << 10}, backend.BF16, "Attention", "AttentionGrad", "Kept"),
			// A device with few multiprocessors gets its launches cut differently.
			simulator("few multiprocessors", simdriver.Options{Multiprocessors: 3}, backend.BF16, "DSD", "DDS", "SDD", "SharedInput"),
			// One with the shared memory of compute capability 8.6 gets fewer stages and shorter rings.
			simulator("46 multiprocessors, little shared memory", simdriver.Options{Multiprocessors: 46, SharedBytes: 99 << 10, SharedPerSM: 100 << 10}, backend.BF16, "DSD", "DDS", "SharedInput"),
			older, perturbed)
	})
	if n := repeated(); n > 0 {
		t.Run("second runs", func(t *testing.T) {
			t.Skipf("one check in %d is made twice; with %s=1, as in the nightly workflow, each is", n, whole)
		})
	}
}
