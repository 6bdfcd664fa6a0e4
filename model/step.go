package model

import (
	"errors"
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/internal/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// ErrNotFinite is wrapped by the error of Step when a loss or the gradient's
// norm is NaN or infinite. No parameter has changed then.
var ErrNotFinite = errors.New("not finite")

// StepArgs are what changes from step to step.
type StepArgs struct {
	Step int64   // optimiser steps finished before this one
	LR   float64 // learning rate of this step
	Adam backend.AdamConfig
	// Update is the topology update that follows the optimiser step, nil when
	// none is due. Its Step is set to Step+1. With sparse.GrowGradient the growth
	// scores are those of this step's micro-batches.
	Update *sparse.Update
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

// Step does one optimiser step on the mean loss over all micro-batches: forward
// and backward for each, clipping by the global norm, AdamW, and the topology
// update if one is due. It waits once, before the parameters change, for losses
// and norm; an error of the device after that is returned by a later call.
//
// Errors wrap ErrBatch, ErrConfig (an update of a model whose topology does not
// move, or with another growth than the model's), ErrNotFinite, or are the
// backend's. After any of the first three the parameters are unchanged.
func (m *Model) Step(a StepArgs, micro []Batch) (StepResult, error) {
	if a.Update != nil && m.cfg.Method != Dynamic {
		return StepResult{}, fmt.Errorf("%w: found a topology update with method %s, expected none", ErrConfig, m.cfg.Method)
	}
	if a.Update != nil && a.Update.Growth != m.cfg.Growth {
		return StepResult{}, fmt.Errorf("%w: found a topology update with growth %s, expected %s", ErrConfig, a.Update.Growth, m.cfg.Growth)
	}
	scalars := backend.StepScalars{Seed: m.opt.Seed, Step: a.Step, Train: true, LR: float32(a.LR)}
	m.grow = a.Update != nil && collectsGrowth(m.cfg)
	r, err := m.accumulate(scalars, micro)
	m.grow = false
	if err != nil {
		return r, err
	}
	if err := m.checkFinite(r); err != nil {
		return r, err
	}
	m.b.AdamW(m.params, m.act.gradNorm, a.Adam)
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
	return m.accumulate(backend.StepScalars{Seed: m.opt.Seed, Train: train}, micro)
}

// accumulate runs forward and backward over the micro-batches and reads losses
// and norm. The scale of each loss is 1 over its count in all micro-batches.
func (m *Model) accumulate(s backend.StepScalars, micro []Batch) (StepResult, error) {
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

	m.b.ZeroGrad(m.params)
	m.zeroStats()
	for i, batch := range micro {
		s.Micro = i
		m.b.BeginStep(s)
		rows := m.upload(batch)
		m.encode(batch.Size)
		m.mlmHead(rows, true)
		m.nspHead(batch.Size, true)
		m.b.Zero(m.act.gradY, batch.Size*m.opt.SeqLen*m.cfg.Hidden)
		m.mlmHeadGrad(rows)
		m.nspHeadGrad(batch.Size)
		m.encodeGrad(batch.Size)
	}
	m.b.GradNorm(m.act.gradNorm, m.params)

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

// upload copies a batch to the device and returns the number of rows that the
// MLM head runs on: the used masked slots, moved together, and at least one.
func (m *Model) upload(batch Batch) int {
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
