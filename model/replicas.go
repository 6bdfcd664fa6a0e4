package model

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
)

// Communicator joins the processes that train one model together: W of them, with the
// ranks 0 to W-1. All call the same operations in the same order, one at a time, and all
// operations are bounded in time. An error breaks the group: later operations fail, too.
type Communicator interface {
	// Rank is this process's number, 0 to Size()-1.
	Rank() int
	// Size is W.
	Size() int
	// AllToAll hands send[j] to rank j and puts what rank i has for this one into
	// recv[i]. Both have Size() slices, of lengths that both sides know. No slice of
	// send overlaps one of recv.
	AllToAll(send, recv [][]byte) error
	// AllGather hands send to all and puts rank i's into recv[i]; recv[rank] may be send.
	AllGather(send []byte, recv [][]byte) error
	// Broadcast copies buf of rank root to buf of every other one.
	Broadcast(root int, buf []byte) error
	// Barrier returns when every rank has called it.
	Barrier() error
	// Close leaves the group.
	Close() error
}

// replicas are those of this process, where a step's micro-batches are divided among
// several. Their gradients are added on the device where it is a backend.Packer, and else
// on the host.
type replicas struct {
	all, own int // in the run, and here
	first    int // the number of the first one here
	group    Communicator
	sum      *collective.Summer
	buckets  []bucket // in table order
	scores   collective.Pairing
	sums     []EvalSums // of the own ones
}

// newReplicas returns nil for a run of one replica.
func newReplicas(o Options, table []Tensor) (*replicas, error) {
	group := o.Group
	if group == nil {
		group = collective.Local(1, 0)[0]
	}
	all := cmp.Or(o.Replicas, 1)
	switch w := group.Size(); {
	case bits.OnesCount(uint(all)) != 1:
		return nil, fmt.Errorf("%w: replicas: found %d, expected a power of two", ErrConfig, all)
	case all%w != 0:
		return nil, fmt.Errorf("%w: replicas: found %d in %d processes, expected a multiple of the processes", ErrConfig, all, w)
	case all == 1:
		return nil, nil
	}
	sum, err := collective.NewSummer(group)
	if err != nil {
		return nil, err
	}
	own := all / group.Size()
	return &replicas{
		all: all, own: own, first: group.Rank() * own, group: group, sum: sum,
		buckets: newBuckets(table, group.Size()), sums: make([]EvalSums, own),
	}, nil
}

// ReplicaBytes is the memory of the host that sums over replicas take on a device that is no
// backend.Packer, 0 with one: the gradients of a model of configuration c as a float32 vector, log2 of the process's
// replicas and one of them, and one more where several processes share the replicas.
// Growth scores take less.
func ReplicaBytes(c Config, o Options) (int64, error) {
	table, err := Table(c)
	if err != nil {
		return 0, err
	}
	p, err := newReplicas(o, table)
	if p == nil || err != nil {
		return 0, err
	}
	var stored int64
	for _, t := range table {
		stored += int64(t.Stored())
	}
	vectors := int64(bits.Len(uint(p.own)))
	if p.group.Size() > 1 {
		vectors++
	}
	return vectors * stored * int64(backend.F32.Size()), nil
}

// accumulateReplicas is accumulate where there are replicas. With A micro-batches here
// and r of the replicas, each takes A/r of them, one after the other, and keeps what they
// add up to: losses, gradients and growth scores. These are then added in a binary tree
// over all replicas of the run. Each gradient is the sum of float32 values; the sums of
// losses are added in float64. The norm is
//
//	sqrt(sum over chunks of (sum of squares of a chunk)), in float64,
//
// with chunks of normChunk consecutive gradients of a parameter, added one after the
// other in table order. The order within a chunk is the device's where it adds, and else
// that of sumSquares.
func (m *Model) accumulateReplicas(s backend.StepScalars, micro []Batch, next *Batch) (StepResult, error) {
	var r StepResult
	p := m.replicas
	if len(micro)%p.own != 0 {
		return r, fmt.Errorf("%w: found %d micro-batches for %d replicas, expected a multiple", ErrBatch, len(micro), p.own)
	}
	each := len(micro) / p.own
	if each*p.all > math.MaxUint16 {
		return r, fmt.Errorf("%w: found %d micro-batches for each of %d replicas, expected at most %d for all", ErrBatch, each, p.all, math.MaxUint16)
	}
	masked, pairs, err := m.count(micro)
	if err != nil {
		return r, err
	}
	counts := []int64{int64(masked), int64(pairs)}
	if err := collective.SumFew(p.group, counts); err != nil {
		return r, fmt.Errorf("counts of masked positions: %w", err)
	}
	r.Masked, r.Pairs = int(counts[0]), int(counts[1])
	s.MLMScale, s.NSPScale = reciprocal(r.Masked), reciprocal(r.Pairs)

	x := m.sumGradients()
	defer x.end()
	for i := range p.own {
		for k, batch := range micro[i*each : (i+1)*each] {
			s.Micro = (p.first+i)*each + k
			if i == p.own-1 && k == each-1 {
				m.finished = x.early
			}
			m.forwardBackward(s, batch, k == 0, k == each-1)
			m.finished = nil
		}
		if i == p.own-1 {
			m.prefetchNext(next)
		}
		x.replica(i == p.own-1)
		if i == p.own-1 {
			// Reading waits for the device, during which it may be able to send nothing.
			if err := x.end(); err != nil {
				return r, err
			}
		}
		if p.sums[i], err = m.readStats(); err != nil {
			return r, err
		}
		if m.grow {
			if err := m.keepScores(); err != nil {
				return r, err
			}
		}
	}
	e, err := p.sumLosses()
	if err != nil {
		return r, err
	}
	r.setLosses(e)
	if m.grow {
		if err := m.sumScores(); err != nil {
			return r, err
		}
	}
	r.GradNorm, err = m.normOfReplicas()
	return r, err
}

// keepScores adds the growth scores of a replica to those before it. They begin again for
// the next one.
func (m *Model) keepScores() error {
	n := 0
	for _, p := range m.sparse {
		n += m.b.GrowScores(p).Len()
	}
	v, lo := m.replicas.scores.Next(n), 0
	for _, p := range m.sparse {
		b := m.b.GrowScores(p)
		if err := m.b.ReadFloats(v[lo:lo+b.Len()], b, 0); err != nil {
			return fmt.Errorf("reading the growth scores of %s: %w", p.Spec().Name, err)
		}
		m.b.Zero(b, b.Len())
		lo += b.Len()
	}
	m.replicas.scores.Add(v)
	return nil
}

// sumScores adds the growth scores of all replicas of the run and puts them on the device.
func (m *Model) sumScores() error {
	v, lo := m.replicas.scores.Sum(), 0
	if err := m.replicas.sum.Sum(v); err != nil {
		return fmt.Errorf("sum of growth scores: %w", err)
	}
	for _, p := range m.sparse {
		b := m.b.GrowScores(p)
		m.b.WriteFloats(b, 0, v[lo:lo+b.Len()])
		lo += b.Len()
	}
	return nil
}

// sumLosses adds the losses of all replicas of the run.
func (p *replicas) sumLosses() (EvalSums, error) {
	for step := 1; step < p.own; step *= 2 {
		for i := 0; i+step < p.own; i += 2 * step {
			p.sums[i] = p.sums[i].Add(p.sums[i+step])
		}
	}
	e := p.sums[0]
	losses, counts := []float64{e.MLMLossSum, e.NSPLossSum}, []int64{int64(e.Masked), int64(e.MLMCorrect), int64(e.Pairs), int64(e.NSPCorrect)}
	if err := collective.SumFew(p.group, losses); err != nil {
		return e, fmt.Errorf("sum of losses: %w", err)
	}
	if err := collective.SumFew(p.group, counts); err != nil {
		return e, fmt.Errorf("sum of losses: %w", err)
	}
	return EvalSums{
		MLMLossSum: losses[0], NSPLossSum: losses[1],
		Masked: int(counts[0]), MLMCorrect: int(counts[1]), Pairs: int(counts[2]), NSPCorrect: int(counts[3]),
	}, nil
}
