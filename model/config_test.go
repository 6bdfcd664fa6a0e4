package model_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func preset(t *testing.T, name string) model.Config {
	t.Helper()
	c, err := model.Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		want   string
		change func(*model.Config)
	}{
		{"", func(*model.Config) {}},
		{"", func(c *model.Config) { c.Method, c.BlockSize, c.Sparsity = model.Dense, 7, nan }},
		{"", func(c *model.Config) { c.Sparsity = 0 }},
		{"hidden 128: found heads 3, expected a divisor of 128", func(c *model.Config) { c.Heads = 3 }},
		{"heads: found 0", func(c *model.Config) { c.Heads = 0 }},
		{"heads: found -2", func(c *model.Config) { c.Heads = -2 }},
		{"hidden: found 0", func(c *model.Config) { c.Hidden = 0 }},
		{"hidden: found 4611686018427387904", func(c *model.Config) { c.Hidden = 1 << 62 }},
		{"layers: found 0", func(c *model.Config) { c.Layers = 0 }},
		{"layers: found 4097", func(c *model.Config) { c.Layers = 4097 }},
		{"ffn: found -1", func(c *model.Config) { c.FFN = -1 }},
		{"vocab size: found 1", func(c *model.Config) { c.VocabSize = 1 }},
		{"max positions: found 0", func(c *model.Config) { c.MaxPositions = 0 }},
		{"type vocab: found 0", func(c *model.Config) { c.TypeVocab = 0 }},
		{"dropout: found 1", func(c *model.Config) { c.Dropout = 1 }},
		{"dropout: found -0.1", func(c *model.Config) { c.Dropout = -0.1 }},
		{"dropout: found NaN", func(c *model.Config) { c.Dropout = nan }},
		{"sparsity: found 1", func(c *model.Config) { c.Sparsity = 1 }},
		{"sparsity: found -0.5", func(c *model.Config) { c.Sparsity = -0.5 }},
		{"sparsity: found NaN", func(c *model.Config) { c.Sparsity = nan }},
		{"block size: found 7", func(c *model.Config) { c.BlockSize = 7 }},
		{"block size: found 0", func(c *model.Config) { c.BlockSize = 0 }},
		{"hidden 136: found block size 16", func(c *model.Config) { c.Hidden = 136 }},
		{"ffn 500: found block size 16", func(c *model.Config) { c.FFN = 500 }},
		{"sparsity 0.999: found no active block in bert.encoder.layer.0.attention.self.query.weight (128 x 128, block size 16), expected at most 0.99", func(c *model.Config) { c.Sparsity = 0.999 }},
		{"method: found number 9", func(c *model.Config) { c.Method = 9 }},
		{"init: found number 9", func(c *model.Config) { c.Init = 9 }},
		{"growth: found number 9", func(c *model.Config) { c.Growth = 9 }},
		{"distribut", func(c *model.Config) { c.Distribution = 9 }},
	} {
		cfg := preset(t, "tiny")
		c.change(&cfg)
		err := cfg.Validate()
		if c.want == "" {
			if err != nil {
				t.Errorf("%+v: found error %v, expected none", cfg, err)
			}
			continue
		}
		if !errors.Is(err, model.ErrConfig) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("found error %v, expected one line with %q", err, c.want)
		}
		if _, err := model.New(reference.New(), cfg, smallOptions); !errors.Is(err, model.ErrConfig) {
			t.Errorf("New: found error %v, expected %q", err, c.want)
		}
	}
}

// TestValidateSparsityAdvice: the sparsity that the error advises is accepted.
func TestValidateSparsityAdvice(t *testing.T) {
	c := preset(t, "tiny")
	c.Sparsity = 0.999
	_, advice, ok := strings.Cut(c.Validate().Error(), "expected at most ")
	if !ok {
		t.Fatal("the error advises nothing")
	}
	if err := json.Unmarshal([]byte(strings.Fields(advice)[0]), &c.Sparsity); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Errorf("the advised sparsity %v: found error %v", c.Sparsity, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	c := smallConfig(model.Dense, 0)
	for _, x := range []struct {
		want   string
		change func(*model.Options)
	}{
		{"micro-batch: found 0", func(o *model.Options) { o.MicroBatch = 0 }},
		{"sequence length: found 0", func(o *model.Options) { o.SeqLen = 0 }},
		{"sequence length: found 11, expected 1 to 10", func(o *model.Options) { o.SeqLen = 11 }},
		{"masked positions of a sequence: found 0", func(o *model.Options) { o.MaxMasked = 0 }},
		{"masked positions of a sequence: found 9", func(o *model.Options) { o.MaxMasked = 9 }},
		{"micro-batch 1000000: found a tensor of", func(o *model.Options) { o.MicroBatch, o.SeqLen, o.MaxMasked = 1000000, 10, 10; c.FFN = 320 }},
	} {
		o := smallOptions
		x.change(&o)
		_, err := model.New(reference.New(), c, o)
		if !errors.Is(err, model.ErrConfig) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("found error %v, expected %q", err, x.want)
		}
		if _, err := model.EstimateCost(c, o, model.Storage{}); !errors.Is(err, model.ErrConfig) {
			t.Errorf("EstimateCost: found error %v, expected %q", err, x.want)
		}
	}
}

// TestPresets holds the sizes against millions of parameters: those of Turc et al. 2019,
// table 1. BERT-Large is not in that table; its number is a count with both heads, so it
// only keeps the preset from changing.
func TestPresets(t *testing.T) {
	published := map[string]string{"tiny": "4.4", "mini": "11.3", "small": "29.1", "medium": "41.7", "base": "110.1", "large": "336.2"}
	names := model.PresetNames()
	if len(names) != len(published) {
		t.Errorf("found presets %v", names)
	}
	for _, name := range names {
		c := preset(t, name)
		if n := model.Count(table(t, c)).Parameters; fmt.Sprintf("%.1f", float64(n)/1e6) != published[name] {
			t.Errorf("%s: found %d parameters, expected %s million", name, n, published[name])
		}
		// The published models have heads of 64, and the paper drops out in the larger ones.
		if c.HeadSize() != 64 || (c.Dropout > 0) != (c.Layers > 4) || model.PresetOf(c) != name {
			t.Errorf("%s: found %+v, the preset %q", name, c, model.PresetOf(c))
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := model.Preset("huge"); !errors.Is(err, model.ErrConfig) || !strings.Contains(err.Error(), `"huge", expected one of tiny, mini`) {
		t.Errorf("found error %v", err)
	}
}

func TestDefaultLearningRate(t *testing.T) {
	for name, want := range map[string]float64{
		"mini": 8e-4, "small": 4e-4, "medium": 2e-4, "base": 2e-4, "large": 2e-4, "tiny": 8e-4 * math.Sqrt(8),
	} {
		c := preset(t, name)
		c.Method = model.Dense
		if got := model.DefaultLearningRate(c); !(math.Abs(got/want-1) <= 1e-12) {
			t.Errorf("%s: found %v, expected %v", name, got, want)
		}
		c.Method = model.Static // s = 0.9: times 6.40
		if got := model.DefaultLearningRate(c) / want; !(math.Abs(got-6.40) <= 0.005) {
			t.Errorf("%s: found factor %v at s = 0.9, expected 6.40", name, got)
		}
	}
	// Between two sizes: half way between Small and Medium in log size is half
	// way in log rate.
	c := preset(t, "small")
	c.Method, c.Layers, c.Hidden, c.FFN, c.Heads = model.Dense, 4, 512, 2048, 8
	lo, hi := model.DefaultLearningRate(c), 0.0
	c.Layers = 8
	hi = model.DefaultLearningRate(c)
	c.Layers = 6
	want := math.Exp(math.Log(lo) + math.Log(6.0/4)/math.Log(2)*math.Log(hi/lo))
	if got := model.DefaultLearningRate(c); !(math.Abs(got/want-1) <= 1e-12) {
		t.Errorf("six layers: found %v, expected %v", got, want)
	}
	c.Layers, c.Hidden, c.FFN, c.Heads = 1, 16, 16, 1
	if got := model.DefaultLearningRate(c); !(math.Abs(got/(8e-4*math.Sqrt(8))-1) <= 1e-12) {
		t.Errorf("smaller than tiny: found %v", got)
	}
}

func TestEnumsReadWhatTheyWrite(t *testing.T) {
	c := preset(t, "tiny")
	c.Method, c.Init, c.Growth, c.Distribution = model.Static, model.Glorot, sparse.GrowFanIn, sparse.ERK
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"method":"static"`, `"init":"glorot"`, `"block_size":16,"distribution":1,"growth":2,"rest":"frozen"}`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("found %s, expected %s in it", text, part)
		}
	}
	var back model.Config
	if err := json.Unmarshal(text, &back); err != nil || back != c {
		t.Errorf("found %+v and error %v, expected %+v", back, err, c)
	}
	for _, bad := range []string{`{"method":"sometimes"}`, `{"init":"zeros"}`} {
		if err := json.Unmarshal([]byte(bad), &back); !errors.Is(err, model.ErrConfig) {
			t.Errorf("%s: found error %v", bad, err)
		}
	}
	if _, err := json.Marshal(model.Config{Method: 7}); !errors.Is(err, model.ErrConfig) {
		t.Errorf("method 7: found error %v", err)
	}
	if s := model.Method(7).String(); s != "unknown method 7" {
		t.Errorf("found %q", s)
	}
}
