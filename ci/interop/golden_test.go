package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/oracle"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// The limits of docs/interop.md.
const (
	logitsLimit    = 1e-4 // absolute, float32
	lossesLimit    = 1e-5
	gradientsLimit = 1e-5 // relative, by tensor, float64
)

// golden is a folder that export wrote and transformers computed on.
type golden struct {
	dir   string
	batch batch
	want  *checkpoint.Reader
}

func openGolden(t *testing.T, name string) golden {
	t.Helper()
	g := golden{dir: filepath.Join("testdata", name)}
	text, err := os.ReadFile(filepath.Join(g.dir, "batch.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &g.batch); err != nil {
		t.Fatal(err)
	}
	if g.want, err = checkpoint.Open(filepath.Join(g.dir, "transformers.safetensors"), checkpoint.Limits{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.want.Close() })
	return g
}

// expected reads what transformers computed.
func (g golden) expected(t *testing.T, name string) []float64 {
	t.Helper()
	tensor, err := g.want.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, len(tensor.Data)/checkpoint.F32.Size())
	if err := checkpoint.ReadInto(g.want, name, values); err != nil {
		t.Fatal(err)
	}
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	return wide
}

// imported makes a checkpoint of a golden folder, dense or block-sparse.
func (g golden) imported(t *testing.T, sparse bool) string {
	t.Helper()
	c := train.DefaultConfig()
	c.InitFrom, c.OutputDir = g.dir, filepath.Join(t.TempDir(), "imported")
	c.Sparsity, c.BlockSize = 0.6, 4 // as in interop.py
	if _, err := train.Import(t.Context(), c, !sparse); err != nil {
		t.Fatal(err)
	}
	return c.OutputDir
}

// difference returns the largest absolute difference, NaN if there is one.
func difference(t *testing.T, got, want []float64) float64 {
	t.Helper()
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("found %d numbers, expected %d", len(got), len(want))
	}
	worst := 0.0
	for i := range got {
		worst = max(worst, math.Abs(got[i]-want[i])) // max spreads NaN
	}
	return worst
}

// everyGolden runs test on each golden folder, as a dense checkpoint and, where
// the export was of a block-sparse one, as that.
func everyGolden(t *testing.T, test func(t *testing.T, g golden, checkpoint string)) {
	for _, name := range []string{"dense", "static", "dynamic"} {
		t.Run(name, func(t *testing.T) {
			g := openGolden(t, name)
			test(t, g, g.imported(t, false))
		})
		if name != "dense" {
			t.Run(name+", block-sparse", func(t *testing.T) {
				g := openGolden(t, name)
				test(t, g, g.imported(t, true))
			})
		}
	}
}

func openCPU() (backend.Backend, error) { return cpu.New(cpu.Options{Threads: 1}) }

func TestLogitsAndLossesAsTransformers(t *testing.T) {
	everyGolden(t, func(t *testing.T, g golden, path string) {
		m, err := load(path, g.batch, openCPU)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Backend().Close()
		check := func() (logits, losses float64) {
			r, err := compute(m, g.batch)
			if err != nil {
				t.Fatal(err)
			}
			logits = max(difference(t, r.mlm, g.expected(t, "mlm_logits")), difference(t, r.nsp, g.expected(t, "nsp_logits")))
			return logits, difference(t, []float64{r.mlmLoss, r.nspLoss}, g.expected(t, "losses"))
		}
		logits, losses := check()
		t.Logf("logits %.2g, losses %.2g", logits, losses)
		if !(logits <= logitsLimit) || !(losses <= lossesLimit) {
			t.Errorf("found differences of %.3g in logits and %.3g in losses, expected at most %g and %g", logits, losses, logitsLimit, lossesLimit)
		}
		// One weight off by a hundredth must be noticed.
		w := m.Param("cls.predictions.transform.dense.weight").Values()
		v := make([]float32, 1)
		if err := m.Backend().ReadFloats(v, w, 7); err != nil {
			t.Fatal(err)
		}
		v[0] += 0.01
		m.Backend().WriteFloats(w, 7, v)
		m.Backend().Refresh(m.Params())
		if logits, _ := check(); logits <= logitsLimit {
			t.Errorf("found a difference of %.3g in logits with a weight off by 0.01, expected more than %g", logits, logitsLimit)
		}
	})
}

func TestGradientsAsTorch(t *testing.T) {
	g := openGolden(t, "dynamic")
	for _, sparse := range []bool{false, true} {
		path := g.imported(t, sparse)
		m, got, err := derive(path, g.batch)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]float64{}
		for _, row := range m.Table() {
			want[row.Name] = g.expected(t, "gradient "+row.Name)
			if row.Sparse {
				mask(t, path, row, want[row.Name])
			}
		}
		diffs, err := oracle.Compare(m.Config(), want, got)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for _, d := range diffs {
			// A gradient that is zero but for rounding is measured on the scale of the
			// whole; float32, in which the golden file is, keeps no smaller one.
			if !(d.RelativeError <= gradientsLimit) {
				t.Errorf("%s: found relative error %.3g, expected at most %g (norm %.3g)", d.Name, d.RelativeError, gradientsLimit, d.Norm)
			}
			worst = max(worst, d.RelativeError)
		}
		t.Logf("block-sparse %v: %d tensors, worst relative error %.2g", sparse, len(diffs), worst)
	}
}

// mask clears the elements outside the active blocks: there torch, whose weights
// are dense, has a gradient and a block-sparse model has none.
func mask(t *testing.T, path string, row model.Tensor, dense []float64) {
	t.Helper()
	w, err := train.OpenWeights(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	m, err := w.Sparse(row)
	if err != nil {
		t.Fatal(err)
	}
	for i := range dense {
		if _, active := m.At(i/row.In, i%row.In); !active {
			dense[i] = 0
		}
	}
}

// Export, import, export gives the same bytes, as do the files of the tokenizer.
func TestRoundTripOfGoldenFolders(t *testing.T) {
	everyGolden(t, func(t *testing.T, g golden, path string) {
		out := filepath.Join(t.TempDir(), "out")
		if _, err := train.Export(t.Context(), path, out, train.FormatHF, "test"); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"model.safetensors", "config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"} {
			want, err := os.ReadFile(filepath.Join(g.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s: found other bytes than those that transformers opened", name)
			}
		}
	})
}
