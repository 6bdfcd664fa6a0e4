package train

import (
	"errors"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// Shape returns the model of a configuration and the sizes that it is built for,
// without any data: its vocabulary has the size that the configuration says, or
// that of the weights to start from.
func Shape(c Config) (model.Config, model.Options, error) {
	p, err := shapeOf(c)
	if err != nil {
		return model.Config{}, model.Options{}, err
	}
	return p.Model, p.options(), nil
}

// estimateCost accounts for a plan's model on the device that it will run on.
func (p *Plan) estimateCost() (model.CostEstimate, error) {
	store := model.Storage{Param: backend.F32, Activation: backend.F32}
	if p.Config.Precision == "bf16" {
		store.Activation = backend.BF16
		store.KeepsDropout = true // as package gpu does, the device that has bfloat16
	}
	return model.EstimateCost(p.Model, p.options(), store)
}

// EstimateCost accounts for a configuration as Shape has it.
func EstimateCost(c Config) (model.CostEstimate, error) {
	p, err := shapeOf(c)
	if err != nil {
		return model.CostEstimate{}, err
	}
	return p.estimateCost()
}

// EstimateRunCost accounts for the resolved configuration of a run folder. It reads
// nothing: what the run's weights started from may be gone.
func EstimateRunCost(c Config) (model.CostEstimate, error) {
	sizes, err := c.resolvedSizes()
	if err != nil {
		return model.CostEstimate{}, err
	}
	p := &Plan{Config: c, sizes: &sizes}
	if err := p.resolve(c.VocabSize, unknownExamples); err != nil {
		return model.CostEstimate{}, err
	}
	return p.estimateCost()
}

// shapeOf works out a plan without data.
func shapeOf(c Config) (*Plan, error) {
	p, from, err := openShape(c)
	if from != nil {
		err = errors.Join(err, from.weights.Close())
	}
	return p, err
}

// openShape is shapeOf. The caller closes the weights that it starts from, if they are
// not nil.
func openShape(c Config) (*Plan, *initialWeights, error) {
	if err := c.checkNumbers(); err != nil {
		return nil, nil, err
	}
	p := &Plan{Config: c, asItComes: c.asItComes()}
	from, err := c.initialWeights()
	if err != nil {
		return nil, nil, err
	}
	size := c.VocabSize
	if from != nil {
		p.sizes, size = &from.config, from.config.VocabSize
		if from.continued != nil {
			if err := p.originOf(from.continued); err != nil {
				return nil, from, err
			}
		}
	}
	return p, from, p.resolve(size, unknownExamples)
}

// countFLOPs works out what one step costs by the paper's count.
func (p *Plan) countFLOPs() error {
	l, err := p.estimateCost()
	if err != nil {
		return err
	}
	sequences := float64(p.Config.BatchSize * p.Config.Accumulation)
	p.perStep, p.densePerStep = sequences*l.NonEmbeddingFLOPs, sequences*l.DenseNonEmbeddingFLOPs
	p.askedPerStep, p.offDensity = sequences*l.AskedNonEmbeddingFLOPs, l.OffDensity()
	p.executedPerStep, p.growthPerUpdate = sequences*l.ExecutedFLOPs, sequences*l.GrowthFLOPs
	return nil
}

// FLOPs returns the paper's count of the first `done` steps: non-embedding, forward
// and backward, on the blocks that exist.
// A step of method partial that trains all weights counts as one of the dense model.
// Those of the checkpoint that a run goes on with are what they were.
func (p *Plan) FLOPs(done int64) float64 {
	n := p.flops(p.perStep, done)
	if o := p.Origin; o != nil {
		n += o.FLOPs - p.flops(p.perStep, o.Step)
	}
	return n
}

// AskedFLOPs returns FLOPs, had every weight the density asked for.
func (p *Plan) AskedFLOPs(done int64) float64 {
	perStep := p.perStep
	if p.offDensity {
		perStep = p.askedPerStep
	}
	n := p.flops(perStep, done)
	if o := p.Origin; o != nil {
		n += o.AskedFLOPs - p.flops(perStep, o.Step)
	}
	return n
}

// flops is FLOPs with another count of a step that does not train all of method
// partial.
func (p *Plan) flops(perStep float64, done int64) float64 {
	if p.Model.Method == model.Partial {
		part := p.partSteps(done)
		return perStep*float64(part) + p.densePerStep*float64(done-part)
	}
	return perStep * float64(done)
}

// DenseFLOPs returns that of the dense model for the same steps.
func (p *Plan) DenseFLOPs(done int64) float64 {
	if o := p.Origin; o != nil {
		return o.DenseFLOPs + p.densePerStep*float64(done-o.Step)
	}
	return p.densePerStep * float64(done)
}

// GrowthFLOPs returns those of the dense gradients that growth by gradient needs at the
// topology updates of the first `done` steps, 2 per multiply-add. The paper's count does
// not have them. Other growth needs none.
func (p *Plan) GrowthFLOPs(done int64) float64 {
	n, _ := slices.BinarySearch(p.UpdateAt, done+1)
	before, _ := slices.BinarySearch(p.UpdateAt, p.first()+1)
	flops := p.growthPerUpdate * float64(n-before)
	if p.Origin != nil {
		flops += p.Origin.GrowthFLOPs
	}
	return flops
}

// ExecutedFLOPs returns all that a device is told to do in the first `done` steps:
// embeddings, heads, attention scores made again and the dense gradients of growth too.
func (p *Plan) ExecutedFLOPs(done int64) float64 {
	if o := p.Origin; o != nil {
		return o.ExecutedFLOPs + p.executedPerStep*float64(done-o.Step) + p.GrowthFLOPs(done) - o.GrowthFLOPs
	}
	return p.executedPerStep*float64(done) + p.GrowthFLOPs(done)
}

// RunFLOPs returns the paper's count of a whole run, without any data. A run that
// counts in epochs has as many steps as max_steps says.
func RunFLOPs(c Config) (float64, error) {
	c.Epochs = 0
	p, err := shapeOf(c)
	if err != nil {
		return 0, err
	}
	if err := p.countFLOPs(); err != nil {
		return 0, err
	}
	return p.FLOPs(p.Config.MaxSteps), nil
}
