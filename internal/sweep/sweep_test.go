package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func openCPU(_, _ string, threads int) (backend.Backend, error) {
	return cpu.New(cpu.Options{Threads: threads})
}

// quiet is an observer that counts what was made here, and can end the sweep.
type quiet struct {
	mu       sync.Mutex
	made     []string
	skipped  []string
	chosen   []string
	warned   []string
	steps    int
	stopAt   int // steps after which stop is called
	stop     func()
	stepFail func() // called on every step
	loading  func() // called while data is read
}

func (q *quiet) Running(*Run) train.Observer { return q }
func (q *quiet) Finished(r *Run, _ Result, here bool) {
	if here {
		q.made = append(q.made, r.Name)
	} else {
		q.skipped = append(q.skipped, r.Name)
	}
}
func (q *quiet) Launched(*Run)          {}
func (q *quiet) Chose(r *Run, _ Result) { q.chosen = append(q.chosen, r.Name) }
func (q *quiet) Loading(string, int64, int64) {
	if q.loading != nil {
		q.loading()
	}
}
func (q *quiet) Started(*train.Plan, string, int64) {}
func (q *quiet) Stepped(int64, int64, float64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.steps++
	if q.steps == q.stopAt && q.stop != nil {
		q.stop()
	}
	if q.stepFail != nil {
		q.stepFail()
	}
}
func (q *quiet) Logged(train.TrainMetrics)     {}
func (q *quiet) Updated(train.TopologyMetrics) {}
func (q *quiet) Evaluated(train.EvalMetrics)   {}
func (q *quiet) Spent(train.CostMetrics)       {}
func (q *quiet) Saved(string)                  {}
func (q *quiet) Skipped(string, error)         {}
func (q *quiet) Warned(text string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.warned = append(q.warned, text)
}

// smallSweep writes a text and a sweep's file for it: 8 runs of 12 steps, with a
// choice of the learning rate, and returns the file's path.
func smallSweep(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var text strings.Builder
	for d := range corpus.DemoDocuments(1, 60) {
		text.WriteString(strings.Join(d.Sentences, " ") + "\n\n")
	}
	file := `
defaults:
  corpus: [text.txt]
  vocab_size: 160
  layers: 1
  hidden: 32
  heads: 2
  ffn: 64
  seq_len: 32
  batch_size: 2
  block_size: 8
  sparsity: 0.75
  max_steps: 12
  save_steps: 2
  logging_steps: 5
  eval_steps: 6
  eval_batches: 2
  final_eval_batches: 4
groups:
  - name: dense
    set: {method: dense}
    cross: {seed: [1, 2]}
    tune: {learning_rate: [0.0003, 0.003, 0.03]}
  - name: dynamic
    set: {updates: 4, learning_rate: 0.005}
    cross: {sparsity: [0.5, 0.75], growth: [random, gradient]}
`
	for name, content := range map[string]string{"text.txt": text.String(), "sweep.yaml": file} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "sweep.yaml")
}

// newSweep reads a file into a sweep in out.
func newSweep(t *testing.T, file, out string, jobs int, watch Observer) *Sweep {
	t.Helper()
	f, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := f.Runs(func(c *train.Config) { c.Threads = 1 })
	if err != nil {
		t.Fatal(err)
	}
	return &Sweep{File: f, Runs: runs, Out: out, Jobs: jobs, Open: openCPU, Watch: watch}
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// lastEval reads a run's final validation loss from its metrics, which the sweep
// does not read.
func lastEval(t *testing.T, dir string) float64 {
	t.Helper()
	loss := math.NaN()
	for line := range strings.Lines(read(t, dir, "metrics.jsonl")) {
		var r struct {
			Kind string
			Loss float64 `json:"mlm_loss"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Kind == "eval" {
			loss = r.Loss
		}
	}
	return loss
}

func TestSweep(t *testing.T) {
	file, out := smallSweep(t), filepath.Join(t.TempDir(), "out")
	watch := &quiet{}
	s := newSweep(t, file, out, 1, watch)
	if err := s.Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	text := read(t, out, ResultsName)
	var results []Result
	for line := range strings.Lines(text) {
		var r Result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		results = append(results, r)
	}
	if len(results) != 9 {
		t.Fatalf("found %d results, expected 9:\n%s", len(results), text)
	}
	best, bestLoss := "", math.Inf(1)
	for i, r := range results {
		if r.Name != s.Runs[i].Name {
			t.Errorf("line %d: found %s, expected %s as in the grid", i+1, r.Name, s.Runs[i].Name)
		}
		loss := lastEval(t, filepath.Join(out, RunsName, r.Name))
		if r.Status != Done || r.Steps != 12 || r.Tokens != 12*2*32 || *r.MLMLoss != loss {
			t.Errorf("%s: found %s, %d steps, %d tokens, loss %v, expected done, 12, 768, %v", r.Name, r.Status, r.Steps, r.Tokens, *r.MLMLoss, loss)
		}
		if i < 3 && loss < bestLoss {
			best, bestLoss = r.Name, loss
		}
		// The paper's formula by hand: 3 (2 S d 12 L H^2 + 4 S^2 H L), here with F = 2H
		// and so 8 L H^2, for 24 sequences.
		d := map[bool]float64{true: 1, false: 0.5}[r.Group == "dense"]
		if strings.Contains(r.Name, "s0.75") {
			d = 0.25
		}
		if want := 24 * 3 * (2*32*d*8*32*32 + 4*32*32*32); r.FLOPs != want {
			t.Errorf("%s: found %v FLOPs, expected %v", r.Name, r.FLOPs, want)
		}
		// 3 updates of 2 sequences with the weight gradient at every position.
		growth := map[bool]float64{true: 3 * 2 * 2 * 32 * 8 * 32 * 32}[strings.Contains(r.Name, "gradient")]
		if r.GrowthFLOPs != growth || !(r.ExecutedFLOPs > r.FLOPs+growth) || r.UnigramEntropy == nil {
			t.Errorf("%s: found %v FLOPs of growth, %v executed, unigram entropy %v, expected %v, more than both, and one", r.Name, r.GrowthFLOPs, r.ExecutedFLOPs, r.UnigramEntropy, growth)
		}
	}
	// All three candidates, of a seed of their own, are none of the grid's runs, and seeds 1 and 2 got
	// the rate of the best.
	if !slices.Equal(watch.chosen, []string{best}) {
		t.Errorf("found %v chosen, expected %s", watch.chosen, best)
	}
	for i, r := range results {
		if want := map[bool]string{true: RoleCandidate, false: RoleRun}[i < 3]; r.Role != want || strings.Contains(r.Name, "seed3") != (i < 3) {
			t.Errorf("%s: found role %s, expected %s", r.Name, r.Role, want)
		}
	}
	for i, name := range []string{"dense-seed1", "dense-seed2"} {
		waited, err := results[3+i].LearningRate()
		if err != nil || results[3+i].Name != name || !strings.HasSuffix(best, fmt.Sprintf("-lr%v", waited)) {
			t.Errorf("found %s with learning rate %v (%v), expected that of %s", results[3+i].Name, waited, err, best)
		}
	}

	// A second time nothing is made again and nothing changes.
	again := &quiet{}
	if err := newSweep(t, file, out, 1, again).Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(again.made) != 0 || len(again.skipped) != 9 || read(t, out, ResultsName) != text {
		t.Errorf("found %v made again, %d passed over, expected none and 9", again.made, len(again.skipped))
	}
	// Without results.jsonl they come from the run folders, and no step is made.
	if err := os.Remove(filepath.Join(out, ResultsName)); err != nil {
		t.Fatal(err)
	}
	again = &quiet{}
	if err := newSweep(t, file, out, 1, again).Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	if again.steps != 0 || read(t, out, ResultsName) != text {
		t.Errorf("found %d steps and results\n%s\nexpected none and\n%s", again.steps, read(t, out, ResultsName), text)
	}
	// Three at a time come to the same.
	side := filepath.Join(t.TempDir(), "side")
	if err := newSweep(t, file, side, 3, &quiet{}).Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	if found := read(t, side, ResultsName); found != text {
		t.Errorf("three at a time: found\n%s\nexpected\n%s", found, text)
	}
	// A run folder that was removed is made again.
	if err := os.RemoveAll(filepath.Join(out, RunsName, results[7].Name)); err != nil {
		t.Fatal(err)
	}
	again = &quiet{}
	if err := newSweep(t, file, out, 1, again).Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.made, []string{results[7].Name}) || read(t, out, ResultsName) != text {
		t.Errorf("found %v made again, expected %s alone", again.made, results[7].Name)
	}
}

// A group that is cut in two afterwards keeps its runs, and the results name the new groups.
func TestRegroupedSweep(t *testing.T) {
	file, out := smallSweep(t), filepath.Join(t.TempDir(), "out")
	if err := newSweep(t, file, out, 1, &quiet{}).Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	text := read(t, file)
	at := strings.Index(text, "  - name: dynamic")
	text = text[:at] + `  - name: dynamic-s0.5
    set: {updates: 4, learning_rate: 0.005, sparsity: 0.5}
    cross: {growth: [random, gradient]}
  - name: dynamic-s0.75
    set: {updates: 4, learning_rate: 0.005}
    cross: {growth: [random, gradient]}
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	again := &quiet{}
	if err := newSweep(t, file, out, 1, again).Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	if again.steps != 0 || len(again.skipped) != 9 {
		t.Errorf("found %d steps and %d runs passed over, expected none and 9", again.steps, len(again.skipped))
	}
	for line := range strings.Lines(read(t, out, ResultsName)) {
		var r Result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if expected := strings.TrimSuffix(strings.TrimSuffix(r.Name, "-random"), "-gradient"); !strings.HasPrefix(r.Name, "dense") && r.Group != expected {
			t.Errorf("%s: found group %s, expected %s", r.Name, r.Group, expected)
		}
	}
}

// Stopped after each of some steps and gone on with, a sweep ends as the uninterrupted one.
func TestStoppedSweep(t *testing.T) {
	file, uninterrupted := smallSweep(t), filepath.Join(t.TempDir(), "uninterrupted")
	if err := newSweep(t, file, uninterrupted, 1, &quiet{}).Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	want, out, stops := read(t, uninterrupted, ResultsName), filepath.Join(t.TempDir(), "out"), 0
	for {
		ctx, stop := context.WithCancel(context.Background())
		watch := &quiet{stopAt: 7, stop: stop}
		err := newSweep(t, file, out, 2, watch).Do(ctx)
		stop()
		if err == nil {
			break
		}
		if !errors.Is(err, train.ErrStopped) || errors.Is(err, ErrFailed) {
			t.Fatalf("found %v, expected train.ErrStopped", err)
		}
		if stops++; stops > 108/7+2 {
			t.Fatalf("found a sweep that does not get on: %d stops", stops)
		}
	}
	if got := read(t, out, ResultsName); got != want || stops < 5 {
		t.Errorf("after %d stops: found\n%s\nexpected\n%s", stops, got, want)
	}
}

// A sweep that is stopped while a run reads its data has no failed run.
func TestStoppedWhileLoading(t *testing.T) {
	file, out := smallSweep(t), filepath.Join(t.TempDir(), "out")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	err := newSweep(t, file, out, 1, &quiet{loading: stop}).Do(ctx)
	if !errors.Is(err, train.ErrStopped) || !strings.HasPrefix(err.Error(), "run dense-seed3-lr0.0003: ") || read(t, out, ResultsName) != "" {
		t.Errorf("found %v and results %q, expected train.ErrStopped and none", err, read(t, out, ResultsName))
	}
}
