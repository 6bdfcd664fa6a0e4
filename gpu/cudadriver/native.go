//go:build nvidia

package cudadriver

/*
#cgo LDFLAGS: -lcuda
#include <cuda.h>
#include <stdint.h>
#include <stdlib.h>

// sb_load compiles PTX, which ends with a zero byte, or takes a cubin; log gets what the
// compiler complains of.
static CUresult sb_load(CUmodule *module, const void *image, char *log, unsigned int size) {
  CUjit_option option[2] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *value[2] = {log, (void *)(uintptr_t)size};
  return cuModuleLoadDataEx(module, image, 2, option, value);
}

// sb_copy_in and sb_copy_out wait for the copy unless the host memory is pinned,
// so that C holds no pointer to Go's memory once they have returned.
static CUresult sb_copy_in(CUdeviceptr dst, const void *src, size_t n, CUstream stream, int wait) {
  CUresult err = cuMemcpyHtoDAsync(dst, src, n, stream);
  CUresult late = wait ? cuStreamSynchronize(stream) : CUDA_SUCCESS;
  return err != CUDA_SUCCESS ? err : late;
}

static CUresult sb_copy_out(void *dst, CUdeviceptr src, size_t n, CUstream stream, int wait) {
  CUresult err = cuMemcpyDtoHAsync(dst, src, n, stream);
  CUresult late = wait ? cuStreamSynchronize(stream) : CUDA_SUCCESS;
  return err != CUDA_SUCCESS ? err : late;
}

// sb_enter makes the primary context of a device that of the calling thread. It is the one that other
// libraries use, NCCL among them.
static CUresult sb_enter(CUcontext *ctx, CUdevice device) {
  CUresult err = cuDevicePrimaryCtxRetain(ctx, device);
  return err != CUDA_SUCCESS ? err : cuCtxSetCurrent(*ctx);
}

enum { sb_max_params = 64 };

// sb_launch launches a kernel whose n arguments begin at the words first[0], first[1] and so on. sizes
// are those of grid and block. Package cu's own launch takes the first eight bytes of each argument
// alone; a tensor map has 128.
static CUresult sb_launch(CUfunction f, const unsigned int *sizes, unsigned int shared, CUstream stream, uint64_t *words, const int *first, int n) {
  void *params[sb_max_params];
  for (int i = 0; i < n; i++) params[i] = words + first[i];
  return cuLaunchKernel(f, sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], shared, stream, params, NULL);
}

// sb_begin_capture is relaxed: which calls may come during a capture is checked
// in Go, and the driver may have to load a kernel late.
static CUresult sb_begin_capture(CUstream stream) {
  return cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED);
}

// sb_end_capture makes the captured work executable, or drops it if keep is 0.
static CUresult sb_end_capture(CUstream stream, CUgraphExec *exec, int keep) {
  CUgraph graph = NULL;
  CUresult err = cuStreamEndCapture(stream, &graph);
  if (err == CUDA_SUCCESS && keep) err = cuGraphInstantiateWithFlags(exec, graph, 0);
  if (graph != NULL) {
    CUresult late = cuGraphDestroy(graph);
    if (err == CUDA_SUCCESS && late != CUDA_SUCCESS) {
      if (keep) cuGraphExecDestroy(*exec);
      err = late;
    }
  }
  return err;
}
*/
import "C"

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"gorgonia.org/cu"
)

// Result is a CUresult as an error.
type Result int

// Error returns CUDA's name and description of the result.
func (r Result) Error() string {
	var name, text *C.char
	if C.cuGetErrorName(C.CUresult(r), &name) != C.CUDA_SUCCESS || C.cuGetErrorString(C.CUresult(r), &text) != C.CUDA_SUCCESS {
		return fmt.Sprintf("CUDA error %d, unknown to the driver", int(r))
	}
	return C.GoString(name) + ": " + C.GoString(text)
}

func result(r C.CUresult) error {
	if r == C.CUDA_SUCCESS {
		return nil
	}
	return Result(r)
}

// own turns an error of package cu, whose type is an integer without a name
// outside of it, into a Result.
func own(err error) error {
	if err == nil {
		return nil
	}
	if v := reflect.ValueOf(err); v.CanInt() {
		return Result(v.Int())
	}
	return err
}

// Handles of package cu are structs of one C handle, not accessible from
// outside; version v0.9.6, which go.mod names, has them so. These lines do not
// compile if a size differs.
var (
	_ [unsafe.Sizeof(cu.Module{})]struct{}   = [unsafe.Sizeof(C.CUmodule(nil))]struct{}{}
	_ [unsafe.Sizeof(cu.Function{})]struct{} = [unsafe.Sizeof(C.CUfunction(nil))]struct{}{}
	_ [unsafe.Sizeof(cu.Stream{})]struct{}   = [unsafe.Sizeof(C.CUstream(nil))]struct{}{}
)

// context is the primary context of a GPU, which this process holds while a driver is open.
type context struct {
	device cu.Device
	ctx    C.CUcontext
}

// retain holds the primary context and makes it that of the calling thread.
func (c *context) retain(dev cu.Device) error {
	c.device = dev
	return result(C.sb_enter(&c.ctx, C.CUdevice(dev)))
}

// keep is retain once more, for as long as the process lives.
func (c *context) keep() error { return result(C.sb_enter(&c.ctx, C.CUdevice(c.device))) }

func (c *context) release() error { return own(c.device.ReleasePrimaryCtx()) }

func handle(s cu.Stream) C.CUstream { return *(*C.CUstream)(unsafe.Pointer(&s)) }

// logBytes is the room for a compiler's complaints.
const logBytes = 16 << 10

// loadModule compiles PTX text that ends with its only zero byte, or takes a whole cubin.
// The error holds the compiler's log in one line.
func loadModule(image []byte) (cu.Module, error) {
	own := C.CBytes(image)
	defer C.free(own)
	log := (*C.char)(C.calloc(logBytes, 1)) // cgo's calloc and malloc of a constant size never return nil
	defer C.free(unsafe.Pointer(log))
	var m C.CUmodule
	if err := result(C.sb_load(&m, own, log, logBytes)); err != nil {
		said, _, _ := bytes.Cut(C.GoBytes(unsafe.Pointer(log), logBytes), []byte{0})
		if line := oneLine(string(said)); line != "" {
			err = fmt.Errorf("%w: %s", err, line)
		}
		return cu.Module{}, hinted(err)
	}
	return *(*cu.Module)(unsafe.Pointer(&m)), nil
}

func oneLine(text string) string {
	var parts []string
	for line := range strings.Lines(text) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, "; ")
}

// dynamicShared returns the dynamic shared memory that a function may have
// without asking for more. It also makes the driver load the function, which it
// else does at its first launch, perhaps in a capture.
func dynamicShared(f cu.Function) (int, error) {
	const unasked = 48 << 10 // static and dynamic
	most, err := f.Attribute(cu.FunctionAttribute(C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES))
	if err != nil {
		return 0, own(err)
	}
	static, err := f.Attribute(cu.SharedSizeBytes)
	return min(most, unasked-static), own(err)
}

// attributesOf asks what a function takes of a multiprocessor.
func attributesOf(f cu.Function) (a gpu.Attributes, err error) {
	if a.Registers, err = f.Attribute(cu.NumRegs); err != nil {
		return a, own(err)
	}
	a.LocalBytes, err = f.Attribute(cu.LocalSizeBytes)
	return a, own(err)
}

// allowDynamicShared lets a function have n bytes of dynamic shared memory and prefers the largest part of a
// multiprocessor's memory for it: two thread blocks of 97 KB fit then, which a larger L1 cache would prevent.
func allowDynamicShared(f cu.Function, n int) error {
	fn := *(*C.CUfunction)(unsafe.Pointer(&f))
	if err := result(C.cuFuncSetAttribute(fn, C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(n))); err != nil {
		return err
	}
	return result(C.cuFuncSetAttribute(fn, C.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, C.CU_SHAREDMEM_CARVEOUT_MAX_SHARED))
}

// maxParams is how many parameters a kernel may have.
const maxParams = C.sb_max_params

// launchKernel queues a kernel. first says at which of the words each argument begins.
func launchKernel(f cu.Function, grid, block gpu.Dim3, shared int, s cu.Stream, words []uint64, first []C.int) error {
	sizes := [...]C.uint{
		C.uint(grid.X), C.uint(max(grid.Y, 1)), C.uint(max(grid.Z, 1)), C.uint(block.X), C.uint(max(block.Y, 1)), C.uint(max(block.Z, 1)),
	}
	fn := *(*C.CUfunction)(unsafe.Pointer(&f))
	return result(C.sb_launch(fn, &sizes[0], C.uint(shared), handle(s), (*C.uint64_t)(unsafe.SliceData(words)), unsafe.SliceData(first), C.int(len(first))))
}

// firstWords returns at which word each of the arguments begins that have so many bytes, and how many
// words all of them are.
func firstWords(sizes []int) (first []C.int, words int) {
	for _, n := range sizes {
		first = append(first, C.int(words))
		words += (n + 7) / 8
	}
	return first, words
}

const sharedPerBlockOptin = cu.DeviceAttribute(C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)

func allocPinned(n int) ([]byte, error) {
	var p unsafe.Pointer
	if err := result(C.cuMemAllocHost(&p, C.size_t(n))); err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(p), n), nil
}

func copyIn(dst cu.DevicePtr, src []byte, s cu.Stream, wait bool) error {
	return result(C.sb_copy_in(C.CUdeviceptr(dst), unsafe.Pointer(unsafe.SliceData(src)), C.size_t(len(src)), handle(s), flag(wait)))
}

func copyOut(dst []byte, src cu.DevicePtr, s cu.Stream, wait bool) error {
	return result(C.sb_copy_out(unsafe.Pointer(unsafe.SliceData(dst)), C.CUdeviceptr(src), C.size_t(len(dst)), handle(s), flag(wait)))
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// execGraph is an executable graph.
type execGraph struct{ exec C.CUgraphExec }

func beginCapture(s cu.Stream) error { return result(C.sb_begin_capture(handle(s))) }

// endCapture ends a capture, and drops the graph unless it is to be kept.
func endCapture(s cu.Stream, keep bool) (execGraph, error) {
	var g execGraph
	err := result(C.sb_end_capture(handle(s), &g.exec, flag(keep)))
	return g, err
}

func (g execGraph) launch(s cu.Stream) error { return result(C.cuGraphLaunch(g.exec, handle(s))) }

func (g execGraph) destroy() error { return result(C.cuGraphExecDestroy(g.exec)) }
