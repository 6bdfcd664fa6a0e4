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
	MLMLoss, NSPLoss         float64 // mean cross-entropy in nats; 0 when there is nothing to predict
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
// update if one is due. It waits once, before the parameters change, for losses
// and norm; an error of the device after that is returned by a later call.
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
	for i, batch := range micro {
		if err := batch.validate(m.cfg, m.opt); err != nil {
			return r, fmt.Errorf("micro-batch %d: %w", i, err)
		}
		masked, pairs := batch.counts()
		r.Masked += masked
		r.Pairs += pairs
	}
	s.MLMScale, s.NSPScale = reciprocal(r.Masked), reciprocal(r.Pairs)

	for i, batch := range micro {
		s.Micro = i
		m.b.BeginStep(s)
		rows := m.upload(batch)
		q := sequence{what: "gradients", size: batch.Size, rows: rows, first: i == 0, last: i == len(micro)-1, grow: m.grow}
		m.record(q, func() { m.gradients(q) })
	}
	if next != nil && next.validate(m.cfg, m.opt) == nil { // else the next step says what is wrong
		m.uploadAhead(*next)
	}

	e, err := m.readStats()
	if err != nil {
		return r, err
	}
	r.MLMLoss, r.MLMAccuracy = mean(e.MLMLossSum, r.Masked), mean(float64(e.MLMCorrect), r.Masked)
	r.NSPLoss, r.NSPAccuracy = mean(e.NSPLossSum, r.Pairs), mean(float64(e.NSPCorrect), r.Pairs)
	norm, err := m.read(m.act.gradNorm, 1)
	if err != nil {
		return r, fmt.Errorf("reading the gradient norm: %w", err)
	}
	r.GradNorm = norm[0]
	return r, nil
}

// gradients queues forward and backward of one micro-batch.
func (m *Model) gradients(q sequence) {
	if q.first {
		m.b.ZeroGrad(m.params)
		m.zeroStats()
	}
	m.encode(q.size)
	m.mlmHead(q.rows, true)
	m.nspHead(q.size, true)
	m.b.Zero(m.act.gradY, q.size*m.opt.SeqLen*m.cfg.Hidden)
	m.mlmHeadGrad(q.rows)
	m.nspHeadGrad(q.size)
	m.encodeGrad(q.size)
	if q.last {
		m.b.GradNorm(m.act.gradNorm, m.params)
	}
}

// sequence names a sequence of operations, whose calls follow from it alone.
type sequence struct {
	m           *Model // set by record
	what        string
	size, rows  int  // sequences, rows of the MLM head
	first, last bool // micro-batch of a step
	grow        bool
	adam        backend.AdamConfig
}

// record runs a sequence, which a device may repeat from a recording.
func (m *Model) record(q sequence, work func()) {
	if !m.opt.FixedMasked {
		work()
		return
	}
	q.m = m
	backend.Record(m.b, q, work)
}

// uploaded says which batch is on the device.
type uploaded struct {
	ids  *int32 // the first of its ids; nil: none
	size int
	rows int
}

// uploadAhead uploads the micro-batch of the next step.
func (m *Model) uploadAhead(batch Batch) {
	rows := m.upload(batch)
	m.ahead = uploaded{&batch.IDs[0], batch.Size, rows}
}

// upload copies a batch to the device, unless it is there, and returns the number
// of rows that the MLM head runs on: the used masked slots, moved together, and
// at least one.
func (m *Model) upload(batch Batch) int {
	ahead := m.ahead
	m.ahead = uploaded{}
	if ahead.ids == &batch.IDs[0] && ahead.size == batch.Size {
		return ahead.rows
	}
	b, a := m.b, m.act
	b.WriteInts(a.ids, 0, batch.IDs)
	b.WriteInts(a.segments, 0, batch.Segments)
	b.WriteInts(a.lengths, 0, batch.Lengths)
	b.WriteInts(a.nspLabels, 0, batch.NSPLabels)

	n := 0
	for i, p := range batch.MaskedPos {
		if p >= 0 {
			m.pos[n], m.labels[n] = p, batch.MaskedLabels[i]
			n++
		}
	}
	rows := max(n, 1)
	if m.opt.FixedMasked {
		rows = len(m.pos)
	}
	for i := n; i < rows; i++ {
		m.pos[i], m.labels[i] = -1, -1
	}
	b.WriteInts(a.maskedPos, 0, m.pos[:rows])
	b.WriteInts(a.maskedLabels, 0, m.labels[:rows])
	return rows
}

// checkFinite names the first loss or gradient that is not finite.
func (m *Model) checkFinite(r StepResult) error {
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	switch {
	case !finite(r.MLMLoss):
		return fmt.Errorf("MLM loss: %w: found %v", ErrNotFinite, r.MLMLoss)
	case !finite(r.NSPLoss):
		return fmt.Errorf("NSP loss: %w: found %v", ErrNotFinite, r.NSPLoss)
	case finite(r.GradNorm):
		return nil
	}
	for _, p := range m.params {
		g, err := m.read(p.Grad(), p.Grad().Len())
		if err != nil {
			return fmt.Errorf("reading the gradient of %s: %w", p.Spec().Name, err)
		}
		for i, x := range g {
			if !finite(x) {
				return fmt.Errorf("gradient of %s: %w: found %v at element %d of %d", p.Spec().Name, ErrNotFinite, x, i, len(g))
			}
		}
	}
	return fmt.Errorf("gradient norm: %w: found %v though every gradient is finite", ErrNotFinite, r.GradNorm)
}

func (m *Model) zeroStats() {
	m.b.Zero(m.act.mlmStats, 3)
	m.b.Zero(m.act.nspStats, 3)
}

// readStats waits and reads what the losses have summed up since zeroStats.
func (m *Model) readStats() (EvalSums, error) {
	mlm, err := m.read(m.act.mlmStats, 3)
	if err != nil {
		return EvalSums{}, fmt.Errorf("reading the MLM loss: %w", err)
	}
	nsp, err := m.read(m.act.nspStats, 3)
	if err != nil {
		return EvalSums{}, fmt.Errorf("reading the NSP loss: %w", err)
	}
	return EvalSums{
		MLMLossSum: mlm[0], Masked: int(mlm[1]), MLMCorrect: int(mlm[2]),
		NSPLossSum: nsp[0], Pairs: int(nsp[1]), NSPCorrect: int(nsp[2]),
	}, nil
}

// doubleReader is a backend that keeps more than float32 (the reference).
type doubleReader interface {
	ReadDoubles(dst []float64, src backend.Buffer, off int) error
}

// read waits and returns the first n elements of a buffer as precisely as the
// backend keeps them.
func (m *Model) read(src backend.Buffer, n int) ([]float64, error) {
	out := make([]float64, n)
	if d, ok := m.b.(doubleReader); ok {
		return out, d.ReadDoubles(out, src, 0)
	}
	narrow := make([]float32, n)
	if err := m.b.ReadFloats(narrow, src, 0); err != nil {
		return nil, err
	}
	for i, x := range narrow {
		out[i] = float64(x)
	}
	return out, nil
}

// reciprocal returns 1/n, 0 for 0.
func reciprocal(n int) float32 {
	if n == 0 {
		return 0
	}
	return 1 / float32(n)
}

// mean returns sum/n, 0 when n is 0.
func mean(sum float64, n int) float64 {
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}
