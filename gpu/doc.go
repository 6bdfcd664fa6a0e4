// Package gpu is the backend for NVIDIA GPUs, behind package backend:
// device memory, launches of the kernels of package kernels, and the manager of
// topologies, which live on the device.
//
// It speaks to the GPU through a [Driver], of which there are two: NVIDIA's
// (package cudadriver) and a simulator that runs the same kernels on the CPU
// (package simdriver).
//
// # Which kernel runs
//
// Operations pick a kernel by dtype, block size and shape (backend.Profile
// names it). With bfloat16 activations and blocks of 16 or more the products run
// on tensor cores and read working copies of the weights in bfloat16, in the
// order of the matrix instruction's fragments, which Refresh makes; everything
// else reads the float32 masters.
package gpu
