package model

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// zeroStats starts the sums of losses and right predictions again.
func (m *Model) zeroStats() {
	m.b.Zero(m.act.mlmStats, 3)
	if !m.cfg.NoNSP {
		m.b.Zero(m.act.nspStats, 3)
	}
}

// readStats waits and reads what the losses have summed up since zeroStats.
func (m *Model) readStats() (EvalSums, error) {
	mlm, err := m.read(m.act.mlmStats, 3)
	if err != nil {
		return EvalSums{}, fmt.Errorf("reading the MLM loss: %w", err)
	}
	nsp := make([]float64, 3)
	if !m.cfg.NoNSP {
		if nsp, err = m.read(m.act.nspStats, 3); err != nil {
			return EvalSums{}, fmt.Errorf("reading the NSP loss: %w", err)
		}
	}
	return EvalSums{
		MLMLossSum: mlm[0], Masked: int(mlm[1]), MLMCorrect: int(mlm[2]),
		NSPLossSum: nsp[0], Pairs: int(nsp[1]), NSPCorrect: int(nsp[2]),
	}, nil
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
