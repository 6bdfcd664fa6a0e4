//go:build !nvidia

package main

import "github.com/sparsebert/sparsebert-gpu/gpu"

// hasCUDA says whether this is the build for NVIDIA GPUs, the twin.
const hasCUDA = false

// openCUDA fails: useTwin has handed over before, or said why it could not.
func openCUDA() (gpu.Driver, error) {
	return nil, usageError("device: found cuda in a build without it, expected one with the tag nvidia")
}
