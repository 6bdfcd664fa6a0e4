package train

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Warnings says, without any data, what NewPlan would put into Plan.Warnings.
func Warnings(c Config) ([]string, error) {
	p, from, err := openShape(c)
	if err == nil {
		err = p.warn(from)
	}
	if from != nil {
		err = errors.Join(err, from.weights.Close())
	}
	if err != nil {
		return nil, err
	}
	return p.Warnings, nil
}

// offDensity is how far a tensor's density may be from the one asked for, relative to
// it, before the plan warns.
const offDensity = 0.1

// warn fills Warnings: where the run is not what was asked for. Of the demo as it comes
// nothing was asked for, so they are a note. from is what the run starts from, nil where that is chance.
func (p *Plan) warn(from *initialWeights) error {
	p.Warnings, p.Notes = nil, nil
	err := p.warnShape(from)
	if p.asItComes && len(p.Warnings) > 0 {
		p.Notes = []string{"the demo's blocks are coarse for so small a model: " + strings.Join(p.Warnings, "; ")}
		p.Warnings = nil
	}
	return errors.Join(err, p.warnTopology())
}

// asItComes tells whether every setting that determines the numbers, but for the seed,
// is as the program has it: the demo.
func (c *Config) asItComes() bool {
	defaults := DefaultConfig()
	for _, s := range settings.All() {
		if s.Running || s.Key == "seed" || s.Group == settings.Running {
			continue
		}
		is, err := s.Text(c)
		was, errDefault := s.Text(&defaults)
		if err != nil || errDefault != nil || is != was {
			return false
		}
	}
	return true
}

// warnShape says what follows from the shapes of the tensors.
func (p *Plan) warnShape(from *initialWeights) error {
	table, err := model.Table(p.Model)
	if err != nil {
		return err
	}
	var tensors []model.Tensor
	for _, t := range table {
		if t.Sparse || t.Partial {
			tensors = append(tensors, t)
		}
	}
	if len(tensors) == 0 {
		return nil
	}
	p.warnDensity(tensors)
	if p.Model.Method == model.Partial {
		return nil
	}
	moved := p.moves(tensors)
	if p.Model.Method == model.Dynamic {
		p.warnUpdates(tensors, moved)
	}
	return p.warnEmpty(tensors, moved, from)
}

// say appends a warning.
func (p *Plan) say(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// warnDensity compares the density of every tensor with the one asked for.
func (p *Plan) warnDensity(tensors []model.Tensor) {
	shapes := make([]sparse.Shape, len(tensors))
	for i, t := range tensors {
		shapes[i] = t.Shape()
	}
	asked := sparse.Densities(shapes, p.Model.Density(), p.Model.Distribution)
	number, worst, most := 0, 0, 0.0
	for i, t := range tensors {
		off := math.Abs(t.Density()/asked[i] - 1)
		if off > offDensity {
			number++
		}
		if off > most {
			worst, most = i, off
		}
	}
	if number > 0 {
		t := tensors[worst]
		p.say("density: %d of %d weights are more than 10 %% off what was asked for, as they have whole blocks; the most %s, %d of %d blocks, %.4g where %.4g was asked for; a smaller block_size comes nearer",
			number, len(tensors), t.Name, t.NNZ, t.Shape().Positions(), t.Density(), asked[worst])
	}
}

// toCome returns UpdateAt without the updates that a continued run has behind it.
func (p *Plan) toCome() []int64 {
	n, _ := slices.BinarySearch(p.UpdateAt, p.first()+1)
	return p.UpdateAt[n:]
}

// moves returns how many blocks of each tensor all updates of the run move together.
func (p *Plan) moves(tensors []model.Tensor) []int {
	moved := make([]int, len(tensors))
	for _, at := range p.toCome() {
		u := p.update(at)
		for i, t := range tensors {
			moved[i] += u.Moves(t.Shape(), t.NNZ)
		}
	}
	return moved
}

// warnUpdates says which updates of a dynamic run do nothing.
func (p *Plan) warnUpdates(tensors []model.Tensor, moved []int) {
	if c := p.Config; c.AblateNeurons > 0 && !c.Growth.Ablatable() {
		p.say("ablate_neurons: %g takes no row with growth %s, whose rows exchange blocks; fan-in and gradient-fan-in keep them apart", c.AblateNeurons, c.Growth)
	}
	c, updates := p.Config, p.toCome()
	if len(p.UpdateAt) > 0 && len(updates) == 0 {
		p.say("method dynamic without a topology update after step %d: the rest of the run is static bit for bit; more updates (now %d) or a larger max_steps (now %d) leave some", p.first(), c.Updates, c.MaxSteps)
		return
	}
	if len(updates) == 0 {
		p.say("method dynamic without a topology update: the run is static bit for bit; updates is %d, expected 2 or more (up to %d) for the topology to move (default: a phase each %d steps of max_steps %d)",
			c.Updates, c.MaxSteps, shortestPhase, c.MaxSteps)
		return
	}
	still, first, full := 0, 0, 0
	for i := len(moved) - 1; i >= 0; i-- {
		if moved[i] == 0 {
			still, first = still+1, i
			if tensors[i].NNZ == tensors[i].Shape().Positions() {
				full++
			}
		}
	}
	remedy := fmt.Sprintf("prune_ratio %g is less than a block of it; a larger prune_ratio or a smaller block_size moves some", c.PruneRatio)
	switch {
	case full == still:
		remedy = fmt.Sprintf("all of its blocks are active; a sparsity above %g leaves some to move to", c.Sparsity)
	case c.PruneRatio == 0:
		remedy = "prune_ratio is 0"
	}
	t := tensors[first]
	switch {
	case still == len(moved):
		p.say("method dynamic, but none of the %d topology updates moves a block: the run is static bit for bit; %s has %d active blocks: %s", len(updates), t.Name, t.NNZ, remedy)
		return
	case still > 0:
		p.say("topology: no update moves a block in %d of %d weights; the first %s has %d active blocks: %s", still, len(moved), t.Name, t.NNZ, remedy)
	}
	idle := 0
	for _, at := range updates {
		u, any := p.update(at), 0
		for _, t := range tensors {
			any += u.Moves(t.Shape(), t.NNZ)
		}
		if any == 0 {
			idle++
		}
	}
	if idle > 0 {
		p.say("topology: %d of the %d updates move no block in any weight, as their pruning ratio is too small by then; fewer updates or another prune_schedule", idle, len(updates))
	}
}
