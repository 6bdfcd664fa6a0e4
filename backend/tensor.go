package backend

import "github.com/sparsebert/sparsebert-gpu/sparse"

// Buffer is a device array. Buffers are compared with ==, so they are pointers or
// the like.
type Buffer interface {
	Name() string // as given to Alloc, for messages
	DType() DType
	Len() int // elements
	// Owner is the device that made it, for comparison; nil: none, and it must not
	// be used.
	Owner() Device
}

// RowBuffer is a Buffer of a RowAllocator. Other buffers of its device may implement it
// too; they have 0 columns.
type RowBuffer interface {
	Buffer
	Columns() int // of a row
}

// ParamSpec describes a trainable tensor.
type ParamSpec struct {
	Name  string // the checkpoint key, as in Hugging Face's BertForPreTraining
	Index int    // position in the parameter table; the Philox coordinate c
	Out   int    // rows; a vector has Out = 1
	In    int    // columns
	Decay bool   // decoupled weight decay applies
	// Topology makes the tensor block-sparse. It is copied; nil means dense.
	Topology *sparse.Topology
}

// Param is a trainable tensor on a device. Values, gradient and moments have
// Out*In elements when dense and nnzb*B*B when block-sparse; see Sharder for moments. Values, Grad, M and
// V are float32 on every training backend. Parameters are compared with ==.
type Param interface {
	Spec() ParamSpec // Topology is nil here whatever the tensor is; see Backend.Topology
	Sparse() bool
	NNZ() int   // active blocks; 0 when dense
	Block() int // B, the block size; 0 when dense
	Values() Buffer
	Grad() Buffer
	M() Buffer // first Adam moment
	V() Buffer // second Adam moment
	// Owner is the device that made it, for comparison; nil: none, and it must not
	// be used.
	Owner() Device
}
