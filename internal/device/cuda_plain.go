//go:build !nvidia

package device

import (
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// HasCUDA says whether this is the helper binary, the build for NVIDIA GPUs.
const HasCUDA = false

// openCUDA fails: UseHelper has handed over before, or said why it could not.
func openCUDA(number int) (gpu.Driver, error) {
	return nil, usage.Errorf("found a build without cuda in the place of %s, expected one with the tag nvidia; ci/build-cuda.sh builds both", HelperName)
}

// GPUs returns the number of GPUs that the processes of this machine share, 0 in a build without CUDA.
func GPUs() (int, error) { return 0, nil }
