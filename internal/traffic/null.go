package traffic

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Null is a device that takes every call and does nothing: buffers have a length
// and no memory, and read as zeros. A model on it can be stepped, at any size.
type Null struct {
	backend.Backend
	device *null
}

// NewNull returns a device with activations of that dtype.
func NewNull(act backend.DType) Null {
	d := &null{act: act}
	return Null{backend.New(d), d}
}

// Device returns the device that is behind the check of arguments.
func (n Null) Device() backend.Device { return n.device }

// null implements the operations.
type null struct {
	act    backend.DType
	memory int64
	err    error
}

type nullBuffer struct {
	owner *null
	name  string
	dtype backend.DType
	n     int
	wide  int // columns of a buffer of rows
}

func (x *nullBuffer) Name() string          { return x.name }
func (x *nullBuffer) DType() backend.DType  { return x.dtype }
func (x *nullBuffer) Len() int              { return x.n }
func (x *nullBuffer) Columns() int          { return x.wide }
func (x *nullBuffer) Owner() backend.Device { return x.owner }

type nullParam struct {
	spec       backend.ParamSpec
	nnz, block int
	values     *nullBuffer // and the same for gradient and moments
}

func (p *nullParam) Spec() backend.ParamSpec { return p.spec }
func (p *nullParam) Sparse() bool            { return p.nnz > 0 }
func (p *nullParam) NNZ() int                { return p.nnz }
func (p *nullParam) Block() int              { return p.block }
func (p *nullParam) Owner() backend.Device   { return p.values.owner }
func (p *nullParam) Values() backend.Buffer  { return p.values }
func (p *nullParam) Grad() backend.Buffer    { return p.values }
func (p *nullParam) M() backend.Buffer       { return p.values }
func (p *nullParam) V() backend.Buffer       { return p.values }

// Name says what this is.
func (b *null) Name() string { return "null" }

// Describe says what this is.
func (b *null) Describe() string { return "no device, nothing is computed" }

// Activation returns the dtype of activations.
func (b *null) Activation() backend.DType { return b.act }

// Capabilities are all that can be had without keeping a value.
func (b *null) Capabilities() backend.Capabilities {
	return backend.Capabilities{Recorder: b, SharedInput: b, Restricter: b, Rows: b, KeepsDropout: b.Activation() == backend.BF16, Valueless: true}
}

// Close does nothing.
func (b *null) Close() error { return nil }

// Sync returns the first error, which is one of arguments.
func (b *null) Sync() error { return b.err }

// Err implements backend.Device.
func (b *null) Err() error { return b.err }

// Fail implements backend.Device.
func (b *null) Fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Alloc returns a length.
func (b *null) Alloc(name string, dt backend.DType, n int) backend.Buffer {
	b.memory += int64(n) * int64(dt.Size())
	return &nullBuffer{b, name, dt, n, 0}
}

// AllocRows returns the length of rows and their number of columns.
func (b *null) AllocRows(name string, dt backend.DType, rows, columns int) backend.Buffer {
	b.memory += int64(rows) * int64(columns) * int64(dt.Size())
	return &nullBuffer{b, name, dt, rows * columns, columns}
}

// NewParam returns the lengths of a parameter.
func (b *null) NewParam(spec backend.ParamSpec) backend.Param {
	p := &nullParam{spec: spec, values: &nullBuffer{b, spec.Name, backend.F32, spec.Out * spec.In, 0}}
	if t := spec.Topology; t != nil {
		p.nnz, p.block, p.values.n = t.NNZ(), t.Block, t.NNZ()*t.BlockSize()
		m := t.SparseMemory(p.nnz)
		b.memory += m.Indices + m.History + m.Explored
	}
	p.spec.Topology = nil
	b.memory += 4 * 4 * int64(p.values.n)
	return p
}

// MemoryBytes is what the buffers and parameters would take.
func (b *null) MemoryBytes() int64 { return b.memory }

// ReadFloats returns zeros.
func (b *null) ReadFloats(dst []float32, _ backend.Buffer, _ int) error {
	clear(dst)
	return nil
}

// Topology returns none.
func (b *null) Topology(backend.Param) (*sparse.Topology, error) { return nil, nil }

// UpdateStats returns empty ones.
func (b *null) UpdateStats(params []backend.Param) ([]sparse.Stats, error) {
	n := 0
	for _, p := range params {
		if p.Sparse() {
			n++
		}
	}
	return make([]sparse.Stats, n), nil
}

// GrowScores returns their length.
func (b *null) GrowScores(w backend.Param) backend.Buffer {
	v := weightOf(w)
	return &nullBuffer{b, "growth scores", backend.F32, v.out / v.block * (v.in / v.block), 0}
}

// Record runs work.
func (b *null) Record(_ any, work func()) { work() }

// Repeats implements backend.Recorder.
func (b *null) Repeats(any) bool { return false }

// What follows does nothing.

func (b *null) Restrict(backend.Param, *sparse.Topology) {}
func (b *null) KeepOnly(backend.Param, *sparse.Topology) {}

func (b *null) WriteFloats(backend.Buffer, int, []float32)            {}
func (b *null) WriteInts(backend.Buffer, int, []int32)                {}
func (b *null) SetTopology(backend.Param, *sparse.Topology)           {}
func (b *null) Refresh([]backend.Param)                               {}
func (b *null) BeginStep(backend.StepScalars)                         {}
func (b *null) DSD(_, _, _ backend.Buffer, _, _ backend.Param, _ int) {}
func (b *null) DDS(_, _ backend.Buffer, _ backend.Param, _ int, _ backend.DDSMode, _ backend.Buffer) {
}
func (b *null) SDD(_, _ backend.Param, _, _ backend.Buffer, _ int)                                {}
func (b *null) DSDShared([]backend.Buffer, backend.Buffer, []backend.Param, []backend.Param, int) {}
func (b *null) DDSShared(backend.Buffer, []backend.Buffer, []backend.Param, int)                  {}
func (b *null) SDDShared(_, _ []backend.Param, _ []backend.Buffer, _ backend.Buffer, _ int)       {}
func (b *null) Embed(_, _, _ backend.Buffer, _, _, _ backend.Param, _, _ int)                     {}
func (b *null) EmbedGrad(_, _, _ backend.Param, _, _, _ backend.Buffer, _, _ int)                 {}
func (b *null) AddNorm(_, _, _, _, _, _ backend.Buffer, _, _ backend.Param, _ int, _ backend.Dropout) {
}
func (b *null) AddNormGrad(_, _, _, _, _, _ backend.Buffer, _, _ backend.Param, _ int, _ backend.Dropout) {
}
func (b *null) DropoutApply(_, _ backend.Buffer, _ int, _ backend.Dropout)                   {}
func (b *null) Attention(_, _, _, _, _, _ backend.Buffer, _ backend.Attn, _ backend.Dropout) {}
func (b *null) AttentionGrad(_, _, _, _, _, _, _, _, _, _ backend.Buffer, _ backend.Attn, _ backend.Dropout) {
}
func (b *null) Gather(_, _, _ backend.Buffer, _, _ int)                               {}
func (b *null) ScatterAdd(_, _, _ backend.Buffer, _, _ int)                           {}
func (b *null) Zero(backend.Buffer, int)                                              {}
func (b *null) Tanh(_, _ backend.Buffer, _ int)                                       {}
func (b *null) TanhGrad(_, _, _ backend.Buffer, _ int)                                {}
func (b *null) GELUGrad(_, _, _ backend.Buffer, _ int)                                {}
func (b *null) CrossEntropy(_, _, _ backend.Buffer, _, _ int, _ backend.Loss, _ bool) {}
func (b *null) ZeroGrad([]backend.Param)                                              {}
func (b *null) GradNorm(backend.Buffer, []backend.Param)                              {}
func (b *null) AdamW([]backend.Param, backend.Buffer, backend.AdamConfig)             {}
func (b *null) BlockGradL1(backend.Param, backend.Buffer, backend.Buffer, int)        {}
func (b *null) UpdateTopology([]backend.Param, sparse.Update)                         {}
