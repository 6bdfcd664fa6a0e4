//go:build mpi && unix

package mpi

import (
	"fmt"
	"syscall"
	"unsafe"
)

// requests is a port over a library: the slots are an array of MPI requests. Everything that MPI
// keeps hold of is memory of its own, which is never given back: libraries on InfiniBand remember
// what they have registered, and learn from the C library alone that memory went away.
type requests struct {
	l       *library
	array   []byte  // of slots handles
	indices []int32 // that MPI_Testsome writes
	count   *int32
}

// newRequests returns a port for so many slots.
func newRequests(l *library, slots int) (*requests, error) {
	r := &requests{l: l}
	handle := int(l.abi.handle)
	b, err := r.Memory(slots*(handle+4) + 8)
	if err != nil {
		return nil, err
	}
	r.count = (*int32)(unsafe.Pointer(&b[0]))
	r.array = b[8 : 8+slots*handle]
	r.indices = unsafe.Slice((*int32)(unsafe.Pointer(&b[8+slots*handle])), slots)
	for i := range slots {
		if handle == 4 {
			*(*uint32)(r.slot(i)) = uint32(l.requestNull)
		} else {
			*(*uint64)(r.slot(i)) = uint64(l.requestNull)
		}
	}
	return r, nil
}

func (r *requests) slot(i int) unsafe.Pointer {
	return unsafe.Pointer(&r.array[i*int(r.l.abi.handle)])
}

func (r *requests) Send(slot, to, tag int, b []byte) error {
	return r.l.call("MPI_Isend", r.l.f.isend, address(b), uintptr(len(b)), r.l.byteType, uintptr(to), uintptr(tag), r.l.world, uintptr(r.slot(slot)))
}

func (r *requests) Receive(slot, from, tag int, b []byte) error {
	return r.l.call("MPI_Irecv", r.l.f.irecv, address(b), uintptr(len(b)), r.l.byteType, uintptr(from), uintptr(tag), r.l.world, uintptr(r.slot(slot)))
}

func (r *requests) Done(slots []int) ([]int, error) {
	err := r.l.call("MPI_Testsome", r.l.f.testsome, uintptr(len(r.indices)), address(r.array), uintptr(unsafe.Pointer(r.count)), uintptr(unsafe.Pointer(&r.indices[0])), r.l.abi.statusesIgnore)
	if err != nil {
		return slots, err
	}
	// MPI_UNDEFINED, which is negative, where no request is active.
	for i := range max(0, *r.count) {
		slots = append(slots, int(r.indices[i]))
	}
	return slots, nil
}

func (r *requests) Memory(n int) ([]byte, error) {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes for messages: %w", n, err)
	}
	return b, nil
}

// address is that of b's first byte.
func address(b []byte) uintptr {
	if len(b) == 0 {
		return 0
	}
	return uintptr(unsafe.Pointer(&b[0]))
}
