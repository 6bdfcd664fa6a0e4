package train

import (
	"errors"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train/internal/state"
)

// Origin says which checkpoint a run goes on with (Config.ContinueFrom), and what had
// come before.
type Origin struct {
	Checkpoint string `json:"checkpoint"` // its folder
	Step       int64  `json:"step"`
	// Weights and Optimizer are the SHA-256, in hex, of its files.
	Weights   string `json:"weights_sha256"`
	Optimizer string `json:"optimizer_sha256"`
	// Text tells the text that it was trained on; nil where that is not known.
	Text *Fingerprint `json:"text"`
	// Updates is the number of topology updates before the run's own. The blocks that
	// it adds to the checkpoint's count as one.
	Updates int `json:"updates"`
	// Births are those of the checkpoint's blocks.
	Births Births `json:"births"`
	// The counts of all steps before.
	FLOPs      float64 `json:"flops"`
	DenseFLOPs float64 `json:"dense_flops"`
	AskedFLOPs float64 `json:"asked_flops"`
	// What Plan.ExecutedFLOPs and GrowthFLOPs count.
	ExecutedFLOPs float64 `json:"executed_flops"`
	GrowthFLOPs   float64 `json:"growth_flops"`
}

// ContinuedConfig returns the configuration of a run that goes on with a run, or with a
// checkpoint of one, in another folder: that of the run, and the path of the checkpoint
// in ContinueFrom. The caller changes what is to be different, and notes it in Given.
func ContinuedConfig(path string) (Config, error) {
	c, err := openCheckpoint(path)
	if err != nil {
		return Config{}, err
	}
	config := c.Config
	config.ContinueFrom = c.Path
	config.InitFrom, config.InitHeads = "", false // which the checkpoint's weights came from
	config.Epochs = 0                             // max_steps has what they came to
	config.OutputDir, config.Resume, config.Given = "", false, nil
	config.DryRun, config.Quiet, config.JSONLogs = false, false, false // of that process
	return config, nil
}

// continued opens the checkpoint that the run of a configuration goes on with.
func (c *Config) continued() (*initialWeights, error) {
	if c.InitFrom != "" {
		return nil, usage.Errorf("init_from: found it beside continue_from, expected one of them: the weights alone, or all of a run")
	}
	if c.InitHeads {
		return nil, usage.Errorf("init_heads: found it beside continue_from, expected it beside init_from")
	}
	w, err := openWeights(c.ContinueFrom, true)
	if err != nil {
		return nil, err
	}
	if w.Model.NoNSP != c.NoNSP {
		err := usage.Errorf("no_nsp: found %t, expected %t as in %s, whose parameters it continues", c.NoNSP, w.Model.NoNSP, w.Path)
		return nil, errors.Join(err, w.Close())
	}
	return &initialWeights{path: w.Path, config: w.Model, vocab: w.vocab, weights: w, continued: w}, nil
}

// originOf checks that a plan can go on with a checkpoint, and notes where it comes from.
// Nothing but the model has been worked out yet.
func (p *Plan) originOf(w *Weights) error {
	c := &p.Config
	if c.Method.BlockSparse() && w.Model.Method.BlockSparse() && c.BlockSize != w.Model.BlockSize {
		return usage.Errorf("block_size: found %d, expected %d as in %s: blocks of another size have neither moments nor ages (--init-from takes the weights alone)",
			c.BlockSize, w.Model.BlockSize, w.Path)
	}
	c.ContinueFrom = w.Path
	before, err := w.saved.plan()
	if err != nil {
		return err
	}
	p.before = before
	births := before.births(w.Step)
	if slices.Contains(before.UpdateAt, w.Step) {
		births.add(w.Step)
	}
	where, err := absolute(w.Path)
	if err != nil {
		return err
	}
	p.Origin = &Origin{
		Checkpoint: where, Step: w.Step, Text: w.saved.Text,
		Weights: w.found.Files[state.ModelFile].SHA256, Optimizer: w.found.Files[state.OptimizerFile].SHA256,
		Updates: before.updatesBy(w.Step), Births: births,
		FLOPs: before.FLOPs(w.Step), DenseFLOPs: before.DenseFLOPs(w.Step), AskedFLOPs: before.AskedFLOPs(w.Step),
		ExecutedFLOPs: before.ExecutedFLOPs(w.Step), GrowthFLOPs: before.GrowthFLOPs(w.Step),
	}
	return nil
}

// plan works the plan of a checkpoint's run out again, without any data.
func (s *savedState) plan() (*Plan, error) {
	p := &Plan{Config: s.Config, sizes: &s.Model, Origin: s.Origin}
	p.Config.Epochs, p.Config.Given = 0, nil
	if err := p.resolve(s.Model.VocabSize, unknownExamples); err != nil {
		return nil, err
	}
	return p, p.countFLOPs()
}

// updatesBy returns how many topology updates there are in the first `done` steps.
func (p *Plan) updatesBy(done int64) int {
	n, _ := slices.BinarySearch(p.UpdateAt, done+1)
	return n + p.updateShift()
}

// LastUpdate returns the number of the run's last topology update, 0 where there is none:
// how many there are, those that a continued run has behind it among them.
func (p *Plan) LastUpdate() int { return len(p.UpdateAt) + p.updateShift() }

// updateShift is what the numbers of a continued run's updates are above their places
// in UpdateAt.
func (p *Plan) updateShift() int {
	if p.Origin == nil {
		return 0
	}
	n, _ := slices.BinarySearch(p.UpdateAt, p.Origin.Step+1)
	return p.Origin.Updates - n
}

// first is the number of steps that are finished before the run's own first.
func (p *Plan) first() int64 {
	if p.Origin == nil {
		return 0
	}
	return p.Origin.Step
}

// checkLength refuses a continued run that has no step to make.
func (p *Plan) checkLength() error {
	if o := p.Origin; o != nil && p.Config.MaxSteps <= o.Step {
		return usage.Errorf("max_steps: found %d, expected more than the %d steps of %s (it counts them too)", p.Config.MaxSteps, o.Step, o.Checkpoint)
	}
	return nil
}

// samePart tells whether a continued run of method partial trains the part that the
// checkpoint's did at its last step.
func (p *Plan) samePart() bool {
	if p.before == nil || p.before.Model.Method != model.Partial || p.Model.Method != model.Partial {
		return false
	}
	return p.before.phaseAt(p.Origin.Step) == p.phaseAt(p.Origin.Step) &&
		p.before.Model.Density() == p.Model.Density() && p.before.Model.BlockSize == p.Model.BlockSize && p.before.Model.Distribution == p.Model.Distribution
}
