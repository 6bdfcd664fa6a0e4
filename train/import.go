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
	"github.com/sparsebert/sparsebert-gpu/train/internal/folder"
	"github.com/sparsebert/sparsebert-gpu/train/internal/state"
)

// Imported says what an import made.
type Imported struct {
	Path    string // of the checkpoint
	Model   model.Config
	Counts  model.Counts
	Started []string // parameters that the folder lacks, which start at random
	Notes   []string // what of the folder is read in another way than it is there
}

// Import makes a checkpoint of step 0 out of c.InitFrom, in a new or empty folder
// c.OutputDir that holds it as a run folder does, with vocab.txt. Of the other
// settings those of sparsity, dropout, seed and init count, and Vocab where the
// folder has no vocabulary of its own. keep: block-sparse weights keep their
// topology, and what c says of sparsity does not count; else they keep their blocks as
// a run from them does.
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
	from, err := c.initialWeights()
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
	files, err := state.Files(table, &importing{ctx, &p, table, from, keep})
	if err != nil {
		return nil, err
	}
	err = atomicdir.Write(ctx, c.OutputDir, func(dir string) error {
		s := savedState{Config: saved, Raw: rawTexts(&saved), Model: p.Model, Vocab: vocab.Tokens(), Normalizer: vocab.Normalizer()}
		if _, err := checkpoint.Save(filepath.Join(dir, checkpoint.FolderName), 0, files, s, hash); err != nil {
			return err
		}
		return atomicdir.WriteFile(filepath.Join(dir, folder.VocabName), func(w io.Writer) error {
			_, err := vocab.WriteTo(w)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return &Imported{
		Path: filepath.Join(c.OutputDir, checkpoint.FolderName, "step-0"), Model: p.Model, Counts: model.Count(table), Started: from.missing, Notes: from.notes,
	}, nil
}

// keep sets the settings of sparsity to those of the weights.
func (w *initialWeights) keep(c *Config) {
	if w.config.Method == model.Dense || w.config.Method == model.Partial { // all weights are there
		c.Method = model.Dense
		return
	}
	c.Method = w.config.Method
	c.Sparsity, c.BlockSize = w.config.Sparsity, w.config.BlockSize
	c.Distribution, c.Growth = w.config.Distribution, w.config.Growth
}

// importing is the source of a checkpoint that starts from weights: the moments are
// zero, and every block counts as one of the start. Values are read when they are
// written.
type importing struct {
	ctx   context.Context
	plan  *Plan
	table []model.Tensor
	from  *initialWeights
	keep  bool
}

// Topology implements state.Source.
func (m *importing) Topology(i int) (*sparse.Topology, error) {
	_, topo, err := m.parameter(m.table[i])
	return topo, err
}

// Part implements state.Source: Import refuses method partial.
func (m *importing) Part(int) *sparse.Topology { return nil }

// Floats implements state.Source.
func (m *importing) Floats(i int, which state.Floats, info checkpoint.Info) checkpoint.Tensor {
	return checkpoint.Lazy(m.ctx, info.Name, info.Shape, func() ([]float32, error) {
		if which != state.Values {
			return make([]float32, m.table[i].Stored()), nil
		}
		values, _, err := m.parameter(m.table[i])
		return values, err
	})
}

// parameter reads one parameter for a checkpoint.
func (m *importing) parameter(row model.Tensor) ([]float32, *sparse.Topology, error) {
	if s, ok := m.from.weights.(interface {
		Sparse(row model.Tensor) (*sparse.Matrix, error)
	}); ok && m.keep && row.Sparse {
		kept, err := s.Sparse(row)
		if err != nil {
			return nil, nil, err
		}
		return kept.Val, kept.Topology, nil
	}
	c := m.plan.Config
	values, topo, err := m.from.parameter(row, c)
	if err == nil && values == nil {
		values = model.InitialValues(row, m.plan.Model, c.Seed)
	}
	return values, topo, err
}
