package train

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/huggingface"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// initialWeights is where a run's first weights come from: a Hugging Face folder or
// a checkpoint.
type initialWeights struct {
	path    string
	config  model.Config
	vocab   *corpus.Vocab // nil: the folder has none
	missing []string      // parameters that it lacks
	notes   []string      // what of it is read in another way than it is there
	padded  bool          // its tables may have rows of no token
	weights interface {
		// Dense returns [Out, In] values, nil for a parameter that is missing.
		Dense(row model.Tensor) ([]float32, error)
		// Sparse returns a parameter that has blocks.
		Sparse(row model.Tensor) (*sparse.Matrix, error)
		Close() error
	}
	// continued is the checkpoint whose whole state a run goes on with; nil where it
	// takes the weights alone.
	continued *Weights
}

// openInitialWeights opens the folder that c.InitFrom means. With InitHeads heads may be
// missing; with NoNSP those of next sentence prediction do not count.
func (c *Config) openInitialWeights() (*initialWeights, error) {
	w, err := readInitialWeights(c.InitFrom)
	if err != nil {
		return nil, err
	}
	if c.NoNSP {
		of, err := nspParameters(w.config)
		if err != nil {
			return nil, errors.Join(err, w.weights.Close())
		}
		had := slices.ContainsFunc(of, func(name string) bool { return !slices.Contains(w.missing, name) })
		w.missing = slices.DeleteFunc(w.missing, func(name string) bool { return slices.Contains(of, name) })
		if had {
			w.notes = append(w.notes, w.leftOut())
		}
	}
	if len(w.missing) > 0 && !c.InitHeads {
		err := usage.Errorf("%s: found no tensor %s%s, expected those of BertForPreTraining, or --init-heads, which starts heads that are missing at random, or --no-nsp, which needs no pooler and no NSP head",
			w.path, w.missing[0], andMore(len(w.missing)-1))
		return nil, errors.Join(err, w.weights.Close())
	}
	return w, nil
}

// leftOut says that next sentence prediction is not made use of.
func (w *initialWeights) leftOut() string {
	return "no_nsp: the pooler and the NSP head of " + w.path + " are left out"
}

// readInitialWeights opens a Hugging Face folder or a checkpoint.
func readInitialWeights(path string) (*initialWeights, error) {
	if huggingface.IsFolder(path) {
		s, err := huggingface.Open(path)
		if err != nil {
			return nil, err
		}
		return &initialWeights{path: path, config: s.Config, vocab: s.Vocab, missing: s.Missing, notes: s.Notes, padded: s.Vocab == nil, weights: s}, nil
	}
	w, err := OpenWeights(path)
	if err != nil {
		return nil, fmt.Errorf("%w (nor is it a Hugging Face folder: it has no config.json)", err)
	}
	out := &initialWeights{path: path, config: w.Model, vocab: w.vocab, weights: w}
	if w.Model.NoNSP {
		if out.missing, err = nspParameters(w.Model); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	return out, nil
}

// nspParameters names the parameters of next sentence prediction in a model of some sizes.
func nspParameters(c model.Config) ([]string, error) {
	c.NoNSP = false
	table, err := model.Table(c)
	var names []string
	for _, row := range table {
		if row.Part == model.Pooler || row.Part == model.NSPHead {
			names = append(names, row.Name)
		}
	}
	return names, err
}

// andMore says that there are n more of something.
func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// initialWeights opens what the configuration's weights start from, nil where that
// is chance.
func (c *Config) initialWeights() (*initialWeights, error) {
	if c.ContinueFrom != "" {
		return c.continued()
	}
	if c.InitFrom == "" {
		if c.InitHeads {
			return nil, usage.Errorf("init_heads: found it without init_from, expected both")
		}
		return nil, nil
	}
	return c.openInitialWeights()
}

// vocabulary returns the tokens that a run is in: the configuration's, which must
// be these weights' where they have any, or theirs; nil where neither has any.
func (w *initialWeights) vocabulary(c Config) (*corpus.Vocab, error) {
	v := w.vocab
	if c.Vocab != "" {
		var err error
		if v, err = c.loadVocab(); err != nil {
			return nil, err
		}
		if w.vocab != nil {
			v = v.WithNormalizer(w.vocab.Normalizer())
		}
		w.fit(v.Size())
		if err := w.checkVocab(v); err != nil {
			return nil, err
		}
	}
	if v == nil {
		return nil, nil
	}
	return v, c.checkCased(v, w.path)
}

// morePadding is above the rows that tables have to make their size a round number.
const morePadding = 128

// fit makes the model's vocabulary one of n tokens, where the folder, which has none of
// its own, has a few more rows.
func (w *initialWeights) fit(n int) {
	if rows := w.config.VocabSize; w.padded && n < rows && rows-n < morePadding {
		w.config.VocabSize = n
		w.notes = append(w.notes, huggingface.Padding(rows, n))
	}
}

// checkVocab compares the vocabulary of a run's text with that of the weights.
func (w *initialWeights) checkVocab(v *corpus.Vocab) error {
	if w.vocab != nil && w.vocab.SHA256() != v.SHA256() {
		return usage.Errorf("init_from: found another vocabulary (%d tokens) than that of %s (%d), expected the same", v.Size(), w.path, w.vocab.Size())
	}
	if v.Size() != w.config.VocabSize {
		return usage.Errorf("init_from: found a vocabulary of %d tokens, expected the %d of %s", v.Size(), w.config.VocabSize, w.path)
	}
	return nil
}

// hasBlocks tells whether the weights of a block-sparse parameter have blocks of its
// size.
func (w *initialWeights) hasBlocks(row model.Tensor) bool {
	return row.Sparse && w.config.Method.BlockSparse() && w.config.BlockSize == row.Block
}

// normSpec says which blocks a parameter of a run of configuration c keeps.
func normSpec(row model.Tensor, c Config) sparse.NormSpec {
	return sparse.NormSpec{
		Shape: row.Shape(), NNZ: row.NNZ, Norm: c.PruneNorm, Growth: c.Growth, Seed: c.Seed, Tensor: row.Index,
	}
}

// parameter reads one parameter for the table of a run of configuration c: the
// values that are kept, and the topology of a block-sparse one. That keeps the blocks
// that the weights have, or those of the largest norm where they are dense or have
// blocks of another size. Both are nil for a parameter that is missing.
func (w *initialWeights) parameter(row model.Tensor, c Config) ([]float32, *sparse.Topology, error) {
	if slices.Contains(w.missing, row.Name) {
		return nil, nil, nil
	}
	if w.hasBlocks(row) {
		m, err := w.weights.Sparse(row)
		if err != nil {
			return nil, nil, err
		}
		t, err := sparse.KeepTopology(normSpec(row, c), m)
		if err != nil {
			return nil, nil, usage.Errorf("%s: %s: %v", w.path, row.Name, err)
		}
		return m.ValuesOn(t), t, nil
	}
	dense, err := w.weights.Dense(row)
	if err != nil || dense == nil || !row.Sparse {
		return dense, nil, err
	}
	t, err := sparse.NormTopology(normSpec(row, c), dense)
	if err != nil {
		return nil, nil, usage.Errorf("%s: %s: %v", w.path, row.Name, err)
	}
	m, err := sparse.FromDense(t, dense)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %s: %w", w.path, row.Name, err)
	}
	return m.Val, t, nil
}

// fill puts initial weights into a model that has its first values. What is
// missing keeps those.
func (p *Plan) fill(m *model.Model, w *initialWeights) error {
	b := m.Backend()
	for i, row := range m.Table() {
		values, topo, err := w.parameter(row, p.Config)
		if err != nil {
			return err
		}
		if values == nil {
			continue
		}
		if topo != nil {
			b.SetTopology(m.Params()[i], topo)
		}
		b.WriteFloats(m.Params()[i].Values(), 0, values)
	}
	b.Refresh(m.Params())
	return wrap("start from "+w.path, b.Sync())
}
