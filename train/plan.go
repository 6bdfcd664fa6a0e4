package train

import (
	"context"
	"errors"
	"math"

	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// Plan is a configuration worked out: every default in its place, the data
// loaded, every choice parsed. Making one writes nothing.
type Plan struct {
	Config Config // resolved
	Model  model.Config
	Text   Text
	// UpdateAt holds, in ascending order, the numbers of finished steps after
	// which the topology is updated. Empty unless the method is dynamic.
	UpdateAt []int64
	// Phases of method partial, ascending, the first from the first step on.
	Phases []Phase

	// Origin is the checkpoint that the run goes on with, nil where it begins.
	Origin *Origin
	// Kept says, a line each, what a run that goes on with a checkpoint keeps of it and
	// what restarts.
	Kept []string

	// Warnings say, a line each, where the run will not be what was asked for: a
	// density that whole blocks cannot have, updates that move nothing, rows, columns
	// and heads without a block, text that was hardly meant so, validation text that is
	// trained on.
	Warnings []string

	// Notes say, a line each, what a user should know of the run and need not change:
	// as what the text was read, and what Warnings would say, had the settings not been
	// the program's own.
	Notes []string

	data  *dataset
	group model.Communicator // nil: the run is this process's alone
	demo  uint64             // seed of the demo corpus
	// asItComes: see Config.asItComes, of the configuration before it was resolved.
	asItComes bool
	// sizes are those of the model that the weights come from, nil where they are
	// random: they go over the preset's.
	sizes *model.Config
	// before is the plan of the checkpoint's run, nil but in a run that goes on with it
	// in this process.
	before *Plan
	// added are the blocks that it adds to the checkpoint's in each block-sparse tensor,
	// nil where it adds none.
	added []int
	// The paper's count of one step's FLOPs, of this model and of the dense one.
	perStep, densePerStep float64
	// All that is executed in a step, and what growth by gradient adds at an update.
	executedPerStep, growthPerUpdate float64
	// askedPerStep counts every weight at the density asked for; offDensity tells
	// whether that differs.
	askedPerStep float64
	offDensity   bool
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
func newPlan(ctx context.Context, c Config, at resumePoint, progress func(stage string, done, total int64)) (p *Plan, from *initialWeights, err error) {
	if err := c.checkNumbers(); err != nil {
		return nil, nil, err
	}
	vocab := at.vocab
	if at.found != nil {
		c.keepEvalBatches(at.saved.Config)
	}
	p = &Plan{Config: c, demo: demoSeed, asItComes: c.asItComes()}
	if at.found != nil {
		p.demo, p.Origin = at.saved.demo(), at.saved.Origin
	}
	switch {
	case at.found == nil:
		if from, err = c.initialWeights(); err != nil {
			return nil, nil, err
		}
		if from != nil {
			p.sizes = &from.config
			if w := from.continued; w != nil {
				p.demo = w.saved.demo()
				if err := p.originOf(w); err != nil {
					return nil, nil, errors.Join(err, w.Close())
				}
			}
			if vocab, err = from.vocabulary(c); err != nil {
				return nil, nil, errors.Join(err, from.weights.Close())
			}
		}
	case c.InitFrom != "" || c.ContinueFrom != "":
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
func (p *Plan) load(ctx context.Context, vocab *corpus.Vocab, from *initialWeights, progress func(stage string, done, total int64)) error {
	// Everything that needs no data first: a wrong flag must not wait for it.
	early := *p
	if err := early.resolve(p.Config.VocabSize, unknownExamples); err != nil {
		return err
	}
	var err error
	if p.data, err = loadData(ctx, p.Config, vocab, p.demo, progress); err != nil {
		return err
	}
	p.Text = p.data.text
	other, err := p.Config.pin.sameText(p.Config, p.Text.Fingerprint)
	if err != nil {
		return err
	}
	if from != nil {
		if err := from.checkVocab(p.data.vocab); err != nil {
			return err
		}
	}
	if err := p.resolve(p.Text.VocabSize, p.Text.TrainExamples); err != nil {
		return err
	}
	if err := p.keep(from); err != nil {
		return err
	}
	if err := p.warn(from); err != nil {
		return err
	}
	if from != nil {
		p.Warnings = append(p.Warnings, from.notes...)
	}
	p.Notes = append(p.Notes, p.data.report.Lines()...)
	p.Warnings = append(p.Warnings, p.data.report.Warnings()...)
	if other != "" {
		p.Warnings = append(p.Warnings, other)
	}
	if p.data.shared != "" {
		p.Warnings = append(p.Warnings, p.data.shared)
	}
	return p.countFLOPs()
}

// unknownExamples stands for the size of an epoch before the data is there: large,
// so that nothing is called too long for the run.
const unknownExamples = math.MaxInt32

// resolveEvalBatches puts the defaults in place: on the simulator an evaluation of the
// whole set would take hours.
func (c *Config) resolveEvalBatches() {
	during, last := 16, 0
	if c.Device == "sim" {
		during, last = 1, 1
	}
	if c.EvalBatches == -1 {
		c.EvalBatches = during
	}
	if c.FinalBatches == -1 {
		c.FinalBatches = last
	}
}

// keepEvalBatches puts in place of a default what the run began with, maybe on another
// device.
func (c *Config) keepEvalBatches(began Config) {
	if c.EvalBatches == -1 {
		c.EvalBatches = began.EvalBatches
	}
	if c.FinalBatches == -1 {
		c.FinalBatches = began.FinalBatches
	}
}

// resolve works out everything but the data: examples are what an epoch has.
func (p *Plan) resolve(vocabSize, examples int) error {
	c := &p.Config
	c.unset()
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
		s, _ := settings.Find("max_steps")
		if examples == unknownExamples {
			c.MaxSteps = min(c.MaxSteps, int64(s.Range.Max))
		}
		if float64(c.MaxSteps) > s.Range.Max {
			return usage.Errorf("epochs: found %s, which are %d steps of %.0f examples, expected at most %.0f steps", settings.Number(c.Epochs), c.MaxSteps, perStep, s.Range.Max)
		}
	}
	if err := p.checkLength(); err != nil {
		return err
	}
	if c.SaveSteps == 0 {
		c.SaveSteps = max(1, c.MaxSteps/10)
	}
	c.resolveEvalBatches()
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
		if p.UpdateAt, err = c.updateSteps(); err != nil {
			return err
		}
	}
	// What was worked out must stand in a file: a vocabulary that was given has any size.
	if key, wrong := settings.OutOfRange(c); key != "" {
		return usage.Errorf("%s: %s", key, wrong)
	}
	return p.resolvePhases()
}
