package reference

import (
	"iter"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// buffer holds n elements: ints when the dtype is I32, reals otherwise.
type buffer struct {
	owner *device
	name  string
	dtype backend.DType
	n     int
	real  []float64
	ints  []int32
}

func (x *buffer) Name() string         { return x.name }
func (x *buffer) DType() backend.DType { return x.dtype }
func (x *buffer) Len() int             { return x.n }

func (x *buffer) Owner() backend.Device {
	if x == nil {
		return nil
	}
	return x.owner
}

// param is a trainable tensor; topo is nil when it is dense.
type param struct {
	owner     *device
	spec      backend.ParamSpec
	topo      *sparse.Topology
	val, grad *buffer
	m, v      *buffer
	scores    *buffer // growth scores, nil until the first use
	stats     sparse.Stats
	updated   bool // stats are those of an update
	// first and end are the elements of which there are moments.
	first, end int
	// trained is what of a dense tensor is trained; nil: all of it.
	trained *sparse.Topology
}

func (p *param) Spec() backend.ParamSpec { return p.spec }
func (p *param) Sparse() bool            { return p.topo != nil }
func (p *param) Values() backend.Buffer  { return p.val }
func (p *param) Grad() backend.Buffer    { return p.grad }
func (p *param) M() backend.Buffer       { return p.m }
func (p *param) V() backend.Buffer       { return p.v }

func (p *param) Owner() backend.Device {
	if p == nil {
		return nil
	}
	return p.owner
}

func (p *param) Block() int {
	if p.topo == nil {
		return 0
	}
	return p.topo.Block
}

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

// of returns row o of the tile in the values, gradients or moments of its weight.
func (r tile) of(x []float64, o int) []float64 { return x[r.at+o*r.cols:][:r.cols] }

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

func (d *device) newBuffer(name string, dt backend.DType, n int) *buffer {
	x := &buffer{owner: d, name: name, dtype: dt, n: n}
	if dt == backend.I32 {
		x.ints = make([]int32, n)
	} else {
		x.real = make([]float64, n)
	}
	d.bytes += int64(n) * int64(dt.Size())
	return x
}

// Alloc returns a zeroed buffer; see backend.Backend.
func (d *device) Alloc(name string, dt backend.DType, n int) backend.Buffer {
	return d.newBuffer(name, dt, n)
}

// NewParam makes a parameter; see backend.Backend.
func (d *device) NewParam(spec backend.ParamSpec) backend.Param {
	n := spec.Out * spec.In
	p := &param{owner: d, spec: spec}
	p.spec.Topology = nil
	if t := spec.Topology; t != nil {
		p.topo = t.Clone()
		n = t.NNZ() * t.BlockSize()
		m := t.SparseMemory(t.NNZ())
		d.bytes += m.Indices + m.History + m.Explored
	}
	p.val, p.grad = d.newBuffer(spec.Name, backend.F64, n), d.newBuffer(spec.Name+" gradient", backend.F64, n)
	p.end = n
	d.newMoments(p)
	return p
}

// newMoments makes moments of zero.
func (d *device) newMoments(p *param) {
	n := p.end - p.first
	p.m, p.v = d.newBuffer(p.spec.Name+" first moment", backend.F64, n), d.newBuffer(p.spec.Name+" second moment", backend.F64, n)
}

// Shard keeps the moments of some elements; see backend.Sharder.
func (d *device) Shard(p backend.Param, lo, hi int) {
	w := p.(*param)
	d.bytes -= int64(len(w.m.real)+len(w.v.real)) * int64(backend.F64.Size())
	w.first, w.end = lo, hi
	d.newMoments(w)
}

// moment is the place of element k in the buffers of moments; ok: there is one.
func (p *param) moment(k int) (at int, ok bool) { return k - p.first, k >= p.first && k < p.end }

// clearElement sets an element and its moments to zero.
func (p *param) clearElement(k int) {
	p.val.real[k] = 0
	if at, ok := p.moment(k); ok {
		p.m.real[at], p.v.real[at] = 0, 0
	}
}

// WriteFloats copies src into dst from element off on, without rounding.
func (d *device) WriteFloats(dst backend.Buffer, off int, src []float32) {
	x := reals(dst)
	for i, v := range src {
		x[off+i] = float64(v)
	}
}

// WriteInts copies src into an I32 buffer from element off on.
func (d *device) WriteInts(dst backend.Buffer, off int, src []int32) {
	copy(dst.(*buffer).ints[off:], src)
}

// ReadFloats copies elements of src from off on into dst, rounding to float32.
func (d *device) ReadFloats(dst []float32, src backend.Buffer, off int) error {
	x := reals(src)
	for i := range dst {
		dst[i] = float32(x[off+i])
	}
	return nil
}

// SetTopology replaces the topology of a sparse parameter; see backend.Backend.
func (d *device) SetTopology(p backend.Param, t *sparse.Topology) {
	w := p.(*param)
	w.topo, w.updated = t.Clone(), false
}

// Topology returns a copy of the parameter's topology, nil when it is dense.
func (d *device) Topology(p backend.Param) (*sparse.Topology, error) {
	if w := p.(*param); w.topo != nil {
		return w.topo.Clone(), nil
	}
	return nil, nil
}

// Refresh does nothing: the reference keeps no working copies.
func (d *device) Refresh([]backend.Param) {}
