//go:build nvidia

package main

import (
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/cudadriver"
)

// hasCUDA says whether this is the build for NVIDIA GPUs, the twin.
const hasCUDA = true

// openCUDA opens the first GPU that CUDA_VISIBLE_DEVICES leaves.
func openCUDA() (gpu.Driver, error) {
	d, err := cudadriver.New(cudadriver.Options{})
	if err != nil {
		return nil, usageError("%v", err)
	}
	return d, nil
}
