package train_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Environment variables by which this test binary runs a training run of its
// own: the run's configuration as JSON, and the step after which to stop.
const (
	childConfig = "TRAIN_TEST_CONFIG"
	childStop   = "TRAIN_TEST_STOP_AFTER"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childConfig); text != "" {
		os.Exit(child(text))
	}
	os.Exit(m.Run())
}

// child is the process of one run: 0 done, 7 stopped as asked, 1 else.
func child(text string) int {
	var c train.Config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	stop, _ := strconv.ParseInt(os.Getenv(childStop), 10, 64)
	ctx, cancel := context.WithCancel(context.Background())
	_, err := train.Run(ctx, c, openCPU, &observer{cancel: cancel, stopAfter: stop})
	switch {
	case err == nil:
		return 0
	case errors.Is(err, train.ErrStopped):
		return 7
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func openCPU(_, _ string, threads int) (backend.Backend, error) {
	return cpu.New(cpu.Options{Threads: threads})
}

// observer watches nothing but the step after which to stop.
type observer struct {
	train.NopObserver
	cancel    context.CancelFunc
	stopAfter int64
	losses    []float64
	updates   []train.TopologyMetrics
	evals     []train.EvalMetrics
	skipped   []string
}

func (o *observer) Stepped(done, _ int64, loss float64) {
	o.losses = append(o.losses, loss)
	if o.cancel != nil && done == o.stopAfter {
		o.cancel()
	}
}
func (o *observer) Updated(r train.TopologyMetrics) { o.updates = append(o.updates, r) }
func (o *observer) Evaluated(r train.EvalMetrics)   { o.evals = append(o.evals, r) }
func (o *observer) Skipped(path string, err error)  { o.skipped = append(o.skipped, path) }

// smallRun is a 30-step run with everything in it that could be lost by a cut:
// accumulation, dropout, topology updates, log windows of several steps,
// evaluations.
func smallRun(text, dir string) train.Config {
	c := train.DefaultConfig()
	c.Corpus, c.VocabSize = []string{text}, 160
	c.Layers, c.Hidden, c.Heads, c.FFN, c.Dropout = 2, 32, 2, 64, 0.1
	c.BlockSize, c.Sparsity, c.Updates, c.RegrowPruned = 8, 0.75, 8, true
	c.SeqLen, c.BatchSize, c.Accumulation = 32, 2, 2
	c.MaxSteps, c.LoggingSteps, c.EvalSteps, c.EvalBatches = 30, 4, 7, 2
	c.Threads, c.Quiet, c.OutputDir, c.SaveSteps = 1, true, dir, -1
	return c
}

// smallCorpus writes a corpus of 60 short documents, of which three validate.
func smallCorpus(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	for d := range corpus.DemoDocuments(1, 60) {
		text.WriteString(strings.Join(d.Sentences, " ") + "\n\n")
	}
	path := filepath.Join(t.TempDir(), "corpus.txt")
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// spawn starts a child process on a configuration.
func spawn(t *testing.T, c train.Config, stopAfter int64) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childConfig+"="+string(text), fmt.Sprintf("%s=%d", childStop, stopAfter))
	cmd.Stderr = new(bytes.Buffer)
	return cmd
}

// runChild runs a child to its end and checks its exit code.
func runChild(t *testing.T, c train.Config, stopAfter int64, want int) {
	t.Helper()
	cmd := spawn(t, c, stopAfter)
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != want {
		t.Fatalf("run to step %d: exit code %d, expected %d (%v): %s", stopAfter, code, want, err, cmd.Stderr)
	}
}

// result is what must be equal: the SHA-256 of weights with topology, of
// moments with explored bits, and the metrics without their clock times.
type result struct {
	weights, optimizer, state string
	metrics                   string
}

// resultOf reads the result of a finished run of 30 steps.
func resultOf(t *testing.T, dir string) result {
	t.Helper()
	return resultAt(t, dir, 30)
}

// resultAt reads the result of a run that ended after a step.
func resultAt(t *testing.T, dir string, step int64) result {
	t.Helper()
	found, skipped, err := checkpoint.Latest(filepath.Join(dir, checkpoint.FolderName))
	if err != nil || len(skipped) > 0 || found.Step != step {
		t.Fatalf("%s: newest checkpoint %+v, skipped %v, error %v", dir, found, skipped, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []byte
	for line := range bytes.Lines(text) {
		comparable, err := metrics.Comparable(line)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(append(lines, comparable...), '\n')
	}
	return result{found.Files["model.safetensors"].SHA256, found.Files["optimizer.safetensors"].SHA256, "", string(lines)}
}

// checkEqual compares a cut run's result with the uninterrupted one's.
func checkEqual(t *testing.T, what string, got, want result) {
	t.Helper()
	if got.weights != want.weights {
		t.Errorf("%s: weights or topology differ", what)
	}
	if got.optimizer != want.optimizer {
		t.Errorf("%s: moments, ages or explored bits differ", what)
	}
	if got.metrics != want.metrics {
		t.Errorf("%s: metrics differ\n--- cut\n%s--- uninterrupted\n%s", what, got.metrics, want.metrics)
	}
}

// A run cut after any step and resumed in a fresh process ends as the uninterrupted one.
func TestResumeAfterEveryStep(t *testing.T) {
	text := smallCorpus(t)
	whole := smallRun(text, filepath.Join(t.TempDir(), "whole"))
	runChild(t, whole, 0, 0)
	want := resultOf(t, whole.OutputDir)
	if n := bytes.Count([]byte(want.metrics), []byte(`"kind":"topology"`)); n != 7 {
		t.Fatalf("the uninterrupted run has %d topology updates, expected 7:\n%s", n, want.metrics)
	}
	steps := int64(30)
	equal := 0
	for cut := int64(1); cut <= steps; cut++ {
		if testing.Short() && cut != 13 {
			continue // the race detector sees enough in one
		}
		c := smallRun(text, filepath.Join(t.TempDir(), fmt.Sprint(cut)))
		runChild(t, c, cut, 7) // after the last step too: its evaluation is to come
		c.Resume = true
		// The number of threads may change on the way.
		c.Threads = 2
		runChild(t, c, 0, 0)
		checkEqual(t, fmt.Sprintf("cut after step %d", cut), resultOf(t, c.OutputDir), want)
		equal++
	}
	t.Logf("%d cut runs equal the uninterrupted one", equal)
}

// kill -9 at random times, also while saving: a valid checkpoint is always
// found, and in the end nothing is lost.
func TestKillAtRandomTimes(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: kills are looked at without the race detector")
	}
	const kills = 50
	text := smallCorpus(t)
	whole := smallRun(text, filepath.Join(t.TempDir(), "whole"))
	runChild(t, whole, 0, 0)
	want := resultOf(t, whole.OutputDir)

	random := rand.New(rand.NewPCG(1, 2))
	killed, finished, whileSaving := 0, 0, 0
	for run := 0; killed < kills; run++ {
		c := smallRun(text, filepath.Join(t.TempDir(), fmt.Sprint(run)))
		c.SaveSteps = 1
		for {
			_, err := os.Stat(filepath.Join(c.OutputDir, "config.yaml"))
			c.Resume = err == nil
			if !c.Resume {
				// Killed before it had described itself: nothing to resume, nothing lost.
				if err := os.RemoveAll(c.OutputDir); err != nil {
					t.Fatal(err)
				}
			}
			before := newestStep(t, c.OutputDir)
			cmd := spawn(t, c, 0)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- cmd.Wait() }()
			var err2 error
			select {
			case err2 = <-done:
			case <-time.After(time.Duration(20+random.IntN(250)) * time.Millisecond):
				if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Fatal(err)
				}
				err2 = <-done
			}
			if cmd.ProcessState.ExitCode() == 0 {
				finished++
				break
			}
			if cmd.ProcessState.ExitCode() > 0 {
				t.Fatalf("run %d failed: %v: %s", run, err2, cmd.Stderr)
			}
			killed++
			if leftovers, _ := filepath.Glob(filepath.Join(c.OutputDir, "checkpoints", ".tmp-*")); len(leftovers) > 0 {
				whileSaving++
			}
			checkKilled(t, c.OutputDir)
			if after := newestStep(t, c.OutputDir); after < before {
				t.Fatalf("run %d: the newest good checkpoint went from step %d back to %d", run, before, after)
			}
		}
		checkEqual(t, fmt.Sprintf("run %d, killed %d times so far", run, killed), resultOf(t, c.OutputDir), want)
	}
	t.Logf("%d kills, %d of them while saving; %d runs ended, all equal to the uninterrupted one", killed, whileSaving, finished)
}

// newestStep returns the step of the newest good checkpoint, -1 for none.
func newestStep(t *testing.T, dir string) int64 {
	t.Helper()
	found, skipped, err := checkpoint.Latest(filepath.Join(dir, checkpoint.FolderName))
	if len(skipped) > 0 {
		t.Fatalf("a kill left damaged checkpoints: %v", skipped)
	}
	if err != nil {
		return -1
	}
	return found.Step
}
