package train_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint/checkpointtest"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// numbers reads a checkpoint's tensors of one type, by their names.
func numbers[E float32 | int32](t *testing.T, folder, dtype string) map[string][]E {
	t.Helper()
	out := map[string][]E{}
	for _, name := range []string{"model.safetensors", "optimizer.safetensors"} {
		for _, x := range checkpointtest.Read(t, filepath.Join(folder, name)).Tensors {
			if string(x.DType) == dtype {
				out[x.Name] = decoded[E](t, x.Data)
			}
		}
	}
	return out
}

// What the optimizer did in one step follows from the two checkpoints around it: the
// gradient from the first moment, and from that all the rest, in float64.
func TestKnobsOfTheOptimizer(t *testing.T) {
	text := smallCorpus(t)
	const from = 4 // the update after step 3 leaves newborn blocks of age 1
	for name, set := range map[string]func(*train.Config){
		"defaults":    func(*train.Config) {},
		"beta1":       func(c *train.Config) { c.AdamBeta1 = 0.5 },
		"beta2":       func(c *train.Config) { c.AdamBeta2 = 0.9 },
		"epsilon":     func(c *train.Config) { c.AdamEpsilon = 1e-3 },
		"sparse rate": func(c *train.Config) { c.LRSparseScale = 0.25 },
		"clock":       func(c *train.Config) { c.NewbornClock = model.GlobalClock },
		"all": func(c *train.Config) {
			c.AdamBeta1, c.AdamBeta2, c.AdamEpsilon, c.LRSparseScale, c.NewbornClock, c.LRSchedule = 0.8, 0.95, 1e-4, 3, model.GlobalClock, model.LRConstant
		},
	} {
		for _, device := range []string{"cpu", "sim"} {
			if device == "sim" && (testing.Short() || name != "all") {
				continue // the conformance suite has each of them on the simulator
			}
			t.Run(name+" on "+device, func(t *testing.T) {
				c := simRun(t, text)
				c.Device, c.GroupLasso, c.MaxGradNorm, c.EvalSteps, c.Growth = device, 0, 0, 0, 0
				c.BlockSize, c.MaxSteps, c.SaveSteps, c.SaveTotalLimit, c.LearningRate, c.WarmupSteps = 16, from+1, 1, 0, 0.01, 0
				c.Updates, c.PruneSchedule = 2, sparse.Constant // after step round(5/2) = 3
				set(&c)
				trained(t, c, 0)
				checkStep(t, c, from)
			})
		}
	}
}

// checkStep recomputes the step after `from` finished ones.
func checkStep(t *testing.T, c train.Config, from int) {
	t.Helper()
	folder := func(step int) string { return filepath.Join(c.OutputDir, "checkpoints", fmt.Sprintf("step-%d", step)) }
	was, is := numbers[float32](t, folder(from), "F32"), numbers[float32](t, folder(from+1), "F32")
	born := numbers[int32](t, folder(from), "I32")
	table, err := train.OpenWeights(folder(from))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	beta1, beta2, eps, scale := cmp.Or(c.AdamBeta1, 0.9), cmp.Or(c.AdamBeta2, 0.999), cmp.Or(c.AdamEpsilon, 1e-6), cmp.Or(c.LRSparseScale, 1)
	lr := c.LearningRate
	if c.LRSchedule == model.LRLinear {
		lr *= float64(c.MaxSteps-int64(from)) / float64(c.MaxSteps)
	}
	newborns := 0
	for _, row := range table.Table {
		key, rate := row.Name, lr
		if row.Sparse {
			key, rate = row.Name+".blocks", lr*scale
		}
		for i, w := range was[key] {
			age := float64(from + 1)
			if row.Sparse {
				b := born[row.Name+".born"][i/(row.Block*row.Block)]
				if b > 0 {
					newborns++
				}
				if c.NewbornClock == model.OwnClock {
					age -= float64(b)
				}
			}
			m, v := float64(is[row.Name+".m"][i]), float64(is[row.Name+".v"][i])
			g := (m - beta1*float64(was[row.Name+".m"][i])) / (1 - beta1)
			wantV := beta2*float64(was[row.Name+".v"][i]) + (1-beta2)*g*g
			decay := 0.0
			if row.Decay {
				decay = c.WeightDecay
			}
			step := m / (1 - math.Pow(beta1, age)) / (math.Sqrt(v/(1-math.Pow(beta2, age))) + eps)
			want := float64(w) - rate*(step+decay*float64(w))
			// g is the difference of two float32 numbers.
			if slack := 1e-5*wantV + 1e-5*math.Abs(g)*math.Abs(m); !(math.Abs(v-wantV) <= slack+1e-30) {
				t.Fatalf("%s: element %d: found the second moment %v, expected %v", key, i, v, wantV)
			}
			if got := float64(is[key][i]); !(math.Abs(got-want) <= 1e-6*math.Abs(want)+1e-5*rate) {
				t.Fatalf("%s: element %d: found %v after %v, expected %v", key, i, got, w, want)
			}
		}
	}
	if newborns == 0 {
		t.Error("found no newborn block, expected those of the update")
	}
}

// The start's standard deviation scales what is drawn.
func TestInitStd(t *testing.T) {
	text := smallCorpus(t)
	start := func(std float64) map[string][]float32 {
		c := smallRun(text, filepath.Join(t.TempDir(), "run"))
		c.InitStd = std
		trained2(t, still(c, 0), 0)
		return numbers[float32](t, filepath.Join(c.OutputDir, "checkpoints", "step-1"), "F32")
	}
	small, large := start(0.02), start(0.05)
	for name, values := range small {
		if len(values) == 0 || name[len(name)-2:] == ".m" || name[len(name)-2:] == ".v" {
			continue
		}
		factor := 2.5
		if values[0] == 0 || values[0] == 1 {
			factor = 1 // a bias or LayerNorm
		}
		for i, v := range values {
			if want := factor * float64(v); !(math.Abs(float64(large[name][i])-want) <= 1e-6*math.Abs(want)+1e-25) {
				t.Fatalf("%s: element %d: found %v, expected %v times %v", name, i, large[name][i], factor, v)
			}
		}
	}
}

// An evaluation before the first step is that of the weights that the run starts from,
// is written once, whoever begins again, and changes no bit of the run.
func TestEvalOnStart(t *testing.T) {
	text := smallCorpus(t)
	from := smallRun(text, filepath.Join(t.TempDir(), "from"))
	from.MaxSteps, from.Updates = 5, 2
	trained2(t, from, 0)
	c := smallRun(text, filepath.Join(t.TempDir(), "plain"))
	c.InitFrom, c.MaxSteps, c.Updates, c.SaveSteps = from.OutputDir, 4, 2, -1
	trained2(t, c, 0)
	want := resultAt(t, c.OutputDir, 4)

	c.OutputDir, c.EvalOnStart = filepath.Join(t.TempDir(), "run"), true
	trained2(t, c, 2)
	if err := os.RemoveAll(filepath.Join(c.OutputDir, "checkpoints")); err != nil {
		t.Fatal(err)
	}
	c.Resume = true // and begins again
	trained2(t, c, 0)
	if got := resultAt(t, c.OutputDir, 4); got.weights != want.weights || got.optimizer != want.optimizer {
		t.Error("found other bits, expected those of the run without the evaluation")
	}
	e, err := train.Evaluate(t.Context(), from.OutputDir, train.EvalOptions{Batches: c.EvalBatches}, openCPU)
	if err != nil {
		t.Fatal(err)
	}
	if got := evalsAt(t, c.OutputDir, 0); len(got) != 1 || got[0].MLMLoss != e.Metrics.MLMLoss || got[0].NSPAccuracy != e.Metrics.NSPAccuracy {
		t.Errorf("found %+v at step 0, expected one evaluation %+v", got, e.Metrics)
	}
	next := continued(t, c.OutputDir)
	next.MaxSteps = 6
	trained2(t, next, 0)
	if got := evalsAt(t, next.OutputDir, 4); len(got) != 1 {
		t.Errorf("found %d evaluations before the first step of the continued run, expected 1", len(got))
	}
}

// evalsAt returns the evaluations of a run after a number of steps.
func evalsAt(t *testing.T, dir string, step int64) (out []*metrics.Eval) {
	t.Helper()
	records, err := metrics.Read(filepath.Join(dir, metrics.FileName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, r := range records {
		if e, ok := r.(*metrics.Eval); ok && e.Step == step {
			out = append(out, e)
		}
	}
	return out
}
