package report

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// made is a run to write: its configuration, and the constants of its loss, which
// falls from start to end. Its numbers are made up, its format is not.
type made struct {
	name   string
	config train.Config
	end    float64 // final validation loss
	status string
}

// madeSweep is n runs of a dense family, static and dynamic models, several
// learning rates and seeds each.
func madeSweep(n int, steps int64) []made {
	draw := rand.New(rand.NewPCG(1, 2))
	var all []made
	for i := range n {
		c := train.DefaultConfig()
		c.MaxSteps, c.WarmupSteps, c.Dropout = steps, steps/10, 0
		size := []string{"tiny", "mini", "small", "medium"}[i/3%4]
		c.Model, c.Method = size, []model.Method{model.Dense, model.Static, model.Dynamic}[i%3]
		c.LearningRate = 1e-3 * []float64{1, 2, 4, 0.5}[i/12%4]
		c.Seed = uint64(1 + i/48)
		c.VocabSize, c.Updates = 30522, 80
		end := []float64{3.6, 2.614, 2.31, 2.115}[i/3%4]
		end += map[model.Method]float64{model.Dense: 0, model.Static: 0.65, model.Dynamic: 0.5}[c.Method] + 0.05*draw.Float64() + 0.05*math.Abs(math.Log2(c.LearningRate/1e-3))
		all = append(all, made{fmt.Sprintf("%s-%s-lr%g-%d-%d", c.Method, size, c.LearningRate, c.Seed, i), c, end, "done"})
	}
	return all
}

// write writes a run folder, a log line every logging steps, to dir/runs/name.
func (m made) write(tb testing.TB, dir string, logging int64) sweep.Result {
	tb.Helper()
	c := m.config
	estimate, err := train.EstimateCost(c)
	if err != nil {
		tb.Fatal(err)
	}
	shape, _, err := train.Shape(c)
	if err != nil {
		tb.Fatal(err)
	}
	folder := filepath.Join(dir, sweep.RunsName, m.name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		tb.Fatal(err)
	}
	c.OutputDir, c.LoggingSteps = folder, logging
	text, err := c.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, train.ConfigName), text, 0o644); err != nil {
		tb.Fatal(err)
	}
	writeText(tb, folder, train.Fingerprint{Train: "t", Valid: "v", Vocab: "w"})
	log, err := metrics.OpenLog(filepath.Join(folder, metrics.FileName))
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	put := func(r metrics.Record) {
		if err := log.Write(r); err != nil {
			tb.Fatal(err)
		}
	}
	draw := rand.New(rand.NewPCG(c.Seed, 7))
	perStep := estimate.NonEmbeddingFLOPs * float64(c.BatchSize)
	last := &metrics.Eval{}
	update := int64(0)
	for step := int64(1); step <= c.MaxSteps; step++ {
		done := float64(step) / float64(c.MaxSteps)
		loss := m.end + 6*math.Exp(-8*done)
		if c.Method == model.Dynamic && step%max(1, c.MaxSteps/80) == 0 && step < c.MaxSteps {
			update++
			put(&metrics.Topology{Step: step, Update: update, PruneRatio: 0.25 * (1 + math.Cos(math.Pi*done)), Pruned: 100,
				ExploredDOF: 1 - 0.9*math.Exp(-3*done), RemovedNewRatio: new(0.4 * (1 - done)), Turnover: 0.25 * (1 + math.Cos(math.Pi*done)), MeanAge: float64(step) / 2, Seconds: 0.1,
				Active: 400, Positions: 4000, NewbornShare: new(0.25), RemovedNewDense: new(0.01), StartShare: new(1 - done), Survival1: new(0.6), NewbornNorm: new(0.5 + done)})
			for layer := range shape.Layers {
				put(&metrics.Tensor{Step: step, Tensor: fmt.Sprintf("bert.encoder.layer.%d.output.dense.weight", layer), Pruned: 10, ExploredDOF: done, RemovedNewRatio: new(1 - done)})
			}
		}
		if step%logging == 0 || step == c.MaxSteps {
			noisy := loss + 0.2*draw.NormFloat64()*math.Exp(-done)
			put(&metrics.Train{Step: step, Loss: noisy + 0.3, MLMLoss: noisy, NSPLoss: 0.3, LR: c.LearningRate * (1 - done), GradNorm: math.Exp(draw.NormFloat64()),
				TokensPerSecond: 1e5 * (1 + 0.1*draw.Float64()), FLOPs: perStep * float64(step),
				PredictionsPerWeight: done, MFU: 0.4})
		}
		if step%max(1, c.MaxSteps/20) == 0 || step == c.MaxSteps {
			last = &metrics.Eval{Step: step, MLMLoss: loss - 6*math.Exp(-8), MLMAccuracy: 0.5 * done, NSPLoss: 0.3, NSPAccuracy: 0.9}
			put(last)
			put(&metrics.Cost{Step: step, Seconds: 30, StepSeconds: 20, UpdateSeconds: 5, DataSeconds: 1, EvalSeconds: 2, SaveSeconds: 1, HostBytes: 1 << 30, DeviceBytes: 1 << 28})
		}
	}
	return sweep.Result{Name: m.name, Status: m.status, Steps: c.MaxSteps, MLMLoss: &last.MLMLoss, FLOPs: perStep * float64(c.MaxSteps)}
}

// writeSweep writes a sweep folder.
func writeSweep(tb testing.TB, dir string, runs []made, logging int64) map[string]sweep.Result {
	tb.Helper()
	all := map[string]sweep.Result{}
	f, err := os.Create(filepath.Join(dir, sweep.ResultsName))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	for _, m := range runs {
		r := m.write(tb, dir, logging)
		all[m.name] = r
		line, err := json.Marshal(r)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := f.Write(append(line, '\n')); err != nil {
			tb.Fatal(err)
		}
	}
	return all
}
