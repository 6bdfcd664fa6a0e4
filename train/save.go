package train

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/clock"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train/internal/state"
)

// savedState is what a checkpoint holds beside the tensors.
type savedState struct {
	Config Config `json:"config"` // resolved
	// Raw has the texts of Config that are not UTF-8.
	Raw   map[string][][]byte `json:"raw_texts,omitempty"`
	Model model.Config        `json:"model"`
	Vocab []string            `json:"vocab"`
	// Normalizer is the vocabulary's.
	Normalizer corpus.Normalizer `json:"normalizer,omitzero"`
	Corpus     string            `json:"corpus"` // dataset.counts
	Text       *Fingerprint      `json:"text"`   // nil in checkpoints of older versions and of import
	Window     window            `json:"window"`
	Summary    Summary           `json:"summary"`
	Made       progressMade      `json:"made"`
	Seen       *seen             `json:"seen,omitempty"`      // nil in those of older versions
	Grown      grown             `json:"grown,omitempty"`     // empty in them
	Origin     *Origin           `json:"continues,omitempty"` // nil where the run began
}

// save writes a checkpoint of the steps done so far, once all processes have the same.
func (r *runner) save() error {
	if err := r.sameState(); err != nil {
		return err
	}
	if !r.writes() {
		return r.agree(r.sendMoments())
	}
	return r.agree(r.saveLast())
}

// saveLast writes a checkpoint in the place of the oldest one.
func (r *runner) saveLast() error {
	before := clock.Now()
	path, err := r.saveTo(r.checkpoints())
	if err != nil {
		return err
	}
	if err := r.report(StateRunning, ""); err != nil {
		return err
	}
	if keep := r.plan.Config.SaveTotalLimit; keep > 0 {
		r.removed(checkpoint.Prune(r.disk, r.checkpoints(), keep))
	}
	r.saved(path, before)
	return nil
}

// removed says that old checkpoints stay, if they do. That ends no run: the new one is safe.
func (r *runner) removed(err error) {
	if err != nil {
		r.watch.Warned(fmt.Sprintf("an old checkpoint cannot be removed and takes its space: %v", err))
	}
}

// outOfStep is an error after which a process does not come to the operation that the others wait in: it
// leaves them, instead of telling them by another one.
type outOfStep struct{ error }

func (e outOfStep) Unwrap() error { return e.error }

// sendMoments takes part in a checkpoint that rank 0 writes.
func (r *runner) sendMoments() error {
	if !r.model.Sharded() {
		return nil
	}
	if err := state.Send(r.model); err != nil {
		return outOfStep{fmt.Errorf("sending moments for the checkpoint of step %d: %w", r.done, err)}
	}
	return nil
}

// saved tells of a checkpoint and accounts for the time since before.
func (r *runner) saved(path string, before time.Time) {
	r.watch.Saved(path)
	r.window.since = r.window.since.Add(clock.Since(before))
	r.cost.SaveSeconds += clock.Since(before).Seconds()
}

// saveTo writes a checkpoint into a folder of checkpoints. Whatever fails, it takes from the other
// processes what they have to send.
func (r *runner) saveTo(dir string) (string, error) {
	source := state.Model(r.model)
	files, err := state.Files(r.model.Table(), source)
	if err != nil {
		return "", outOfStep{err}
	}
	path, err := r.saveFiles(dir, files)
	if err != nil && source.Finish(files) != nil { // err is what to tell
		err = outOfStep{err}
	}
	return path, err
}

// saveFiles writes the files of a checkpoint.
func (r *runner) saveFiles(dir string, files map[string]*checkpoint.File) (string, error) {
	if err := r.log.Sync(); err != nil {
		return "", err
	}
	hash, err := r.plan.Config.Hash()
	if err != nil {
		return "", err
	}
	s := savedState{
		Config: r.plan.Config.ofRun(), Raw: rawTexts(&r.plan.Config), Model: r.plan.Model, Vocab: r.plan.data.vocab.Tokens(), Corpus: r.plan.data.counts,
		Normalizer: r.plan.data.vocab.Normalizer(), Text: &r.plan.Text.Fingerprint, Window: r.window, Summary: r.summary,
		Made: r.made, Seen: r.seen, Grown: r.grown, Origin: r.plan.Origin,
	}
	return checkpoint.SaveOn(r.disk, dir, r.done, files, s, hash)
}

// checkpoints is the folder of the run's checkpoints.
func (r *runner) checkpoints() string { return filepath.Join(r.folder.Dir, checkpoint.FolderName) }
