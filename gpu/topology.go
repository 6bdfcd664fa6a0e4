package gpu

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// topologyManager updates topologies on the device. The host hands over the
// numbers of an update and starts four kernels; it learns of statistics and
// faults when it next waits. Device memory holds
//
//	table    a topologyTensor for every sparse parameter, in order of creation
//	reports  a topologyReport for each
//	update   the numbers of the update
//	list     indices in table of the parameters to update
//
// The launches depend on the shapes in the list alone, so they can be recorded and
// replayed with other numbers. Adding a sparse parameter makes recordings void.
type topologyManager struct {
	params  []*param // by index in table
	host    []topologyTensor
	stale   bool    // host differs from table
	listed  []int32 // what list holds
	reports []topologyReport
	pending bool // an update ran since reports was read

	capacity         int64 // of table, reports and list
	table, reportsAt Ptr
	listAt, updateAt Ptr
	ages             ages
}

// topologySequence names the recorded launches of an update of a list.
type topologySequence string

var topologyKernels = []string{"topology_norms", "topology_update", "topology_finish"}

func (b *device) startTopology() error {
	b.topo.updateAt = b.take("New", "topology update", updateBytes)
	return b.err
}

// register adds a sparse parameter to the table, whose memory is there already.
func (b *device) register(p *param) {
	m, d := &b.topo, p.topo
	op := "NewParam " + p.spec.Name
	t := topologyTensor{
		rows: Ptr(d.rows), cols: Ptr(d.cols), born: Ptr(d.born), newAt: Ptr(d.newAt), explored: Ptr(d.explored),
		rowPtr: Ptr(d.rowPtr), rowSlot: Ptr(d.rowSlot), colPtr: Ptr(d.colPtr), colSlot: Ptr(d.colSlot),
		values: p.values.p, forward: Ptr(p.forward), backward: Ptr(p.backward),
		block: int32(d.Block), blockRows: int32(d.BlockRows()), blockCols: int32(d.BlockCols()), nnzb: int32(d.nnz),
		tensor: uint32(p.spec.Index),
	}
	t.own(p)
	n := t.scratchArrays(d.Shape, d.nnz, 0)
	t.scratchArrays(d.Shape, d.nnz, b.take(op, p.spec.Name+" topology scratch", n))
	d.table = len(m.host)
	m.params, m.host, m.stale = append(m.params, p), append(m.host, t), true
}

// UpdateTopology implements backend.Optimizer. What is wrong on the device (a
// norm that is not finite, say) becomes an error at the next Sync or read.
func (b *device) UpdateTopology(params []backend.Param, u sparse.Update) {
	c := b.begin("UpdateTopology")
	list := updated(params, u)
	if c.ok() && len(list) > 0 {
		c.writeUpdate(list, u)
		b.Record(topologySequence(bytesOf(list)), func() { c.launchUpdate(list) })
	}
}

// updated returns the indices of the sparse parameters in the table, with growth scores
// where the update reads them.
func updated(params []backend.Param, u sparse.Update) []int32 {
	var list []int32
	for _, p := range params {
		q := ownParam(p)
		if q.topo == nil {
			continue
		}
		if u.Growth.Scores() {
			q.growScores()
		}
		if u.Prune.Criterion().Moments && (q.lo > 0 || q.hi < q.values.n) {
			q.owner.fail("UpdateTopology %s: found moments of a part alone, expected all, which %v reads", q.spec.Name, u.Prune)
		}
		list = append(list, int32(q.topo.table))
	}
	return list
}

// writeUpdate copies the numbers of an update to the device, and the table and
// the list where those there are others. It also does what cannot be recorded.
func (c operation) writeUpdate(list []int32, u sparse.Update) {
	b, m := c.b, &c.b.topo
	b.keep(c.op, b.k.load(topologyKernels...))
	c.growTable()
	if m.stale && c.ok() {
		b.keep(c.op, b.drv.CopyIn(0, m.table, bytesOf(m.host)))
		m.stale = false
	}
	if !slices.Equal(m.listed, list) {
		b.stage(c.op, m.listAt, bytesOf(list))
		m.listed = append(m.listed[:0], list...)
	}
	d := deviceUpdate(u)
	c.writeAges(&d, u.Ages)
	b.stage(c.op, m.updateAt, bytesOf([]topologyUpdate{d}))
	m.pending = true
	for _, i := range list {
		m.params[i].topo.updated = true
	}
}

// growTable makes room for all parameters.
func (c operation) growTable() {
	b, m := c.b, &c.b.topo
	n := int64(len(m.host))
	if n <= m.capacity || !c.ok() {
		return
	}
	n = max(n, 2*m.capacity, 64)
	for _, a := range []struct {
		label string
		at    *Ptr
		bytes int64
	}{{"topology table", &m.table, tensorBytes}, {"topology reports", &m.reportsAt, reportBytes}, {"topology list", &m.listAt, 4}} {
		p := b.take(c.op, a.label, n*a.bytes)
		if old := *a.at; old != 0 && c.ok() {
			b.keep(c.op, b.drv.Copy(0, p, old, m.capacity*a.bytes)) // reports stay
			b.release(c.op, old)
		}
		*a.at = p
	}
	m.capacity, m.stale, m.listed = n, true, nil
}

// launchUpdate starts the kernels of an update of the parameters in list.
func (c operation) launchUpdate(list []int32) {
	if !c.ok() {
		return
	}
	m := &c.b.topo
	positions, norms, elements, slots := 0, 0, 0, 0
	for _, i := range list {
		d := m.params[i].topo
		positions = max(positions, d.Positions())
		norms = max(norms, d.nnz*min(d.BlockSize(), 32))
		elements = max(elements, d.nnz*d.BlockSize())
		slots = max(slots, d.nnz)
	}
	table, indices, update, reports := ptrTopologyTensor(m.table), ptrI32(m.listAt), ptrTopologyUpdate(m.updateAt), ptrTopologyReport(m.reportsAt)
	// A grid's second size counts tensors; at most 64 blocks share one.
	over := func(n int) config {
		return config{grid: Dim3{X: grid(n, 256, 64).X, Y: len(list)}, block: Dim3{X: 256}}
	}
	c.b.k.topologyNorms(over(norms), topologyNormsArgs{tensors: table, list: indices, update: update})
	threads := min(1024, max(128, 1<<bits.Len(uint(positions-1)/8)))
	args := topologyFinishArgs{tensors: table, list: indices, update: update, reports: reports}
	c.b.k.topologyUpdate(config{grid: Dim3{X: len(list)}, block: Dim3{X: threads}}, args)
	c.b.k.topologyFinish(over(max(slots, elements/4)), args)
	var params []*param
	for _, i := range list {
		params = append(params, m.params[i])
	}
	c.follow(params)
}

// topologyErrors fails the backend when an update met an error on the device. It
// is called when all work is done.
func (b *device) topologyErrors() {
	m := &b.topo
	if !m.pending {
		return
	}
	m.pending = false
	if n := min(int64(len(m.host)), m.capacity); n > int64(len(m.reports)) {
		m.reports = append(m.reports, make([]topologyReport, n-int64(len(m.reports)))...)
	}
	b.keep("UpdateTopology", b.drv.CopyOut(0, bytesOf(m.reports), m.reportsAt))
	for i := range m.reports {
		if err := m.reports[i].err(int(m.host[i].blockCols)); err != nil && b.ok() {
			b.keep("UpdateTopology", fmt.Errorf("%s: %w", m.params[i].spec.Name, err))
		}
	}
}

// UpdateStats implements backend.Optimizer.
func (b *device) UpdateStats(params []backend.Param) ([]sparse.Stats, error) {
	var list []*param
	for _, p := range params {
		if q := ownParam(p); q.topo != nil {
			list = append(list, q)
		}
	}
	if b.Sync() != nil {
		return nil, b.err
	}
	var stats []sparse.Stats
	for _, q := range list {
		if d := q.topo; d.updated {
			stats = append(stats, b.topo.reports[d.table].stats(d))
			continue
		}
		t, err := b.Topology(q)
		if err != nil {
			return nil, err
		}
		stats = append(stats, t.Stats(b.step.Step))
	}
	return stats, b.err
}

// GrowScores implements backend.Optimizer.
func (b *device) GrowScores(w backend.Param) backend.Buffer { return ownParam(w).growScores() }

// growScores allocates the scores at the first call.
func (p *param) growScores() *buffer {
	if p.scores == nil {
		p.scores = p.owner.alloc(p.spec.Name+" growth scores", backend.F32, p.topo.Positions())
		m := &p.owner.topo
		m.host[p.topo.table].scores = p.scores.p
		m.stale = true
	}
	return p.scores
}
