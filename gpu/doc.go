// Package gpu is the device for NVIDIA GPUs: device memory, launches of the kernels of
// package kernels, and topologies, which live and move on the device.
//
// # Opening one
//
// A [Backend] speaks to the GPU through a [Driver]. There are two: NVIDIA's (package
// cudadriver, build tag nvidia) and a simulator that runs the same kernels on the CPU
// (package simdriver), for tests and for machines without a GPU.
//
//	dev, err := gpu.New(simdriver.New(simdriver.Options{}), gpu.Options{Activation: backend.BF16})
//	if err != nil {
//		return err
//	}
//	defer dev.Close()
//
// With [Options] activations are float32 or bfloat16. Sums, weights, gradients and
// moments are float32 in both.
//
// # Operations
//
// A [Backend] implements backend.Backend, so a model runs on it, and its operations can
// be called by themselves. Package backend checks their arguments. They return before the
// device is done. The first error stays: Sync and the calls that read wait and return it.
//
//	w := dev.NewParam(backend.ParamSpec{Name: "w", Out: 768, In: 768, Topology: topo})
//	x, y := dev.Alloc("x", backend.BF16, tokens*768), dev.Alloc("y", backend.BF16, tokens*768)
//	dev.WriteFloats(w.Values(), 0, values)
//	dev.Refresh([]backend.Param{w}) // working copies follow the values
//	dev.DSD(y, nil, x, w, nil, tokens)
//	return dev.Sync()
//
//	host                       stream                      device memory
//	checks, then a plan     -> launch, launch, copy, ... -> kernels read and write
//	staging (pinned memory) -> copy to the device        -> scalars, batches, lists
//	Sync, ReadFloats        <- wait                      <- status words, results
//
// # Which kernel runs
//
// Package internal/launch decides for every product, from the device, the dtype and the
// weight's shape; backend.Profile names the result. In bfloat16 the products run on
// tensor cores, where they can, and read working copies of the float32 values. AdamW and
// UpdateTopology keep the copies up to date; Refresh makes them after values were written.
//
//	values [nnzb][B][B], float32, the master
//	  |-- B = 16, 32, 64   forward, backward: W and W^T in the order of the matrix
//	  |                    instruction's fragments
//	  |-- B = 4, 8         a copy for each view, four blocks a step
//	  '-- B = 1, dense     rows [O][pitch], with zeros at inactive positions
//
// In float32 the kernels read the values themselves.
//
// # Topologies
//
// UpdateTopology prunes and regrows on the device, for all weights in four launches. It
// gives the bits of sparse.Topology.Update. The host learns of statistics and errors
// when it next waits.
//
// # Recorded sequences
//
// Record runs a named sequence of operations call by call once, captures it as a CUDA
// graph the second time, and launches that graph from then on. Launches depend on shapes
// alone, so the graph stays right when the topology or the numbers of the step change.
package gpu
