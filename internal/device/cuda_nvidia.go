//go:build nvidia

package device

import (
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/cudadriver"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// HasCUDA says whether this is the helper binary, the build for NVIDIA GPUs.
const HasCUDA = true

// openCUDA opens the GPU of a number among those that CUDA_VISIBLE_DEVICES leaves.
func openCUDA(number int) (gpu.Driver, error) {
	d, err := cudadriver.New(cudadriver.Options{Device: number})
	if err != nil {
		return nil, usage.Mark(err)
	}
	return d, nil
}

// GPUs returns the number of GPUs that the processes of this machine share, 0 in a build without CUDA.
func GPUs() (int, error) {
	n, err := cudadriver.Count()
	return n, usage.Mark(err)
}
