package simdriver

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// pending is a copy with pinned memory that the next Sync of its stream finishes,
// or Wait for a later event.
type pending struct {
	host, data []byte // data is what host must hold then (in), or gets (out)
	out        bool
}

// notYet fills the destination of a copy that is not finished.
const notYet = 0xA5

var errChanged = errors.New("the pinned source of a copy was changed before the stream was synchronized")

// finish ends the stream's first n copies, counted from its beginning.
func (st *stream) finish(n int) error {
	n = max(0, n-st.finished)
	list := st.pending[:n]
	st.pending = st.pending[n:]
	st.finished += n
	for _, p := range list {
		if !p.out && !bytes.Equal(p.host, p.data) {
			return fmt.Errorf("%d bytes: %w", len(p.host), errChanged)
		}
	}
	for _, p := range list {
		if p.out {
			copy(p.host, p.data)
		}
	}
	return nil
}

// Alloc returns the address of n bytes, whose content must be written before it
// is read. The error says how much memory is free.
func (d *Driver) Alloc(n int64, label string) (p gpu.Ptr, err error) {
	err = d.call("allocate", label, true, func() error {
		if n < 1 {
			return fmt.Errorf("%d bytes, expected at least 1", n)
		}
		a, err := d.dev.Alloc(int(n), label)
		if err != nil {
			return err
		}
		p = gpu.Ptr(a)
		d.memory[p] = n
		d.used += n
		return nil
	})
	return p, err
}

// Free gives back what Alloc returned; its address is never used again.
func (d *Driver) Free(p gpu.Ptr) error {
	return d.call("free", "", true, func() error {
		if err := d.dev.Free(ptxsim.Ptr(p)); err != nil {
			return err
		}
		d.used -= d.memory[p]
		delete(d.memory, p)
		return nil
	})
}

// Memory returns the free and the total bytes, variables of modules not counted.
func (d *Driver) Memory() (free, total int64, err error) {
	err = d.call("ask for free memory", "", true, func() error {
		free, total = d.opt.MemoryBytes-d.used, d.opt.MemoryBytes
		return nil
	})
	return free, total, err
}

// AllocPinned returns n bytes, copies with which Sync finishes.
func (d *Driver) AllocPinned(n int) (b []byte, err error) {
	err = d.call("allocate pinned memory", "", true, func() error {
		if n < 1 {
			return fmt.Errorf("%d bytes, expected at least 1", n)
		}
		b = make([]byte, n)
		d.pinned[unsafe.SliceData(b)] = n
		return nil
	})
	return b, err
}

// FreePinned gives back what AllocPinned returned. It is an error while a copy
// with it waits for Sync.
func (d *Driver) FreePinned(b []byte) error {
	return d.call("free pinned memory", "", true, func() error {
		start := unsafe.SliceData(b)
		n := d.pinned[start]
		if n == 0 {
			return errors.New("not pinned memory, or freed before")
		}
		if err := d.unfinished(unsafe.Slice(start, n), true); err != nil {
			return err
		}
		delete(d.pinned, start)
		return nil
	})
}

// unfinished returns an error if a copy that is not finished writes to b or,
// where b is to be written, reads it.
func (d *Driver) unfinished(b []byte, write bool) error {
	for i, st := range d.streams {
		for _, p := range st.pending {
			overlap := inside(p.host, unsafe.SliceData(b), len(b)) || inside(b, unsafe.SliceData(p.host), len(p.host))
			if overlap && (write || p.out) {
				return fmt.Errorf("an earlier copy with this pinned memory, of %d bytes, waits for a Sync of stream %d", len(p.host), i)
			}
		}
	}
	return nil
}

// inside reports whether b begins within the n bytes at start.
func inside(b []byte, start *byte, n int) bool {
	at, from := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(start))
	return at >= from && at-from < uintptr(n)
}

func (d *Driver) isPinned(b []byte) bool {
	for start, n := range d.pinned {
		if inside(b, start, n) {
			return true
		}
	}
	return false
}

// CopyIn copies src to the device. If src is pinned it must stay as it is until
// the stream's next Sync, which checks that.
func (d *Driver) CopyIn(s gpu.Stream, dst gpu.Ptr, src []byte) error {
	return d.call("copy to device", "", true, func() error {
		st, err := d.stream(s)
		if err != nil || len(src) == 0 {
			return err
		}
		if err := d.unfinished(src, false); err != nil {
			return err
		}
		if err := d.dev.CopyIn(ptxsim.Ptr(dst), src); err != nil {
			return err
		}
		if d.isPinned(src) {
			st.pending = append(st.pending, pending{host: src, data: bytes.Clone(src)})
		}
		return nil
	})
}

// CopyOut copies from the device; undefined bytes are an error. If dst is pinned its content is right after
// the stream's next Sync and wrong until then.
func (d *Driver) CopyOut(s gpu.Stream, dst []byte, src gpu.Ptr) error {
	return d.call("copy from device", "", true, func() error {
		st, err := d.stream(s)
		if err != nil || len(dst) == 0 {
			return err
		}
		if !d.isPinned(dst) {
			return d.dev.CopyOut(dst, ptxsim.Ptr(src))
		}
		if err := d.unfinished(dst, true); err != nil {
			return err
		}
		data := make([]byte, len(dst))
		if err := d.dev.CopyOut(data, ptxsim.Ptr(src)); err != nil {
			return err
		}
		for i := range dst {
			dst[i] = notYet
		}
		st.pending = append(st.pending, pending{host: dst, data: data, out: true})
		return nil
	})
}

// Copy copies n bytes within the device; undefined bytes stay undefined.
func (d *Driver) Copy(s gpu.Stream, dst, src gpu.Ptr, n int64) error {
	return d.enqueue("copy on device", s, n, func() error {
		d.noteBytes("copy", n, true)
		d.touch(func(f *ptxsim.Footprint) {
			f.Add(ptxsim.Ptr(src), n, false)
			f.Add(ptxsim.Ptr(dst), n, true)
		})
		return d.dev.Copy(ptxsim.Ptr(dst), ptxsim.Ptr(src), int(n))
	})
}

// Memset sets n bytes to v.
func (d *Driver) Memset(s gpu.Stream, dst gpu.Ptr, v byte, n int64) error {
	return d.enqueue("set memory", s, n, func() error {
		d.noteBytes("memset", n, false)
		d.touch(func(f *ptxsim.Footprint) { f.Add(ptxsim.Ptr(dst), n, true) })
		return d.dev.Memset(ptxsim.Ptr(dst), v, int(n))
	})
}

// touch notes what work of the driver's own touches.
func (d *Driver) touch(enter func(f *ptxsim.Footprint)) {
	if d.opt.BlockRaces {
		d.footprint = &ptxsim.Footprint{}
		enter(d.footprint)
	}
}

// enqueue does work of n bytes now, or makes it part of the graph if s is captured.
func (d *Driver) enqueue(op string, s gpu.Stream, n int64, work func() error) error {
	return d.call(op, "", false, func() error {
		if _, err := d.stream(s); err != nil {
			return err
		}
		if n < 0 {
			return fmt.Errorf("%d bytes, expected at least 0", n)
		}
		if n == 0 {
			return nil
		}
		return d.submit(s, op, func() error {
			if err := work(); err != nil {
				return &gpu.Error{Op: op, Err: err}
			}
			return nil
		})
	})
}

// Allocations returns the number of allocations on the device that are not
// freed, for tests of leaks.
func (d *Driver) Allocations() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.memory)
}
