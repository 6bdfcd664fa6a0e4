package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// resume goes on with the run in c.OutputDir. The caller has put c together
// from the run's own configuration; what it changed of the settings that
// determine the numbers is an error.
func (r *runner) resume(ctx context.Context, c Config, open Opener) (*Summary, error) {
	if c.OutputDir == "" {
		return nil, usage.Errorf("resume: no output_dir given, expected the folder of the run to resume")
	}
	if err := checkFolder(c.OutputDir, true); err != nil {
		return nil, err
	}
	var err error
	if r.folder, err = openFolder(c.OutputDir); err != nil {
		return nil, err
	}
	defer r.folder.lock.Unlock()

	from, err := findResumePoint(c)
	if err != nil {
		return nil, err
	}
	var origin *origin
	if r.plan, origin, err = newPlan(ctx, c, from, r.watch.Loading); err != nil {
		return nil, err
	}
	if origin != nil {
		defer origin.weights.Close()
	}
	b, err := open(c.Device, c.Precision, c.Threads)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	if r.model, err = r.plan.build(b, origin); err != nil {
		return nil, err
	}
	if err := from.sameText(r.plan); err != nil {
		return nil, err
	}
	if from.found != nil {
		if err := restore(r.model, from.found, true); err != nil {
			return nil, err
		}
		if err := r.model.ResumePhase(r.plan.wholeAfter(from.found.Step)); err != nil {
			return nil, err
		}
		r.done, r.window, r.summary = from.found.Step, from.saved.Window, from.saved.Summary
	}
	for _, s := range from.skipped {
		r.watch.Skipped(s.Path, s.Err)
	}
	if err := metrics.TruncateAfter(r.folder.path(metrics.FileName), r.done); err != nil {
		return nil, err
	}
	if err := r.folder.describe(r.plan.Config, r.plan.Data.Vocab, b.Describe()); err != nil {
		return nil, err
	}
	return r.train(ctx)
}

// resumePoint is where a run goes on.
type resumePoint struct {
	found   *checkpoint.Checkpoint // nil: the run was stopped before its first checkpoint and begins again
	skipped []checkpoint.Skipped   // newer ones that are damaged
	saved   state
	vocab   *corpus.Vocab
}

// findResumePoint finds the newest good checkpoint of the run in c.OutputDir and
// checks, before any data is read, that c continues its run.
func findResumePoint(c Config) (p resumePoint, err error) {
	p.found, p.skipped, err = checkpoint.Latest(filepath.Join(c.OutputDir, checkpoint.FolderName))
	if errors.Is(err, checkpoint.ErrNone) && len(p.skipped) == 0 || errors.Is(err, fs.ErrNotExist) {
		return resumePoint{}, nil
	}
	if err != nil {
		return p, err
	}
	if p.saved, p.vocab, err = readState(p.found); err != nil {
		return p, err
	}
	return p, sameRun(c, p.saved)
}

// Continues says whether a run of c in c.OutputDir would go on with one that is
// there: begun is false where there is none. A run that c does not continue,
// since a setting that determines its numbers differs, is ErrUsage. No data is
// read and no checkpoint.
func Continues(c Config) (begun bool, err error) {
	if begun, _, err = Begun(c); !begun {
		return false, checkFolder(c.OutputDir, false)
	}
	return true, err
}

// sameText checks that the data of a plan is what the run began with.
func (p resumePoint) sameText(plan *Plan) error {
	if p.found != nil && p.saved.Corpus != plan.Data.Fingerprint {
		return usage.Errorf("corpus: found text with other documents, sentences or token counts in %v, expected the text that the run began with", plan.Config.Corpus)
	}
	return nil
}

// checkTensors checks that the checkpoint's files hold the tensors of a
// parameter table.
func (p resumePoint) checkTensors(table []model.Tensor) error {
	if p.found == nil {
		return nil
	}
	weights, optimizer := tensorInfos(table)
	for name, want := range map[string][]checkpoint.Info{modelFile: weights, optimizerFile: optimizer} {
		r, err := openFile(p.found, name, want)
		if err != nil {
			return err
		}
		if err := r.Close(); err != nil {
			return fmt.Errorf("close %s: %w", name, err)
		}
	}
	return nil
}

// sameRun checks, before any data is read, that what c says of the numbers of the
// run is what the checkpoint was made with.
func sameRun(c Config, saved state) error {
	if err := c.checkNumbers(); err != nil {
		return err
	}
	if c.VocabSize != saved.Config.VocabSize && c.vocabSizeGiven() {
		return usage.Errorf("vocab_size: found %d, expected %d as in the run to resume", c.VocabSize, saved.Config.VocabSize)
	}
	now := Plan{Config: c}
	if c.InitFrom != "" {
		now.sizes = &saved.Model
	}
	if c.Epochs > 0 && c.Epochs == saved.Config.Epochs {
		now.Config.MaxSteps = saved.Config.MaxSteps // which the epochs came to
	}
	now.Config.Epochs = 0
	if err := now.resolve(saved.Config.VocabSize, unknownExamples); err != nil {
		return err
	}
	now.Config.Epochs = c.Epochs
	if key, was, is, ok := settings.Differs(&saved.Config, &now.Config); ok {
		return usage.Errorf("%s: found %s, expected %s as in the run to resume", key, is, was)
	}
	return nil
}

// readState decodes a checkpoint's state and its vocabulary, and checks them.
func readState(c *checkpoint.Checkpoint) (state, *corpus.Vocab, error) {
	s := state{Config: DefaultConfig()} // for settings that a checkpoint of before does not have
	file := filepath.Join(c.Path, checkpoint.ManifestName)
	if err := json.Unmarshal(c.State, &s); err != nil {
		return s, nil, fmt.Errorf("%s: state: found %w, expected a training state: %w", file, err, checkpoint.ErrCorrupt)
	}
	if err := s.Model.Validate(); err != nil {
		return s, nil, fmt.Errorf("%s: model: %w: %w", file, err, checkpoint.ErrCorrupt)
	}
	vocab, err := corpus.NewVocab(s.Vocab)
	if err != nil {
		return s, nil, fmt.Errorf("%s: vocabulary: %w: %w", file, err, checkpoint.ErrCorrupt)
	}
	if vocab.Size() != s.Model.VocabSize {
		return s, nil, fmt.Errorf("%s: vocabulary: found %d tokens, expected the model's %d: %w", file, vocab.Size(), s.Model.VocabSize, checkpoint.ErrCorrupt)
	}
	return s, vocab, nil
}

// LoadModel opens the checkpoint that path means (a step-N folder, or the newest
// good one of a run) on a device, ready for evaluation in micro-batches of the
// training run's size. The caller closes the model's backend.
func LoadModel(path string, open Opener, change func(*Config)) (*model.Model, *Trained, error) {
	found, skipped, err := checkpoint.Resolve(path)
	if err != nil {
		return nil, nil, err
	}
	s, vocab, err := readState(found)
	if err != nil {
		return nil, nil, err
	}
	if change != nil {
		change(&s.Config)
	}
	p := Plan{Config: s.Config, Model: s.Model}
	b, err := open(s.Config.Device, s.Config.Precision, s.Config.Threads)
	if err != nil {
		return nil, nil, err
	}
	m, err := model.New(b, s.Model, p.optionsOn(b))
	if err == nil {
		err = restore(m, found, false)
	}
	if err != nil {
		return nil, nil, errors.Join(err, b.Close())
	}
	return m, &Trained{Path: found.Path, Step: found.Step, Config: s.Config, Vocab: vocab, Skipped: skipped}, nil
}

// Trained says what a checkpoint is.
type Trained struct {
	Path    string
	Step    int64
	Config  Config // resolved, of the training run
	Vocab   *corpus.Vocab
	Skipped []checkpoint.Skipped // newer checkpoints that are damaged
}
