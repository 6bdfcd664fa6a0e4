// Package cudadriver implements gpu.Driver for NVIDIA's driver, libcuda. Its code
// needs the build tag nvidia, cgo and the headers of a CUDA 12 toolkit; without
// the tag the package holds a reader of PTX signatures and one of ELF files only.
//
// A process that links it and runs where driver or GPU are missing or too old
// exits at once with status 2 and one line (package preflight), since
// gorgonia.org/cu calls cuInit when it is initialized; without libcuda.so.1 the
// loader ends it with status 127.
//
// # Threads and memory
//
// Each driver has a context of its own on an OS thread of its own, through which
// all its calls go. Stream 0 is a stream of the driver, not CUDA's default stream,
// which would wait for all others and cannot be captured. Device memory is plain
// (cuMemAlloc), never managed. Addresses of copies and memsets are compared with
// the allocations before CUDA sees them. A kernel that goes wrong shows in a
// later call, at the latest in Sync; run with CUDA_LAUNCH_BLOCKING=1 in the
// environment to see which. After such an error every call fails until the
// process ends: that is how CUDA works.
//
// While a stream is captured only Launch, Copy, Memset, Follow, EndCapture, Close and the
// calls without an error go through; an error of any call spoils the capture, and
// EndCapture fails. CUDA's own rules are laxer in part and depend on its version.
//
// # What is used of gorgonia.org/cu, and what is not
//
// cu v0.9.6 does devices, memory, memsets, copies within the device, modules'
// functions, streams and events. Done here instead:
//
//   - loading modules: cu.LoadDataEx hides a Go pointer in a uintptr to pass C a
//     log buffer, against cgo's rules, and does not keep the buffer alive;
//   - copies to and from the host: cu returns before an asynchronous copy is
//     done, when C must no longer hold a Go pointer; here copy and wait are one call;
//   - launches: cu.Function.Launch passes 8 bytes of each argument, however long it
//     is, and trusts their number, which is compared here with the kernel's signature;
//   - pinned memory, setting function attributes, capture and graphs of it, names of
//     errors: cu lacks them.
//
// Of no use to us: cu.Ctx keeps its errors in a field that the next call
// overwrites and panics if the context cannot be made; the BatchedContext returns
// errors late.
package cudadriver
