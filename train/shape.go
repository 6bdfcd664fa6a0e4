package train

import (
	"cmp"

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

// resolvedSizes are the model's sizes as a resolved configuration has them.
func (c *Config) resolvedSizes() (model.Config, error) {
	m, err := model.Preset(c.Model)
	if err != nil {
		return m, err
	}
	m.Layers, m.Hidden = cmp.Or(c.Layers, m.Layers), cmp.Or(c.Hidden, m.Hidden)
	m.Heads, m.FFN = cmp.Or(c.Heads, m.Heads), cmp.Or(c.FFN, m.FFN)
	m.MaxPositions = max(m.MaxPositions, c.SeqLen) // of weights to start from, which may have more than the preset
	return m, nil
}

// shapeOf works out a plan without data.
func shapeOf(c Config) (*Plan, error) {
	if err := c.checkNumbers(); err != nil {
		return nil, err
	}
	p := &Plan{Config: c}
	from, err := c.origin()
	if err != nil {
		return nil, err
	}
	size := c.VocabSize
	if from != nil {
		p.sizes, size = &from.config, from.config.VocabSize
		if err := from.weights.Close(); err != nil {
			return nil, err
		}
	}
	return p, p.resolve(size, unknownExamples)
}
