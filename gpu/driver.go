package gpu

import (
	"fmt"
	"time"
)

// Ptr is an address in device memory; 0 is none.
type Ptr uint64

// Dim3 is the size of a grid or a block. Y and Z of 0 mean 1.
type Dim3 struct{ X, Y, Z int }

// String returns the three sizes in parentheses.
func (d Dim3) String() string { return fmt.Sprintf("(%d,%d,%d)", d.X, max(d.Y, 1), max(d.Z, 1)) }

// Handles of a driver's objects. Those of one driver mean nothing to another.
// Stream 0 is the default stream; 0 of the others is none.
type (
	// Module is loaded code: that of a PTX file.
	Module uint64
	// Function is a kernel of a module.
	Function uint64
	// Stream is a queue of work.
	Stream uint64
	// Event is a point in a stream.
	Event uint64
	// Graph is a recorded sequence of launches.
	Graph uint64
)

// Properties are what launches depend on.
type Properties struct {
	Major, Minor    int   // compute capability
	Multiprocessors int   // SMs
	SharedBytes     int   // most shared memory of a block, opted in for
	SharedPerSM     int   // shared memory of a multiprocessor
	MemoryBytes     int64 // global memory
	ReservedBytes   int64 // what code, graphs and the driver may yet take of it
	PageBytes       int64 // allocations of this size or more take whole pages; 0: none do
	TensorMaps      bool  // EncodeTensorMap works
	MachineCode     bool  // LoadMachineCode works
}

// Wgmma says whether kernels whose names end in _sm90a run.
func (p Properties) Wgmma() bool { return p.Major == 9 && p.Minor == 0 && p.TensorMaps }

// TensorMap is what a kernel takes by value to copy boxes of a matrix to shared memory:
// the 128 bytes of a CUtensorMap, which only drivers can make.
type TensorMap [16]uint64

// Matrix is a matrix of bfloat16 in device memory, and the box of it that kernels copy
// at a time: 64 columns, which are 128 bytes in the 128-byte swizzle of shared memory.
// What lies outside of the matrix is copied as zeros.
type Matrix struct {
	Address       Ptr // of the first element, a multiple of 16
	Rows, Columns int // at least 1
	Pitch         int // elements from one row to the next, a multiple of 8
	BoxRows       int // 1 to 256
}

// Attributes are what a kernel takes of a GPU, as the compiler made it that has compiled it.
type Attributes struct {
	Registers  int // of a thread; 0: not known
	LocalBytes int // memory of a thread for arrays and for what it spills
}

// Driver is the part of a GPU driver that the backend needs. Package cudadriver
// implements it for NVIDIA's, package simdriver with a simulator.
//
// Calls return at once where the work can be queued; work of one stream runs in
// order. A driver may be used from several goroutines, one call at a time goes
// through. Every error is an *Error. Copies to and from the host wait for the
// stream's earlier work and for themselves unless the host memory is pinned,
// when the caller must not touch it before the next Sync of the stream, or Wait
// for an event that was recorded after the copy.
type Driver interface {
	// Name is "cuda" or "sim".
	Name() string
	// Describe names hardware and driver, for records.
	Describe() string
	Properties() Properties

	// Alloc returns the address of n bytes, aligned to 256; their content is
	// undefined. label names the memory in errors. n is at least 1.
	Alloc(n int64, label string) (Ptr, error)
	// Free gives it back, once the work that is queued is done.
	Free(p Ptr) error
	// Memory returns the free and the total bytes of the device.
	Memory() (free, total int64, err error)
	// AllocPinned returns page-locked host memory, FreePinned gives it back.
	AllocPinned(n int) ([]byte, error)
	FreePinned(b []byte) error

	// CopyIn copies src to the device, CopyOut from it, Copy within it, and
	// Memset sets n bytes to v.
	CopyIn(s Stream, dst Ptr, src []byte) error
	CopyOut(s Stream, dst []byte, src Ptr) error
	Copy(s Stream, dst, src Ptr, n int64) error
	Memset(s Stream, dst Ptr, v byte, n int64) error

	// Load compiles PTX text; name stands for it in errors.
	Load(name string, ptx []byte) (Module, error)
	// LoadMachineCode loads what was assembled from PTX text for this GPU, without
	// compiling; the text says which parameters kernels have. It is an error where
	// the driver does not take the code, and on a device whose Properties lack
	// MachineCode.
	LoadMachineCode(name string, code, ptx []byte) (Module, error)
	Function(m Module, name string) (Function, error)
	// Attributes returns those of a kernel, zeros of a handle that is none.
	Attributes(f Function) Attributes
	// EncodeTensorMap makes the tensor map of a matrix, on a device whose Properties have
	// TensorMaps. It may be called while a stream is captured.
	EncodeTensorMap(m Matrix) (TensorMap, error)
	// Launch queues a kernel: shared bytes of dynamic shared memory, and each
	// argument in as many words as its size needs, in the low bytes of the last.
	Launch(s Stream, f Function, grid, block Dim3, shared int, args []uint64) error

	// NewStream makes another queue of work.
	NewStream() (Stream, error)
	// Follow makes what is queued on s from now on wait for what is queued on other
	// now. Nothing else orders the work of two streams.
	Follow(s, other Stream) error
	// Sync waits for the stream's work and returns its error.
	Sync(s Stream) error
	NewEvent() (Event, error)
	Record(e Event, s Stream) error
	// Wait waits for what was queued on the event's stream before it was recorded,
	// and returns its error. An event that was never recorded is one.
	Wait(e Event) error
	// Elapsed waits for both events and returns the time from the first to the second.
	Elapsed(from, to Event) (time.Duration, error)

	// BeginCapture makes the following launches, copies within the device and
	// memsets on s part of a graph instead of running them; EndCapture returns
	// the graph, which LaunchGraph runs as often as wanted. A stream that follows a
	// captured one is captured too, as a branch of the graph, until EndCapture; by
	// then s has to follow it, and it may follow no stream that is not captured. While
	// capturing, all other calls but EndCapture and Close are errors (launches, copies
	// within the device and memsets on other streams run as usual), and after any
	// error EndCapture fails too.
	BeginCapture(s Stream) error
	EndCapture(s Stream) (Graph, error)
	LaunchGraph(g Graph, s Stream) error
	FreeGraph(g Graph) error

	// Close frees everything, and makes every later call an error.
	Close() error
}

// Error is the failure of a driver call.
type Error struct {
	Op          string // the call: "launch", "allocate", ...
	What        string // the kernel, module or memory, where there is one
	Grid, Block Dim3   // of a launch
	Code        int    // the driver's code; 0 where it has none
	Err         error  // the driver's words
}

// Error returns one line with all that is known.
func (e *Error) Error() string {
	s := e.Op
	if e.What != "" {
		s += " " + e.What
	}
	if e.Grid.X != 0 {
		s += fmt.Sprintf(", grid %v, block %v", e.Grid, e.Block)
	}
	if e.Code != 0 {
		s += fmt.Sprintf(", driver code %d", e.Code)
	}
	return s + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
