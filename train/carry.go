package train

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train/internal/state"
)

// carry puts the state of a checkpoint into a model whose sparsity or method may be
// another: values and moments, where the blocks are and what they have been through.
func (p *Plan) carry(m *model.Model, from *Weights) error {
	for i := range m.Table() {
		if err := p.carryParameter(m, i, from.file); err != nil {
			return fmt.Errorf("continue from %s: %w", from.Path, err)
		}
	}
	m.Backend().Refresh(m.Params())
	return wrap("continue from "+from.Path, m.Backend().Sync())
}

func (p *Plan) carryParameter(m *model.Model, i int, r *state.Reader) error {
	row, own := m.Table()[i], r.Own(m.Table()[i])
	b, param := m.Backend(), m.Params()[i]
	was, now, err := p.carryTopology(row, own, r)
	if err != nil {
		return err
	}
	if now != nil {
		b.SetTopology(param, now)
	}
	stored := make([]float32, own.Stored())
	for _, n := range []struct {
		which state.Floats
		to    backend.Buffer
	}{{state.Values, param.Values()}, {state.FirstMoment, param.M()}, {state.SecondMoment, param.V()}} {
		if err := r.Floats(own, n.which, stored); err != nil {
			return err
		}
		values, err := moved(stored, was, now)
		if err != nil {
			return err
		}
		if n.which != state.Values {
			lo, hi := m.OwnMoments(i)
			values = values[lo:hi]
		}
		b.WriteFloats(n.to, 0, values)
	}
	if !row.Partial || !p.samePart() {
		return nil
	}
	part, err := r.Part(own)
	if err != nil {
		return err
	}
	return m.SetPart(i, part)
}

// carryTopology returns the topology that a parameter had and the one that it gets, nil
// where it is dense.
func (p *Plan) carryTopology(row, own model.Tensor, r *state.Reader) (was, now *sparse.Topology, err error) {
	if own.Sparse {
		if was, err = r.Topology(own); err != nil {
			return nil, nil, err
		}
	}
	if !row.Sparse {
		return was, nil, nil
	}
	values := make([]float32, own.Stored())
	if err := r.Floats(own, state.Values, values); err != nil {
		return nil, nil, err
	}
	if was == nil {
		now, err = sparse.NormTopology(normSpec(row, p.Config), values)
	} else if row.NNZ == own.NNZ {
		return was, was, nil
	} else {
		var m *sparse.Matrix
		if m, err = sparse.NewMatrix(was, values); err == nil {
			now, err = sparse.KeepTopology(normSpec(row, p.Config), m)
		}
	}
	if err != nil {
		return nil, nil, usage.Errorf("%s: %v", row.Name, err)
	}
	if was == nil {
		return nil, now, nil
	}
	return was, now.Inherit(was, int32(p.Origin.Step), int32(p.Origin.Updates)), nil
}

// moved arranges the numbers of a parameter for its new topology: those of blocks that
// it did not have are zero. nil is the topology of a dense parameter.
func moved(stored []float32, was, now *sparse.Topology) ([]float32, error) {
	switch {
	case was == nil && now == nil || was == now:
		return stored, nil
	case was == nil:
		m, err := sparse.FromDense(now, stored)
		if err != nil {
			return nil, err
		}
		return m.Val, nil
	}
	m, err := sparse.NewMatrix(was, stored)
	if err != nil {
		return nil, err
	}
	if now == nil {
		return m.Dense(), nil
	}
	return m.ValuesOn(now), nil
}
