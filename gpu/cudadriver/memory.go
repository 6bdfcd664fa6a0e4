//go:build nvidia

package cudadriver

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"gorgonia.org/cu"
)

// region is one allocation.
type region struct {
	start gpu.Ptr
	bytes int64
	label string
}

// ranges are the live allocations in ascending order.
type ranges []region

func (r ranges) search(p gpu.Ptr) (int, bool) {
	return slices.BinarySearchFunc(r, p, func(r region, p gpu.Ptr) int { return cmp.Compare(r.start, p) })
}

// check returns an error unless the n bytes at p lie in one allocation.
func (r ranges) check(p gpu.Ptr, n int64) error {
	if n < 0 {
		return fmt.Errorf("%d bytes, expected at least 0", n)
	}
	i, found := r.search(p)
	if !found {
		i-- // the last that begins before p
	}
	if i < 0 || uint64(p-r[i].start) > uint64(r[i].bytes) {
		return fmt.Errorf("%d bytes at %#x, in no allocation", n, uint64(p))
	}
	if offset := int64(p - r[i].start); n > r[i].bytes-offset {
		return fmt.Errorf("%d bytes at %s+%d, which has %d bytes", n, r[i].label, offset, r[i].bytes)
	}
	return nil
}

// Alloc returns the address of n bytes of undefined content. The error says how
// much memory is free.
func (d *Driver) Alloc(n int64, label string) (p gpu.Ptr, err error) {
	err = d.call("allocate", label, true, func() error {
		if n < 1 {
			return fmt.Errorf("%d bytes, expected at least 1", n)
		}
		a, err := cu.MemAlloc(n)
		if err != nil {
			err = fmt.Errorf("%d bytes: %w", n, own(err))
			if free, total, e := cu.MemInfo(); e == nil {
				err = fmt.Errorf("%w (%d of %d bytes are free)", err, free, total)
			}
			return err
		}
		p = gpu.Ptr(a)
		i, _ := d.memory.search(p)
		d.memory = slices.Insert(d.memory, i, region{p, n, label})
		return nil
	})
	return p, err
}

// Free gives back what Alloc returned, once the work that is queued is done, on all streams: of
// cuMemFree CUDA's documentation says only that it may wait for it.
func (d *Driver) Free(p gpu.Ptr) error {
	return d.call("free", "", true, func() error {
		i, found := d.memory.search(p)
		if !found {
			return fmt.Errorf("%#x: no allocation begins here", uint64(p))
		}
		if err := cu.Synchronize(); err != nil {
			return own(err)
		}
		if err := cu.MemFree(cu.DevicePtr(p)); err != nil {
			return own(err)
		}
		d.memory = slices.Delete(d.memory, i, i+1)
		return nil
	})
}

// Memory returns the free and the total bytes of the GPU, for all processes.
func (d *Driver) Memory() (free, total int64, err error) {
	err = d.call("ask for free memory", "", true, func() error {
		free, total, err = cu.MemInfo()
		return own(err)
	})
	return free, total, err
}

// AllocPinned returns n bytes of page-locked memory, which the garbage collector
// does not know: they live until FreePinned or Close.
func (d *Driver) AllocPinned(n int) (b []byte, err error) {
	err = d.call("allocate pinned memory", "", true, func() error {
		if n < 1 {
			return fmt.Errorf("%d bytes, expected at least 1", n)
		}
		var err error
		if b, err = allocPinned(n); err != nil {
			return fmt.Errorf("%d bytes: %w", n, err)
		}
		d.pinned = append(d.pinned, b)
		return nil
	})
	return b, err
}

// FreePinned gives back what AllocPinned returned. It waits for all work that is
// queued, since copies with it may be.
func (d *Driver) FreePinned(b []byte) error {
	return d.call("free pinned memory", "", true, func() error {
		i := slices.IndexFunc(d.pinned, func(p []byte) bool { return unsafe.SliceData(p) == unsafe.SliceData(b) })
		if i < 0 {
			return errors.New("not pinned memory, or freed before")
		}
		if err := cu.Synchronize(); err != nil {
			return own(err)
		}
		if err := freePinned(d.pinned[i]); err != nil {
			return own(err)
		}
		d.pinned = slices.Delete(d.pinned, i, i+1)
		return nil
	})
}

func freePinned(b []byte) error { return cu.MemFreeHost(unsafe.Pointer(unsafe.SliceData(b))) }

func (d *Driver) isPinned(b []byte) bool {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return slices.ContainsFunc(d.pinned, func(p []byte) bool {
		start := uintptr(unsafe.Pointer(unsafe.SliceData(p)))
		return at >= start && at+uintptr(len(b)) <= start+uintptr(len(p))
	})
}

// CopyIn copies src to the device, and waits for that unless src is pinned.
func (d *Driver) CopyIn(s gpu.Stream, dst gpu.Ptr, src []byte) error {
	return d.call("copy to device", "", true, func() error {
		st, err := d.stream(s)
		if err != nil || len(src) == 0 {
			return err
		}
		if err := d.memory.check(dst, int64(len(src))); err != nil {
			return err
		}
		return copyIn(cu.DevicePtr(dst), src, st, !d.isPinned(src))
	})
}

// CopyOut copies from the device, and waits for that unless dst is pinned.
func (d *Driver) CopyOut(s gpu.Stream, dst []byte, src gpu.Ptr) error {
	return d.call("copy from device", "", true, func() error {
		st, err := d.stream(s)
		if err != nil || len(dst) == 0 {
			return err
		}
		if err := d.memory.check(src, int64(len(dst))); err != nil {
			return err
		}
		return copyOut(dst, cu.DevicePtr(src), st, !d.isPinned(dst))
	})
}

// Copy queues a copy of n bytes within the device, or makes it part of the graph
// if s is captured.
func (d *Driver) Copy(s gpu.Stream, dst, src gpu.Ptr, n int64) error {
	return d.call("copy on device", "", false, func() error {
		st, err := d.stream(s)
		if err != nil {
			return err
		}
		if err := d.memory.check(src, n); err != nil && n != 0 {
			return fmt.Errorf("source: %w", err)
		}
		if err := d.memory.check(dst, n); err != nil && n != 0 {
			return fmt.Errorf("destination: %w", err)
		}
		if n == 0 {
			return nil
		}
		return own(cu.MemcpyDtoDAsync(cu.DevicePtr(dst), cu.DevicePtr(src), n, st))
	})
}

// Memset queues the setting of n bytes to v, or makes it part of the graph if s
// is captured.
func (d *Driver) Memset(s gpu.Stream, dst gpu.Ptr, v byte, n int64) error {
	return d.call("set memory", "", false, func() error {
		st, err := d.stream(s)
		if err != nil || n == 0 {
			return err
		}
		if err := d.memory.check(dst, n); err != nil {
			return err
		}
		return own(cu.MemsetD8Async(cu.DevicePtr(dst), v, n, st))
	})
}
