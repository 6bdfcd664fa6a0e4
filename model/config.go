package model

import (
	"errors"
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// ErrConfig is wrapped by every error about a configuration or about sizes that
// cannot be built: Config.Validate, Options, Preset and the parsers return it.
var ErrConfig = errors.New("invalid model configuration")

// Config describes a BERT. The zero value is not valid; start from Preset.
type Config struct {
	VocabSize    int     `json:"vocab_size"`              // V, tokens
	Layers       int     `json:"num_hidden_layers"`       // L, of the encoder
	Hidden       int     `json:"hidden_size"`             // H, a multiple of Heads
	Heads        int     `json:"num_attention_heads"`     // A
	FFN          int     `json:"intermediate_size"`       // F
	MaxPositions int     `json:"max_position_embeddings"` // the longest sequence
	TypeVocab    int     `json:"type_vocab_size"`         // segments
	Dropout      float64 `json:"dropout"`                 // of hidden states and of attention probabilities
	// NoNSP leaves out next sentence prediction: pooler, its head, and their loss.
	NoNSP bool `json:"no_nsp,omitempty"`

	Init Init `json:"init"` // of weight matrices
	// InitStd is the standard deviation of the truncated normal before it is cut at two
	// of them; 0 counts as 0.02.
	InitStd     float64 `json:"init_std,omitempty"`
	InitRescale bool    `json:"init_rescale"` // sparse tensors start multiplied by 1/sqrt(density)

	// The rest is ignored when Method is Dense.
	Method       Method              `json:"method"`
	Sparsity     float64             `json:"sparsity"` // s = 1 - d, over the sparse tensors together
	BlockSize    int                 `json:"block_size"`
	Distribution sparse.Distribution `json:"distribution"`
	// Growth shapes the starting topology: under a row constraint every block row starts
	// with the same number of blocks, else they are drawn uniformly at random.
	Growth sparse.Growth `json:"growth"`
	// Rest is for method Partial, whose Sparsity is the fraction of the encoder's
	// weights that is not trained, in blocks of BlockSize.
	Rest Rest `json:"rest"`
}

// Largest sizes that are accepted. They keep element counts inside the 32-bit
// coordinates of the random generator and dropout sites inside 16 bits.
const (
	maxLayers    = 4096
	maxWidth     = 1 << 16
	maxVocab     = 1 << 24
	maxPositions = 1 << 20
)

// Density returns d = 1 - s, and 1 for the dense method. For method Partial it is
// that of what is trained.
func (c Config) Density() float64 {
	if c.Method == Dense {
		return 1
	}
	return 1 - c.Sparsity
}

// HeadSize returns D = Hidden/Heads.
func (c Config) HeadSize() int { return c.Hidden / c.Heads }

// Validate returns the first thing wrong with c as one line that says what was
// found and what was expected, wrapping ErrConfig, or nil. A configuration that
// passes has a Table.
func (c Config) Validate() error {
	_, err := Table(c)
	return err
}

// check tests everything but the distribution of blocks over tensors.
func (c Config) check() error {
	for _, f := range []struct {
		name           string
		value, lo, max int
	}{
		{"vocab size", c.VocabSize, 2, maxVocab},
		{"layers", c.Layers, 1, maxLayers},
		{"hidden", c.Hidden, 1, maxWidth},
		{"heads", c.Heads, 1, maxWidth},
		{"ffn", c.FFN, 1, maxWidth},
		{"max positions", c.MaxPositions, 1, maxPositions},
		{"type vocab", c.TypeVocab, 1, maxWidth},
	} {
		if f.value < f.lo || f.value > f.max {
			return fmt.Errorf("%w: %s: found %d, expected %d to %d", ErrConfig, f.name, f.value, f.lo, f.max)
		}
	}
	if c.Hidden%c.Heads != 0 {
		return fmt.Errorf("%w: hidden %d: found heads %d, expected a divisor of %d", ErrConfig, c.Hidden, c.Heads, c.Hidden)
	}
	if !(c.Dropout >= 0 && float32(c.Dropout) < 1) { // devices have it as a float32
		return fmt.Errorf("%w: dropout: found %v, expected 0 <= dropout < 1, also when rounded to float32", ErrConfig, c.Dropout)
	}
	if !(c.InitStd >= 0 && c.InitStd <= math.MaxFloat32) {
		return fmt.Errorf("%w: initial standard deviation: found %v, expected 0 or more", ErrConfig, c.InitStd)
	}
	if _, err := c.Init.MarshalText(); err != nil {
		return err
	}
	switch c.Method {
	case Dense:
		return nil
	case Dynamic, Static, Partial:
	default:
		_, err := c.Method.MarshalText()
		return err
	}
	if !(c.Sparsity >= 0 && c.Sparsity < 1) {
		return fmt.Errorf("%w: sparsity: found %v, expected 0 <= sparsity < 1", ErrConfig, c.Sparsity)
	}
	if !c.Growth.Known() {
		return fmt.Errorf("%w: growth: found number %d, expected 0 to %d", ErrConfig, c.Growth, len(sparse.Growths())-1)
	}
	if c.Method == Partial && !restNames.Has(c.Rest) {
		_, err := c.Rest.MarshalText()
		return err
	}
	switch c.BlockSize {
	case 1, 4, 8, 16, 32, 64:
	default:
		return fmt.Errorf("%w: block size: found %d, expected 1, 4, 8, 16, 32 or 64", ErrConfig, c.BlockSize)
	}
	if c.Hidden%c.BlockSize != 0 {
		return fmt.Errorf("%w: hidden %d: found block size %d, expected a divisor of %d", ErrConfig, c.Hidden, c.BlockSize, c.Hidden)
	}
	if c.FFN%c.BlockSize != 0 {
		return fmt.Errorf("%w: ffn %d: found block size %d, expected a divisor of %d", ErrConfig, c.FFN, c.BlockSize, c.FFN)
	}
	return nil
}

// encoderWeights returns the number of elements of the encoder's weight matrices
// when dense, 12 L H^2 for the usual F = 4H.
func (c Config) encoderWeights() float64 {
	h, f := float64(c.Hidden), float64(c.FFN)
	return float64(c.Layers) * (4*h*h + 2*h*f)
}

// Dense encoder weights of the presets.
const (
	tinyWeights   = 393216
	miniWeights   = 3145728
	smallWeights  = 12582912
	mediumWeights = 25165824
	baseWeights   = 84934656
)

// DefaultLearningRate returns the peak learning rate of the paper's rule: the
// dense optimum of the model's size times exp(1.969 s^2 + 0.2905 s)
// (sparse.LearningRateFactor).
//
// The dense optima are those of the paper's sweep: Mini 8e-4, Small 4e-4, Medium
// 2e-4, Base 2e-4. Between them the optimum is interpolated linearly in log rate
// over log dense encoder weights. Below Mini the line from Mini to Small goes on
// (the rate falls with the root of the size), down to Tiny's 2.26e-3; smaller
// models get Tiny's and larger ones than Base get Base's.
//
// The rule was fitted to single-element blocks. At B = 16 the paper's own sweep
// found smaller best rates for the smaller models (Mini 2.5e-3 where the rule
// says 5.1e-3, Small 1.25e-3 for 2.6e-3), so a lower rate is worth a try there.
func DefaultLearningRate(c Config) float64 {
	optima := [...]struct{ weights, rate float64 }{
		{tinyWeights, 8e-4 * 2 * math.Sqrt2}, // one eighth of Mini
		{miniWeights, 8e-4},
		{smallWeights, 4e-4},
		{mediumWeights, 2e-4},
		{baseWeights, 2e-4},
	}
	n := c.encoderWeights()
	rate := optima[0].rate
	for i, o := range optima {
		if n <= o.weights {
			if i > 0 {
				p := optima[i-1]
				f := math.Log(n/p.weights) / math.Log(o.weights/p.weights)
				rate = math.Exp(math.Log(p.rate) + f*math.Log(o.rate/p.rate))
			}
			break
		}
		rate = o.rate
	}
	return rate * sparse.LearningRateFactor(1-c.Density())
}
