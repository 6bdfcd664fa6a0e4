package train

import (
	"context"
	"io"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/internal/atomicdir"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Imported says what an import made.
type Imported struct {
	Path    string // of the checkpoint
	Model   model.Config
	Counts  model.Counts
	Started []string // parameters that the folder lacks, which start at random
}

// Import makes a checkpoint of step 0 out of c.InitFrom, in a new or empty folder
// c.OutputDir that holds it as a run folder does, with vocab.txt. Of the other
// settings those of sparsity, dropout, seed and init count, and Vocab where the
// folder has no vocabulary of its own. keep: block-sparse weights keep their
// topology, and what c says of sparsity does not count.
//
// The folder appears whole or not at all; when ctx ends, nothing is left and its
// cause is returned. One parameter at a time is in memory. IsUsage is true of
// every error about what was given.
func Import(ctx context.Context, c Config, keep bool) (*Imported, error) {
	if err := c.checkNumbers(); err != nil {
		return nil, err
	}
	if err := atomicdir.Check(c.OutputDir); err != nil {
		return nil, err
	}
	from, err := c.origin()
	if err != nil {
		return nil, err
	}
	defer from.weights.Close()
	if c.Dropout == -1 {
		c.Dropout = from.config.Dropout
	}
	if keep {
		from.keep(&c)
	}
	if c.Method == model.Partial {
		return nil, usage.Errorf("method: found partial, expected dynamic, static or dense (which part is trained is a matter of the run: train --init-from %s --method partial)", c.InitFrom)
	}
	vocab, err := from.vocabulary(c)
	if err != nil {
		return nil, err
	}
	if vocab == nil {
		return nil, usage.Errorf("%s: found neither vocab.txt nor tokenizer.json, expected one, or --vocab", from.path)
	}
	c.VocabSize, c.SeqLen = vocab.Size(), min(c.SeqLen, from.config.MaxPositions)
	p := Plan{Config: c, sizes: &from.config}
	if err := p.resolve(vocab.Size(), unknownExamples); err != nil {
		return nil, err
	}
	table, err := model.Table(p.Model)
	if err != nil {
		return nil, err
	}
	hash, err := p.Config.Hash()
	if err != nil {
		return nil, err
	}
	saved := p.Config
	saved.OutputDir = ""
	weights, optimizer, err := p.importFiles(ctx, table, from, keep)
	if err != nil {
		return nil, err
	}
	err = atomicdir.Write(ctx, c.OutputDir, func(dir string) error {
		files := map[string]*checkpoint.File{modelFile: weights, optimizerFile: optimizer}
		s := state{Config: saved, Model: p.Model, Vocab: vocab.Tokens()}
		if _, err := checkpoint.Save(filepath.Join(dir, checkpoint.FolderName), 0, files, s, hash); err != nil {
			return err
		}
		return atomicdir.WriteFile(filepath.Join(dir, vocabFile), func(w io.Writer) error {
			_, err := vocab.WriteTo(w)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return &Imported{
		Path: filepath.Join(c.OutputDir, checkpoint.FolderName, "step-0"), Model: p.Model, Counts: model.Count(table), Started: from.missing,
	}, nil
}

// keep sets the settings of sparsity to the origin's.
func (o *origin) keep(c *Config) {
	if o.config.Method == model.Dense || o.config.Method == model.Partial { // all weights are there
		c.Method = model.Dense
		return
	}
	c.Method = o.config.Method
	c.Sparsity, c.BlockSize = o.config.Sparsity, o.config.BlockSize
	c.Distribution, c.Growth = o.config.Distribution, o.config.Growth
}

// importFiles describes the files of a checkpoint that starts from weights: the
// moments are zero, and every block counts as one of the start. Values are read
// when they are written.
func (p *Plan) importFiles(ctx context.Context, table []model.Tensor, from *origin, keep bool) (weights, optimizer *checkpoint.File, err error) {
	weights, optimizer = &checkpoint.File{}, &checkpoint.File{}
	for _, row := range table {
		read := func() ([]float32, *sparse.Topology, error) { return p.imported(row, from, keep) }
		name, shape := row.Name, row.Dims()
		if row.Sparse {
			_, topo, err := read()
			if err != nil {
				return nil, nil, err
			}
			name, shape = row.Name+checkpoint.KeyBlocks, []int{row.NNZ, row.Block, row.Block}
			addTopology(weights, optimizer, row, topo)
		}
		weights.Tensors = append(weights.Tensors, checkpoint.Lazy(ctx, name, shape, func() ([]float32, error) {
			values, _, err := read()
			return values, err
		}))
		for _, key := range []string{keyM, keyV} {
			optimizer.Tensors = append(optimizer.Tensors, checkpoint.Lazy(ctx, row.Name+key, shape, func() ([]float32, error) { return make([]float32, row.Stored()), nil }))
		}
	}
	return weights, optimizer, nil
}

// imported reads one parameter for a checkpoint.
func (p *Plan) imported(row model.Tensor, from *origin, keep bool) ([]float32, *sparse.Topology, error) {
	if s, ok := from.weights.(interface {
		Sparse(row model.Tensor) (*sparse.Matrix, error)
	}); ok && keep && row.Sparse {
		m, err := s.Sparse(row)
		if err != nil {
			return nil, nil, err
		}
		return m.Val, m.Topology, nil
	}
	values, topo, err := from.parameter(row, p.Config.PruneNorm, p.Config.Growth)
	if err == nil && values == nil {
		values = model.InitialValues(row, p.Model, p.Config.Seed)
	}
	return values, topo, err
}
