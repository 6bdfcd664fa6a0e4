package nccl

import "github.com/sparsebert/sparsebert-gpu/gpu"

// None as a library means that nothing is moved by NCCL.
const None = "none"

// ID is what the ranks of a communicator have in common: NCCL's ncclUniqueId.
type ID [128]byte

// Place is a rank's among those that share an ID.
type Place struct {
	ID         ID
	Rank, Size int
}

// Memory is the part of a driver that a [Carrier] needs.
type Memory interface {
	UUID() [16]byte
	Enter() error
	Alloc(n int64, label string) (gpu.Ptr, error)
	Free(p gpu.Ptr) error
	CopyIn(s gpu.Stream, dst gpu.Ptr, src []byte) error
	CopyOut(s gpu.Stream, dst []byte, src gpu.Ptr) error
	NewStream() (gpu.Stream, error)
	Follow(s, other gpu.Stream) error
	NewEvent() (gpu.Event, error)
	Record(e gpu.Event, s gpu.Stream) error
	Address(p gpu.Ptr, n int64, write bool) (uintptr, error)
	StreamHandle(s gpu.Stream) (uintptr, error)
	Passed(e gpu.Event) (bool, error)
}

var _ Memory = gpu.Shared(nil)
