package model

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Phase says what of the encoder's weights method Partial trains from a step on.
// With Config.Rest Zero a phase that trains a part begins by setting values and
// moments of the other blocks to zero; with Frozen nothing changes but what is
// trained. Weights that are not trained keep their moments, and are neither
// decayed nor counted in the gradient's norm.
type Phase struct {
	Whole  bool // all of them; else the blocks that Choice chooses
	Choice sparse.Choice
	Number int         // of the choice, 1 for the first
	Norm   sparse.Norm // of ChooseMagnitude
}

// partial is one tensor that is trained in part.
type partial struct {
	index int // in the table
	part  *sparse.Topology
}

// CanTrain returns an error that wraps ErrConfig when a model of configuration c
// cannot be trained on b, whatever its size.
func CanTrain(b backend.Backend, c Config) error {
	if c.Method == Partial && b.Capabilities().Restricter == nil {
		return fmt.Errorf("%w: method: found partial on device %s, which cannot train a part of a tensor, expected device cpu or another method", ErrConfig, b.Name())
	}
	return nil
}

// enter begins a phase.
func (m *Model) enter(p Phase) error {
	if m.cfg.Method != Partial {
		return fmt.Errorf("%w: found a phase with method %s, expected none", ErrConfig, m.cfg.Method)
	}
	if err := CanTrain(m.b, m.cfg); err != nil {
		return err
	}
	if p.Whole {
		m.restrict(true)
		return nil
	}
	for i := range m.partials {
		q := &m.partials[i]
		row := m.table[q.index]
		var values []float32
		if p.Choice == sparse.ChooseMagnitude {
			values = make([]float32, row.Elements())
			if err := m.b.ReadFloats(values, m.params[q.index].Values(), 0); err != nil {
				return fmt.Errorf("reading %s: %w", row.Name, err)
			}
		}
		part, err := p.Choice.Choose(sparse.ChoiceSpec{
			Shape: row.Shape(), NNZ: row.NNZ, Norm: p.Norm, Seed: m.opt.Seed, Number: p.Number, Tensor: row.Index,
		}, values)
		if err != nil {
			return fmt.Errorf("%s: %w", row.Name, err)
		}
		q.part = part
	}
	m.restrict(false)
	if m.cfg.Rest == Zero {
		b := m.b.Capabilities().Restricter
		for _, q := range m.partials {
			b.KeepOnly(m.params[q.index], q.part)
		}
		m.b.Refresh(m.params)
	}
	return nil
}

// restrict tells the device what is trained: all, or the chosen parts.
func (m *Model) restrict(whole bool) {
	b := m.b.Capabilities().Restricter
	for _, q := range m.partials {
		if whole {
			b.Restrict(m.params[q.index], nil)
		} else {
			b.Restrict(m.params[q.index], q.part)
		}
	}
}

// Part returns the blocks of row i of the table that the last phase to train a
// part chose, the fixed ones before the first; nil for a row that is not Partial.
// It must not be changed.
func (m *Model) Part(i int) *sparse.Topology {
	for _, q := range m.partials {
		if q.index == i {
			return q.part
		}
	}
	return nil
}

// SetPart puts a part in the place of that of row i, as a checkpoint had it. It
// takes effect with ResumePhase.
func (m *Model) SetPart(i int, t *sparse.Topology) error {
	for k := range m.partials {
		if m.partials[k].index == i {
			m.partials[k].part = t
			return nil
		}
	}
	return fmt.Errorf("%w: %s: found a trained part, expected none", ErrConfig, m.table[i].Name)
}

// ResumePhase goes on in the middle of a phase that trains all weights or the
// parts of SetPart. Unlike the start of a phase it changes no value.
func (m *Model) ResumePhase(whole bool) error {
	if err := CanTrain(m.b, m.cfg); err != nil {
		return err
	}
	if m.cfg.Method == Partial {
		m.restrict(whole)
	}
	return nil
}
