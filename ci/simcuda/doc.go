//go:build nvidia

// Simcuda is a libcuda.so.1 whose GPU is the simulator of package simdriver: the program for NVIDIA
// GPUs, with package cudadriver and gorgonia.org/cu in it, runs on it where there is no GPU. What only
// the way through the driver's C interface can get wrong, such as how arguments of kernels are passed,
// shows here; results are the simulator's, bit for bit.
//
// It has the functions of CUDA's driver that the program calls, one GPU, and machine code of none: the
// program has the PTX compiled. Kernels run when they are launched. A fault of a kernel is
// CUDA_ERROR_LAUNCH_FAILED of that call and of all that follow, and standard error has the simulator's
// words. Environment: SIMCUDA_MAJOR, the major compute capability (default 9); SIMCUDA_MEMORY, the GPU's
// bytes (default 4 GiB).
//
// Script ci/sim-cuda.sh builds it. Two Go runtimes in one process are not supported by Go; on Linux they work.
package main

func main() {}
