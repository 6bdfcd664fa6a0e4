package backend

import (
	"time"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Capabilities lists what a backend may have besides the operations of Backend.
// What it does not have is nil or false. It is the only way to ask:
//
//	if s := b.Capabilities().SharedInput; s != nil {
//		s.DSDShared(y, x, w, bias, t)
//	}
type Capabilities struct {
	Recorder    Recorder
	SharedInput SharedInput
	Planner     Planner
	Rows        RowAllocator
	Restricter  Restricter
	Sharder     Sharder
	Packer      Packer
	Clock       Clock
	Profile     Profile
	// Loaded returns what the device has loaded of its kernels so far; nil: it loads none.
	Loaded func() Loaded
	// Peak is the number of FLOPs a second of the device's data sheet, of dense products
	// in the precision of its activations; 0: not known.
	Peak float64
	// Bits names what the last bits of results depend on: two devices that have the same
	// Name and Bits compute the same. "": Describe says it.
	Bits string
	// Criteria returns an error that names the criterion by which the device cannot do a
	// topology update; nil: it can do all. UpdateTopology refuses by it.
	Criteria func(u sparse.Update) error
	// KeepsDropout: the backward operations read Dropout.Kept, so it saves time to
	// provide it.
	KeepsDropout bool
	// Valueless: values are not kept and nothing is computed, so that initial values
	// need not be drawn.
	Valueless bool
}

// Recorder keeps a sequence of operations and does it again as one.
type Recorder interface {
	// Record does what work does. work calls operations of Products and Layers,
	// CrossEntropy, ZeroGrad, GradNorm, AdamW and BlockGradL1, none that reads,
	// writes, allocates or waits, and under one name always the same ones with the
	// same arguments: from some call on the backend repeats what an earlier one did
	// and does not call work. What changes in between goes through BeginStep and the
	// contents of buffers. name must be comparable and unlike the names of other
	// users of the backend, so it is best of a type of the caller's own.
	Record(name any, work func())
	// Repeats says whether Record would now repeat an earlier call with this name and do
	// nothing else.
	Repeats(name any) bool
}

// Record runs work as a recorded sequence if b keeps any, else directly.
func Record(b Backend, name any, work func()) {
	if r := b.Capabilities().Recorder; r != nil {
		r.Record(name, work)
		return
	}
	work()
}

// SharedInput has the products of several weights that share the other side's
// tensor, in one pass over it. The query, key and value of an attention read the
// same x, and their input gradients add up to one dx. All lists have one entry for
// each weight, at least one; all weights have the same shape [O, I]; the list of
// biases may be nil, and so may each entry. Where a device cannot share, it does one
// product after the other, as does a caller whose backend has no SharedInput.
type SharedInput interface {
	// DSDShared is y[i] = x w[i]^T + b[i], with the bits of one DSD each. x is
	// [T, I], y[i] is [T, O].
	DSDShared(y []Buffer, x Buffer, w, b []Param, t int)
	// DDSShared is dx += sum over i of dy[i] w[i]. The sum may be rounded to the
	// dtype of activations after each weight, or only once.
	DDSShared(dx Buffer, dy []Buffer, w []Param, t int)
	// SDDShared is w[i].Grad += dy[i]^T x and b[i].Grad += column sums of dy[i]. No
	// weight is listed twice.
	SDDShared(w, b []Param, dy []Buffer, x Buffer, t int)
}

// RowAllocator lays out the rows of wide activations as its products like them.
type RowAllocator interface {
	// AllocRows returns a zeroed buffer of rows x columns elements, a RowBuffer, in whose
	// memory the device may leave room behind each row, so that all begin at addresses
	// that suit wide copies. It has rows*columns elements as any buffer; element i of
	// row r is number r*columns + i. Beside WriteFloats and ReadFloats only these take
	// one, where the rows are as long: DSD as y without a pre, DDS and SDD as dy, all of
	// a dense weight, and CrossEntropy as logits.
	AllocRows(name string, dt DType, rows, columns int) Buffer
}

// AllocRows makes a buffer of rows x columns elements, by b's RowAllocator where it has one.
func AllocRows(b Backend, name string, dt DType, rows, columns int) Buffer {
	if r := b.Capabilities().Rows; r != nil {
		return r.AllocRows(name, dt, rows, columns)
	}
	return b.Alloc(name, dt, size(rows, columns))
}

// Planner says, before anything is computed, which memory the operations will take.
type Planner interface {
	// Plan returns an empty backend with the launches and the allocations of this
	// one, on a device that has no memory and does nothing: what is called on it
	// counts in the DeviceMemory of its own Planner. Reads give zeros. The caller
	// closes it.
	Plan() (Backend, error)
	// DeviceMemory is what this backend has taken from the device.
	DeviceMemory() DeviceMemory
	// FreeMemory returns what a backend can still take, and what the device has, in
	// bytes.
	FreeMemory() (free, total int64, err error)
}

// DeviceMemory is memory of a device in bytes.
type DeviceMemory struct {
	Bytes int64 // all that is in use: MemoryBytes and Working
	// Needed is what the device must have free for it: the most that ever was in
	// use, in the pages in which the device gives memory out.
	Needed int64
	// Working is what there is beside buffers and parameters, part by part; the
	// order and the names are those of the backend, always all of them.
	Working []MemoryPart
}

// MemoryPart is a part of a device's memory.
type MemoryPart struct {
	Name  string
	Bytes int64
}

// Restricter trains only some blocks of dense tensors for a while. The products know
// nothing of it: all elements take part in the forward pass and hand gradients back.
type Restricter interface {
	// Restrict trains only the active blocks of t, which has the shape of the dense
	// parameter p, until the next call. GradNorm then first sets the gradient to zero
	// everywhere else, so that the norm is that of what is trained, and AdamW
	// changes neither values nor moments there. The age of all elements stays
	// Step+1. nil: all of p is trained again. The topology is copied; it is scratch
	// for MemoryBytes.
	Restrict(p Param, t *sparse.Topology)
	// KeepOnly sets values and both moments of the dense parameter p to zero outside
	// the active blocks of t.
	KeepOnly(p Param, t *sparse.Topology)
}

// Sharder keeps Adam's moments of a part of a parameter alone, where several processes
// share the work of the optimizer.
type Sharder interface {
	// Shard makes p a parameter of which AdamW changes the elements [lo, hi) of the values
	// alone, to the same bits as without. Both are multiples of ShardUnit, or the end. M
	// and V become other buffers, of hi-lo elements, zeroed: the moments of these
	// elements. Nothing else changes, but that an UpdateTopology whose criterion reads
	// moments is an error then.
	Shard(p Param, lo, hi int)
}

// ShardUnit is the number of elements in whose multiples a parameter is divided: whole
// blocks of every size, and small enough that the parts of a large parameter are about
// equal. A device computes the elements between two multiples whatever is beside them.
const ShardUnit = 1 << 14

// Packer keeps numbers of many buffers one behind the other in a vector, a float32 buffer,
// and adds vectors on the device: sums over replicas need not go through the host. A list
// of parts or spans that was given once is best given again, since its table stays on the
// device. None of it may be recorded.
type Packer interface {
	// Pack sets v[At+i] = X[From+i] for each part and 0 <= i < N, or with add adds it to
	// what is there, in float32. No two parts overlap in v.
	Pack(v Buffer, parts []Part, add bool)
	// Unpack sets X[From+i] = v[At+i] for each part and 0 <= i < N. No two parts overlap
	// in their buffers.
	Unpack(v Buffer, parts []Part)
	// AddVector is dst[to+i] += src[from+i] for 0 <= i < n, in float32. The ranges do not
	// overlap.
	AddVector(dst Buffer, to int, src Buffer, from, n int)
	// SumSquares waits and sets sums[k] to the sum of v[i]^2 for spans[k][0] <= i <
	// spans[k][1], in float64. There are as many spans as sums, of at most ShardUnit
	// elements. The order of a sum follows from its length alone.
	SumSquares(sums []float64, v Buffer, spans [][2]int) error
	// UUID is that of the device for libraries that move its memory between processes; zero:
	// none can.
	UUID() [16]byte
	// Address says where element i of v is in the device's memory, for such libraries.
	Address(v Buffer, i int) uint64
	// Mark sets mark k, from 0 on, behind the work that is queued now, and returns what
	// such libraries know it by, which is not 0. It holds until it is set again.
	Mark(k int) uint64
}

// Part is the elements [From, From+N) of a float32 buffer, with their place in a vector.
type Part struct {
	X           Buffer
	From, N, At int
}

// Clock times queued work on the device itself.
type Clock interface {
	// Timer returns a function that runs work, which queues operations, and returns the
	// time from the first to the last of them.
	Timer() (func(work func()) (time.Duration, error), error)
	// Lap marks this point of the queued work.
	Lap() error
	// Laps waits and returns the times between the marks since the last call.
	Laps() ([]time.Duration, error)
}

// Profile says how a device computes and what its memory can do, for records and tables.
type Profile interface {
	// ProductKernel names the way in which the product op ("dsd", "dds", "sdd") of p over
	// so many tokens is computed; "" where p is no parameter of this device.
	ProductKernel(op string, p Param, tokens int) string
	// CopyRate returns the bytes a second, read and written together, of a plain copy of n
	// bytes within the device's memory: the best of a few.
	CopyRate(n int64) (float64, error)
	// Threads is the number of threads in use, 0 where that means nothing.
	Threads() int
}
