package ptxsim

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"
)

// Addresses. Each global allocation has a slot of 1 TiB of its own, so that a
// wrong 32-bit index never lands in a neighbor; slot 0 is never given out, so
// that small addresses are always faults. Shared and local memory appear in
// generic addresses at windows of their own.
const (
	slotBits     = 40
	slotMask     = 1<<slotBits - 1
	maxSlots     = 1 << 19
	sharedWindow = 1 << 60
	localWindow  = 2 << 60
	paramWindow  = 3 << 60
	windowMask   = 0xF << 60
)

// Ptr is an address in a device's global memory; 0 is none.
type Ptr uint64

// allocation is one piece of global or constant memory. state holds a byte per
// byte of data: 1 where it has been written with something defined.
type allocation struct {
	label    string
	data     []byte
	state    []byte
	freed    bool
	readOnly bool

	undefinedBy atomic.Pointer[undefinedStore] // the latest instruction that wrote undefined values there; nil: none
}

// alloc takes the next slot. The caller holds d.mu.
func (d *Device) alloc(n int, label string) (Ptr, error) {
	if n < 0 || int64(n) > d.opt.MemoryBytes-d.used {
		return 0, fmt.Errorf("ptxsim: allocate %d bytes for %s: %d of %d bytes are free", n, label, d.opt.MemoryBytes-d.used, d.opt.MemoryBytes)
	}
	if len(d.slots) == maxSlots {
		return 0, fmt.Errorf("ptxsim: allocate %d bytes for %s: no address is left after %d allocations", n, label, maxSlots-1)
	}
	d.used += int64(n)
	d.slots = append(d.slots, &allocation{label: label, data: make([]byte, n), state: make([]byte, n)})
	return Ptr(len(d.slots)-1) << slotBits, nil
}

// Alloc returns the address of n new bytes, aligned for every type; their
// content is undefined. label names the memory in errors. The error says how
// much memory is free.
func (d *Device) Alloc(n int, label string) (Ptr, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.alloc(n, label)
}

// Free gives back the allocation that begins at p. Its address is never used
// again, so every later access is found.
func (d *Device) Free(p Ptr) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, off := d.find(uint64(p))
	switch {
	case a == nil || off != 0 || a.readOnly:
		return fmt.Errorf("ptxsim: free %#x: %w: no allocation begins here", uint64(p), ErrOutOfBounds)
	case a.freed:
		return fmt.Errorf("ptxsim: free %#x (%s): %w", uint64(p), a.label, ErrFreed)
	}
	d.used -= int64(len(a.data))
	a.freed, a.data, a.state = true, nil, nil
	return nil
}

// find returns the allocation whose slot addr lies in, or nil, and the offset.
func (d *Device) find(addr uint64) (*allocation, uint64) {
	i := addr >> slotBits
	if i == 0 || i >= uint64(len(d.slots)) {
		return nil, 0
	}
	return d.slots[i], addr & slotMask
}

// check returns the n bytes at addr and their states, or what is wrong.
func (d *Device) check(addr uint64, n int, write bool) (data, state []byte, bad *violation) {
	a, off := d.find(addr)
	switch {
	case a == nil:
		return nil, nil, &violation{ErrOutOfBounds, fmt.Sprintf("%d bytes at %#x, in no allocation", n, addr)}
	case a.freed:
		return nil, nil, &violation{ErrFreed, fmt.Sprintf("%d bytes at %s+%d", n, a.label, off)}
	case off+uint64(n) > uint64(len(a.data)):
		return nil, nil, &violation{ErrOutOfBounds, fmt.Sprintf("%d bytes at %s+%d, which has %d bytes", n, a.label, off, len(a.data))}
	case write && a.readOnly:
		return nil, nil, &violation{ErrReadOnly, fmt.Sprintf("%d bytes at %s+%d", n, a.label, off)}
	}
	return a.data[off : off+uint64(n)], a.state[off : off+uint64(n)], nil
}

// checkWritten is check for a read of bytes that must have been written.
func (d *Device) checkWritten(addr uint64, n int) (data []byte, bad *violation) {
	data, state, bad := d.check(addr, n, false)
	if bad != nil {
		return nil, bad
	}
	i := firstUnwritten(state)
	if i < 0 {
		return data, nil
	}
	a, off := d.find(addr)
	detail := fmt.Sprintf("byte %s+%d", a.label, off+uint64(i))
	if by := a.undefinedBy.Load(); by != nil {
		detail += fmt.Sprintf(", perhaps one of the undefined values that kernel %s stores in %s:%d", by.kernel, by.file, by.line)
	}
	return nil, &violation{ErrUninitialized, detail}
}

const allWritten = 0x0101010101010101

// firstUnwritten returns the first byte whose written bit is not set; -1 if
// there is none.
func firstUnwritten(state []byte) int {
	i := 0
	for ; i+8 <= len(state); i += 8 {
		if binary.LittleEndian.Uint64(state[i:])&allWritten != allWritten {
			break
		}
	}
	for ; i < len(state); i++ {
		if state[i]&1 == 0 {
			return i
		}
	}
	return -1
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

// CopyIn writes src at p.
func (d *Device) CopyIn(p Ptr, src []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	data, state, bad := d.check(uint64(p), len(src), true)
	if bad != nil {
		return fmt.Errorf("ptxsim: copy to device: %w: %s", bad.kind, bad.detail)
	}
	copy(data, src)
	fill(state, 1)
	return nil
}

// Address is where the n bytes at p are in the memory of this process, for code that is no kernel. They
// must be written, or count as written from now on where write is true. They stay there until Free.
func (d *Device) Address(p Ptr, n int, write bool) (uintptr, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n < 1 {
		return 0, fmt.Errorf("ptxsim: address: found %d bytes, expected at least 1", n)
	}
	data, state, bad := d.check(uint64(p), n, write)
	if bad == nil && !write {
		data, bad = d.checkWritten(uint64(p), n)
	}
	if bad != nil {
		return 0, fmt.Errorf("ptxsim: address: %w: %s", bad.kind, bad.detail)
	}
	if write {
		fill(state, 1)
	}
	return uintptr(unsafe.Pointer(&data[0])), nil
}

// SetConstant writes src at p in a constant variable (see Symbol), which CopyIn
// refuses.
func (d *Device) SetConstant(p Ptr, src []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	data, bad := d.checkWritten(uint64(p), len(src))
	if bad != nil {
		return fmt.Errorf("ptxsim: set constant: %w: %s", bad.kind, bad.detail)
	}
	if a, _ := d.find(uint64(p)); !a.readOnly {
		return fmt.Errorf("ptxsim: set constant: %w: %s is not constant memory", ErrOutOfBounds, a.label)
	}
	copy(data, src)
	return nil
}

// CopyOut reads len(dst) bytes at p. Undefined bytes are an error: those that nothing wrote, or a
// kernel has written undefined values to.
func (d *Device) CopyOut(dst []byte, p Ptr) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	data, bad := d.checkWritten(uint64(p), len(dst))
	if bad != nil {
		return fmt.Errorf("ptxsim: copy from device: %w: %s", bad.kind, bad.detail)
	}
	copy(dst, data)
	return nil
}

// Copy copies n bytes within the device from src to dst. Undefined bytes stay undefined.
func (d *Device) Copy(dst, src Ptr, n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	from, defined, bad := d.check(uint64(src), n, false)
	if bad != nil {
		return fmt.Errorf("ptxsim: copy on device, source: %w: %s", bad.kind, bad.detail)
	}
	to, state, bad := d.check(uint64(dst), n, true)
	if bad != nil {
		return fmt.Errorf("ptxsim: copy on device, destination: %w: %s", bad.kind, bad.detail)
	}
	copy(to, from)
	copy(state, defined)
	return nil
}

// Memset writes the byte v to n bytes at p.
func (d *Device) Memset(p Ptr, v byte, n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	data, state, bad := d.check(uint64(p), n, true)
	if bad != nil {
		return fmt.Errorf("ptxsim: set memory: %w: %s", bad.kind, bad.detail)
	}
	fill(data, v)
	fill(state, 1)
	return nil
}

// load reads a little-endian value of 1, 2, 4 or 8 bytes.
func load(b []byte, n int) uint64 {
	switch n {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func store(b []byte, n int, v uint64) {
	switch n {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(v))
	default:
		binary.LittleEndian.PutUint64(b, v)
	}
}
