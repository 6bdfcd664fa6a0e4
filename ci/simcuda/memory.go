//go:build nvidia

package main

/*
#include <stddef.h>
*/
import "C"

import (
	"errors"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
)

//export cuMemAlloc_v2
func cuMemAlloc_v2(p *C.ulonglong, n C.size_t) C.int {
	return use(func(d *simdriver.Driver) error {
		if free, _, err := d.Memory(); err != nil || uint64(n) > uint64(free) {
			return coded(outOfMemory)
		}
		a, err := d.Alloc(int64(n), "simcuda")
		*p = C.ulonglong(a)
		return err
	})
}

// CUDA's documentation says that cuMemFree may wait for the work that is queued, not that it does.
//
//export cuMemFree_v2
func cuMemFree_v2(p C.ulonglong) C.int {
	return use(func(d *simdriver.Driver) error {
		if len(device.queued) > 0 {
			return errors.New("cuMemFree: found work that was queued and not waited for, expected none: it may use the memory")
		}
		return d.Free(gpu.Ptr(p))
	})
}

//export cuMemGetInfo_v2
func cuMemGetInfo_v2(free, total *C.size_t) C.int {
	return use(func(d *simdriver.Driver) error {
		f, t, err := d.Memory()
		*free, *total = C.size_t(f), C.size_t(t)
		return err
	})
}

// The memory is Go's, which does not move, and the driver keeps it.
//
//export cuMemAllocHost_v2
func cuMemAllocHost_v2(p *unsafe.Pointer, n C.size_t) C.int {
	return use(func(d *simdriver.Driver) error {
		b, err := d.AllocPinned(int(n))
		if err != nil {
			return err
		}
		at := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
		device.pinned[at] = b
		put(p, at)
		return nil
	})
}

//export cuMemFreeHost
func cuMemFreeHost(p unsafe.Pointer) C.int {
	return use(func(d *simdriver.Driver) error {
		b, found := device.pinned[uintptr(p)]
		if !found {
			return coded(invalidValue)
		}
		delete(device.pinned, uintptr(p))
		return d.FreePinned(b)
	})
}

//export cuMemcpyHtoDAsync_v2
func cuMemcpyHtoDAsync_v2(dst C.ulonglong, src unsafe.Pointer, n C.size_t, s unsafe.Pointer) C.int {
	return queue(s, func(d *simdriver.Driver, s gpu.Stream) error {
		return d.CopyIn(s, gpu.Ptr(dst), unsafe.Slice((*byte)(src), n))
	})
}

//export cuMemcpyDtoHAsync_v2
func cuMemcpyDtoHAsync_v2(dst unsafe.Pointer, src C.ulonglong, n C.size_t, s unsafe.Pointer) C.int {
	return queue(s, func(d *simdriver.Driver, s gpu.Stream) error {
		return d.CopyOut(s, unsafe.Slice((*byte)(dst), n), gpu.Ptr(src))
	})
}

//export cuMemcpyDtoDAsync_v2
func cuMemcpyDtoDAsync_v2(dst, src C.ulonglong, n C.size_t, s unsafe.Pointer) C.int {
	return queue(s, func(d *simdriver.Driver, s gpu.Stream) error {
		return d.Copy(s, gpu.Ptr(dst), gpu.Ptr(src), int64(n))
	})
}

//export cuMemsetD8Async
func cuMemsetD8Async(dst C.ulonglong, v C.uchar, n C.size_t, s unsafe.Pointer) C.int {
	return queue(s, func(d *simdriver.Driver, s gpu.Stream) error {
		return d.Memset(s, gpu.Ptr(dst), byte(v), int64(n))
	})
}
