package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train/internal/state"
)

// readState decodes a checkpoint's state and its vocabulary, and checks them.
func readState(c *checkpoint.Checkpoint) (savedState, *corpus.Vocab, error) {
	s := savedState{Config: DefaultConfig()} // for settings that a checkpoint of before does not have
	file := filepath.Join(c.Path, checkpoint.ManifestName)
	if err := json.Unmarshal(c.State, &s); err != nil {
		return s, nil, fmt.Errorf("%s: state: found %w, expected a training state: %w", file, err, checkpoint.ErrCorrupt)
	}
	s.Config.resolveEvalBatches()
	putRawTexts(&s.Config, s.Raw)
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
	return s, vocab.WithNormalizer(s.Normalizer), nil
}

// Trained says what a checkpoint is.
type Trained struct {
	Path    string // of the step-N folder
	Step    int64
	Config  Config    // resolved, of the training run
	Vocab   []string  // by token id
	Skipped []Skipped // newer checkpoints that are damaged
	// Positions is the longest sequence that the model takes. The run trained the first
	// Config.SeqLen of them; those beyond are as they started.
	Positions int
}

// opened is a checkpoint whose files have been verified.
type opened struct {
	Trained
	found *checkpoint.Checkpoint
	saved savedState
	vocab *corpus.Vocab
}

// openCheckpoint finds the checkpoint that path means: a step-N folder, or the newest
// good one of a run.
func openCheckpoint(path string) (*opened, error) {
	found, passed, err := checkpoint.Resolve(path)
	if err != nil {
		return nil, err
	}
	s, vocab, err := readState(found)
	if err != nil {
		return nil, err
	}
	t := Trained{Path: found.Path, Step: found.Step, Config: s.Config, Vocab: s.Vocab, Skipped: skipped(passed), Positions: s.Model.MaxPositions}
	return &opened{t, found, s, vocab}, nil
}

// LoadModel opens the checkpoint that path means (a step-N folder, or the newest good
// one of a run) on a device, ready for evaluation in micro-batches of the training
// run's size. change, if it is not nil, may set the device, its precision and its
// threads, and other sizes of batches. The caller closes the model's backend.
func LoadModel(path string, open Opener, change func(*Config)) (*model.Model, *Trained, error) {
	c, err := openCheckpoint(path)
	if err != nil {
		return nil, nil, err
	}
	m, err := c.load(open, change)
	if err != nil {
		return nil, nil, err
	}
	return m, &c.Trained, nil
}

// load puts the checkpoint's weights on a device.
func (c *opened) load(open Opener, change func(*Config)) (*model.Model, error) {
	if change != nil {
		change(&c.Config)
	}
	p := Plan{Config: c.Config, Model: c.saved.Model}
	b, err := open(c.Config.Device, c.Config.Precision, c.Config.Threads)
	if err != nil {
		return nil, err
	}
	o := p.optionsOn(b)
	o.Replicas = 0 // there are no gradients to add up
	m, err := model.New(b, p.Model, o)
	if err == nil {
		err = state.Restore(m, c.found, false)
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return m, nil
}
