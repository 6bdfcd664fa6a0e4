package gpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// param is a trainable tensor on the device.
type param struct {
	owner        *device
	spec         backend.ParamSpec
	values, grad *buffer
	m, v         *buffer // of the elements lo to hi-1
	lo, hi       int
	topo         *deviceTopology // nil: dense
	scores       *buffer         // growth scores; nil until asked for

	family launch.Family // that the copies are made for
	copies
}

// deviceTopology is a sparse.Topology in device memory, field by field.
type deviceTopology struct {
	sparse.Shape
	nnz             int
	rows, cols      ptrI32 // [nnzb]
	born, newAt     ptrI32 // [nnzb]
	explored        Ptr    // [ceil(positions/64)] words of 64 bits
	rowPtr, rowSlot ptrI32 // [block rows + 1], [nnzb]
	colPtr, colSlot ptrI32 // [block columns + 1], [nnzb]
	table           int    // index in the topology manager's table of tensors
	updated         bool   // the manager's statistics are those of an update
}

func (p *param) Spec() backend.ParamSpec { return p.spec }
func (p *param) Sparse() bool            { return p.topo != nil }
func (p *param) Values() backend.Buffer  { return p.values }
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
	return p.topo.nnz
}

// NewParam implements backend.Backend.
func (b *device) NewParam(spec backend.ParamSpec) backend.Param {
	c := b.begin("NewParam " + spec.Name)
	p := &param{owner: b, spec: spec}
	p.spec.Topology = nil
	n, t := spec.Out*spec.In, spec.Topology
	if t != nil {
		n = t.NNZ() * t.BlockSize()
	}
	for _, x := range []struct {
		part string
		dst  **buffer
	}{{"", &p.values}, {" gradient", &p.grad}, {" first moment", &p.m}, {" second moment", &p.v}} {
		*x.dst = b.alloc(spec.Name+x.part, backend.F32, n)
	}
	if t != nil && c.ok() {
		p.topo = c.newTopology(spec.Name, t)
	}
	p.hi = n
	p.family = launch.FamilyOf(b.act, p.weight())
	if p.topo != nil && c.ok() {
		c.makeCopies(p)
		b.register(p)
	}
	return p
}

// newTopology gives a topology memory on the device and copies t there.
func (c operation) newTopology(name string, t *sparse.Topology) *deviceTopology {
	d := &deviceTopology{Shape: t.Shape, nnz: t.NNZ()}
	for _, f := range d.fields(t) {
		*f.at = c.b.take(c.op, name+" "+f.name, int64(len(f.host)))
	}
	m := t.SparseMemory(t.NNZ())
	c.b.mem += m.Indices + m.History + m.Explored
	c.upload(d, t)
	return d
}

// field is one array of a topology, here and there.
type field struct {
	name string
	at   *Ptr
	host []byte
}

// fields pairs the arrays of d with those of t.
func (d *deviceTopology) fields(t *sparse.Topology) []field {
	return []field{
		{"rows", (*Ptr)(&d.rows), bytesOf(t.Rows)}, {"columns", (*Ptr)(&d.cols), bytesOf(t.Cols)},
		{"births", (*Ptr)(&d.born), bytesOf(t.Born)}, {"updates", (*Ptr)(&d.newAt), bytesOf(t.NewAt)},
		{"explored bits", &d.explored, bytesOf(t.Explored)},
		{"row bounds", (*Ptr)(&d.rowPtr), bytesOf(t.RowPtr)}, {"row view", (*Ptr)(&d.rowSlot), bytesOf(t.RowSlot)},
		{"column bounds", (*Ptr)(&d.colPtr), bytesOf(t.ColPtr)}, {"column view", (*Ptr)(&d.colSlot), bytesOf(t.ColSlot)},
	}
}

func (c operation) upload(d *deviceTopology, t *sparse.Topology) {
	c.b.outside(c.op)
	for _, f := range d.fields(t) {
		if c.ok() {
			c.b.keep(c.op, c.b.drv.CopyIn(0, *f.at, f.host))
		}
	}
}

// SetTopology implements backend.Backend.
func (b *device) SetTopology(p backend.Param, t *sparse.Topology) {
	q := ownParam(p)
	q.topo.updated = false
	b.begin("SetTopology").upload(q.topo, t)
}

// Topology implements backend.Backend.
func (b *device) Topology(p backend.Param) (*sparse.Topology, error) {
	q := ownParam(p)
	if b.Sync() != nil || q.topo == nil {
		return nil, b.err
	}
	d := q.topo
	words := (d.Positions() + 63) / 64
	t := &sparse.Topology{
		Shape: d.Shape, Rows: make([]int32, d.nnz), Cols: make([]int32, d.nnz), Born: make([]int32, d.nnz), NewAt: make([]int32, d.nnz),
		Explored: make([]uint64, words),
		RowPtr:   make([]int32, d.BlockRows()+1), RowSlot: make([]int32, d.nnz),
		ColPtr: make([]int32, d.BlockCols()+1), ColSlot: make([]int32, d.nnz),
	}
	for _, f := range d.fields(t) {
		b.keep("Topology", b.drv.CopyOut(0, f.host, *f.at))
	}
	return t, b.err
}

// grid returns a grid for n threads in blocks of size, of at most most blocks.
func grid(n, size, most int) Dim3 { return Dim3(launch.Grid(n, size, most)) }
