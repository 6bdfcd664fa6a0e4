package gpu

import "github.com/sparsebert/sparsebert-gpu/backend"

// Shard implements backend.Sharder. It makes recordings void, and tables that have the old moments.
func (b *device) Shard(p backend.Param, lo, hi int) {
	const op = "Shard"
	c, q := b.begin(op), ownParam(p)
	b.outside(op)
	for _, x := range []**buffer{&q.m, &q.v} {
		old := *x
		if old.p != 0 && c.ok() {
			b.release(op, old.p)
			b.mem -= int64(old.n) * int64(old.dtype.Size())
		}
		*x = b.alloc(old.name, old.dtype, hi-lo)
	}
	q.lo, q.hi = lo, hi
	b.lists = nil
	if q.topo != nil {
		b.topo.host[q.topo.table].own(q)
		b.topo.stale = true
	}
}

// moment is where a buffer of moments would begin if it had those of all elements: kernels take only
// those that are there.
func (p *param) moment(x *buffer) Ptr {
	if x.p == 0 {
		return 0
	}
	return x.p - Ptr(p.lo*x.dtype.Size())
}

// own tells the kernels of topology updates which moments there are.
func (t *topologyTensor) own(p *param) {
	t.m, t.v = p.moment(p.m), p.moment(p.v)
	size := p.topo.BlockSize()
	t.ownFrom, t.ownTo = int32(p.lo/size), int32(p.hi/size)
}
