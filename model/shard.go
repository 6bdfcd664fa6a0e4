package model

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// Where several processes share a run and the device is a backend.Sharder, each does the
// optimizer's work for its own slice of every bucket, and has the moments of that slice
// alone (ZeRO-1: Rajbhandari et al. 2020). The slices' values are then gathered, in the
// place of the gradients.

// shards is the number of processes among which moments are divided, 1 where they are not.
func (o Options) shards() int {
	if o.Group == nil || o.WholeMoments {
		return 1
	}
	return o.Group.Size()
}

// shard tells the device which moments of row i of the table it needs.
func (m *Model) shard(i int) {
	s := m.b.Capabilities().Sharder
	if m.replicas == nil || m.opt.shards() == 1 || s == nil {
		return
	}
	m.sharded = true
	all, rank := m.replicas.bounds(i), m.replicas.group.Rank()
	s.Shard(m.params[i], all[rank], all[rank+1])
}

// Sharded tells whether this process has a part of Adam's moments alone.
func (m *Model) Sharded() bool { return m.sharded }

// MomentBounds says which moments of row i of the table each process has: that of rank r
// those of the elements [bounds[r], bounds[r+1]) of the values; nil: every process has all.
func (m *Model) MomentBounds(i int) []int {
	if !m.sharded {
		return nil
	}
	return m.replicas.bounds(i)
}

// OwnMoments returns the part [lo, hi) of the elements of row i of the table of which this
// process has moments, in the buffers M and V.
func (m *Model) OwnMoments(i int) (lo, hi int) {
	bounds := m.MomentBounds(i)
	if bounds == nil {
		return 0, m.table[i].Stored()
	}
	rank := m.replicas.group.Rank()
	return bounds[rank], bounds[rank+1]
}

// bounds are those of the ranks in the elements of row i of the table.
func (p *replicas) bounds(i int) []int {
	out := make([]int, p.group.Size()+1)
	for k := range p.buckets {
		b := &p.buckets[k]
		if i < b.rows[0] || i > b.rows[len(b.rows)-1] {
			continue
		}
		from, to := b.at[i-b.rows[0]], b.at[i-b.rows[0]+1]
		for r, x := range b.bounds {
			out[r] = min(max(x, from), to) - from
		}
	}
	return out
}

// gatherValues brings the values of all slices to this process, after AdamW.
func (m *Model) gatherValues() error {
	if !m.sharded {
		return nil
	}
	gather := m.gatherByHost
	if m.onDevice != nil {
		gather = m.onDevice.gatherValues
	}
	if err := gather(); err != nil {
		return fmt.Errorf("gathering the values: %w", err)
	}
	m.b.Refresh(m.params)
	return nil
}

// gatherByHost is gatherValues where the device cannot.
func (m *Model) gatherByHost() error {
	p := m.replicas
	w, rank := p.group.Size(), p.group.Rank()
	for i := range p.buckets {
		b := &p.buckets[i]
		if err := m.read32(b.vector, b, rank, rank+1, backend.Param.Values); err != nil {
			return err
		}
		if err := p.sum.Gather(b.vector, b.bounds); err != nil {
			return err
		}
		m.write32(b, 0, rank, backend.Param.Values)
		m.write32(b, rank+1, w, backend.Param.Values)
	}
	return nil
}
