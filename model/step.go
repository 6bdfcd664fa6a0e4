package model

import (
	"errors"
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// ErrNotFinite is wrapped by the error of Step when a loss or the gradient's
// norm is NaN or infinite. No parameter has changed then.
var ErrNotFinite = errors.New("not finite")

// StepArgs are what changes from step to step.
type StepArgs struct {
	Step int64   // optimizer steps finished before this one
	LR   float64 // learning rate of this step
	Adam backend.AdamConfig
	// Update is the topology update that follows the optimizer step, nil when
	// none is due. Its Step is set to Step+1. With sparse.GrowGradient the growth
	// scores are those of this step's micro-batches.
	Update *sparse.Update
	// Phase, when not nil, begins a phase of method Partial before the step.
	Phase *Phase
	// Next is the first micro-batch of the step that will follow, where it is known.
	// Step then hands it to the device before it waits, so that neither waits for
	// the other at the start of the next step. It must not change until then.
	Next *Batch
}

// StepResult is what a step measured, before its parameter update.
type StepResult struct {
	MLMLoss, NSPLoss         float64 // mean cross-entropy in nats; 0 when there is nothing to predict, as with NoNSP
	MLMAccuracy, NSPAccuracy float64 // fraction of correct predictions
	Masked, Pairs            int     // positions and pairs that were predicted
	GradNorm                 float64 // L2 norm of the whole gradient before clipping
	// Topology has one entry for each of SparseParams after an update, else nil.
	Topology []sparse.Stats
}

// Loss returns the training loss, MLMLoss + NSPLoss.
func (r StepResult) Loss() float64 { return r.MLMLoss + r.NSPLoss }

// Step does one optimizer step on the mean loss over all micro-batches: forward
// and backward for each, clipping by the global norm, AdamW, and the topology
// update if one is due. It waits once, with replicas after each of them, before the
// parameters change, for losses and norm; an error of the device after that is
// returned by a later call.
//
// Errors wrap ErrBatch, ErrConfig (an update of a model whose topology does not
// move, or with another growth than the model's; a phase of another method than
// Partial), ErrNotFinite, or are the backend's. After any of the first three the
// parameters are unchanged, but for what the start of a phase set to zero.
func (m *Model) Step(a StepArgs, micro []Batch) (StepResult, error) {
	if a.Update != nil && m.cfg.Method != Dynamic {
		return StepResult{}, fmt.Errorf("%w: found a topology update with method %s, expected none", ErrConfig, m.cfg.Method)
	}
	if a.Update != nil && a.Update.Growth != m.cfg.Growth {
		return StepResult{}, fmt.Errorf("%w: found a topology update with growth %s, expected %s", ErrConfig, a.Update.Growth, m.cfg.Growth)
	}
	if a.Phase != nil {
		if err := m.enter(*a.Phase); err != nil {
			return StepResult{}, fmt.Errorf("start of a phase: %w", err)
		}
	}
	scalars := backend.StepScalars{Seed: m.opt.Seed, Step: a.Step, Train: true, LR: float32(a.LR)}
	m.grow = a.Update != nil && collectsGrowth(m.cfg)
	r, err := m.accumulate(scalars, micro, a.Next)
	m.grow = false
	if err != nil {
		return r, err
	}
	if err := m.checkFinite(r); err != nil {
		return r, err
	}
	m.record(sequence{what: "optimizer", adam: a.Adam}, func() {
		m.b.AdamW(m.params, m.act.gradNorm, a.Adam)
	})
	if err := m.gatherValues(); err != nil {
		return r, err
	}
	if a.Update != nil {
		u := *a.Update
		u.Step = a.Step + 1
		m.b.UpdateTopology(m.sparse, u)
		if r.Topology, err = m.b.UpdateStats(m.sparse); err != nil {
			return r, fmt.Errorf("topology update %d: %w", u.Number, err)
		}
	}
	return r, nil
}

// Gradients computes losses and gradients of the mean loss over all micro-batches
// and leaves the gradients on the device; parameters do not change. Dropout is
// that of step 0 with train, off without. It does not reject numbers that are
// not finite.
func (m *Model) Gradients(micro []Batch, train bool) (StepResult, error) {
	m.allGrads = true
	defer func() { m.allGrads = false }()
	return m.accumulate(backend.StepScalars{Seed: m.opt.Seed, Train: train}, micro, nil)
}

// accumulate runs forward and backward over the micro-batches and reads losses
// and norm. The scale of each loss is 1 over its count in all micro-batches. next
// is the micro-batch to upload behind them, or nil.
func (m *Model) accumulate(s backend.StepScalars, micro []Batch, next *Batch) (StepResult, error) {
	var r StepResult
	if len(micro) < 1 || len(micro) > math.MaxUint16 {
		return r, fmt.Errorf("%w: found %d micro-batches, expected 1 to %d", ErrBatch, len(micro), math.MaxUint16)
	}
	if m.replicas != nil {
		return m.accumulateReplicas(s, micro, next)
	}
	var err error
	if r.Masked, r.Pairs, err = m.count(micro); err != nil {
		return r, err
	}
	s.MLMScale, s.NSPScale = reciprocal(r.Masked), reciprocal(r.Pairs)

	for i, batch := range micro {
		s.Micro = i
		m.forwardBackward(s, batch, i == 0, i == len(micro)-1)
	}
	m.prefetchNext(next)

	e, err := m.readStats()
	if err != nil {
		return r, err
	}
	r.setLosses(e)
	norm, err := m.read(m.act.gradNorm, 1)
	if err != nil {
		return r, fmt.Errorf("reading the gradient norm: %w", err)
	}
	r.GradNorm = norm[0]
	return r, nil
}

// count checks the micro-batches and counts what there is to predict in them.
func (m *Model) count(micro []Batch) (masked, pairs int, err error) {
	for i, batch := range micro {
		if err := batch.validate(m.cfg, m.opt); err != nil {
			return 0, 0, fmt.Errorf("micro-batch %d: %w", i, err)
		}
		a, b := batch.counts(m.cfg)
		masked, pairs = masked+a, pairs+b
	}
	return masked, pairs, nil
}

// forwardBackward queues a micro-batch: the first, or the last, of those whose losses and
// gradients are summed up on the device.
func (m *Model) forwardBackward(s backend.StepScalars, batch Batch, first, last bool) {
	m.b.BeginStep(s)
	rows := m.upload(batch)
	q := sequence{what: "gradients", size: batch.Size, rows: rows, first: first, last: last, grow: m.grow}
	if m.finished != nil && m.onDevice.inPieces() {
		m.recordPieces(q)
		return
	}
	m.record(q, func() {
		for _, p := range m.pieces(q) {
			p.work()
			m.complete(p.bucket)
		}
	})
}

// setLosses sets the means of what the replicas and micro-batches have summed up.
func (r *StepResult) setLosses(e EvalSums) {
	r.MLMLoss, r.MLMAccuracy = mean(e.MLMLossSum, r.Masked), mean(float64(e.MLMCorrect), r.Masked)
	r.NSPLoss, r.NSPAccuracy = mean(e.NSPLossSum, r.Pairs), mean(float64(e.NSPCorrect), r.Pairs)
}

// piece is a part of a micro-batch's passes, after which the gradients of a bucket are complete.
type piece struct {
	bucket int
	work   func()
}

// pieces are the forward and the backward pass of one micro-batch.
func (m *Model) pieces(q sequence) []piece {
	list := []piece{{layerHeads, func() { m.passHeads(q) }}}
	for l := len(m.net.layers) - 1; l >= 0; l-- {
		list = append(list, piece{l, func() {
			if m.opt.Recompute && l < len(m.net.layers)-1 {
				m.encodeLayer(l, q.size) // the layer above used its buffers
			}
			m.encodeLayerGrad(l, q.size)
		}})
	}
	return append(list, piece{layerEmbeddings, func() {
		m.embedGrad(q.size)
		if q.last && (m.replicas == nil || len(m.partials) > 0) { // with replicas: to clear what is not trained
			m.b.GradNorm(m.act.gradNorm, m.params)
		}
	}})
}

// passHeads queues the forward pass and the backward pass of the heads.
func (m *Model) passHeads(q sequence) {
	if q.first {
		m.b.ZeroGrad(m.params)
		m.zeroStats()
	}
	m.encode(q.size)
	m.mlmHead(q.rows, true)
	if !m.cfg.NoNSP {
		m.nspHead(q.size, true)
	}
	m.b.Zero(m.act.gradY, q.size*m.opt.SeqLen*m.cfg.Hidden)
	m.mlmHeadGrad(q.rows)
	if !m.cfg.NoNSP {
		m.nspHeadGrad(q.size)
	}
}
