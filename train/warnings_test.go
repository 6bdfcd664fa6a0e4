package train_test

import (
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Where a run will not be what was asked for, the plan says so; where it will be, it
// says nothing.
func TestWarnings(t *testing.T) {
	for name, run := range map[string]struct {
		set  func(*train.Config)
		says []string
	}{
		"all well": {func(*train.Config) {}, nil},
		"no update by default": {func(c *train.Config) { c.MaxSteps, c.Updates = 150, 0 },
			[]string{"static bit for bit; updates is 1"}},
		"no block moves": {func(c *train.Config) { c.PruneRatio = 0.001 },
			[]string{"none of the 3 topology updates moves a block: the run is static bit for bit"}},
		"nothing to move to": {func(c *train.Config) { c.Sparsity = 0 }, []string{"static bit for bit", "a sparsity above 0"}},
		// Attention has 256 positions, of which 26 are active: 0.04 of them is one; of 103 it is 4.
		"some move": {func(c *train.Config) { c.Sparsity, c.PruneRatio, c.PruneSchedule = 0.9, 0.03, sparse.Constant },
			[]string{"no update moves a block in 4 of 6 weights"}},
		// pr(t) falls to 0.5/2 (1 + cos 0.9 pi) = 0.012 and less of 128 and 512 blocks.
		"late updates": {func(c *train.Config) { c.Updates = 100 }, []string{"of the 99 updates move no block in any weight"}},
		"static":       {func(c *train.Config) { c.Method = model.Static }, nil},
		// round(0.1 * 16) = 2 of 16 blocks, 0.125; 6 of 64 are 0.094.
		"density": {func(c *train.Config) { c.BlockSize, c.Sparsity = 16, 0.9 },
			[]string{"density: 4 of 6 weights are more than 10 %", "2 of 16 blocks, 0.125 where 0.1", "without a block", "heads"}},
		"density of a part": {func(c *train.Config) { c.Method, c.BlockSize, c.Sparsity = model.Partial, 16, 0.9 },
			[]string{"density: 4 of 6"}},
		"fan-in": {func(c *train.Config) { c.Growth, c.BlockSize, c.Sparsity, c.PruneRatio = sparse.GrowFanIn, 16, 0.9, 1 },
			[]string{"density", "block rows and", "heads"}},
		"ablation":         {func(c *train.Config) { c.AblateNeurons = 0.3 }, []string{"ablate_neurons: 0.3 takes no row with growth random"}},
		"ablation of rows": {func(c *train.Config) { c.AblateNeurons, c.Growth = 0.3, sparse.GrowFanIn }, nil},
		"erk":              {func(c *train.Config) { c.Distribution, c.Sparsity = sparse.ERK, 0.8 }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := train.DefaultConfig()
			c.Layers, c.Hidden, c.Heads, c.FFN, c.BlockSize, c.Sparsity = 1, 64, 2, 256, 4, 0.5
			c.MaxSteps, c.Updates = 400, 4
			run.set(&c)
			found, err := train.Warnings(c)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Join(found, "\n")
			for _, want := range run.says {
				if !strings.Contains(text, want) {
					t.Errorf("found %q, expected %q in it", text, want)
				}
			}
			if run.says == nil && text != "" {
				t.Errorf("found %q, expected nothing", text)
			}
		})
	}
}

// A run that is said to be static bit for bit is, and one that is not so said moves.
func TestStaticBitForBit(t *testing.T) {
	for _, ratio := range []float64{0.01, 0.5} {
		c := train.DefaultConfig()
		c.Layers, c.Hidden, c.Heads, c.FFN, c.BlockSize, c.Sparsity, c.SeqLen, c.BatchSize = 1, 32, 2, 64, 8, 0.5, 32, 2
		c.MaxSteps, c.Updates, c.PruneRatio, c.FinalBatches, c.Device = 4, 2, ratio, 1, "cpu"
		hashes := map[model.Method]string{}
		for _, m := range []model.Method{model.Dynamic, model.Static} {
			c.Method, c.OutputDir = m, t.TempDir()
			if _, err := train.Run(t.Context(), c, openPortable, nil); err != nil {
				t.Fatal(err)
			}
			hashes[m] = tensorHash(t, c.OutputDir+"/checkpoints/step-4/model.safetensors")
		}
		c.Method = model.Dynamic
		found, err := train.Warnings(c)
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Contains(strings.Join(found, "\n"), "static bit for bit")
		if same := hashes[model.Dynamic] == hashes[model.Static]; said != same || said != (ratio == 0.01) {
			t.Errorf("prune ratio %v: the plan says static %v, and it is %v", ratio, said, same)
		}
	}
}
