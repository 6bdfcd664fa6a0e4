package train

import (
	"cmp"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// What 0 stands for (paper, training recipe).
const (
	adamBeta1     = 0.9
	adamBeta2     = 0.999
	adamEpsilon   = 1e-6
	initStd       = 0.02
	lrSparseScale = 1.
	updateEnd     = 1.
)

// unset makes settings 0 that are what 0 stands for, as files of programs that did not
// have them say it.
func (c *Config) unset() {
	for _, s := range []struct {
		value *float64
		is    float64
	}{
		{&c.AdamBeta1, adamBeta1}, {&c.AdamBeta2, adamBeta2}, {&c.AdamEpsilon, adamEpsilon}, {&c.InitStd, initStd},
		{&c.LRSparseScale, lrSparseScale}, {&c.UpdateEnd, updateEnd},
	} {
		if *s.value == s.is {
			*s.value = 0
		}
	}
	if c.Replicas == 1 {
		c.Replicas = 0
	}
}

// adam returns the optimizer's constants.
func (p *Plan) adam() backend.AdamConfig {
	c := &p.Config
	return backend.AdamConfig{
		Beta1: float32(cmp.Or(c.AdamBeta1, adamBeta1)), Beta2: float32(cmp.Or(c.AdamBeta2, adamBeta2)), Eps: float32(cmp.Or(c.AdamEpsilon, adamEpsilon)),
		WeightDecay: float32(c.WeightDecay),
		GroupLasso:  float32(c.GroupLasso), GroupLassoStd: float32(cmp.Or(c.InitStd, initStd)),
		MaxGradNorm: float32(c.MaxGradNorm),
		SparseRate:  float32(c.LRSparseScale), GlobalClock: c.NewbornClock == model.GlobalClock,
	}
}

// options returns the sizes that the model's buffers are made for.
func (p *Plan) options() model.Options {
	return model.Options{
		MicroBatch: p.Config.BatchSize, SeqLen: p.Config.SeqLen,
		MaxMasked: p.Config.maxMasked(), Seed: p.Config.Seed, Recompute: p.Config.Checkpointing,
		Replicas: p.Config.Replicas, Group: p.group, WholeMoments: p.Config.PruneBy.Criterion().Moments,
	}
}

// optionsOn is options for a device: one that records a step and repeats it needs
// launches that do not depend on the batch.
func (p *Plan) optionsOn(b backend.Backend) model.Options {
	o := p.options()
	o.FixedMasked = b.Capabilities().Recorder != nil
	return o
}

// canTrain returns an error when the run cannot be made on b, whatever its size.
func (p *Plan) canTrain(b backend.Backend) error {
	if err := model.CanTrain(b, p.Model); err != nil {
		return err
	}
	can := b.Capabilities().Criteria
	if can == nil || len(p.UpdateAt) == 0 {
		return nil
	}
	if err := can(*p.update(p.UpdateAt[0])); err != nil {
		return usage.Errorf("topology updates on device %s: %v; device cpu does all", b.Name(), err)
	}
	return nil
}

// build makes the model on a device, if training it fits, with the weights of
// from, if that is not nil.
func (p *Plan) build(b backend.Backend, from *initialWeights) (*model.Model, error) {
	if err := p.canTrain(b); err != nil {
		return nil, err
	}
	d, err := p.deviceMemory(b)
	if err != nil {
		return nil, err
	}
	if d != nil && d.Err() != nil {
		return nil, d.Err()
	}
	if err := p.checkHostMemory(b); err != nil {
		return nil, err
	}
	m, err := model.New(b, p.Model, p.optionsOn(b))
	if err != nil {
		return nil, fmt.Errorf("build the model: %w", err)
	}
	if from == nil {
		return m, nil
	}
	if from.continued != nil {
		return m, p.carry(m, from.continued)
	}
	return m, p.fill(m, from)
}
