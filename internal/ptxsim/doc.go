// Package ptxsim executes NVIDIA PTX text on the CPU and checks more than a GPU
// does. It is for tests, and for machines without a GPU.
//
//	m, err := ptxsim.Parse("axpy.ptx", text)
//	d := ptxsim.NewDevice(ptxsim.Options{})
//	x, err := d.Alloc(4*n, "x")
//	err = d.CopyIn(x, bytes)
//	counters, err := d.Launch(ctx, m.Kernel("axpy"), ptxsim.Dim3{X: grid}, ptxsim.Dim3{X: 128}, 0, ptxsim.Addr(x), ptxsim.U32(n))
//
// # What is executed
//
// The part of PTX 8.4 for sm_80 that nvcc and Triton make of kernels without
// textures: integer arithmetic, also of extended precision, arithmetic and
// conversions of float64, float32, f16 and bf16; control flow, brx.idx and calls of
// .func without recursion; loads, stores and atomics of integers and floats;
// barriers, shuffles, votes, match, redux; cp.async, ldmatrix, and mma.sync of bf16,
// f16 and tf32. Of sm_90: mbarrier, cp.async.bulk, also of boxes of a tensor
// by a tensor map of the simulator's own encoding (TensorMap, tensormap.replace), wgmma of bf16,
// f16 and tf32 with float32 accumulators, stmatrix, elect.sync, and clusters of a size that
// the kernel gives: shared memory of their other blocks (mapa), barrier.cluster, remote
// arrivals and multicast. Cache hints have no effect.
// Left out on purpose and refused by name are fp8, integer and float64 matrix
// products, wmma, video instructions, indirect calls, recursion and printf. Anything
// else is an error of Parse, and so is what the .target does not have (target.go).
//
// # Execution
//
// A warp is 32 threads, each with a program counter of its own. Of the lanes
// that can go on, those with the smallest counter do, together: paths meet again
// where they join in the text, which makes any control flow right and that of
// nvcc fast. A warp-wide instruction waits until all lanes that its membermask
// names stand at it. The warps of a block take turns, and so do the lanes of a
// warp that spin for each other and the blocks of a kernel that may communicate
// (ordered.go); Options.MaxInstructions and the context end what spins for ever.
// Registers that never hold something at the same time share a place
// (allocate.go); one that is read before it is written is 0, and undefined.
//
// # What is checked
//
// Every access to memory: bounds, alignment, use after Free, and writes to constant
// memory. Undefined values, of bytes that nothing wrote and of registers and predicates that a
// thread has not written, where they decide an address, a branch, whether memory is written, the
// operand of an atomic or a barrier, or an output (undefined.go). Allocations lie 1 TiB apart;
// shared variables have gaps between them, and each local variable has addresses far from
// those of the others. In shared memory a race is an error: two threads touch a byte, one of
// them writes something else than is there, they are not both atomic, relaxed, acquire or
// release, and no barrier orders them: one at which both their warps were, or a bar.warp.sync
// for two threads of a warp. Volatile accesses of shared memory count as plain ones. The
// target of a cp.async is out of reach from its issue to its thread's wait, and for other
// threads to the barrier after that; its source must stay as it is until the wait. That of a bulk copy is
// out of reach until a warp has seen the mbarrier's phase end, which orders the arrivals before that warp alone
// (phases.go). What wgmma and bulk copies read of shared memory must have a fence.proxy.async behind the
// write, and stay until the wait for their group, as registers of wgmma must (products.go, bulkstores.go).
// The same holds for shared memory of other blocks of the cluster, where barrier.cluster and
// mbarriers order, and release and acquire; a block must be known to have begun before another touches its shared
// memory, and must know of the last access before it ends. A
// barrier that some thread of the block that has not exited does not reach, an exited or
// missing lane in a membermask, and a matrix instruction in an incomplete warp are errors.
// Options.BlockRaces also finds races in global memory, within a block and between blocks, at
// the price of speed: accesses are in order by barriers, and by acquire and release in their
// scope, fences included (order.go, acquire.go). Volatile accesses count as relaxed ones
// there, and an atomic as an acquire.
//
// Two modes change what PTX leaves open, by a seed: Options.Seed the order of blocks, warps
// and their turns, Options.Perturb the errors of the .approx functions of float32 and the
// order of the sums of mma. A kernel whose results differ by more than its tolerance depends
// on it.
//
// # Arithmetic
//
// The clocks count the instructions of the thread's warp. Rounding, .ftz, .sat, shifts beyond the width and NaN are as the PTX manual
// says; a NaN result is 0x7FFFFFFF in float32 and 0x7FF8000000000000 in float64.
// The .approx functions are float64 functions rounded once, so nearer to the
// truth than hardware; div.approx of divisors above 2^126 does not underflow to
// 0 here. mma adds in float32 in ascending k (see buildMma). Integer division
// by 0 gives all ones, a remainder by 0 the dividend.
//
// # Time
//
// With Options.Latencies a launch also tells how many cycles each thread block takes when it is
// alone, and which units its instructions occupy (Timing). Results and counters stay the same.
package ptxsim

//go:generate go run ./gen -dir .
