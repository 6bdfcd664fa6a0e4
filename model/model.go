package model

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Options are the sizes that a model is built for. All buffers are allocated for
// them, once.
type Options struct {
	MicroBatch int // sequences of one micro-batch, at most
	SeqLen     int // S, tokens of every sequence, at most Config.MaxPositions
	MaxMasked  int // masked positions of one sequence, at most
	Seed       uint64

	// FixedMasked runs the MLM head on all MicroBatch*MaxMasked slots, so that no
	// launch depends on the batch and a backend.Recorder may repeat what it did for
	// another. Else it runs on the used slots alone, and nothing is recorded.
	FixedMasked bool

	// Recompute keeps of each encoder layer only its output, and runs the layer
	// forward again in the backward pass. The results are the same to the bit.
	Recompute bool

	// Replicas is R, the number of shards that a step's micro-batches fall into, a power
	// of two; 0 is 1. Each replica adds the gradients of its micro-batches in order, and
	// the replicas are combined in a fixed binary tree. What is computed depends on R in
	// the last bits, and not on how many processes share the replicas.
	Replicas int
	// Group joins W processes that train one model, W a divisor of Replicas; nil: this
	// one alone. The process of rank i has the replicas i R/W to (i+1) R/W - 1. Step and
	// Gradients are then called by all, each with the micro-batches of its own replicas;
	// their results are those of the whole step, the same in all processes. A model does
	// not close the group. Where the group moves memory of devices, as one of this program
	// does by NCCL, sums of gradients and new values do not pass the host.
	Group Communicator
	// WholeMoments: every process of the group keeps Adam's moments of all parameters, for
	// topology updates whose criterion reads them. Else each keeps a part, where the
	// device can (backend.Sharder); see Model.OwnMoments.
	WholeMoments bool
}

// validate checks o for a model of configuration c.
func (o Options) validate(c Config) error {
	if o.MicroBatch < 1 || o.MicroBatch > 1<<20 {
		return fmt.Errorf("%w: micro-batch: found %d sequences, expected 1 to %d", ErrConfig, o.MicroBatch, 1<<20)
	}
	if o.SeqLen < 1 || o.SeqLen > c.MaxPositions {
		return fmt.Errorf("%w: sequence length: found %d, expected 1 to %d (max positions)", ErrConfig, o.SeqLen, c.MaxPositions)
	}
	if o.MaxMasked < 1 || o.MaxMasked > o.SeqLen {
		return fmt.Errorf("%w: masked positions of a sequence: found %d, expected 1 to %d", ErrConfig, o.MaxMasked, o.SeqLen)
	}
	// Element counts of a buffer must fit the 32-bit indices of devices.
	tokens := int64(o.MicroBatch) * int64(o.SeqLen)
	widest := max(tokens*int64(max(c.Hidden, c.FFN)), int64(o.MicroBatch)*int64(o.MaxMasked)*int64(c.VocabSize))
	if c.Dropout > 0 { // attention probabilities are not kept, but dropout numbers them
		widest = max(widest, tokens*int64(o.SeqLen)*int64(c.Heads))
	}
	if widest >= 1<<31 {
		return fmt.Errorf("%w: micro-batch %d: found a tensor of %d elements, expected fewer than %d", ErrConfig, o.MicroBatch, widest, int64(1)<<31)
	}
	return nil
}

// Model is a BERT on a device with its gradients, optimizer moments and the
// activations of one micro-batch. It is used from one goroutine at a time.
type Model struct {
	b   backend.Backend
	cfg Config
	opt Options

	table    []Tensor
	params   []backend.Param // in table order
	sparse   []backend.Param // the block-sparse ones, in table order
	partials []partial       // those that are trained in part, in table order
	net      network
	act      *activations

	replicas *replicas   // nil: one
	onDevice *deviceSums // nil: sums over replicas are the host's
	sharded  bool        // this process has a part of the moments alone
	// allGrads: the sum of the gradients is wanted on the device whole.
	allGrads bool
	// finished is told of each bucket whose gradients are complete; nil: nobody is.
	finished func(layer int)

	// grow: this backward pass also collects growth scores.
	grow bool
	// Host staging of the masked slots that the MLM head runs on.
	pos, labels []int32
	// prefetched is the batch that is on the device already, see StepArgs.Next.
	prefetched uploaded
}

// New allocates a model on b and sets its initial values. Errors about c and o
// wrap ErrConfig; others are the backend's.
func New(b backend.Backend, c Config, o Options) (*Model, error) {
	return newModel(b, c, o, false)
}

// newModel is New, or a plan of it: without values, and with any topologies.
func newModel(b backend.Backend, c Config, o Options, plan bool) (*Model, error) {
	table, err := Table(c)
	if err != nil {
		return nil, err
	}
	if err := o.validate(c); err != nil {
		return nil, err
	}
	if plan && o.Group != nil {
		o.Group = planGroup{o.Group}
	}
	m := &Model{b: b, cfg: c, opt: o, table: table, params: make([]backend.Param, len(table))}
	if m.replicas, err = newReplicas(o, table); err != nil {
		return nil, err
	}
	start := topologies{plan: plan}
	for i, t := range table {
		topo, err := start.of(t, c, o.Seed)
		if err != nil {
			return nil, fmt.Errorf("starting topology of %s: %w", t.Name, err)
		}
		m.params[i] = b.NewParam(backend.ParamSpec{
			Name: t.Name, Index: t.Index, Out: t.Out, In: t.In, Decay: t.Decay, Topology: topo,
		})
		m.shard(i)
		if t.Partial && !plan {
			part, err := sparse.ChooseFixed.Choose(sparse.ChoiceSpec{Shape: t.Shape(), NNZ: t.NNZ, Seed: o.Seed, Number: 1, Tensor: t.Index}, nil)
			if err != nil {
				return nil, fmt.Errorf("first part of %s: %w", t.Name, err)
			}
			m.partials = append(m.partials, partial{i, part})
		}
		if t.Sparse {
			m.sparse = append(m.sparse, m.params[i])
			if collectsGrowth(c) {
				b.GrowScores(m.params[i]) // take the memory now, not in the middle of a run
			}
		}
		if !plan {
			initialize(b, m.params[i], t, topo, c, o.Seed)
		}
	}
	if m.net, err = newNetwork(table, m.params, c); err != nil {
		return nil, err
	}
	m.act = newActivations(c, o, StorageOf(b), func(_, name string, dt backend.DType, n int, columns ...int) backend.Buffer {
		if len(columns) > 0 {
			return backend.AllocRows(b, name, dt, n, columns[0])
		}
		return b.Alloc(name, dt, n)
	})
	m.act.writeConstants(b, o)
	m.onDevice = m.newDeviceSums()
	m.pos = make([]int32, o.MicroBatch*o.MaxMasked)
	m.labels = make([]int32, o.MicroBatch*o.MaxMasked)
	b.Refresh(m.params)
	if err := b.Sync(); err != nil {
		return nil, fmt.Errorf("building the model on %s: %w", b.Name(), err)
	}
	return m, nil
}

// collectsGrowth tells whether updates need the growth scores of gradients.
func collectsGrowth(c Config) bool {
	return c.Method == Dynamic && c.Growth.Scores()
}

// Config returns the configuration.
func (m *Model) Config() Config { return m.cfg }

// Options returns the sizes that the model was built for.
func (m *Model) Options() Options { return m.opt }

// Backend returns the device.
func (m *Model) Backend() backend.Backend { return m.b }

// Table returns the parameter table; it must not be changed.
func (m *Model) Table() []Tensor { return m.table }

// Params returns the parameters in table order; the slice must not be changed.
func (m *Model) Params() []backend.Param { return m.params }

// SparseParams returns the block-sparse parameters in table order; the slice must
// not be changed.
func (m *Model) SparseParams() []backend.Param { return m.sparse }

// Param returns the parameter with a table name, nil when there is none.
func (m *Model) Param(name string) backend.Param {
	for i := range m.table {
		if m.table[i].Name == name {
			return m.params[i]
		}
	}
	return nil
}

// Topologies waits and returns copies of the topologies of SparseParams.
func (m *Model) Topologies() ([]*sparse.Topology, error) {
	out := make([]*sparse.Topology, len(m.sparse))
	for i, p := range m.sparse {
		t, err := m.b.Topology(p)
		if err != nil {
			return nil, fmt.Errorf("reading the topology of %s: %w", p.Spec().Name, err)
		}
		out[i] = t
	}
	return out, nil
}
