package model_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// TestPaperFLOPs: the four figures of the paper, to the digits printed there.
func TestPaperFLOPs(t *testing.T) {
	for _, x := range []struct {
		name     string
		sparsity float64
		format   string
		want     string
	}{
		{"mini", 0, "%.3e", "2.617e+09"},
		{"small", 0, "%.3e", "1.007e+10"},
		{"medium", 0.9, "%.3e", "2.738e+09"},
		{"base", 0.9, "%.2e", "8.33e+09"},
	} {
		for _, block := range []int{1, 16} { // the count is by the density asked for
			c := preset(t, x.name)
			c.Sparsity, c.BlockSize = x.sparsity, block
			got, err := model.AskedNonEmbeddingFLOPs(c, 128)
			if err != nil {
				t.Fatal(err)
			}
			if s := fmt.Sprintf(x.format, got); s != x.want {
				t.Errorf("%s, s = %v, B = %d: found %s, expected %s", x.name, x.sparsity, block, s, x.want)
			}
		}
	}
}

// TestEstimateFLOPs recomputes every line for one configuration by hand.
func TestEstimateFLOPs(t *testing.T) {
	c := preset(t, "tiny") // L 2, H 128, F 512, s 0.9, B 16
	o := model.Options{MicroBatch: 8, SeqLen: 64, MaxMasked: 10}
	l, err := model.EstimateCost(c, o, model.Storage{})
	if err != nil {
		t.Fatal(err)
	}
	// 64 positions keep 6 blocks of 6.4, 256 keep 26 of 25.6.
	want := []model.FLOPPart{
		{"attention products", 6 * 64 * 2 * 4 * 6 * 256, 6 * 64 * 2 * 4 * 128 * 128 * 0.1, 6 * 64 * 2 * 4 * 6 * 256, 6 * 64 * 2 * 4 * 128 * 128},
		{"ffn products", 6 * 64 * 2 * 2 * 26 * 256, 6 * 64 * 2 * 2 * 128 * 512 * 0.1, 6 * 64 * 2 * 2 * 26 * 256, 6 * 64 * 2 * 2 * 128 * 512},
		{"attention scores", 12 * 64 * 64 * 128 * 2, 12 * 64 * 64 * 128 * 2, 14 * 64 * 64 * 128 * 2, 14 * 64 * 64 * 128 * 2},
		{"embedding sums", 5 * 64 * 128, 5 * 64 * 128, 5 * 64 * 128, 5 * 64 * 128},
		{"pooler", 6 * 128 * 128, 6 * 128 * 128, 6 * 128 * 128, 6 * 128 * 128},
		{"mlm transform", 6 * 10 * 128 * 128, 6 * 10 * 128 * 128, 6 * 10 * 128 * 128, 6 * 10 * 128 * 128},
		{"mlm decoder", 6 * 10 * 128 * 30522, 6 * 10 * 128 * 30522, 6 * 10 * 128 * 30522, 6 * 10 * 128 * 30522},
		{"nsp head", 6 * 2 * 128, 6 * 2 * 128, 6 * 2 * 128, 6 * 2 * 128},
	}
	near := func(x, y float64) bool { return x-y <= 1e-9*y && y-x <= 1e-9*y }
	executed, dense := 0.0, 0.0
	for i, p := range l.FLOPs {
		w := want[i]
		if p.Name != w.Name || !near(p.Theoretical, w.Theoretical) || !near(p.Asked, w.Asked) || !near(p.Executed, w.Executed) || !near(p.Dense, w.Dense) {
			t.Errorf("found %+v, expected %+v", p, w)
		}
		executed += w.Executed
		dense += w.Dense
	}
	if len(l.FLOPs) != len(want) || !near(l.ExecutedFLOPs, executed) || !near(l.DenseExecutedFLOPs, dense) {
		t.Errorf("found %d parts, %v executed, %v dense, expected %d, %v, %v", len(l.FLOPs), l.ExecutedFLOPs, l.DenseExecutedFLOPs, len(want), executed, dense)
	}
	if !near(l.DenseNonEmbeddingFLOPs, 3*(2*64*12*2*128*128+4*64*64*128*2)) || l.GrowthFLOPs != 0 {
		t.Errorf("found %v dense, %v for growth", l.DenseNonEmbeddingFLOPs, l.GrowthFLOPs)
	}
	c.Growth = sparse.GrowGradient
	if l, err = model.EstimateCost(c, o, model.Storage{}); err != nil || l.GrowthFLOPs != 2*64*12*2*128*128 {
		t.Errorf("found %v for gradient growth, error %v", l.GrowthFLOPs, err)
	}
}

// TestEstimateMemoryIsWhatTheBackendTakes, to the byte.
func TestEstimateMemoryIsWhatTheBackendTakes(t *testing.T) {
	for _, method := range []model.Method{model.Dynamic, model.Static, model.Dense} {
		for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient} {
			for _, block := range []int{1, 8} {
				c := smallConfig(method, block)
				c.Growth = growth
				for _, o := range []model.Options{smallOptions, {MicroBatch: 3, SeqLen: 5, MaxMasked: 1}} {
					checkMemory(t, reference.New(), c, o)
				}
			}
		}
	}
}

// checkMemory builds a model on b and compares, before and after a step.
func checkMemory(t *testing.T, b backend.Backend, c model.Config, o model.Options) {
	t.Helper()
	l, err := model.EstimateCost(c, o, model.StorageOf(b))
	if err != nil {
		t.Fatal(err)
	}
	m := build(t, b, c, o)
	if got := b.MemoryBytes(); got != l.MemoryBytes {
		t.Errorf("%s, %s: the backend took %d bytes, the estimate says %d", c.Method, c.Growth, got, l.MemoryBytes)
	}
	if o == smallOptions {
		a := model.StepArgs{LR: 1e-3, Adam: adam()}
		if c.Method == model.Dynamic {
			a.Update = update(1)
			a.Update.Growth = c.Growth
		}
		step(t, m, a, smallBatch(4, 1))
		if got := b.MemoryBytes(); got != l.MemoryBytes {
			t.Errorf("%s, %s: the backend took %d bytes after a step, the estimate says %d", c.Method, c.Growth, got, l.MemoryBytes)
		}
	}
	sum := int64(0)
	for _, p := range l.Memory {
		sum += p.Bytes
	}
	if sum != l.MemoryBytes {
		t.Errorf("the lines add up to %d, the total says %d", sum, l.MemoryBytes)
	}
}

// TestEstimateMemoryShrinksWithDensity: at s = 0.9 gradients and moments of the
// encoder are a tenth, and the dense column is the dense model's.
func TestEstimateMemoryShrinksWithDensity(t *testing.T) {
	o := model.Options{MicroBatch: 8, SeqLen: 128, MaxMasked: 20}
	s := model.Storage{Param: backend.F32, Activation: backend.F32}
	c := preset(t, "base")
	l, err := model.EstimateCost(c, o, s)
	if err != nil {
		t.Fatal(err)
	}
	c.Method = model.Dense
	d, err := model.EstimateCost(c, o, s)
	if err != nil {
		t.Fatal(err)
	}
	if l.DenseMemoryBytes != d.MemoryBytes || d.DenseMemoryBytes != d.MemoryBytes || d.MemoryBytes <= l.MemoryBytes {
		t.Errorf("found %d bytes, dense %d; the dense model has %d", l.MemoryBytes, l.DenseMemoryBytes, d.MemoryBytes)
	}
	for i, p := range l.Memory {
		if q := d.Memory[i]; p.Name != q.Name || p.Dense != q.Bytes {
			t.Errorf("found line %+v beside %+v", p, q)
		}
	}
	if want := 4 * l.Stored; l.Memory[1].Name != "gradients" || l.Memory[1].Bytes != want {
		t.Errorf("found %+v, expected %d bytes of gradients", l.Memory[1], want)
	}
}

func TestEstimateJSON(t *testing.T) {
	l, err := model.EstimateCost(smallConfig(model.Dynamic, 4), smallOptions, model.Storage{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"parameters", "encoder_parameters", "active_encoder_parameters", "non_embedding_flops_per_sequence", "memory_bytes"} {
		if !strings.Contains(string(text), `"`+key+`":`) {
			t.Errorf("found no key %s in %s", key, text)
		}
	}
}
