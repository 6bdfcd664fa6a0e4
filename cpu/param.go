package cpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// param is a trainable tensor with what the products derive from its topology.
type param struct {
	owner            *device
	spec             backend.ParamSpec
	topo             *sparse.Topology // nil: dense
	values, grad     *buffer
	m, v             *buffer
	scores           *buffer // growth scores; nil until asked for
	stats            sparse.Stats
	updated          bool // stats are those of an update
	scratch          sparse.Scratch
	rowSegs, colSegs []kernel.Seg // B > 1: the blocks of each view as tile segments
	rowIdx, colIdx   []int32      // B = 1: the inner index of each element of each view
	own              span         // the elements of which there are moments
	restricted       bool         // of a dense tensor only trained is trained
	trained          []span       // element ranges, ascending and apart
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
	return p.topo.NNZ()
}

// NewParam implements backend.Backend.
func (b *device) NewParam(spec backend.ParamSpec) backend.Param {
	p := &param{owner: b, spec: spec}
	p.spec.Topology = nil
	n := spec.Out * spec.In
	if t := spec.Topology; t != nil {
		p.topo = t.Clone()
		n = t.NNZ() * t.BlockSize()
		m := t.SparseMemory(t.NNZ())
		b.mem += m.Indices + m.History + m.Explored
		p.index()
	}
	for _, x := range []struct {
		part string
		dst  **buffer
	}{{"", &p.values}, {" gradient", &p.grad}, {" first moment", &p.m}, {" second moment", &p.v}} {
		*x.dst = b.alloc(spec.Name+x.part, backend.F32, n)
	}
	p.own = span{0, n}
	return p
}

// Shard implements backend.Sharder.
func (b *device) Shard(p backend.Param, lo, hi int) {
	q := p.(*param)
	for _, x := range []**buffer{&q.m, &q.v} {
		old := *x
		b.mem -= int64(old.n) * int64(old.dtype.Size())
		*x = b.alloc(old.name, old.dtype, hi-lo)
	}
	q.own = span{lo, hi}
}

// moments returns both moments of the elements [lo, hi), of which there are.
func (p *param) moments(lo, hi int) (m, v []float32) {
	lo, hi = lo-p.own.lo, hi-p.own.lo
	return p.m.f[lo:hi], p.v.f[lo:hi]
}

// clearState sets the elements [lo, hi) of the values to zero, with the moments that there
// are of them.
func (p *param) clearState(lo, hi int) {
	clear(p.values.f[lo:hi])
	if lo, hi = max(lo, p.own.lo), min(hi, p.own.hi); lo < hi {
		m, v := p.moments(lo, hi)
		clear(m)
		clear(v)
	}
}

// index derives the products' lists from the two views.
func (p *param) index() {
	t := p.topo
	if t.Block == 1 {
		p.rowIdx, p.colIdx = grow(p.rowIdx, t.NNZ()), grow(p.colIdx, t.NNZ())
		for i, s := range t.RowSlot {
			p.rowIdx[i] = t.Cols[s]
		}
		for i, s := range t.ColSlot {
			p.colIdx[i] = t.Rows[s]
		}
		return
	}
	per := max(1, t.Block/kernel.PanelWidth)
	p.rowSegs, p.colSegs = grow(p.rowSegs, t.NNZ()*per), grow(p.colSegs, t.NNZ()*per)
	for i, s := range t.RowSlot {
		segments(p.rowSegs[i*per:(i+1)*per], t.Block, t.Cols[s], s)
	}
	for i, s := range t.ColSlot {
		segments(p.colSegs[i*per:(i+1)*per], t.Block, t.Rows[s], s)
	}
}

// segments lists the segments of the inner dimension that the block in a slot covers: one for
// each micro-panel of the packed panel. The block has its inner dimension first. Those of 4 x 4
// and 8 x 8 blocks are in panels of kernel.LanesOf tokens.
func segments(dst []kernel.Seg, block int, inner, slot int32) {
	first := int(inner) * block
	if block < kernel.PanelWidth {
		dst[0] = kernel.Seg{A: int32(first * kernel.LanesOf(block)), B: slot * int32(block*block)}
		return
	}
	for j := range dst {
		k := first + j*kernel.PanelWidth
		dst[j] = kernel.Seg{
			A: int32(k/kernel.PanelWidth*kernel.PanelWidth*kernel.TileRows + k%kernel.PanelWidth),
			B: int32(int(slot)*block*block + j*kernel.PanelWidth*block),
		}
	}
}

// SetTopology implements backend.Backend.
func (b *device) SetTopology(p backend.Param, t *sparse.Topology) {
	q := p.(*param)
	q.topo, q.updated = t.Clone(), false
	q.index()
}

// Topology implements backend.Backend.
func (b *device) Topology(p backend.Param) (*sparse.Topology, error) {
	if q := p.(*param); q.topo != nil {
		return q.topo.Clone(), nil
	}
	return nil, nil
}

// Refresh implements backend.Backend. This backend keeps no working copies.
func (b *device) Refresh([]backend.Param) {}
