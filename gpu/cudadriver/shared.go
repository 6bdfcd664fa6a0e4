//go:build nvidia

package cudadriver

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

var _ gpu.Shared = (*Driver)(nil)

// UUID is that of the GPU.
func (d *Driver) UUID() [16]byte { return d.uuid }

// Enter makes the GPU's primary context that of the calling thread, and keeps it after Close.
func (d *Driver) Enter() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return wrap("enter", "", errClosed)
	}
	if err := d.ctx.keep(); err != nil {
		return wrap("enter", "", err)
	}
	return nil
}

// Address is p itself.
func (d *Driver) Address(p gpu.Ptr, n int64, write bool) (uintptr, error) {
	err := d.call("share memory", "", false, func() error { return d.memory.check(p, n) })
	return uintptr(p), err
}

// StreamHandle is the CUstream.
func (d *Driver) StreamHandle(s gpu.Stream) (h uintptr, err error) {
	err = d.call("share stream", "", false, func() error {
		st, err := d.stream(s)
		if err == nil {
			h = uintptr(unsafe.Pointer(handle(st)))
		}
		return err
	})
	return h, err
}

// notReady is CUDA_ERROR_NOT_READY.
const notReady Result = 600

// Passed asks for the event.
func (d *Driver) Passed(e gpu.Event) (passed bool, err error) {
	err = d.call("ask for event", "", true, func() error {
		ev, err := d.event(e)
		if err != nil {
			return err
		}
		if !d.recorded[e] {
			return fmt.Errorf("event %d was never recorded", e)
		}
		err = own(ev.Query())
		if errors.Is(err, notReady) {
			return nil
		}
		passed = err == nil
		return err
	})
	return passed, err
}
