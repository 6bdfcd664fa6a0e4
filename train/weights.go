package train

import (
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train/internal/state"
)

// Weights are the parameters of a checkpoint, read from disk one by one, without
// a device.
type Weights struct {
	Trained
	Model   model.Config
	Summary Summary        // of the run up to the checkpoint
	Table   []model.Tensor // the parameters

	vocab *corpus.Vocab
	file  *state.Reader
	saved savedState
	found *checkpoint.Checkpoint
}

// OpenWeights opens the checkpoint that path means: a step-N folder, or the
// newest good one of a run. Its files are verified first. The caller closes it.
func OpenWeights(path string) (*Weights, error) { return openWeights(path, false) }

// openWeights is OpenWeights. training: the optimizer's file can be read too.
func openWeights(path string, training bool) (*Weights, error) {
	c, err := openCheckpoint(path)
	if err != nil {
		return nil, err
	}
	w := &Weights{Trained: c.Trained, Model: c.saved.Model, Summary: c.saved.Summary, vocab: c.vocab, saved: c.saved, found: c.found}
	if w.Table, err = model.Table(w.Model); err != nil {
		return nil, err
	}
	if w.file, err = state.Open(c.found, w.Table, training); err != nil {
		return nil, err
	}
	return w, nil
}

// Close closes the checkpoint's files.
func (w *Weights) Close() error { return w.file.Close() }

// Dense reads a parameter as [Out, In], row-major, with zeros where a block-sparse
// one has no active block. row may be that of another model of the same sizes.
func (w *Weights) Dense(row model.Tensor) ([]float32, error) { return w.file.Dense(row) }

// Sparse reads a parameter that is block-sparse in the table. row may be that of
// another model of the same sizes.
func (w *Weights) Sparse(row model.Tensor) (*sparse.Matrix, error) { return w.file.Sparse(row) }
