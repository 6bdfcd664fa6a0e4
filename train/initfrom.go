package train

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/huggingface"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// origin is where a run's first weights come from: a Hugging Face folder or a
// checkpoint.
type origin struct {
	path    string
	config  model.Config
	vocab   *corpus.Vocab // nil: the folder has none
	missing []string      // parameters that it lacks
	weights interface {
		// Dense returns [Out, In] values, nil for a parameter that is missing.
		Dense(row model.Tensor) ([]float32, error)
		Close() error
	}
}

// openOrigin opens the folder that path means. With initHeads heads may be missing.
func openOrigin(path string, initHeads bool) (*origin, error) {
	if !huggingface.IsFolder(path) {
		w, err := OpenWeights(path)
		if err != nil {
			return nil, fmt.Errorf("%w (nor is it a Hugging Face folder: it has no config.json)", err)
		}
		return &origin{path: path, config: w.Model, vocab: w.Vocab, weights: w}, nil
	}
	s, err := huggingface.Open(path)
	if err != nil {
		return nil, err
	}
	if len(s.Missing) > 0 && !initHeads {
		err := usage.Errorf("%s: found no tensor %s%s, expected those of BertForPreTraining, or --init-heads, which starts heads that are missing at random",
			path, s.Missing[0], andMore(len(s.Missing)-1))
		return nil, errors.Join(err, s.Close())
	}
	return &origin{path: path, config: s.Config, vocab: s.Vocab, missing: s.Missing, weights: s}, nil
}

// andMore says that there are n more of something.
func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// origin opens what the configuration's weights start from, nil where that is
// chance.
func (c *Config) origin() (*origin, error) {
	if c.InitFrom == "" {
		if c.InitHeads {
			return nil, usage.Errorf("init_heads: found it without init_from, expected both")
		}
		return nil, nil
	}
	return openOrigin(c.InitFrom, c.InitHeads)
}

// sizes takes the sizes of a model from where its weights come from. What the
// configuration says of them must be the same. The preset of the default is taken
// for none.
func (c *Config) sizes(from *model.Config) (model.Config, error) {
	m, err := model.Preset(c.Model)
	if err != nil || from == nil {
		return m, err
	}
	preset := c.Model != DefaultConfig().Model
	for _, size := range []struct {
		key                string
		given, preset, has int
	}{
		{"layers", c.Layers, m.Layers, from.Layers}, {"hidden", c.Hidden, m.Hidden, from.Hidden},
		{"heads", c.Heads, m.Heads, from.Heads}, {"ffn", c.FFN, m.FFN, from.FFN},
	} {
		if size.given != 0 && size.given != size.has {
			return m, usage.Errorf("%s: found %d, expected %d as in %s", size.key, size.given, size.has, c.InitFrom)
		}
		if size.given == 0 && preset && size.preset != size.has {
			return m, usage.Errorf("model: found %s with %s %d, expected %d as in %s", c.Model, size.key, size.preset, size.has, c.InitFrom)
		}
	}
	m.Layers, m.Hidden, m.Heads, m.FFN = from.Layers, from.Hidden, from.Heads, from.FFN
	m.MaxPositions, m.TypeVocab = from.MaxPositions, from.TypeVocab
	m.Dropout = model.DefaultDropout(m)
	if name := model.PresetOf(m); name != "" {
		c.Model = name
	}
	return m, nil
}

// vocabulary returns the tokens that a run is in: the configuration's, which must
// be the origin's where it has any, or the origin's; nil where neither has any.
func (o *origin) vocabulary(c Config) (*corpus.Vocab, error) {
	if c.Vocab == "" {
		return o.vocab, nil
	}
	v, err := corpus.LoadVocab(c.Vocab)
	if err != nil {
		return nil, err
	}
	return v, o.checkVocab(v)
}

// checkVocab compares the vocabulary of a run's text with the origin's.
func (o *origin) checkVocab(v *corpus.Vocab) error {
	if o.vocab != nil && o.vocab.SHA256() != v.SHA256() {
		return usage.Errorf("init_from: found another vocabulary (%d tokens) than that of %s (%d), expected the same", v.Size(), o.path, o.vocab.Size())
	}
	if v.Size() != o.config.VocabSize {
		return usage.Errorf("init_from: found a vocabulary of %d tokens, expected the %d of %s", v.Size(), o.config.VocabSize, o.path)
	}
	return nil
}

// parameter reads one parameter for a table: the values that are kept, and the
// topology of a block-sparse one, which is pruned to the blocks of the largest
// norm. Both are nil for a parameter that is missing.
func (o *origin) parameter(row model.Tensor, norm sparse.Norm, growth sparse.Growth) ([]float32, *sparse.Topology, error) {
	dense, err := o.weights.Dense(row)
	if err != nil || dense == nil || !row.Sparse {
		return dense, nil, err
	}
	t, err := sparse.NormTopology(row.Shape(), row.NNZ, dense, norm, growth)
	if err != nil {
		return nil, nil, usage.Errorf("%s: %s: %v", o.path, row.Name, err)
	}
	m, err := sparse.FromDense(t, dense)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %s: %w", o.path, row.Name, err)
	}
	return m.Val, t, nil
}

// fill puts an origin's weights into a model that has its first values. What is
// missing keeps those.
func (p *Plan) fill(m *model.Model, o *origin) error {
	b := m.Backend()
	for i, row := range m.Table() {
		values, topo, err := o.parameter(row, p.Config.PruneNorm, p.Config.Growth)
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
	return ready(b, m.Params(), "start from "+o.path)
}

// ready makes written parameters usable.
func ready(b backend.Backend, params []backend.Param, doing string) error {
	b.Refresh(params)
	return wrap(doing, b.Sync())
}

// absolute makes a path that is not empty absolute.
func absolute(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	return filepath.Abs(path)
}
