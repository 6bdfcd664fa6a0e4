package train

import (
	"context"
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
	"github.com/sparsebert/sparsebert-gpu/train/internal/folder"
	"github.com/sparsebert/sparsebert-gpu/train/internal/history"
	"github.com/sparsebert/sparsebert-gpu/train/internal/state"
)

// prepareResume does all of going on with the run in c.OutputDir that comes before its
// files change. The caller has put c together from the run's own configuration; what it
// changed of the settings that determine the numbers is an error.
func (r *runner) prepareResume(ctx context.Context, c Config, open Opener) error {
	if c.OutputDir == "" {
		return usage.Errorf("resume: no output_dir given, expected the folder of the run to resume")
	}
	r.dir = c.OutputDir
	if r.writes() {
		if err := folder.Check(c.OutputDir, true); err != nil {
			return err
		}
		if err := r.openFolder(c.OutputDir); err != nil {
			return err
		}
	}
	from, err := findResumePoint(c)
	if err != nil {
		return err
	}
	initial, err := r.build(ctx, c, from, open)
	if err != nil {
		return err
	}
	warnings, err := from.sameText(r.plan)
	if err != nil {
		return err
	}
	if from.found != nil {
		if err := state.Restore(r.model, from.found, true); err != nil {
			return err
		}
		if err := r.model.ResumePhase(r.plan.wholeAfter(from.found.Step)); err != nil {
			return err
		}
		r.done, r.window, r.summary = from.found.Step, from.saved.Window, from.saved.Summary
		r.made, r.seen, r.grown = from.saved.Made, from.saved.Seen, from.saved.Grown
		r.made.resumed(from.saved.Config.EarlyStop, r.plan.Config.EarlyStop)
	} else if err := r.goOn(initial); err != nil {
		return err
	}
	for _, text := range warnings {
		r.watch.Warned(text)
	}
	for _, s := range from.skipped {
		r.watch.Skipped(s.Path, s.Err)
	}
	return nil
}

// enterAgain takes what is to be done again out of the run's files.
func (r *runner) enterAgain() error {
	if err := r.cutLog(); err != nil {
		if errors.Is(err, metrics.ErrMalformed) {
			err = usage.Mark(err) // nothing was changed
		}
		return err
	}
	if err := history.Cut(r.folder.Path(TopologyFolder), r.done); err != nil {
		return err
	}
	return r.describe(r.model.Backend().Describe())
}

// resumePoint is where a run goes on.
type resumePoint struct {
	found   *checkpoint.Checkpoint // nil: the run was stopped before its first checkpoint and begins again
	skipped []checkpoint.Skipped   // newer ones that are damaged
	saved   savedState
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
	if err := sameRun(c, p.saved); err != nil {
		return p, err
	}
	return p, p.sameVocab(c)
}

// checkTensors checks that the checkpoint's files hold the tensors of a
// parameter table.
func (p resumePoint) checkTensors(table []model.Tensor) error {
	if p.found == nil {
		return nil
	}
	r, err := state.Open(p.found, table, true)
	if err != nil {
		return err
	}
	return wrap("close the checkpoint", r.Close())
}

// sameRun checks, before any data is read, that what c says of the numbers of the
// run is what the checkpoint was made with.
func sameRun(c Config, saved savedState) error {
	if err := c.checkNumbers(); err != nil {
		return c.refuseGiven(&saved.Config, err)
	}
	if c.VocabSize != saved.Config.VocabSize && c.vocabSizeGiven() {
		return c.refuse("vocab_size: found %d, expected %d as in the run to resume", c.VocabSize, saved.Config.VocabSize)
	}
	c.keepEvalBatches(saved.Config)
	now := Plan{Config: c}
	if c.InitFrom != "" || c.ContinueFrom != "" {
		now.sizes = &saved.Model
	}
	if c.Epochs > 0 && c.Epochs == saved.Config.Epochs && !settings.IsGiven(&c, "max_steps") {
		now.Config.MaxSteps = saved.Config.MaxSteps // which the epochs came to
	}
	now.Config.Epochs = 0
	if err := now.resolve(saved.Config.VocabSize, unknownExamples); err != nil {
		return c.refuseGiven(&saved.Config, err)
	}
	now.Config.Epochs = c.Epochs
	if key, was, is, ok := settings.Differs(&saved.Config, &now.Config); ok {
		return c.refuse("%s: found %s, expected %s as in the run to resume", key, is, was)
	}
	return nil
}

// refuseGiven refuses the first setting that was given and is another one than the run's.
// err says why the settings do not go together; it is the error where none is another.
func (c *Config) refuseGiven(was *Config, err error) error {
	for _, key := range c.Given {
		s, _ := settings.Find(key)
		found, errFound := s.Text(c)
		expected, errExpected := s.Text(was)
		if !s.Running && !s.Path && (errFound != nil || errExpected != nil || found != expected) {
			return c.refuse("%s: found %s, expected %s as in the run to resume", key, found, expected)
		}
	}
	return err
}

// refuse is an error about a setting that a resumed run cannot have, and names the ways
// to have it.
func (c *Config) refuse(format string, args ...any) error {
	return usage.Errorf("%s (for another one in a new folder: train --continue-from %s, or --init-from for the weights alone)", fmt.Sprintf(format, args...), c.OutputDir)
}
