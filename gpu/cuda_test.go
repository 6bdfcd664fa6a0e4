//go:build nvidia

package gpu_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/cudadriver"
	"github.com/sparsebert/sparsebert-gpu/internal/backendtest"
)

// TestCUDA runs the conformance suite on the GPU. Where there is none, the test
// binary does not start (see package cudadriver).
func TestCUDA(t *testing.T) { conformanceCUDA(t, backendtest.Options{}) }

// TestCUDASample runs one check in eight of every operation, for the tools of
// compute-sanitizer, which slow a kernel down a hundredfold.
func TestCUDASample(t *testing.T) { conformanceCUDA(t, backendtest.Options{OneIn: 8}) }

func conformanceCUDA(t *testing.T, o backendtest.Options) {
	for _, act := range []backend.DType{backend.F32, backend.BF16} {
		t.Run(act.String(), func(t *testing.T) {
			backendtest.Run(t, func(t *testing.T) backend.Backend {
				d, err := cudadriver.New(cudadriver.Options{})
				if err != nil {
					t.Fatal(err)
				}
				b, err := gpu.New(d, gpu.Options{Activation: act})
				if err != nil {
					t.Fatal(err)
				}
				return b
			}, o)
		})
	}
}
