// Package backend holds the contracts between the model and the devices that
// run it: the tensors a device keeps and the operations it can do on them.
//
// # Memory
//
// A [Buffer] is a device array of one dtype. A [Param] is a trainable tensor
// with everything that training needs beside the values: gradient, both Adam
// moments and, when the tensor is block-sparse, the topology. Buffers of one
// backend must not be given to another.
//
// # Execution
//
// Operations are asynchronous in principle: a call may only queue the work, and
// it never waits. Work runs in the order of the calls. Errors stick: after the
// first one, whatever its cause (a shape that does not fit, a device that
// fails), the backend ignores further operations, and Sync returns that error.
// Read waits and returns it too. So a training step checks once, not fifty
// times. A backend is used from one goroutine at a time.
//
// What makes an error, at the latest by the next Sync: a missing buffer or
// parameter where one is needed, one of another backend, a wrong dtype, a buffer
// that is too short (longer is fine: the rest is neither read nor written), a
// parameter of another shape, a negative count, an unknown mode, a dropout rate
// outside [0, 1), and integers on the device that are out of range: ids and
// segments beyond their tables, labels, lengths, row indices. Its one line names
// the operation and says what was found and what was expected. A count of 0 is
// no error.
//
// Per-step scalars (step number, learning rate, loss scales) go to the device
// once a step, through BeginStep, and operations read them from there. That
// way the launches of a step do not depend on the step, and a device may record
// them once and replay them.
//
// # Numbers
//
// Every operation gives the same bits for the same inputs, whatever the number
// of threads: reductions have a fixed order. Between backends results agree to
// the tolerances of package backendtest; topologies agree exactly.
//
// A NaN in an input makes every output element that depends on it NaN: no
// maximum, clamp or comparison may lose it. Inactive blocks, masked keys and
// elements that dropout removes do not count as dependence.
//
// Unless an operation says otherwise, outputs are assigned, not accumulated,
// and no output overlaps an input. Operations marked "in place" allow it.
package backend

import (
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Buffer is a device array.
type Buffer interface {
	DType() DType
	Len() int // elements
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
// Out*In elements when dense and nnzb*B*B when block-sparse. Values, Grad, M and
// V are float32 on every training backend.
type Param interface {
	Spec() ParamSpec // Topology is nil here whatever the tensor is; see Backend.Topology
	Sparse() bool
	NNZ() int // active blocks; 0 when dense
	Values() Buffer
	Grad() Buffer
	M() Buffer // first Adam moment
	V() Buffer // second Adam moment
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

// AdamConfig holds the constants of the optimizer.
type AdamConfig struct {
	Beta1, Beta2, Eps float32
	WeightDecay       float32
	GroupLasso        float32 // lambda_group; 0: off
	GroupLassoStd     float32 // wstd of the rule
	MaxGradNorm       float32 // 0: no clipping
}

// Dropout names one dropout site. Element i of the site's tensor is kept when
// Unit32(word i%4 of philox.At(Seed, philox.Dropout, i/4, Step, Micro<<16|Site))
// >= Rate, and then scaled by 1/(1-Rate). Rate 0, or Train false in the step's
// scalars: the identity.
type Dropout struct {
	Rate float32
	Site uint16
}

// Attn is the shape of an attention: Batch sequences of Seq tokens, Heads heads
// of size Head.
type Attn struct {
	Batch, Seq, Heads, Head int
}

// DDSMode says what DDS does with its result.
type DDSMode uint8

// The modes of DDS.
const (
	Assign     DDSMode = iota // dx = r
	Accumulate                // dx += r
	TimesGELU                 // dx = r * gelu'(pre)
)

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
}

// Products are the three products of a weight W [O, I], block-sparse or dense.
// Inactive blocks cost nothing and count as zero.
type Products interface {
	// DSD is the forward product, y = x W^T + b, named after its transposed
	// form Y^T = W X^T. x is [T, I], y is [T, O], b a dense Param [1, O] or nil.
	// With pre not nil also pre = x W^T + b and y = gelu(pre), where
	// gelu(a) = a/2 (1 + erf(a/sqrt 2)); pre is [T, O].
	DSD(y, pre, x Buffer, w, b Param, t int)
	// DDS is the input gradient, r = dy W: dy is [T, O], dx is [T, I]. mode says
	// what happens to r; pre [T, I] is read for TimesGELU only. dx may be pre.
	DDS(dx, dy Buffer, w Param, t int, mode DDSMode, pre Buffer)
	// SDD is the weight gradient on the active blocks, w.Grad += dy^T x, and
	// b.Grad += column sums of dy where b is not nil. dy is [T, O], x is [T, I].
	SDD(w, b Param, dy, x Buffer, t int)
}

// Layers are the operations between the products.
type Layers interface {
	// Embed gives z[t] = word[ids[t]] + pos[t mod seq] + typ[segments[t]]: z is
	// [T, H], ids and segments I32 [T].
	Embed(z, ids, segments Buffer, word, pos, typ Param, t, seq int)
	// EmbedGrad adds the rows of dz [T, H] to the gradients of the three tables,
	// in token order.
	EmbedGrad(word, pos, typ Param, dz, ids, segments Buffer, t, seq int)

	// AddNorm gives z = residual + dropout(sub) and y = gamma (z - mean) rstd +
	// beta, with mean and rstd = 1/sqrt(var + 1e-12) of each row. All are [T, H]
	// but mean and rstd, float32 [T]. sub nil: z = residual. z may be residual
	// or sub.
	AddNorm(y, z, mean, rstd, residual, sub Buffer, gamma, beta Param, t int, d Dropout)
	// AddNormGrad is its backward. From dy it computes dz, assigns dresidual = dz
	// and dsub = dropout(dz) (the same mask), and adds to gamma.Grad and
	// beta.Grad. dsub nil: not wanted. dresidual may be dy.
	AddNormGrad(dresidual, dsub, dy, z, mean, rstd Buffer, gamma, beta Param, t int, d Dropout)

	// DropoutApply gives y = dropout(x) over n elements. It is its own backward.
	// In place allowed.
	DropoutApply(y, x Buffer, n int, d Dropout)

	// Attention gives, per sequence and head, ctx = dropout(softmax(q k^T /
	// sqrt(Head))) v. q, k, v, ctx are [Batch*Seq, Heads*Head]; head a owns the
	// columns [a*Head, (a+1)*Head). lengths is I32 [Batch]: keys at or beyond a
	// sequence's length get probability 0; rows of queries there are computed
	// like any other; a length of 0 gives ctx = 0. lse, float32 [Batch, Heads,
	// Seq], receives log sum exp of the scaled scores, -Inf at length 0. Dropout element index:
	// ((batch*Heads + head)*Seq + query)*Seq + key.
	Attention(ctx, lse, q, k, v, lengths Buffer, a Attn, d Dropout)
	// AttentionGrad is its backward: dq, dk, dv from dctx. Rows of dk and dv at or
	// beyond a sequence's length are 0.
	AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths Buffer, a Attn, d Dropout)

	// Gather gives dst[i] = src[index[i]], rows of h elements, n of them; index
	// is I32 and a negative one gives a row of zeros.
	Gather(dst, src, index Buffer, n, h int)
	// ScatterAdd gives dst[index[i]] += src[i] in the order of i; negative
	// indices are skipped.
	ScatterAdd(dst, src, index Buffer, n, h int)
	// Zero sets the first n elements to 0.
	Zero(b Buffer, n int)

	// Tanh gives y = tanh(x) over n elements, TanhGrad dx = dy (1 - y^2). In
	// place allowed.
	Tanh(y, x Buffer, n int)
	TanhGrad(dx, dy, y Buffer, n int)

	// GELUGrad gives dx = dy * gelu'(pre) over n elements, for the MLM transform,
	// where a LayerNorm stands between the GELU and the next product. In place
	// allowed: dx may be dy or pre.
	GELUGrad(dx, dy, pre Buffer, n int)
}

// Loss names the scale that CrossEntropy puts on its gradient.
type Loss uint8

// The two losses.
const (
	MLM Loss = iota
	NSP
)

// Losses are the ends of the heads.
type Losses interface {
	// CrossEntropy handles rows of c logits, each with a label (I32 [rows]);
	// negative labels are ignored. For each row it adds to stats, float32 [3]:
	// the loss -log softmax(logits)[label], 1, and 1 if the label has the
	// largest logit (the lowest index wins ties). With grad it replaces the
	// logits by scale*(softmax - onehot), zero for ignored rows, where scale is
	// the step's MLMScale or NSPScale; without grad they are left as they are.
	// The sum over rows runs in a fixed order, in float64 or better than
	// float32 by blocks.
	CrossEntropy(stats, logits, labels Buffer, rows, c int, loss Loss, grad bool)
}

// Optimizer changes parameters.
type Optimizer interface {
	// ZeroGrad sets the gradients to zero.
	ZeroGrad(params []Param)
	// GradNorm gives norm[0] = sqrt of the sum of all squared gradients: norm
	// is float32 [1]. Not finite when any gradient is not.
	GradNorm(norm Buffer, params []Param)
	// AdamW does one optimizer step (Loshchilov and Hutter 2019, with bias
	// correction). g is the gradient times min(1, MaxGradNorm/norm); then
	//
	//	m = beta1 m + (1-beta1) g,  v = beta2 v + (1-beta2) g^2
	//	W -= LR ( (m/(1-beta1^a)) / (sqrt(v/(1-beta2^a)) + eps) + decay W )
	//
	// The age a is Step+1 for a dense tensor and Step+1-Born for a block of a
	// sparse one, so that a newborn block starts like a new tensor. Group Lasso
	// (paper, appendix on regularization) then shrinks each block of a sparse
	// tensor by W -= LR lambda sqrt(B^2) wstd W / sqrt(sum W^2 + 1e-6). When
	// norm[0] is not finite nothing changes. A block born after Step is an error.
	AdamW(params []Param, norm Buffer, c AdamConfig)

	// BlockGradL1 adds to the parameter's growth scores, float32 [positions],
	// the L1 norm of every block, active or not, of the dense gradient dy^T x.
	// The dense gradient itself is never stored. dy is [T, O], x is [T, I].
	BlockGradL1(w Param, dy, x Buffer, t int)
	// GrowScores is the buffer of those scores. It exists from the first call
	// on, zeroed; UpdateTopology zeroes it again.
	GrowScores(w Param) Buffer
	// UpdateTopology prunes and regrows every given sparse parameter as
	// sparse.Topology.Update defines, zeroes values and moments of newborn
	// blocks and rebuilds both views. Gradients stay as they are. Dense parameters
	// are skipped. The result is bit-identical on every backend.
	UpdateTopology(params []Param, u sparse.Update)
	// UpdateStats waits and returns, for each given sparse parameter, the
	// statistics of the last UpdateTopology. When there was none, or SetTopology
	// came after it: sparse.Topology.Stats at the step of BeginStep.
	UpdateStats(params []Param) ([]sparse.Stats, error)
}
