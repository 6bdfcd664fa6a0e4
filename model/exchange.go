package model

import (
	"fmt"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// gradientSums adds the gradients of a step over replicas and ranks.
type gradientSums interface {
	early(layer int)   // the gradients of a layer are complete in the last backward pass
	replica(last bool) // a replica is complete
	end() error        // waits for the sums; may be called twice
}

// sumGradients begins to add those of a step: on the device where it can, else on the host.
func (m *Model) sumGradients() gradientSums {
	if m.onDevice != nil {
		m.onDevice.begin()
		return m.onDevice
	}
	return m.newExchange()
}

// exchange adds the gradients of a step over replicas and ranks, bucket by bucket. What
// the ranks have to send goes on its way while the backward pass goes on with the next
// bucket, where the device computes in this process's own time; the sums are the same.
type exchange struct {
	m     *Model
	queue chan *bucket // to be sent; nil: there is one process, or all is over
	sent  chan error   // the outcome
	err   error        // of the device
	done  []bool       // buckets that are queued or need not be
}

// newExchange begins a step.
func (m *Model) newExchange() *exchange {
	p := m.replicas
	x := &exchange{m: m, done: make([]bool, len(p.buckets))}
	if p.group.Size() == 1 {
		return x
	}
	queue, sent := make(chan *bucket, len(p.buckets)), make(chan error, 1)
	go func() {
		var err error
		for b := range queue {
			if err == nil {
				err = p.sum.ReduceScatter(b.vector, b.bounds)
			}
		}
		sent <- err
	}()
	x.queue, x.sent = queue, sent
	return x
}

// early is told that the gradients of a layer are complete, in the last backward pass of
// the last replica. A device that repeats recordings does not say when that is, and one
// that trains parts clears the rest at the end: all buckets wait for it then.
func (x *exchange) early(layer int) {
	if x.queue == nil || x.m.b.Capabilities().Recorder != nil || len(x.m.partials) > 0 {
		return
	}
	for i := range x.m.replicas.buckets {
		if x.m.replicas.buckets[i].layer == layer {
			x.bucket(i, true)
		}
	}
}

// replica is told that a replica is complete. All ranks come to their buckets in the same
// order: that of the backward pass.
func (x *exchange) replica(last bool) {
	for i := range slices.Backward(x.m.replicas.buckets) {
		x.bucket(i, last)
	}
}

// bucket adds what a replica has in a bucket; after the last replica the sum is sent.
func (x *exchange) bucket(i int, last bool) {
	if x.done[i] || x.err != nil {
		return
	}
	b := &x.m.replicas.buckets[i]
	v := b.grad.Next(b.len())
	if err := x.m.read32(v, b, 0, len(b.bounds)-1, backend.Param.Grad); err != nil {
		x.err = fmt.Errorf("gradients of a replica: %w", err)
		return
	}
	b.grad.Add(v)
	if !last {
		return
	}
	b.vector, x.done[i] = b.grad.Sum(), true
	if x.queue != nil {
		x.queue <- b
	}
}

// end waits for the sums. It may be called twice.
func (x *exchange) end() error {
	if x.queue != nil {
		close(x.queue)
		x.queue = nil
		if err := <-x.sent; err != nil && x.err == nil {
			x.err = fmt.Errorf("sum of gradients: %w", err)
		}
	}
	return x.err
}
