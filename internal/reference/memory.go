package reference

import (
	"fmt"
	"iter"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// buffer holds n elements: ints when the dtype is I32, reals otherwise.
type buffer struct {
	owner *Backend
	dtype backend.DType
	n     int
	real  []float64
	ints  []int32
}

func (x *buffer) DType() backend.DType { return x.dtype }
func (x *buffer) Len() int             { return x.n }

// param is a trainable tensor; topo is nil when it is dense.
type param struct {
	owner     *Backend
	spec      backend.ParamSpec
	topo      *sparse.Topology
	val, grad *buffer
	m, v      *buffer
	scores    *buffer // growth scores, nil until the first use
	stats     sparse.Stats
	updated   bool // stats are those of an update
	// trained is what of a dense tensor is trained; nil: all of it.
	trained *sparse.Topology
}

func (p *param) Spec() backend.ParamSpec { return p.spec }
func (p *param) Sparse() bool            { return p.topo != nil }
func (p *param) Values() backend.Buffer  { return p.val }
func (p *param) Grad() backend.Buffer    { return p.grad }
func (p *param) M() backend.Buffer       { return p.m }
func (p *param) V() backend.Buffer       { return p.v }

func (p *param) NNZ() int {
	if p.topo == nil {
		return 0
	}
	return p.topo.NNZ()
}

// tile is a rectangle of a weight whose elements are stored together, row-major
// from element at on: an active block, or the whole of a dense weight.
type tile struct {
	row, col   int // its first output and input
	rows, cols int
	at         int
}

// tiles lists the stored parts of a weight in storage order.
func (p *param) tiles() iter.Seq[tile] {
	return func(yield func(tile) bool) {
		if p.topo == nil {
			yield(tile{rows: p.spec.Out, cols: p.spec.In})
			return
		}
		size := p.topo.Block
		for slot := range p.topo.NNZ() {
			row, col := int(p.topo.Rows[slot])*size, int(p.topo.Cols[slot])*size
			if !yield(tile{row, col, size, size, slot * size * size}) {
				return
			}
		}
	}
}

func (b *Backend) newBuffer(dt backend.DType, n int) *buffer {
	x := &buffer{owner: b, dtype: dt, n: n}
	if dt == backend.I32 {
		x.ints = make([]int32, n)
	} else {
		x.real = make([]float64, n)
	}
	b.bytes += int64(n) * int64(dt.Size())
	return x
}

// Alloc returns a zeroed buffer; see backend.Backend. A negative length is an
// error.
func (b *Backend) Alloc(name string, dt backend.DType, n int) backend.Buffer {
	if n < 0 {
		b.fail("Alloc", fmt.Errorf("%s: found length %d, expected at least 0", name, n))
		n = 0
	}
	if dt > backend.F64 {
		b.fail("Alloc", fmt.Errorf("%s: found %v, expected a dtype of package backend", name, dt))
		dt = backend.F64
	}
	return b.newBuffer(dt, n)
}

// NewParam makes a parameter; see backend.Backend. The topology must satisfy
// sparse.Topology.Check and have the shape of the spec.
func (b *Backend) NewParam(spec backend.ParamSpec) backend.Param {
	if err := checkSpec(spec); err != nil {
		b.fail("NewParam", fmt.Errorf("%s: %w", spec.Name, err))
		spec = backend.ParamSpec{Name: spec.Name}
	}
	n := spec.Out * spec.In
	p := &param{owner: b, spec: spec}
	p.spec.Topology = nil
	if t := spec.Topology; t != nil {
		p.topo = t.Clone()
		n = t.NNZ() * t.BlockSize()
		m := t.SparseMemory(t.NNZ())
		b.bytes += m.Indices + m.History + m.Explored
	}
	p.val, p.grad = b.newBuffer(backend.F64, n), b.newBuffer(backend.F64, n)
	p.m, p.v = b.newBuffer(backend.F64, n), b.newBuffer(backend.F64, n)
	return p
}

func checkSpec(spec backend.ParamSpec) error {
	t := spec.Topology
	switch {
	case spec.Out < 1 || spec.In < 1:
		return fmt.Errorf("found shape [%d, %d], expected positive sizes", spec.Out, spec.In)
	case t == nil:
		return nil
	case t.Out != spec.Out || t.In != spec.In:
		return fmt.Errorf("found a topology of shape [%d, %d], expected [%d, %d]", t.Out, t.In, spec.Out, spec.In)
	}
	return t.Check()
}

// WriteFloats copies src into dst from element off on, without rounding.
func (b *Backend) WriteFloats(dst backend.Buffer, off int, src []float32) {
	a := b.begin("WriteFloats")
	x := a.span("dst", dst, off, len(src), false)
	if !a.ok {
		return
	}
	for i, v := range src {
		x.real[off+i] = float64(v)
	}
}

// WriteDoubles is WriteFloats for float64 data, without rounding.
func (b *Backend) WriteDoubles(dst backend.Buffer, off int, src []float64) {
	a := b.begin("WriteDoubles")
	if x := a.span("dst", dst, off, len(src), false); a.ok {
		copy(x.real[off:], src)
	}
}

// WriteInts copies src into an I32 buffer from element off on.
func (b *Backend) WriteInts(dst backend.Buffer, off int, src []int32) {
	a := b.begin("WriteInts")
	if x := a.span("dst", dst, off, len(src), true); a.ok {
		copy(x.ints[off:], src)
	}
}

// ReadFloats copies elements of src from off on into dst, rounding to float32,
// or returns the backend's first error.
func (b *Backend) ReadFloats(dst []float32, src backend.Buffer, off int) error {
	a := b.begin("ReadFloats")
	if x := a.span("src", src, off, len(dst), false); a.ok {
		for i := range dst {
			dst[i] = float32(x.real[off+i])
		}
	}
	return b.err
}

// ReadDoubles is ReadFloats without rounding.
func (b *Backend) ReadDoubles(dst []float64, src backend.Buffer, off int) error {
	a := b.begin("ReadDoubles")
	if x := a.span("src", src, off, len(dst), false); a.ok {
		copy(dst, x.real[off:])
	}
	return b.err
}

// SetTopology replaces the topology of a sparse parameter; see backend.Backend.
func (b *Backend) SetTopology(p backend.Param, t *sparse.Topology) {
	a := b.begin("SetTopology")
	w := a.param("p", p)
	if !a.ok {
		return
	}
	switch {
	case w.topo == nil:
		a.failf("%s: found a dense parameter, expected a sparse one", w.spec.Name)
	case t == nil:
		a.failf("%s: found no topology, expected one", w.spec.Name)
	case t.Shape != w.topo.Shape || t.NNZ() != w.topo.NNZ():
		a.failf("%s: found shape %v with %d blocks, expected %v with %d",
			w.spec.Name, t.Shape, t.NNZ(), w.topo.Shape, w.topo.NNZ())
	default:
		if err := t.Check(); err != nil {
			a.failf("%s: %w", w.spec.Name, err)
			return
		}
		w.topo = t.Clone()
		w.updated = false
	}
}

// Topology returns a copy of the parameter's topology, nil when it is dense.
func (b *Backend) Topology(p backend.Param) (*sparse.Topology, error) {
	a := b.begin("Topology")
	w := a.param("p", p)
	if !a.ok || w.topo == nil {
		return nil, b.err
	}
	return w.topo.Clone(), nil
}

// Refresh checks its arguments; the reference keeps no working copies.
func (b *Backend) Refresh(params []backend.Param) {
	b.begin("Refresh").params(params)
}
