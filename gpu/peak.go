package gpu

import (
	"strings"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// peaks has, by the name that NVIDIA's driver gives a GPU, the TFLOP/s of its data sheet
// (on nvidia.com; of GeForce cards the white papers on GA102 and Ada): float32 outside the
// matrix units, as the products in float32 are computed, and bfloat16 with float32 sums in
// the matrix units, without structured sparsity.
var peaks = map[string]struct{ f32, bf16 float64 }{
	"NVIDIA A10":              {31.2, 125},
	"NVIDIA A30":              {10.3, 165},
	"NVIDIA A40":              {37.4, 149.7},
	"NVIDIA A100-SXM4-40GB":   {19.5, 312},
	"NVIDIA A100-SXM4-80GB":   {19.5, 312},
	"NVIDIA A100-PCIE-40GB":   {19.5, 312},
	"NVIDIA A100 80GB PCIe":   {19.5, 312},
	"NVIDIA L4":               {30.3, 121},
	"NVIDIA L40":              {90.5, 181},
	"NVIDIA L40S":             {91.6, 362},
	"NVIDIA H100 80GB HBM3":   {67, 989},
	"NVIDIA H100 PCIe":        {51, 756},
	"NVIDIA H200":             {67, 989},
	"NVIDIA GeForce RTX 3090": {35.6, 71},
	"NVIDIA GeForce RTX 4090": {82.6, 165.2},
}

// peakFLOPs returns the FLOPs a second of the GPU whose name a driver's description
// begins with; 0: not known, as of a slice of a GPU.
func peakFLOPs(describe string, activation backend.DType) float64 {
	name, _, _ := strings.Cut(describe, ",")
	p := peaks[name]
	if activation == backend.BF16 {
		return p.bf16 * 1e12
	}
	return p.f32 * 1e12
}
