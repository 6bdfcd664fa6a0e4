package train

import (
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Weights are the parameters of a checkpoint, read from disk one by one, without
// a device.
type Weights struct {
	Trained
	Model   model.Config
	Summary Summary
	Table   []model.Tensor

	found *checkpoint.Checkpoint
	file  *checkpoint.Reader
}

// OpenWeights opens the checkpoint that path means: a step-N folder, or the
// newest good one of a run. Its files are verified first. The caller closes it.
func OpenWeights(path string) (*Weights, error) {
	found, skipped, err := checkpoint.Resolve(path)
	if err != nil {
		return nil, err
	}
	s, vocab, err := readState(found)
	if err != nil {
		return nil, err
	}
	w := &Weights{
		Trained: Trained{Path: found.Path, Step: found.Step, Config: s.Config, Vocab: vocab, Skipped: skipped},
		Model:   s.Model, Summary: s.Summary, found: found,
	}
	if w.Table, err = model.Table(s.Model); err != nil {
		return nil, err
	}
	want, _ := tensorInfos(w.Table)
	if w.file, err = openFile(found, modelFile, want); err != nil {
		return nil, err
	}
	return w, nil
}

// Close closes the checkpoint's file.
func (w *Weights) Close() error { return w.file.Close() }

// own returns the checkpoint's own row of a parameter. That of another model may
// be dense where this one is block-sparse, or the other way round.
func (w *Weights) own(row model.Tensor) model.Tensor {
	for _, own := range w.Table {
		if own.Name == row.Name {
			return own
		}
	}
	return row // whose tensor is then found to be missing
}

// Dense reads a parameter as [Out, In], row-major, with zeros where a block-sparse
// one has no active block. row may be that of another model of the same sizes.
func (w *Weights) Dense(row model.Tensor) ([]float32, error) {
	if row = w.own(row); row.Sparse {
		m, err := w.Sparse(row)
		if err != nil {
			return nil, err
		}
		return m.Dense(), nil
	}
	values := make([]float32, row.Elements())
	return values, checkpoint.ReadInto(w.file, row.Name, values)
}

// Sparse reads a block-sparse parameter of the table.
func (w *Weights) Sparse(row model.Tensor) (*sparse.Matrix, error) {
	t, err := readTopology(row, w.file, nil)
	if err != nil {
		return nil, err
	}
	values := make([]float32, row.Stored())
	if err := checkpoint.ReadInto(w.file, row.Name+checkpoint.KeyBlocks, values); err != nil {
		return nil, err
	}
	return sparse.NewMatrix(t, values)
}
