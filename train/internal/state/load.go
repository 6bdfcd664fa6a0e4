package state

import (
	"errors"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Reader reads a checkpoint's tensors parameter by parameter, without a device.
// Errors about the checkpoint are checkpoint.ErrCorrupt.
type Reader struct {
	Table []model.Tensor // of the checkpoint's model
	// optimizer is nil where only the weights and where they are are wanted.
	weights, optimizer *checkpoint.Reader
}

// Open opens a checkpoint of a model with the given parameters, and checks that its
// files hold exactly the tensors of one. training: with the optimizer's file. The
// caller closes it.
func Open(c *checkpoint.Checkpoint, params []model.Tensor, training bool) (*Reader, error) {
	r := &Reader{Table: params}
	var err error
	if r.weights, err = open(c, ModelFile, params); err != nil || !training {
		return r, err
	}
	if r.optimizer, err = open(c, OptimizerFile, params); err != nil {
		return nil, errors.Join(err, r.weights.Close())
	}
	return r, nil
}

// open opens one of a checkpoint's files and checks its tensors.
func open(c *checkpoint.Checkpoint, name string, params []model.Tensor) (*checkpoint.Reader, error) {
	r, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	if err := r.Require(Infos(name, params)); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close closes the checkpoint's files.
func (r *Reader) Close() error {
	err := r.weights.Close()
	if r.optimizer != nil {
		err = errors.Join(err, r.optimizer.Close())
	}
	return err
}

// file returns one of the checkpoint's files, nil where it is not open.
func (r *Reader) file(name string) *checkpoint.Reader {
	if name == ModelFile {
		return r.weights
	}
	return r.optimizer
}

// Floats reads numbers of a parameter of the table, as many as it stores.
func (r *Reader) Floats(row model.Tensor, which Floats, dst []float32) error {
	for _, t := range table {
		if t.list == nil && t.floats == which && t.has(row) {
			return checkpoint.ReadInto(r.file(t.file), t.info(row).Name, dst)
		}
	}
	return fmt.Errorf("%s: found no numbers of kind %d, expected those of the table", row.Name, which) // a fault of the caller
}

// Topology reads and checks the topology of a block-sparse parameter of the table.
// Its history is that of the checkpoint only if the optimizer's file is open.
func (r *Reader) Topology(row model.Tensor) (*sparse.Topology, error) {
	t, err := r.blocks(row, blockSparse, ModelFile)
	if err != nil || r.optimizer == nil {
		return t, err
	}
	if err := r.lists(row, blockSparse, OptimizerFile, t); err != nil {
		return nil, err
	}
	if err := t.Check(); err != nil {
		return nil, fmt.Errorf("%s: topology of %s: %w: %w", r.optimizer.Path(), row.Name, err, checkpoint.ErrCorrupt)
	}
	return t, nil
}

// Part reads the blocks that are trained of a partial parameter of the table. The
// optimizer's file must be open.
func (r *Reader) Part(row model.Tensor) (*sparse.Topology, error) {
	return r.blocks(row, partial, OptimizerFile)
}

// blocks reads the positions of blocks from one of the files.
func (r *Reader) blocks(row model.Tensor, of kind, file string) (*sparse.Topology, error) {
	at := &sparse.Topology{Rows: make([]int32, row.NNZ), Cols: make([]int32, row.NNZ)}
	if err := r.lists(row, of, file, at); err != nil {
		return nil, err
	}
	t, err := sparse.NewTopology(row.Shape(), at.Rows, at.Cols)
	if err != nil {
		return nil, fmt.Errorf("%s: topology of %s: %w: %w", r.file(file).Path(), row.Name, err, checkpoint.ErrCorrupt)
	}
	return t, nil
}

// lists reads what one of the files has of a topology into its slices.
func (r *Reader) lists(row model.Tensor, of kind, file string, into *sparse.Topology) error {
	for _, t := range table {
		if t.list == nil || t.of != of || t.file != file {
			continue
		}
		name, l := t.info(row).Name, t.list(into)
		var err error
		if t.bits {
			err = checkpoint.ReadInto(r.file(file), name, l.bits)
		} else {
			err = checkpoint.ReadInto(r.file(file), name, l.ints)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Own returns the checkpoint's own row of a parameter. That of another model may
// be dense where this one is block-sparse, or the other way round.
func (r *Reader) Own(row model.Tensor) model.Tensor {
	for _, own := range r.Table {
		if own.Name == row.Name {
			return own
		}
	}
	return row // whose tensor is then found to be missing
}

// Dense reads a parameter as [Out, In], row-major, with zeros where a block-sparse
// one has no active block. row may be that of another model of the same sizes.
func (r *Reader) Dense(row model.Tensor) ([]float32, error) {
	if row = r.Own(row); row.Sparse {
		m, err := r.Sparse(row)
		if err != nil {
			return nil, err
		}
		return m.Dense(), nil
	}
	values := make([]float32, row.Elements())
	return values, r.Floats(row, Values, values)
}

// Sparse reads a parameter that is block-sparse in the table. row may be that of
// another model of the same sizes.
func (r *Reader) Sparse(row model.Tensor) (*sparse.Matrix, error) {
	row = r.Own(row)
	t, err := r.blocks(row, blockSparse, ModelFile)
	if err != nil {
		return nil, err
	}
	values := make([]float32, row.Stored())
	if err := r.Floats(row, Values, values); err != nil {
		return nil, err
	}
	return sparse.NewMatrix(t, values)
}

// Restore puts a checkpoint into a model built for the same configuration. Only the
// weights and where they are, unless training is to go on. The model is unusable
// after an error.
func Restore(m *model.Model, c *checkpoint.Checkpoint, training bool) error {
	r, err := Open(c, m.Table(), training)
	if err != nil {
		return err
	}
	defer r.Close()
	for i := range m.Table() {
		if err := r.restore(m, i); err != nil {
			return err
		}
	}
	m.Backend().Refresh(m.Params())
	if err := m.Backend().Sync(); err != nil {
		return fmt.Errorf("restore the checkpoint: %w", err)
	}
	return nil
}

// restore puts one parameter into a model.
func (r *Reader) restore(m *model.Model, i int) error {
	b, p, row := m.Backend(), m.Params()[i], r.Table[i]
	if row.Sparse {
		topo, err := r.Topology(row)
		if err != nil {
			return err
		}
		b.SetTopology(p, topo)
	}
	numbers := []Floats{Values, FirstMoment, SecondMoment}
	if r.optimizer == nil {
		numbers = numbers[:1]
	}
	values := make([]float32, row.Stored())
	for _, which := range numbers {
		if err := r.Floats(row, which, values); err != nil {
			return err
		}
		lo, hi := 0, len(values)
		if which != Values {
			lo, hi = m.OwnMoments(i)
		}
		b.WriteFloats(buffer(p, which), 0, values[lo:hi])
	}
	if !row.Partial || r.optimizer == nil {
		return nil
	}
	part, err := r.Part(row)
	if err != nil {
		return err
	}
	return m.SetPart(i, part)
}
