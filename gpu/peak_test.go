package gpu

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// A peak is that of the very GPU: names that begin alike are others.
func TestPeakOfTheVeryGPU(t *testing.T) {
	for describe, want := range map[string][2]float64{ // float32, bfloat16; multiprocessors x FLOPs of a clock x boost clock
		"NVIDIA H200, compute capability 9.0, driver for CUDA 12.8":                  {132 * 256 * 1.98e9, 132 * 4096 * 1.83e9},
		"NVIDIA A100-SXM4-80GB, compute capability 8.0, driver for CUDA 12.4":        {108 * 128 * 1.41e9, 108 * 2048 * 1.41e9},
		"NVIDIA L4, compute capability 8.9, driver for CUDA 12.4":                    {58 * 256 * 2.04e9, 58 * 1024 * 2.04e9},
		"NVIDIA H100 80GB HBM3 MIG 1g.10gb, compute capability 9.0, driver for CUDA": {},
		"NVIDIA GeForce RTX 3090 Ti, compute capability 8.6, driver for CUDA 12.4":   {},
		"a simulator": {},
	} {
		for i, act := range []backend.DType{backend.F32, backend.BF16} {
			if got := peakFLOPs(describe, act); !(got >= 0.98*want[i] && got <= 1.02*want[i]) {
				t.Errorf("%s in %v: found %.4g, expected %.4g", describe, act, got, want[i])
			}
		}
	}
}
