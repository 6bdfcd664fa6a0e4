package model

import (
	"fmt"
	"math/bits"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
)

// sumVectors are those of a device that adds the gradients of replicas itself. A vector has
// all buckets, one behind the other.
type sumVectors struct {
	levels   []backend.Buffer // sums of whole subtrees, the largest first
	received backend.Buffer   // what other ranks have sent of one bucket; nil: it does not come here
}

// newSumVectors allocates them by alloc, for a device that stores s.
func newSumVectors(table []Tensor, o Options, s Storage, alloc func(name string, n int) backend.Buffer) sumVectors {
	stored, w, rank := 0, 1, 0
	for _, t := range table {
		stored += t.Stored()
	}
	if o.Group != nil {
		w, rank = o.Group.Size(), o.Group.Rank()
	}
	var v sumVectors
	// The gradients of every second replica are added to a vector where they are.
	for range max(1, bits.Len(uint(o.Replicas/w))-1) {
		v.levels = append(v.levels, alloc("sums of gradients", stored))
	}
	if g, ok := o.Group.(collective.DeviceCommunicator); ok && w > 1 && g.MovesDevice(s.Device) {
		most := 0
		for _, b := range newBuckets(table, w) {
			most = max(most, b.bounds[rank+1]-b.bounds[rank])
		}
		v.received = alloc("gradients of other processes", (w-1)*most)
	}
	return v
}

// deviceSums adds the gradients of a step over replicas and ranks on the device, in the
// order of the host's sums. Ranks move them from device to device where all can, else by
// way of the host.
type deviceSums struct {
	m      *Model
	packer backend.Packer
	sumVectors
	base  []int // where each bucket begins in a vector
	depth int   // levels that hold sums
	count int   // replicas that are in them
	err   error

	grads, ownGrads         []backend.Part // of all parameters, and of the own slices
	ownValues, othersValues []backend.Part
	chunks                  [][2]int // of the own slices
	between                 collective.DeviceCommunicator
	begun                   bool      // between is found
	host                    []float32 // of a bucket on its way
}

// newDeviceSums returns nil for a model that needs none.
func (m *Model) newDeviceSums() *deviceSums {
	packer := m.b.Capabilities().Packer
	if m.replicas == nil || packer == nil {
		return nil
	}
	d := &deviceSums{m: m, packer: packer}
	d.sumVectors = newSumVectors(m.table, m.opt, StorageOf(m.b), func(name string, n int) backend.Buffer {
		return m.b.Alloc(name, backend.F32, n)
	})
	p, base := m.replicas, 0
	w, rank := p.group.Size(), p.group.Rank()
	for i := range p.buckets {
		b := &p.buckets[i]
		parts := func(list *[]backend.Part, first, last int, of func(backend.Param) backend.Buffer) {
			b.each(first, last, func(row, lo, hi, at int) {
				*list = append(*list, backend.Part{X: of(m.params[row]), From: lo, N: hi - lo, At: base + at})
			})
		}
		parts(&d.grads, 0, w, backend.Param.Grad)
		parts(&d.ownGrads, rank, rank+1, backend.Param.Grad)
		parts(&d.ownValues, rank, rank+1, backend.Param.Values)
		parts(&d.othersValues, 0, rank, backend.Param.Values)
		parts(&d.othersValues, rank+1, w, backend.Param.Values)
		for c := b.chunkRank[rank]; c < b.chunkRank[rank+1]; c++ {
			d.chunks = append(d.chunks, [2]int{base + b.chunks[c], base + b.chunks[c+1]})
		}
		d.base = append(d.base, base)
		base += b.len()
	}
	return d
}

// vector is the sum over the own replicas, and then over all.
func (d *deviceSums) vector() backend.Buffer { return d.levels[0] }

// begin finds out, in the first step, whether all ranks move memory of their devices.
func (d *deviceSums) begin() {
	d.depth, d.count, d.err = 0, 0, nil
	if g, ok := d.m.replicas.group.(collective.DeviceCommunicator); ok && !d.begun && d.received != nil && g.AllMoveDevices() {
		d.between = g
	}
	d.begun = true
}

// early does nothing: a device that repeats recordings does not say when a bucket is complete.
func (d *deviceSums) early(int) {}

// replica adds the gradients of a replica, as collective.Pairing does; after the last one
// the sums of all ranks are added.
func (d *deviceSums) replica(last bool) {
	if d.count%2 == 0 {
		d.packer.Pack(d.levels[d.depth], d.grads, false)
		d.depth++
	} else {
		d.packer.Pack(d.levels[d.depth-1], d.grads, true)
	}
	for i := d.count >> 1; d.count&1 == 1 && i&1 == 1; i >>= 1 {
		d.depth--
		d.packer.AddVector(d.levels[d.depth-1], 0, d.levels[d.depth], 0, d.vector().Len())
	}
	d.count++
	if !last || d.m.replicas.group.Size() == 1 {
		return
	}
	for i := range d.base {
		if k := len(d.base) - 1 - i; d.err == nil {
			if d.err = d.reduceScatter(k); d.err != nil {
				d.err = fmt.Errorf("sum of gradients: %w", d.err)
			}
		}
	}
}

// end returns what went wrong.
func (d *deviceSums) end() error { return d.err }

// slices are those of a bucket, by rank.
func (d *deviceSums) slices(k int) []collective.DeviceSlice {
	b := &d.m.replicas.buckets[k]
	out := make([]collective.DeviceSlice, len(b.bounds)-1)
	for i := range out {
		out[i] = d.slice(d.vector(), d.base[k]+b.bounds[i], b.bounds[i+1]-b.bounds[i])
	}
	return out
}

// slice is n elements of a vector from at on.
func (d *deviceSums) slice(v backend.Buffer, at, n int) collective.DeviceSlice {
	return collective.DeviceSlice{Address: d.packer.Address(v, at), Bytes: n * backend.F32.Size()}
}

// reduceScatter adds the own slice of a bucket over all ranks, in the tree of
// collective.Summer.
func (d *deviceSums) reduceScatter(k int) error {
	p := d.m.replicas
	b := &p.buckets[k]
	w, rank := p.group.Size(), p.group.Rank()
	at, n := d.base[k]+b.bounds[rank], b.bounds[rank+1]-b.bounds[rank]
	if d.between == nil {
		return d.staged(k, rank, rank+1, 0, w, func(v []float32) error { return p.sum.ReduceScatter(v, b.bounds) })
	}
	type place struct {
		v  backend.Buffer
		at int
	}
	places, recv := make([]place, w), make([]collective.DeviceSlice, w)
	for i, free := 0, 0; i < w; i++ {
		places[i] = place{d.vector(), at}
		if i != rank {
			places[i] = place{d.received, free}
			free += n
		}
		recv[i] = d.slice(places[i].v, places[i].at, n)
	}
	if err := d.between.AllToAllOnDevice(d.slices(k), recv); err != nil {
		return err
	}
	for step := 1; step < w; step *= 2 {
		for i := 0; i+step < w; i += 2 * step {
			to, from := places[i], places[i+step]
			if from.v == d.vector() { // where the sum belongs; which of two is added to which shows in no bit
				to, from = from, to
			}
			d.packer.AddVector(to.v, to.at, from.v, from.at, n)
			places[i] = to
		}
	}
	return nil
}

// gather fills the slices of the other ranks in all buckets of the vector.
func (d *deviceSums) gather() error {
	p := d.m.replicas
	w, rank := p.group.Size(), p.group.Rank()
	if w == 1 {
		return nil
	}
	for k := range d.base {
		b := &p.buckets[k]
		var err error
		if d.between != nil {
			all := d.slices(k)
			err = d.between.AllGatherOnDevice(all[rank], all)
		} else {
			err = d.staged(k, 0, w, rank, rank+1, func(v []float32) error { return p.sum.Gather(v, b.bounds) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// staged brings the slices of the ranks [readFirst, readLast) of a bucket to the host, lets
// work change them there, and puts those of the ranks [first, last) back.
func (d *deviceSums) staged(k, first, last, readFirst, readLast int, work func(v []float32) error) error {
	b := &d.m.replicas.buckets[k]
	if len(d.host) < b.len() {
		d.host = make([]float32, b.len())
	}
	v := d.host[:b.len()]
	if err := d.m.b.ReadFloats(v[b.bounds[readFirst]:b.bounds[readLast]], d.vector(), d.base[k]+b.bounds[readFirst]); err != nil {
		return err
	}
	if err := work(v); err != nil {
		return err
	}
	d.m.b.WriteFloats(d.vector(), d.base[k]+b.bounds[first], v[b.bounds[first]:b.bounds[last]])
	return nil
}

// squares sets sums to those of the chunks of the own slices.
func (d *deviceSums) squares(sums []float64) error {
	return d.packer.SumSquares(sums, d.vector(), d.chunks)
}

// putBack puts the sum of the own slices, or of all, in the place of the gradients.
func (d *deviceSums) putBack(all bool) error {
	if !all {
		d.packer.Unpack(d.vector(), d.ownGrads)
		return nil
	}
	if err := d.gather(); err != nil {
		return fmt.Errorf("gathering the gradients: %w", err)
	}
	d.packer.Unpack(d.vector(), d.grads)
	return nil
}

// gatherValues brings the values of all slices to this process.
func (d *deviceSums) gatherValues() error {
	d.packer.Pack(d.vector(), d.ownValues, false)
	if err := d.gather(); err != nil {
		return err
	}
	d.packer.Unpack(d.vector(), d.othersValues)
	return nil
}
