package train

import (
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Phase is a phase of method partial.
type Phase struct {
	Start int64 // finished steps before its first
	model.Phase
}

// resolvePhases works out the phases of method partial. Phases that share a run
// have equal lengths, to a step.
func (p *Plan) resolvePhases() error {
	c := &p.Config
	if p.Model.Method != model.Partial {
		return nil
	}
	if c.GroupLasso != 0 {
		return usage.Errorf("group_lasso: found %s with method partial, expected 0 (it is for block-sparse weights)", settings.Number(c.GroupLasso))
	}
	pieces, whole := 1, 0 // whole: which of two in turn trains all
	switch c.PartialPhases {
	case model.PhasesAlways:
		whole = 1
	case model.PhasesEarly:
		pieces, whole = 2, 1
	case model.PhasesLate:
		pieces = 2
	case model.PhasesAlternate:
		if c.Updates == 0 {
			c.Updates = int(max(1, min(alternations, c.MaxSteps/(2*shortestPhase))))
		}
		if int64(c.Updates) > c.MaxSteps/2 {
			return usage.Errorf("updates: found %d times two phases in %d training steps, expected 1 to %d", c.Updates, c.MaxSteps, max(1, c.MaxSteps/2))
		}
		pieces = 2 * c.Updates
	}
	starts, err := sparse.UpdateSteps(c.MaxSteps, pieces)
	if err != nil {
		return usage.Errorf("max_steps: %v", err)
	}
	for i, start := range append([]int64{0}, starts...) {
		phase := Phase{start, model.Phase{Whole: i%2 == whole, Norm: c.PruneNorm}}
		if !phase.Whole {
			phase.Choice, phase.Number = c.PartialChoice, i/2+1
		}
		p.Phases = append(p.Phases, phase)
	}
	return nil
}

// alternations is how often the paper alternates.
const alternations = 160

// phaseFrom returns the phase that begins after `done` finished steps, or nil.
func (p *Plan) phaseFrom(done int64) *model.Phase {
	for i := range p.Phases {
		if p.Phases[i].Start == done {
			return &p.Phases[i].Phase
		}
	}
	return nil
}

// phaseAt returns the phase of the last of `done` finished steps: that of all weights
// where there is none.
func (p *Plan) phaseAt(done int64) model.Phase {
	at := model.Phase{Whole: true}
	for _, phase := range p.Phases {
		if phase.Start < done {
			at = phase.Phase
		}
	}
	return at
}

// wholeAfter tells whether the last of `done` finished steps trained all weights.
func (p *Plan) wholeAfter(done int64) bool {
	return p.phaseAt(done).Whole
}

// partSteps returns how many of the first `done` steps train a part only.
func (p *Plan) partSteps(done int64) int64 {
	n := int64(0)
	for i, phase := range p.Phases {
		end := done
		if i+1 < len(p.Phases) {
			end = min(done, p.Phases[i+1].Start)
		}
		if !phase.Whole && end > phase.Start {
			n += end - phase.Start
		}
	}
	return n
}
