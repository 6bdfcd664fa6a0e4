package train

import (
	"cmp"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// segments is the number of segment types that a pair of sentences has.
const segments = 2

// resolveModel works out everything that needs no data but the vocabulary's
// size. from has the sizes of the model to start from, or is nil.
func (c *Config) resolveModel(vocabSize int, from *model.Config) (model.Config, error) {
	m, err := c.sizes(from)
	if err != nil {
		return m, err
	}
	for _, size := range []struct{ from, to *int }{
		{&c.Layers, &m.Layers}, {&c.Hidden, &m.Hidden}, {&c.Heads, &m.Heads}, {&c.FFN, &m.FFN},
	} {
		if *size.from != 0 {
			*size.to = *size.from
		}
		*size.from = *size.to
	}
	if c.Dropout == -1 {
		c.Dropout = m.Dropout
	}
	m.Dropout = c.Dropout
	m.VocabSize = vocabSize
	m.Method, m.Init, m.InitStd, m.InitRescale = c.Method, c.Init, c.InitStd, c.Rescale
	m.Sparsity, m.BlockSize, m.Distribution = c.Sparsity, c.BlockSize, c.Distribution
	m.Growth, m.Rest = c.Growth, c.PartialRest
	if err := m.Validate(); err != nil {
		return m, err
	}
	m.NoNSP = c.NoNSP
	if m.TypeVocab < segments && !c.NoNSP {
		return m, usage.Errorf("%s: found type_vocab_size %d, expected at least %d, or no_nsp: next sentence prediction tells two segments apart", c.InitFrom, m.TypeVocab, segments)
	}
	if c.SeqLen > m.MaxPositions {
		return m, usage.Errorf("seq_len: found %d, expected at most the model's %d positions", c.SeqLen, m.MaxPositions)
	}
	return m, nil
}

// sizes takes the sizes of a model from where its weights come from. What the
// configuration says of them must be the same. A preset that nobody gave is none.
func (c *Config) sizes(from *model.Config) (model.Config, error) {
	m, err := model.Preset(c.Model)
	if err != nil || from == nil {
		return m, err
	}
	preset := settings.IsGiven(c, "model") || c.Model != DefaultConfig().Model
	for _, size := range []struct {
		key                string
		given, preset, has int
	}{
		{"layers", c.Layers, m.Layers, from.Layers}, {"hidden", c.Hidden, m.Hidden, from.Hidden},
		{"heads", c.Heads, m.Heads, from.Heads}, {"ffn", c.FFN, m.FFN, from.FFN},
	} {
		where := cmp.Or(c.ContinueFrom, c.InitFrom)
		if size.given != 0 && size.given != size.has {
			return m, usage.Errorf("%s: found %d, expected %d as in %s", size.key, size.given, size.has, where)
		}
		// The sizes of a run that is continued are there, and the preset may be new.
		unsaid := size.given == 0 || settings.IsGiven(c, "model") && !settings.IsGiven(c, size.key)
		if unsaid && preset && size.preset != size.has {
			return m, usage.Errorf("model: found %s with %s %d, expected %d as in %s", c.Model, size.key, size.preset, size.has, where)
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

// resolvedSizes are the model's sizes as a resolved configuration has them.
func (c *Config) resolvedSizes() (model.Config, error) {
	m, err := model.Preset(c.Model)
	if err != nil {
		return m, err
	}
	m.Layers, m.Hidden = cmp.Or(c.Layers, m.Layers), cmp.Or(c.Hidden, m.Hidden)
	m.Heads, m.FFN = cmp.Or(c.Heads, m.Heads), cmp.Or(c.FFN, m.FFN)
	m.MaxPositions = max(m.MaxPositions, c.SeqLen) // of weights to start from, which may have more than the preset
	return m, nil
}

// maxMasked is the number of masked slots of a sequence.
func (c *Config) maxMasked() int { return c.datasetOptions().MaxMasked() }
