//go:build !nvidia

package main

import "github.com/sparsebert/sparsebert-gpu/gpu"

// hasCUDA says whether this is the build for NVIDIA GPUs, the twin.
const hasCUDA = false

// openCUDA fails: useTwin has handed over before, or said why it could not.
func openCUDA() (gpu.Driver, error) {
	return nil, usageError("found a build without cuda in the place of %s, expected one with the tag nvidia; ci/build-cuda.sh builds both", twinName)
}
