package traffic

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Null is a device that takes every call and does nothing: buffers have a length
// and no memory, and read as zeros. A model on it can be stepped, at any size.
type Null struct {
	act    backend.DType
	memory int64
}

// NewNull returns a device with activations of that dtype.
func NewNull(act backend.DType) *Null { return &Null{act: act} }

type nullBuffer struct {
	dtype backend.DType
	n     int
}

func (x *nullBuffer) DType() backend.DType { return x.dtype }
func (x *nullBuffer) Len() int             { return x.n }

type nullParam struct {
	spec   backend.ParamSpec
	nnz    int
	values *nullBuffer // and the same for gradient and moments
}

func (p *nullParam) Spec() backend.ParamSpec { return p.spec }
func (p *nullParam) Sparse() bool            { return p.nnz > 0 }
func (p *nullParam) NNZ() int                { return p.nnz }
func (p *nullParam) Values() backend.Buffer  { return p.values }
func (p *nullParam) Grad() backend.Buffer    { return p.values }
func (p *nullParam) M() backend.Buffer       { return p.values }
func (p *nullParam) V() backend.Buffer       { return p.values }

// Valueless tells the model to draw no initial values.
func (b *Null) Valueless() bool { return true }

// Name says what this is.
func (b *Null) Name() string { return "null" }

// Describe says what this is.
func (b *Null) Describe() string { return "no device, nothing is computed" }

// Activation returns the dtype of activations.
func (b *Null) Activation() backend.DType { return b.act }

// Close does nothing.
func (b *Null) Close() error { return nil }

// Alloc returns a length.
func (b *Null) Alloc(_ string, dt backend.DType, n int) backend.Buffer {
	b.memory += int64(n) * int64(dt.Size())
	return &nullBuffer{dt, n}
}

// NewParam returns the lengths of a parameter.
func (b *Null) NewParam(spec backend.ParamSpec) backend.Param {
	p := &nullParam{spec: spec, values: &nullBuffer{backend.F32, spec.Out * spec.In}}
	if t := spec.Topology; t != nil {
		p.nnz, p.values.n = t.NNZ(), t.NNZ()*t.BlockSize()
		m := t.SparseMemory(p.nnz)
		b.memory += m.Indices + m.History + m.Explored
	}
	p.spec.Topology = nil
	b.memory += 4 * 4 * int64(p.values.n)
	return p
}

// MemoryBytes is what the buffers and parameters would take.
func (b *Null) MemoryBytes() int64 { return b.memory }

// ReadFloats returns zeros.
func (b *Null) ReadFloats(dst []float32, _ backend.Buffer, _ int) error {
	clear(dst)
	return nil
}

// Topology returns none.
func (b *Null) Topology(backend.Param) (*sparse.Topology, error) { return nil, nil }

// UpdateStats returns empty ones.
func (b *Null) UpdateStats(params []backend.Param) ([]sparse.Stats, error) {
	n := 0
	for _, p := range params {
		if p.Sparse() {
			n++
		}
	}
	return make([]sparse.Stats, n), nil
}

// GrowScores returns their length.
func (b *Null) GrowScores(w backend.Param) backend.Buffer {
	v := weightOf(w)
	return &nullBuffer{backend.F32, v.out / v.block * (v.in / v.block)}
}

// What follows does nothing.

func (b *Null) WriteFloats(backend.Buffer, int, []float32)            {}
func (b *Null) WriteInts(backend.Buffer, int, []int32)                {}
func (b *Null) SetTopology(backend.Param, *sparse.Topology)           {}
func (b *Null) Refresh([]backend.Param)                               {}
func (b *Null) Sync() error                                           { return nil }
func (b *Null) BeginStep(backend.StepScalars)                         {}
func (b *Null) DSD(_, _, _ backend.Buffer, _, _ backend.Param, _ int) {}
func (b *Null) DDS(_, _ backend.Buffer, _ backend.Param, _ int, _ backend.DDSMode, _ backend.Buffer) {
}
func (b *Null) SDD(_, _ backend.Param, _, _ backend.Buffer, _ int)                                {}
func (b *Null) DSDShared([]backend.Buffer, backend.Buffer, []backend.Param, []backend.Param, int) {}
func (b *Null) DDSShared(backend.Buffer, []backend.Buffer, []backend.Param, int)                  {}
func (b *Null) SDDShared(_, _ []backend.Param, _ []backend.Buffer, _ backend.Buffer, _ int)       {}
func (b *Null) Embed(_, _, _ backend.Buffer, _, _, _ backend.Param, _, _ int)                     {}
func (b *Null) EmbedGrad(_, _, _ backend.Param, _, _, _ backend.Buffer, _, _ int)                 {}
func (b *Null) AddNorm(_, _, _, _, _, _ backend.Buffer, _, _ backend.Param, _ int, _ backend.Dropout) {
}
func (b *Null) AddNormGrad(_, _, _, _, _, _ backend.Buffer, _, _ backend.Param, _ int, _ backend.Dropout) {
}
func (b *Null) DropoutApply(_, _ backend.Buffer, _ int, _ backend.Dropout)                   {}
func (b *Null) Attention(_, _, _, _, _, _ backend.Buffer, _ backend.Attn, _ backend.Dropout) {}
func (b *Null) AttentionGrad(_, _, _, _, _, _, _, _, _, _ backend.Buffer, _ backend.Attn, _ backend.Dropout) {
}
func (b *Null) Gather(_, _, _ backend.Buffer, _, _ int)                               {}
func (b *Null) ScatterAdd(_, _, _ backend.Buffer, _, _ int)                           {}
func (b *Null) Zero(backend.Buffer, int)                                              {}
func (b *Null) Tanh(_, _ backend.Buffer, _ int)                                       {}
func (b *Null) TanhGrad(_, _, _ backend.Buffer, _ int)                                {}
func (b *Null) GELUGrad(_, _, _ backend.Buffer, _ int)                                {}
func (b *Null) CrossEntropy(_, _, _ backend.Buffer, _, _ int, _ backend.Loss, _ bool) {}
func (b *Null) ZeroGrad([]backend.Param)                                              {}
func (b *Null) GradNorm(backend.Buffer, []backend.Param)                              {}
func (b *Null) AdamW([]backend.Param, backend.Buffer, backend.AdamConfig)             {}
func (b *Null) BlockGradL1(backend.Param, backend.Buffer, backend.Buffer, int)        {}
func (b *Null) UpdateTopology([]backend.Param, sparse.Update)                         {}

var _ backend.Backend = (*Null)(nil)
