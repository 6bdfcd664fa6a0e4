// Package collective is what the processes of a run say to each other: a small interface
// that only moves bytes, an implementation within one process ([Local]), and sums over
// replicas in an order that does not depend on the number of processes ([Sum]).
package collective

import (
	"errors"
	"fmt"
)

// Communicator joins the W ranks of a group, numbered 0 to W-1. Every rank calls the
// same operations in the same order, one at a time. An operation returns when this
// rank's part of it is done. It is bounded by the timeout that the communicator was made
// with. Buffers may be used again when it returns without an error. Lengths may be 0,
// and above 2^31.
//
// An error is an *[Error]. The group is then broken: later operations of any rank return
// an error, too, and none waits longer than the timeout. After an error of a rank the
// others learn of it by an error of their own, at the latest by the timeout.
type Communicator interface {
	// Rank is this one's number, 0 to Size()-1.
	Rank() int
	// Size is W, the number of ranks, at least 1.
	Size() int
	// AllToAll hands send[j] to rank j and puts what rank i has for this one into
	// recv[i], the own part too. Both have Size() slices. Each may have another length,
	// which both sides know: len(recv[i]) here is len(send[rank]) at rank i. No slice of
	// send may overlap one of recv.
	AllToAll(send, recv [][]byte) error
	// AllGather hands send to all and puts rank i's into recv[i], which has the length
	// of what rank i sends. recv has Size() slices; recv[rank] may be send itself, and
	// no other may overlap it.
	AllGather(send []byte, recv [][]byte) error
	// Broadcast copies buf of rank root to buf of every other one; all are as long.
	Broadcast(root int, buf []byte) error
	// Barrier returns when every rank has called it.
	Barrier() error
	// Close leaves the group. What others wait for from this rank fails. A second call
	// does nothing.
	Close() error
}

// DeviceCommunicator is a Communicator that may also move the memory of devices, from one to
// the other without the host.
type DeviceCommunicator interface {
	Communicator
	// MovesDevice says whether this rank can move memory of the device with this UUID.
	MovesDevice(device [16]byte) bool
	// AllMoveDevices says whether every rank could move memory of its device in the latest
	// operation. All ranks are told the same. The operations below want it.
	AllMoveDevices() bool
	// AllToAllOnDevice is AllToAll for memory of the device. Own parts stay where they are.
	// What is queued on the device after it has returned comes after it.
	AllToAllOnDevice(send, recv []DeviceSlice) error
	// AllGatherOnDevice is AllGather in the same way.
	AllGatherOnDevice(send DeviceSlice, recv []DeviceSlice) error
}

// DeviceSlice is memory of a device: so many bytes at an address, as its driver has it. It is
// moved after the work before a mark of the device (backend.Packer); 0: after all that is queued.
type DeviceSlice struct {
	Address uint64
	Bytes   int
	After   uint64
}

// Operations, as errors name them.
const (
	OpAllToAll          = "all-to-all"
	OpAllGather         = "all-gather"
	OpBroadcast         = "broadcast"
	OpBarrier           = "barrier"
	OpAllToAllOnDevice  = "all-to-all on devices"
	OpAllGatherOnDevice = "all-gather on devices"
)

// ErrTimeout is wrapped by errors of operations that took longer than the timeout.
var ErrTimeout = errors.New("timed out")

// ErrClosed is wrapped by errors of operations for which a rank is missing that left.
var ErrClosed = errors.New("left the group")

// ErrArguments is wrapped by errors of operations that ranks called differently: another
// operation, another root, other lengths.
var ErrArguments = errors.New("arguments do not fit")

// Error is a failed operation.
type Error struct {
	Rank int    // where it failed
	Op   string // which: OpAllToAll and so on
	Err  error  // why; it names the other ranks as far as known
}

// Error is one line: rank, operation, reason.
func (e *Error) Error() string { return fmt.Sprintf("rank %d: %s: %v", e.Rank, e.Op, e.Err) }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// CheckCall returns an error that wraps ErrArguments when the slices of a call do not
// fit a group of size w. recv is nil in a broadcast.
func CheckCall(rank, w int, send, recv [][]byte) error {
	if err := checkSlices(w, len(send), len(recv), recv == nil); err != nil || recv == nil {
		return err
	}
	return checkOwn(len(send[rank]), len(recv[rank]))
}

// CheckDeviceCall is CheckCall for memory of devices.
func CheckDeviceCall(rank, w int, send, recv []DeviceSlice) error {
	if err := checkSlices(w, len(send), len(recv), false); err != nil {
		return err
	}
	return checkOwn(send[rank].Bytes, recv[rank].Bytes)
}

func checkSlices(w, send, recv int, noneReceived bool) error {
	if send != w || (!noneReceived && recv != w) {
		return fmt.Errorf("%w: found %d slices to send and %d to receive, expected %d each", ErrArguments, send, recv, w)
	}
	return nil
}

func checkOwn(send, recv int) error {
	if send != recv {
		return fmt.Errorf("%w: the own part: found %d bytes to send and %d to receive, expected as many", ErrArguments, send, recv)
	}
	return nil
}
