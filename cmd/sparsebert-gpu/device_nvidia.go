//go:build nvidia

package main

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/cudadriver"
	_ "github.com/sparsebert/sparsebert-gpu/internal/nvidia" // says so where there is no GPU, before gorgonia.org/cu does
)

// hasCUDA says whether this is the build for NVIDIA GPUs, the twin.
const hasCUDA = true

// openCUDA opens the first GPU that CUDA_VISIBLE_DEVICES leaves.
func openCUDA() (gpu.Driver, error) {
	d, err := cudadriver.New(cudadriver.Options{})
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	return d, nil
}
