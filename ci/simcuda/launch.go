//go:build nvidia

package main

/*
#include <stddef.h>
#include <stdint.h>
#include <string.h>
extern void *simcuda_encode(void);
*/
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// unasked is the shared memory, static and dynamic, that a kernel may have unless it asks for more.
const unasked = 48 << 10

// function is a kernel.
type function struct {
	kernel gpu.Function
	most   int // dynamic shared memory that was asked for
}

// Of the options those are read that say where the compiler's complaints go.
//
//export cuModuleLoadDataEx
func cuModuleLoadDataEx(to *unsafe.Pointer, image unsafe.Pointer, n C.uint, options *C.int, values *unsafe.Pointer) C.int {
	return use(func(d *simdriver.Driver) error {
		if bytes.HasPrefix(unsafe.Slice((*byte)(image), 4), []byte("\x7fELF")) {
			return coded(noBinary)
		}
		m, err := d.Load("simcuda", []byte(C.GoString((*C.char)(image))))
		if err != nil {
			var log *byte
			var room int
			for i := range int(n) {
				v := *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(values), 8*i))
				switch *(*C.int)(unsafe.Add(unsafe.Pointer(options), 4*i)) {
				case 5: // CU_JIT_ERROR_LOG_BUFFER
					log = (*byte)(v)
				case 6: // CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES
					room = int(uint32(uintptr(v)))
				}
			}
			if log != nil {
				copy(unsafe.Slice(log, room-1), err.Error())
			}
			return coded(invalidPTX)
		}
		h := handle()
		device.modules[h] = m
		put(to, h)
		return nil
	})
}

//export cuModuleUnload
func cuModuleUnload(h unsafe.Pointer) C.int {
	return use(func(*simdriver.Driver) error {
		if device.modules[uintptr(h)] == 0 {
			return coded(invalidHandle)
		}
		delete(device.modules, uintptr(h))
		return nil
	})
}

//export cuModuleGetFunction
func cuModuleGetFunction(to *unsafe.Pointer, h unsafe.Pointer, name *C.char) C.int {
	return use(func(d *simdriver.Driver) error {
		m, found := device.modules[uintptr(h)]
		if !found {
			return coded(invalidHandle)
		}
		k, err := d.Function(m, C.GoString(name))
		if err != nil {
			return coded(notFound)
		}
		at := handle()
		device.functions[at] = &function{k, unasked - d.StaticShared(k)}
		put(to, at)
		return nil
	})
}

func onFunction(h unsafe.Pointer, f func(d *simdriver.Driver, k *function) error) C.int {
	return use(func(d *simdriver.Driver) error {
		k := device.functions[uintptr(h)]
		if k == nil {
			return coded(invalidHandle)
		}
		return f(d, k)
	})
}

// CU_FUNC_ATTRIBUTE_...
const (
	sharedSizeBytes       = 1
	localSizeBytes        = 3
	numRegs               = 4
	maxDynamicSharedBytes = 8
	preferredCarveout     = 9
)

//export cuFuncGetAttribute
func cuFuncGetAttribute(to *C.int, attribute C.int, h unsafe.Pointer) C.int {
	return onFunction(h, func(d *simdriver.Driver, k *function) error {
		switch attribute {
		case sharedSizeBytes:
			*to = C.int(d.StaticShared(k.kernel))
		case localSizeBytes:
			*to = C.int(d.Attributes(k.kernel).LocalBytes)
		case numRegs:
			*to = 0 // PTX has none
		case maxDynamicSharedBytes:
			*to = C.int(k.most)
		default:
			return coded(invalidValue)
		}
		return nil
	})
}

//export cuFuncSetAttribute
func cuFuncSetAttribute(h unsafe.Pointer, attribute, value C.int) C.int {
	return onFunction(h, func(d *simdriver.Driver, k *function) error {
		switch {
		case attribute == preferredCarveout && value >= -1 && value <= 100:
		case attribute == maxDynamicSharedBytes && value >= 0 && int(value) <= d.Properties().SharedBytes-d.StaticShared(k.kernel):
			k.most = int(value)
		default:
			return coded(invalidValue)
		}
		return nil
	})
}

// Each argument is read where its pointer points, as many bytes as the kernel declares.
//
//export cuLaunchKernel
func cuLaunchKernel(h unsafe.Pointer, gx, gy, gz, bx, by, bz, shared C.uint, on unsafe.Pointer, params, extra *unsafe.Pointer) C.int {
	return onFunction(h, func(d *simdriver.Driver, k *function) error {
		s, found := device.streams[uintptr(on)]
		if !found {
			return coded(invalidHandle)
		}
		if extra != nil || int(shared) > k.most {
			return coded(invalidValue)
		}
		var args [][]byte
		for i, n := range d.ParamSizes(k.kernel) {
			args = append(args, C.GoBytes(*(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(params), 8*i)), C.int(n)))
		}
		device.queued[s] = true
		grid, block := gpu.Dim3{X: int(gx), Y: int(gy), Z: int(gz)}, gpu.Dim3{X: int(bx), Y: int(by), Z: int(bz)}
		return faulty(d.LaunchBytes(s, k.kernel, grid, block, int(shared), args))
	})
}

// faulty makes the context useless after a kernel's fault.
func faulty(err error) error {
	if _, ok := errors.AsType[*ptxsim.Fault](err); !ok {
		return err
	}
	fmt.Fprintln(os.Stderr, "simcuda:", err)
	device.broken = true
	return coded(launchFailed)
}

// What the program encodes alone is taken: boxes of a matrix of bfloat16 in the 128-byte swizzle.
//
//export cuTensorMapEncodeTiled
func cuTensorMapEncodeTiled(to unsafe.Pointer, kind C.int, rank C.uint, address unsafe.Pointer, dims, strides *C.ulonglong, box, steps *C.uint, interleave, swizzle, promotion, fill C.int) C.int {
	const bf16, swizzle128 = 9, 3
	if uintptr(to)%64 != 0 || kind != bf16 || rank != 2 || interleave != 0 || swizzle != swizzle128 || promotion < 0 || fill != 0 {
		return invalidValue
	}
	size, boxes, step := unsafe.Slice(dims, 2), unsafe.Slice(box, 2), unsafe.Slice(steps, 2)
	if boxes[0] != 64 || step[0] != 1 || step[1] != 1 {
		return invalidValue
	}
	return use(func(d *simdriver.Driver) error {
		t, err := d.EncodeTensorMap(gpu.Matrix{
			Address: gpu.Ptr(uintptr(address)), Columns: int(size[0]), Rows: int(size[1]), Pitch: int(*strides) / 2, BoxRows: int(boxes[1]),
		})
		*(*gpu.TensorMap)(to) = t
		return err
	})
}

//export cuGetProcAddress_v2
func cuGetProcAddress_v2(name *C.char, to *unsafe.Pointer, version C.int, flags C.ulonglong, status *C.int) C.int {
	if C.GoString(name) != "cuTensorMapEncodeTiled" {
		*status = 1 // CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND
		return notFound
	}
	*to, *status = C.simcuda_encode(), 0
	return success
}
