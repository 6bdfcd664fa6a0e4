package model

import (
	"fmt"
	"strings"
)

// presets is the BERT family of Turc et al. 2019 and BERT-Large.
var presets = []struct {
	name                       string
	layers, hidden, heads, ffn int
}{
	{"tiny", 2, 128, 2, 512},
	{"mini", 4, 256, 4, 1024},
	{"small", 4, 512, 8, 2048},
	{"medium", 8, 512, 8, 2048},
	{"base", 12, 768, 12, 3072},
	{"large", 24, 1024, 16, 4096},
}

// PresetNames returns the names that Preset knows, smallest model first.
func PresetNames() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.name
	}
	return names
}

// Preset returns the configuration of a named size: tiny, mini, small, medium,
// base or large. Vocabulary 30522, 512 positions, 2 segment types; DefaultDropout;
// dynamic sparsity 0.9 with blocks of 16. The error wraps ErrConfig.
func Preset(name string) (Config, error) {
	for _, p := range presets {
		if p.name == name {
			c := Config{
				VocabSize: 30522, Layers: p.layers, Hidden: p.hidden, Heads: p.heads, FFN: p.ffn,
				MaxPositions: 512, TypeVocab: 2,
				Method: Dynamic, Sparsity: 0.9, BlockSize: 16,
			}
			c.Dropout = DefaultDropout(c)
			return c, nil
		}
	}
	return Config{}, fmt.Errorf("%w: model: found %q, expected one of %s", ErrConfig, name, strings.Join(PresetNames(), ", "))
}

// PresetOf returns the name of the preset with the sizes of c's encoder, "" where
// there is none.
func PresetOf(c Config) string {
	for _, p := range presets {
		if c.Layers == p.layers && c.Hidden == p.hidden && c.Heads == p.heads && c.FFN == p.ffn {
			return p.name
		}
	}
	return ""
}

// DefaultDropout returns 0.1 for encoders larger than Small's and 0 else (paper,
// training recipe), by the encoder's dense weights.
func DefaultDropout(c Config) float64 {
	if c.encoderWeights() > smallWeights {
		return 0.1
	}
	return 0
}
