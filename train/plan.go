package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/atomicdir"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/huggingface"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Plan is a configuration worked out: every default in its place, the data
// loaded, every choice parsed. Making one writes nothing.
type Plan struct {
	Config Config // resolved
	Model  model.Config
	Data   *Data
	// UpdateAt holds, in ascending order, the numbers of finished steps after
	// which the topology is updated. Empty unless the method is dynamic.
	UpdateAt []int64
	// Phases of method partial, ascending, the first from the first step on.
	Phases []Phase

	// sizes are those of the model that the weights come from, nil where they are
	// random: they go over the preset's.
	sizes *model.Config
	// The paper's count of one step's FLOPs, of this model and of the dense one.
	perStep, densePerStep float64
}

// resolveModel works out everything that needs no data but the vocabulary's
// size. from has the sizes of the model to start from, or is nil.
func (c *Config) resolveModel(vocabSize int, from *model.Config) (model.Config, error) {
	m, err := c.sizes(from)
	if err != nil {
		return m, err
	}
	for _, size := range []struct{ from, to *int }{
		{&c.Layers, &m.Layers}, {&c.Hidden, &m.Hidden}, {&c.Heads, &m.Heads}, {&c.FFN, &m.FFN},
	} {
		if *size.from != 0 {
			*size.to = *size.from
		}
		*size.from = *size.to
	}
	if c.Dropout == -1 {
		c.Dropout = m.Dropout
	}
	m.Dropout = c.Dropout
	m.VocabSize = vocabSize
	m.Method, m.Init, m.InitRescale = c.Method, c.Init, c.Rescale
	m.Sparsity, m.BlockSize, m.Distribution = c.Sparsity, c.BlockSize, c.Distribution
	m.Growth, m.Rest = c.Growth, c.PartialRest
	if err := m.Validate(); err != nil {
		return m, err
	}
	if c.SeqLen > m.MaxPositions {
		return m, usage.Errorf("seq_len: found %d, expected at most the model's %d positions", c.SeqLen, m.MaxPositions)
	}
	return m, nil
}

// NewPlan checks a configuration, loads its data and works out the rest. It
// writes nothing. progress may be nil.
func NewPlan(ctx context.Context, c Config, progress func(stage string, done, total int64)) (*Plan, error) {
	p, from, err := newPlan(ctx, c, resumePoint{}, progress)
	if from != nil {
		err = errors.Join(err, from.weights.Close())
	}
	return p, err
}

// newPlan is NewPlan for a run that goes on from a checkpoint, if at has one. from
// is where the weights of a run that begins come from, nil where that is chance;
// the caller closes it.
func newPlan(ctx context.Context, c Config, at resumePoint, progress func(stage string, done, total int64)) (p *Plan, from *origin, err error) {
	if err := c.checkNumbers(); err != nil {
		return nil, nil, err
	}
	vocab := at.vocab
	p = &Plan{Config: c}
	switch {
	case at.found == nil:
		if from, err = c.origin(); err != nil {
			return nil, nil, err
		}
		if from != nil {
			p.sizes = &from.config
			if vocab, err = from.vocabulary(c); err != nil {
				return nil, nil, errors.Join(err, from.weights.Close())
			}
		}
	case c.InitFrom != "":
		p.sizes = &at.saved.Model
	}
	if err := p.load(ctx, vocab, from, progress); err != nil {
		if from != nil {
			err = errors.Join(err, from.weights.Close())
		}
		return nil, nil, err
	}
	return p, from, nil
}

// load reads the data of a plan and works out the rest.
func (p *Plan) load(ctx context.Context, vocab *corpus.Vocab, from *origin, progress func(stage string, done, total int64)) error {
	// Everything that needs no data first: a wrong flag must not wait for it.
	early := *p
	if err := early.resolve(p.Config.VocabSize, unknownExamples); err != nil {
		return err
	}
	var err error
	if p.Data, err = LoadData(ctx, p.Config, vocab, progress); err != nil {
		return err
	}
	if from != nil {
		if err := from.checkVocab(p.Data.Vocab); err != nil {
			return err
		}
	}
	if err := p.resolve(p.Data.Vocab.Size(), p.Data.Train.Examples()); err != nil {
		return err
	}
	return p.countFLOPs()
}

// countFLOPs works out what one step costs by the paper's count.
func (p *Plan) countFLOPs() error {
	l, err := p.estimateCost()
	if err != nil {
		return err
	}
	sequences := float64(p.Config.BatchSize * p.Config.Accumulation)
	p.perStep, p.densePerStep = sequences*l.NonEmbeddingFLOPs, sequences*l.DenseNonEmbeddingFLOPs
	return nil
}

// FLOPs returns the paper's count of the first `done` steps: non-embedding, forward
// and backward.
// A step of method partial that trains all weights counts as one of the dense model.
func (p *Plan) FLOPs(done int64) float64 {
	if p.Model.Method == model.Partial {
		part := p.partSteps(done)
		return p.perStep*float64(part) + p.densePerStep*float64(done-part)
	}
	return p.perStep * float64(done)
}

// DenseFLOPs returns that of the dense model for the same steps.
func (p *Plan) DenseFLOPs(done int64) float64 { return p.densePerStep * float64(done) }

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

// unknownExamples stands for the size of an epoch before the data is there: large,
// so that nothing is called too long for the run.
const unknownExamples = math.MaxInt32

// resolve works out everything but the data: examples are what an epoch has.
func (p *Plan) resolve(vocabSize, examples int) error {
	c := &p.Config
	var err error
	if p.Model, err = c.resolveModel(vocabSize, p.sizes); err != nil {
		return err
	}
	if err := c.resolvePaths(); err != nil {
		return err
	}
	c.VocabSize = vocabSize
	if c.Epochs > 0 {
		perStep := float64(c.BatchSize * c.Accumulation)
		c.MaxSteps = max(1, int64(math.Round(c.Epochs*float64(examples)/perStep)))
	}
	if c.WarmupSteps == -1 {
		c.WarmupSteps = min(c.MaxSteps/10, 10000)
	}
	if c.WarmupSteps > c.MaxSteps {
		return usage.Errorf("warmup_steps: found %d, expected at most the run's %d steps", c.WarmupSteps, c.MaxSteps)
	}
	if c.LearningRate == 0 {
		c.LearningRate = model.DefaultLearningRate(p.Model)
	}
	if p.Model.Method == model.Dynamic {
		if c.Updates == 0 {
			c.Updates = defaultPhases(c.MaxSteps, c.BlockSize)
		}
		if p.UpdateAt, err = sparse.UpdateSteps(c.MaxSteps, c.Updates); err != nil {
			return usage.Errorf("updates: %v", err)
		}
	}
	return p.resolvePhases()
}

// resolvePaths makes the paths of the data absolute, so that a run can be resumed
// and evaluated from any folder.
func (c *Config) resolvePaths() error {
	var err error
	c.Corpus, c.Valid = slices.Clone(c.Corpus), slices.Clone(c.Valid)
	for _, list := range [][]string{c.Corpus, c.Valid} {
		for i := range list {
			if list[i], err = filepath.Abs(list[i]); err != nil {
				return fmt.Errorf("find the corpus: %w", err)
			}
		}
	}
	if c.Vocab, err = absolute(c.Vocab); err != nil {
		return fmt.Errorf("find the vocabulary: %w", err)
	}
	if c.InitFrom, err = absolute(c.InitFrom); err != nil {
		return fmt.Errorf("find the weights to start from: %w", err)
	}
	return nil
}

// update returns the topology update that is due once `done` steps are
// finished, or nil.
func (p *Plan) update(done int64) *sparse.Update {
	for i, at := range p.UpdateAt {
		if at != done {
			continue
		}
		ratio := p.Config.PruneSchedule.PruneRatio(p.Config.PruneRatio, done, p.Config.MaxSteps)
		return &sparse.Update{
			Seed: p.Config.Seed, Number: i + 1, Step: done, PruneRatio: ratio,
			Norm: p.Config.PruneNorm, Growth: p.Config.Growth, RegrowPruned: p.Config.RegrowPruned,
		}
	}
	return nil
}

// adam returns the optimizer's constants.
func (p *Plan) adam() backend.AdamConfig {
	return backend.AdamConfig{
		Beta1: adamBeta1, Beta2: adamBeta2, Eps: adamEpsilon,
		WeightDecay: float32(p.Config.WeightDecay),
		GroupLasso:  float32(p.Config.GroupLasso), GroupLassoStd: groupLassoStd,
		MaxGradNorm: float32(p.Config.MaxGradNorm),
	}
}

// options returns the sizes that the model's buffers are made for.
func (p *Plan) options() model.Options {
	return model.Options{
		MicroBatch: p.Config.BatchSize, SeqLen: p.Config.SeqLen,
		MaxMasked: p.Config.maxMasked(), Seed: p.Config.Seed, Recompute: p.Config.Checkpointing,
	}
}

// optionsOn is options for a device: one that records a step and repeats it needs
// launches that do not depend on the batch.
func (p *Plan) optionsOn(b backend.Backend) model.Options {
	o := p.options()
	o.FixedMasked = b.Capabilities().Recorder != nil
	return o
}

// build makes the model on a device, if training it fits, with the weights of
// from, if that is not nil.
func (p *Plan) build(b backend.Backend, from *origin) (*model.Model, error) {
	if err := model.CanTrain(b, p.Model); err != nil {
		return nil, err
	}
	d, err := p.deviceMemory(b)
	if err != nil {
		return nil, err
	}
	if d != nil && d.Err() != nil {
		return nil, d.Err()
	}
	m, err := model.New(b, p.Model, p.optionsOn(b))
	if err != nil {
		return nil, fmt.Errorf("build the model: %w", err)
	}
	if from == nil {
		return m, nil
	}
	return m, p.fill(m, from)
}

// IsUsage reports whether err is the fault of what the user gave: a
// configuration, a corpus or a checkpoint that cannot be used.
func IsUsage(err error) bool {
	return errors.Is(err, ErrUsage) || errors.Is(err, model.ErrConfig) || errors.Is(err, corpus.ErrBadData) || errors.Is(err, huggingface.ErrFormat) || isOutputFolder(err)
}

// isOutputFolder reports whether err is about a folder that cannot be made.
func isOutputFolder(err error) bool {
	_, ok := errors.AsType[*atomicdir.Error](err)
	return ok
}

// wrap adds what was being done to an error, keeping nil.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
