//go:build nvidia

package main

/*
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
typedef const char *text;
extern void simcuda_set_current(void *context);
extern int simcuda_has_current(void);
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
)

// CUDA's results, as cuda.h has them.
const (
	success        = 0
	invalidValue   = 1
	outOfMemory    = 2
	invalidDevice  = 101
	invalidContext = 201
	noBinary       = 209
	invalidPTX     = 218
	invalidHandle  = 400
	notFound       = 500
	launchFailed   = 719
	notSupported   = 801
)

// names are those of the results that this library gives.
var names = map[C.int][2]string{
	success:        {"CUDA_SUCCESS", "no error"},
	invalidValue:   {"CUDA_ERROR_INVALID_VALUE", "invalid argument"},
	outOfMemory:    {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
	invalidDevice:  {"CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
	invalidContext: {"CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
	noBinary:       {"CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
	invalidPTX:     {"CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
	invalidHandle:  {"CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
	notFound:       {"CUDA_ERROR_NOT_FOUND", "named symbol not found"},
	launchFailed:   {"CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
	notSupported:   {"CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
}

// machine is the GPU and its primary context.
type machine struct {
	sync.Mutex
	driver    *simdriver.Driver // nil while nobody holds the context
	holders   int
	broken    bool // by a kernel's fault, for good
	capturing bool // a stream

	streams   map[uintptr]gpu.Stream
	events    map[uintptr]*event
	modules   map[uintptr]gpu.Module
	functions map[uintptr]*function
	graphs    map[uintptr]gpu.Graph // captured, and executable: the same here
	pinned    map[uintptr][]byte
	queued    map[gpu.Stream]bool // streams that were given work since they were last waited for
}

var device machine

// options are those of the simulator.
func options() simdriver.Options {
	number := func(key string) int64 {
		n, err := strconv.ParseInt(os.Getenv(key), 10, 64)
		if os.Getenv(key) != "" && (err != nil || n < 1) {
			fmt.Fprintf(os.Stderr, "simcuda: %s: found %q, expected a number from 1 on\n", key, os.Getenv(key))
			os.Exit(2)
		}
		return n
	}
	return simdriver.Options{Major: int(number("SIMCUDA_MAJOR")), MemoryBytes: number("SIMCUDA_MEMORY")}
}

// idle is a driver that no context has, to be asked about the GPU.
var idle = sync.OnceValue(func() *simdriver.Driver { return simdriver.New(options()) })

// use calls f with the driver of the calling thread's context, and makes a result of its error.
func use(f func(d *simdriver.Driver) error) C.int {
	device.Lock()
	defer device.Unlock()
	switch {
	case device.broken:
		return launchFailed
	case device.driver == nil || C.simcuda_has_current() == 0:
		return invalidContext
	}
	return code(f(device.driver))
}

// code returns the result that stands for an error, whose words go to standard error.
func code(err error) C.int {
	if err == nil {
		return success
	}
	if c, ok := errors.AsType[coded](err); ok {
		return C.int(c)
	}
	fmt.Fprintln(os.Stderr, "simcuda:", err)
	return invalidValue
}

// coded is an error that a result says all of.
type coded C.int

func (c coded) Error() string { return names[C.int(c)][0] }

// handle returns what no other handle is: an address.
func handle() uintptr { return uintptr(C.malloc(1)) }

// put writes a handle to where the caller wants it.
func put(to *unsafe.Pointer, h uintptr) { *(*uintptr)(unsafe.Pointer(to)) = h }

//export cuDriverGetVersion
func cuDriverGetVersion(version *C.int) C.int {
	*version = 12040
	return success
}

//export cuInit
func cuInit(_ C.uint) C.int { return success }

//export cuDeviceGetCount
func cuDeviceGetCount(n *C.int) C.int {
	*n = 1
	return success
}

//export cuDeviceGet
func cuDeviceGet(d *C.int, i C.int) C.int {
	if i != 0 {
		return invalidDevice
	}
	*d = 0
	return success
}

//export cuDeviceGetName
func cuDeviceGetName(to *C.char, n, _ C.int) C.int {
	name := append([]byte("Simulated GPU"), 0)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(to)), n), name)
	return success
}

//export cuDeviceGetUuid
func cuDeviceGetUuid(to unsafe.Pointer, _ C.int) C.int {
	*(*[16]byte)(to) = idle().UUID()
	return success
}

//export cuDeviceComputeCapability
func cuDeviceComputeCapability(major, minor *C.int, _ C.int) C.int {
	p := idle().Properties()
	*major, *minor = C.int(p.Major), C.int(p.Minor)
	return success
}

//export cuDeviceTotalMem_v2
func cuDeviceTotalMem_v2(n *C.size_t, _ C.int) C.int {
	*n = C.size_t(idle().Properties().MemoryBytes)
	return success
}

//export cuDeviceGetAttribute
func cuDeviceGetAttribute(value *C.int, attribute, _ C.int) C.int {
	p := idle().Properties()
	v, found := map[C.int]int{
		16: p.Multiprocessors, // CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
		75: p.Major,           // ..._COMPUTE_CAPABILITY_MAJOR
		76: p.Minor,           // ..._COMPUTE_CAPABILITY_MINOR
		81: p.SharedPerSM,     // ..._MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
		97: p.SharedBytes,     // ..._MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
	}[attribute]
	if !found {
		return invalidValue
	}
	*value = C.int(v)
	return success
}

//export cuDevicePrimaryCtxRetain
func cuDevicePrimaryCtxRetain(ctx *unsafe.Pointer, _ C.int) C.int {
	device.Lock()
	defer device.Unlock()
	if device.holders++; device.holders == 1 {
		device.driver = simdriver.New(options())
		device.streams, device.events, device.modules = map[uintptr]gpu.Stream{0: 0}, map[uintptr]*event{}, map[uintptr]gpu.Module{}
		device.functions, device.graphs, device.pinned = map[uintptr]*function{}, map[uintptr]gpu.Graph{}, map[uintptr][]byte{}
		device.queued = map[gpu.Stream]bool{}
	}
	put(ctx, handle())
	return success
}

//export cuDevicePrimaryCtxRelease_v2
func cuDevicePrimaryCtxRelease_v2(_ C.int) C.int {
	device.Lock()
	defer device.Unlock()
	if device.holders == 0 {
		return invalidContext
	}
	if device.holders--; device.holders > 0 {
		return success
	}
	d := device.driver
	device.driver = nil
	if device.broken {
		return launchFailed
	}
	return code(d.Close())
}

//export cuCtxSetCurrent
func cuCtxSetCurrent(ctx unsafe.Pointer) C.int {
	C.simcuda_set_current(ctx)
	return success
}

//export cuGetErrorName
func cuGetErrorName(result C.int, to *C.text) C.int { return word(result, 0, to) }

//export cuGetErrorString
func cuGetErrorString(result C.int, to *C.text) C.int { return word(result, 1, to) }

var words sync.Map // of [2]C.int to C.text, which stay

func word(result C.int, which int, to *C.text) C.int {
	said, found := names[result]
	if !found {
		*to = nil
		return invalidValue
	}
	key := [2]C.int{result, C.int(which)}
	w, known := words.Load(key)
	if !known {
		w, _ = words.LoadOrStore(key, C.text(C.CString(said[which])))
	}
	*to = w.(C.text)
	return success
}
