package backend

import "github.com/sparsebert/sparsebert-gpu/sparse"

// Backend is a device. The constructor of each implementation says what its
// options are; everything here is common.
//
// In the formulas T is the number of rows of the activations (tokens), O x I a
// weight's shape, and all matrices are row-major.
type Backend interface {
	// Name is what --device calls it: "cpu", "cuda", "sim", "reference".
	Name() string
	// Describe names the hardware and the code path in use, as far as results
	// may depend on them: for records, not for programs to read.
	Describe() string
	// Activation is the dtype of activations (F32, BF16; F64 in the reference).
	Activation() DType
	// Close frees everything. The backend is unusable afterwards.
	Close() error

	// Alloc returns a zeroed buffer of n elements. name appears in memory
	// reports and errors. A failed allocation returns a buffer of the right
	// length that must not be used, and the error sticks.
	Alloc(name string, dt DType, n int) Buffer
	// NewParam makes a parameter with zero values, gradient and moments.
	NewParam(spec ParamSpec) Param
	// MemoryBytes is what Alloc and NewParam have taken so far: buffers at the
	// size of their dtype, topologies as sparse.Shape.SparseMemory counts them,
	// growth scores once they exist. Scratch of operations is not counted.
	MemoryBytes() int64

	// WriteFloats copies src into dst from element off on, rounding to dst's
	// dtype. The slice may be reused when the call returns.
	WriteFloats(dst Buffer, off int, src []float32)
	// WriteInts is the same for I32 buffers.
	WriteInts(dst Buffer, off int, src []int32)
	// ReadFloats waits and copies len(dst) elements of src from off on.
	ReadFloats(dst []float32, src Buffer, off int) error
	// SetTopology replaces a sparse parameter's topology (a checkpoint's). nnzb
	// and shape must be the same. The topology is copied.
	SetTopology(p Param, t *sparse.Topology)
	// Topology waits and returns a copy of the parameter's topology with both
	// views, nil and no error when it is dense.
	Topology(p Param) (*sparse.Topology, error)
	// Refresh brings working copies of the values (bf16, fragment order) up to
	// date after WriteFloats or SetTopology. AdamW and UpdateTopology do it
	// themselves.
	Refresh(params []Param)
	// Sync waits for all queued work and returns the first error of the backend's life.
	Sync() error

	// BeginStep hands over the scalars for the operations that follow.
	BeginStep(s StepScalars)

	Products
	Layers
	Losses
	Optimizer

	// Capabilities lists what the device has besides.
	Capabilities() Capabilities
}

// StepScalars are the numbers that change from step to step.
type StepScalars struct {
	Seed  uint64
	Step  int64 // optimizer steps finished before this one; the Philox coordinate of dropout
	Micro int   // micro-batch within the step
	Train bool  // false: dropout is off

	LR float32
	// Factors on the gradient of each loss: 1/count over the whole step, so
	// that accumulated micro-batches add up to the mean.
	MLMScale, NSPScale float32
}
