package gpu

import (
	"math"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// The constants of kernels/include/optimizer.cuh.
const (
	chunkElements = launch.OptimizerChunk
	chunkThreads  = 256
	normThreads   = 512 // of kernel grad_norm
)

// deviceTensor is struct Tensor of kernels/include/optimizer.cuh.
type deviceTensor struct {
	values, grad, m, v     Ptr
	forward, backward      ptrBF16
	born                   ptrI32
	bad                    ptrU64
	n, block, shift, decay int32
}

// tensorList is a list of parameters in device memory, cut into chunks.
type tensorList struct {
	params  []*param
	tensors ptrTensor
	chunks  ptrInt2 // index of the tensor, first element
	partial ptrF64  // of each chunk, for the norm
	n       int     // chunks
	own     ptrInt2 // those with moments, for AdamW: all, or some of them
	owned   int     // how many
}

// launch is one thread block for each chunk.
func (t *tensorList) launch() config {
	return config{grid: Dim3{X: t.n}, block: Dim3{X: chunkThreads}}
}

// list returns the tables of a list of parameters. They are made at the first
// call with it and stay, as a recorded launch may name them; nil after an error.
func (c operation) list(params []backend.Param) *tensorList {
	list := ownParams(params)
	for _, t := range c.b.lists {
		if slices.Equal(t.params, list) {
			return t
		}
	}
	t := &tensorList{params: list}
	var tensors []deviceTensor
	var chunks, own [][2]int32
	for i, p := range list {
		d := deviceTensor{
			values: p.values.p, grad: p.grad.p, m: p.moment(p.m), v: p.moment(p.v), forward: p.forward, backward: p.backward,
			n: int32(p.values.n), shift: int32(bits.Len(chunkElements) - 1),
		}
		if p.spec.Decay {
			d.decay = 1
		}
		if s := p.topo; s != nil {
			d.born, d.block, d.shift = s.born, int32(s.Block), int32(bits.Len(uint(s.BlockSize()))-1)
			// AdamW is the one that looks at births.
			d.bad = operation{c.b, "AdamW"}.slot(p.spec.Name+" births", "at most the step")
		}
		tensors = append(tensors, d)
		for first := 0; first < p.values.n; first += chunkElements {
			chunk := [2]int32{int32(i), int32(first)}
			chunks = append(chunks, chunk)
			if first >= p.lo && first < p.hi {
				own = append(own, chunk)
			}
		}
	}
	t.n, t.owned = len(chunks), len(own)
	t.tensors = ptrTensor(c.table(bytesOf(tensors)))
	t.chunks = ptrInt2(c.table(bytesOf(chunks)))
	t.own = t.chunks
	if t.owned < t.n {
		t.own = ptrInt2(c.table(bytesOf(own)))
	}
	bytes := int64(t.n) * int64(unsafe.Sizeof(float64(0)))
	t.partial = ptrF64(c.b.take(c.op, "partial sums of the norm", bytes))
	if !c.ok() {
		return nil
	}
	c.b.lists = append(c.b.lists, t)
	return t
}

// table copies bytes to new device memory.
func (c operation) table(bytes []byte) Ptr {
	p := c.b.take(c.op, "table of tensors", int64(len(bytes)))
	if c.ok() && p != 0 {
		c.b.keep(c.op, c.b.drv.CopyIn(0, p, bytes))
	}
	return p
}

// ZeroGrad implements backend.Optimizer.
func (b *device) ZeroGrad(params []backend.Param) {
	c := b.begin("ZeroGrad")
	if t := c.list(params); t != nil && t.n > 0 {
		b.k.zeroGrad(t.launch(), zeroGradArgs{tensors: t.tensors, chunks: t.chunks})
	}
}

// GradNorm implements backend.Optimizer.
func (b *device) GradNorm(norm backend.Buffer, params []backend.Param) {
	c := b.begin("GradNorm")
	dst, t := own(norm), c.list(params)
	if !c.ok() {
		return
	}
	if t.n > 0 {
		b.k.gradSquares(t.launch(), gradSquaresArgs{partial: t.partial, tensors: t.tensors, chunks: t.chunks})
	}
	b.k.gradNorm(config{grid: Dim3{X: 1}, block: Dim3{X: normThreads}}, gradNormArgs{norm: ptrF32(dst.p), partial: t.partial, n: int32(t.n)})
}

// AdamW implements backend.Optimizer. The step, its learning rate and the norm
// are read on the device, the other constants are fixed in a recorded launch.
func (b *device) AdamW(params []backend.Param, norm backend.Buffer, cfg backend.AdamConfig) {
	c := b.begin("AdamW")
	n, t := own(norm), c.list(params)
	if !c.ok() || t.n == 0 {
		return
	}
	args := adamwArgs{
		tensors: t.tensors, chunks: t.own, norm: ptrF32(n.p), step: b.scalars(),
		logBeta1: math.Log(float64(cfg.Beta1)), logBeta2: math.Log(float64(cfg.Beta2)), beta1: cfg.Beta1, beta2: cfg.Beta2, eps: cfg.Eps,
		weightDecay: cfg.WeightDecay, lasso: cfg.GroupLasso * cfg.GroupLassoStd, maxNorm: cfg.MaxGradNorm,
		sparseRate: cfg.Rate(1, true),
	}
	if cfg.GlobalClock {
		args.globalClock = 1
	}
	if t.owned > 0 {
		b.k.adamw(config{grid: Dim3{X: t.owned}, block: Dim3{X: chunkThreads}}, args)
	}
	c.follow(t.params)
}
