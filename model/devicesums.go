package model

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
)

// sumVectors are those of a device that adds the gradients of replicas itself. A vector has
// all buckets, one behind the other.
type sumVectors struct {
	levels   []backend.Buffer // sums of whole subtrees, the largest first
	received backend.Buffer   // what other ranks send of the own slices; nil: it does not come here
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
		own := 0
		for _, b := range newBuckets(table, w) {
			own += b.bounds[rank+1] - b.bounds[rank]
		}
		v.received = alloc("gradients of other processes", (w-1)*own)
	}
	return v
}

// deviceSums adds the gradients of a step over replicas and ranks on the device, in the
// order of the host's sums. Ranks move them from device to device where all can, else by
// way of the host. Where they can, what a bucket has is sent while the device goes on with
// the backward pass.
type deviceSums struct {
	m      *Model
	packer backend.Packer
	sumVectors
	base  []int  // where each bucket begins in a vector
	free  []int  // where what other ranks send of it begins in received
	count int    // replicas that are in the levels
	done  []bool // buckets to which all own replicas are added
	err   error

	grads                             [][]backend.Part // of each bucket
	ownGrads, ownValues, othersValues []backend.Part
	chunks                            [][2]int  // of the own slices
	host                              []float32 // of a bucket on its way

	between collective.DeviceCommunicator // nil: not all ranks can
	begun   bool                          // between is found
	queue   chan transfer
	sent    chan error // the outcome
}

// transfer is what a rank sends and receives of a bucket.
type transfer struct{ send, recv []collective.DeviceSlice }

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
	p, base, free := m.replicas, 0, 0
	w, rank := p.group.Size(), p.group.Rank()
	d.grads, d.done = make([][]backend.Part, len(p.buckets)), make([]bool, len(p.buckets))
	for i := range p.buckets {
		b := &p.buckets[i]
		parts := func(list *[]backend.Part, first, last int, of func(backend.Param) backend.Buffer) {
			b.each(first, last, func(row, lo, hi, at int) {
				*list = append(*list, backend.Part{X: of(m.params[row]), From: lo, N: hi - lo, At: base + at})
			})
		}
		parts(&d.grads[i], 0, w, backend.Param.Grad)
		parts(&d.ownGrads, rank, rank+1, backend.Param.Grad)
		parts(&d.ownValues, rank, rank+1, backend.Param.Values)
		parts(&d.othersValues, 0, rank, backend.Param.Values)
		parts(&d.othersValues, rank+1, w, backend.Param.Values)
		for c := b.chunkRank[rank]; c < b.chunkRank[rank+1]; c++ {
			d.chunks = append(d.chunks, [2]int{base + b.chunks[c], base + b.chunks[c+1]})
		}
		d.base, d.free = append(d.base, base), append(d.free, free)
		base += b.len()
		free += (w - 1) * (b.bounds[rank+1] - b.bounds[rank])
	}
	return d
}

// vector is the sum over the own replicas, and then over all.
func (d *deviceSums) vector() backend.Buffer { return d.levels[0] }

// begin begins a step. In the first one it finds out whether all ranks move memory of their
// devices.
func (d *deviceSums) begin() {
	d.count, d.err = 0, nil
	clear(d.done)
	if g, ok := d.m.replicas.group.(collective.DeviceCommunicator); ok && !d.begun && d.received != nil && g.AllMoveDevices() {
		d.between = g
	}
	d.begun = true
	if d.between == nil {
		return
	}
	queue, sent := make(chan transfer, len(d.base)), make(chan error, 1)
	go func() {
		var err error
		for t := range queue {
			if err == nil {
				err = d.between.AllToAllOnDevice(t.send, t.recv)
			}
		}
		sent <- err
	}()
	d.queue, d.sent = queue, sent
}

// inPieces says whether the last backward pass of a step is recorded in pieces, one a bucket.
func (d *deviceSums) inPieces() bool {
	return d != nil && d.between != nil && d.m.opt.FixedMasked && len(d.m.partials) == 0
}

// early is told that the gradients of a bucket will be complete when what is queued is done,
// in the last backward pass of the last replica.
func (d *deviceSums) early(layer int) {
	if !d.inPieces() {
		return
	}
	for k := range d.base {
		if d.m.replicas.buckets[k].layer == layer {
			d.bucket(k, true)
		}
	}
}

// replica is told that a replica is complete. All ranks come to their buckets in the same
// order: that of the backward pass.
func (d *deviceSums) replica(last bool) {
	for k := range slices.Backward(d.base) {
		d.bucket(k, last)
	}
	d.count++
}

// bucket adds what a replica has in a bucket, as collective.Pairing does; after the last
// replica the sums of all ranks are on their way.
func (d *deviceSums) bucket(k int, last bool) {
	if d.done[k] || d.err != nil {
		return
	}
	at, n := d.base[k], d.m.replicas.buckets[k].len()
	depth := bits.OnesCount(uint(d.count)) // levels that hold sums
	if d.count%2 == 0 {
		d.packer.Pack(d.levels[depth], d.grads[k], false)
	} else {
		d.packer.Pack(d.levels[depth-1], d.grads[k], true)
		for i := d.count >> 1; i&1 == 1; i >>= 1 {
			depth--
			d.packer.AddVector(d.levels[depth-1], at, d.levels[depth], at, n)
		}
	}
	if d.done[k] = last; !last || d.m.replicas.group.Size() == 1 {
		return
	}
	if d.between != nil {
		d.queue <- d.transfer(k, d.packer.Mark(k))
		return
	}
	p, rank := d.m.replicas, d.m.replicas.group.Rank()
	if err := d.staged(k, rank, rank+1, 0, p.group.Size(), func(v []float32) error {
		return p.sum.ReduceScatter(v, p.buckets[k].bounds)
	}); err != nil {
		d.err = fmt.Errorf("sum of gradients: %w", err)
	}
}

// end waits for what is on its way, and adds it. It may be called twice.
func (d *deviceSums) end() error {
	if d.queue == nil {
		return d.err
	}
	close(d.queue)
	d.queue = nil
	if err := <-d.sent; err != nil {
		d.err = fmt.Errorf("sum of gradients: %w", err)
		return d.err
	}
	for k := range d.base {
		if d.done[k] {
			d.addReceived(k)
		}
	}
	return nil
}

// slice is n elements of a vector from at on.
func (d *deviceSums) slice(v backend.Buffer, at, n int) collective.DeviceSlice {
	return collective.DeviceSlice{Address: d.packer.Address(v, at), Bytes: n * backend.F32.Size()}
}

// slices are those of a bucket in the vector, by rank.
func (d *deviceSums) slices(k int) []collective.DeviceSlice {
	b := &d.m.replicas.buckets[k]
	out := make([]collective.DeviceSlice, len(b.bounds)-1)
	for i := range out {
		out[i] = d.slice(d.vector(), d.base[k]+b.bounds[i], b.bounds[i+1]-b.bounds[i])
	}
	return out
}

// place is where an own slice of a bucket is, or another rank's part of it.
type place struct {
	v  backend.Buffer
	at int
}

// places are those of all ranks' parts of the own slice of a bucket, of n elements.
func (d *deviceSums) places(k int) (list []place, n int) {
	p := d.m.replicas
	b, rank := &p.buckets[k], p.group.Rank()
	n = b.bounds[rank+1] - b.bounds[rank]
	for i, free := 0, d.free[k]; i < p.group.Size(); i++ {
		if i == rank {
			list = append(list, place{d.vector(), d.base[k] + b.bounds[rank]})
			continue
		}
		list = append(list, place{d.received, free})
		free += n
	}
	return list, n
}

// transfer is what is to be moved of a bucket behind a mark.
func (d *deviceSums) transfer(k int, mark uint64) transfer {
	t := transfer{send: d.slices(k)}
	list, n := d.places(k)
	for _, x := range list {
		t.recv = append(t.recv, d.slice(x.v, x.at, n))
	}
	for i := range list {
		t.send[i].After, t.recv[i].After = mark, mark
	}
	return t
}

// addReceived adds the parts of all ranks in the own slice of a bucket, in the tree of
// collective.Summer.
func (d *deviceSums) addReceived(k int) {
	list, n := d.places(k)
	for step := 1; step < len(list); step *= 2 {
		for i := 0; i+step < len(list); i += 2 * step {
			to, from := list[i], list[i+step]
			if from.v == d.vector() { // where the sum belongs; which of two is added to which shows in no bit
				to, from = from, to
			}
			d.packer.AddVector(to.v, to.at, from.v, from.at, n)
			list[i] = to
		}
	}
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
	for _, list := range d.grads {
		d.packer.Unpack(d.vector(), list)
	}
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
