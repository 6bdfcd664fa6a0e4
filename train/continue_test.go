package train_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// continued is the configuration of a run that goes on with another one in a new folder.
func continued(t *testing.T, from string) train.Config {
	t.Helper()
	c, err := train.ContinuedConfig(from)
	if err != nil {
		t.Fatal(err)
	}
	c.OutputDir = filepath.Join(t.TempDir(), "continued")
	return c
}

// after drops the records of the first steps.
func after(t *testing.T, r result, step int64) result {
	t.Helper()
	var kept strings.Builder
	for line := range strings.Lines(r.metrics) {
		var rec struct{ Step int64 }
		if err := json.Unmarshal([]byte(line), &rec); err != nil {
			t.Fatal(err)
		}
		if rec.Step > step {
			kept.WriteString(line)
		}
	}
	r.metrics = kept.String()
	return r
}

// A run that is stopped and continued in another folder, with nothing changed, ends as
// the uninterrupted one: every bit, and every record after the cut. So does one that is
// continued twice.
func TestContinueFromEqualsUninterrupted(t *testing.T) {
	text := smallCorpus(t)
	for name, run := range map[string]struct {
		set  func(*train.Config)
		cuts []int64
	}{
		// Updates come after steps 4, 8, 11, 15, 19, 23 and 26.
		"dynamic": {func(*train.Config) {}, []int64{4, 13, 29}},
		"gradient growth": {func(c *train.Config) {
			c.Growth, c.GrowthScore = sparse.GrowGradient, "micro-batch"
		}, []int64{12}},
		"criteria": {func(c *train.Config) {
			c.Growth, c.GrowthScore, c.AblateNeurons = sparse.GrowGradientFanIn, "micro-batch", 0.3
			c.PruneBy, c.PruneAge, c.ProtectNew = sparse.PruneSaliency, 0.7, 1
		}, []int64{13}},
		"age-fair norm": {func(c *train.Config) { c.PruneAge, c.LRSchedule, c.LRSparseScale = 1, model.LRCosine, 0.5 }, []int64{11, 13}},
		"fan-in":        {func(c *train.Config) { c.Growth = sparse.GrowFanIn }, []int64{15}},
		"dense":         {func(c *train.Config) { c.Method = model.Dense }, []int64{7}},
		"partial": {func(c *train.Config) {
			c.Method, c.PartialPhases, c.PartialChoice, c.Updates = model.Partial, model.PhasesAlternate, sparse.ChooseRandom, 4
		}, []int64{6, 8}},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "dynamic" {
				t.Skip("-short: the race detector sees enough in one")
			}
			whole := smallRun(text, filepath.Join(t.TempDir(), "whole"))
			run.set(&whole)
			trained2(t, whole, 0)
			want := resultOf(t, whole.OutputDir)
			for _, cut := range run.cuts {
				c := smallRun(text, filepath.Join(t.TempDir(), fmt.Sprint(cut)))
				run.set(&c)
				trained2(t, c, cut)
				next := continued(t, c.OutputDir)
				if cut == 4 { // once more on the way, from a checkpoint by its own path
					trained2(t, next, 10)
					next = continued(t, filepath.Join(next.OutputDir, "checkpoints", "step-10"))
					cut = 10
				}
				trained2(t, next, 0)
				checkEqual(t, fmt.Sprintf("continued after step %d", cut), resultOf(t, next.OutputDir), after(t, want, cut))
				checkOrigin(t, next.OutputDir, cut)
			}
		})
	}
}

// trained2 is trained on the CPU.
func trained2(t *testing.T, c train.Config, stopAfter int64) {
	t.Helper()
	c.Device = "cpu"
	trained(t, c, stopAfter)
}

// checkOrigin checks that a folder says where its run comes from.
func checkOrigin(t *testing.T, dir string, step int64) {
	t.Helper()
	status, err := train.ReadStatus(dir)
	if err != nil || status.Continues == nil {
		t.Fatalf("found status %+v (%v), expected one that names an origin", status, err)
	}
	o := status.Continues
	from, err := checkpoint.Load(o.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	text, err := train.ReadFingerprint(dir)
	if err != nil {
		t.Fatal(err)
	}
	if o.Step != step || from.Step != step || o.Weights != from.Files["model.safetensors"].SHA256 || o.Optimizer != from.Files["optimizer.safetensors"].SHA256 || *o.Text != *text {
		t.Errorf("found the origin %+v, expected %s of step %d", o, from.Path, step)
	}
	config, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	if err != nil || !bytes.Contains(config, []byte("continue_from: "+o.Checkpoint)) {
		t.Errorf("found %q (%v), expected it to name %s", config, err, o.Checkpoint)
	}
	if status.State != train.StateDone || status.Processes[0].From != step {
		t.Errorf("found %+v, expected a run that is done and began after step %d", status, step)
	}
}

// The simulated GPU continues bit by bit too.
func TestContinueFromOnTheSimulator(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the simulator's goroutines are looked at in its own package")
	}
	text := smallCorpus(t)
	whole := simRun(t, text)
	trained(t, whole, 0)
	c := simRun(t, text)
	trained(t, c, 3)
	next := continued(t, c.OutputDir)
	trained(t, next, 0)
	checkEqual(t, "continued after step 3", resultAt(t, next.OutputDir, simSteps), after(t, resultAt(t, whole.OutputDir, simSteps), 3))
}

// A continued run that is killed before its first checkpoint, or later, is resumed as
// any other.
func TestContinuedRunResumes(t *testing.T) {
	text := smallCorpus(t)
	c := smallRun(text, filepath.Join(t.TempDir(), "from"))
	trained2(t, c, 11)
	whole := continued(t, c.OutputDir)
	whole.Sparsity, whole.MaxSteps, whole.SaveSteps = 0.5, 30, -1
	trained2(t, whole, 0)
	want := resultOf(t, whole.OutputDir)

	cut := continued(t, c.OutputDir)
	cut.Sparsity, cut.MaxSteps, cut.SaveSteps = 0.5, 30, -1
	trained2(t, cut, 20)
	cut.Resume = true
	trained2(t, cut, 0)
	checkEqual(t, "cut and resumed", resultOf(t, cut.OutputDir), want)

	lost := continued(t, c.OutputDir)
	lost.Sparsity, lost.MaxSteps, lost.SaveSteps = 0.5, 30, -1
	trained2(t, lost, 14)
	if err := os.RemoveAll(filepath.Join(lost.OutputDir, "checkpoints")); err != nil {
		t.Fatal(err)
	}
	lost.Resume = true
	trained2(t, lost, 0)
	checkEqual(t, "begun again", resultOf(t, lost.OutputDir), want)
}

// What cannot be continued is refused in one line, before anything is written.
func TestContinueFromRefuses(t *testing.T) {
	text := smallCorpus(t)
	from := smallRun(text, filepath.Join(t.TempDir(), "from"))
	trained2(t, from, 6)
	vocab := filepath.Join(t.TempDir(), "vocab.txt")
	if err := os.WriteFile(vocab, []byte("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\n##a\n##b\nd\ne\nf\ng\nh\ni\nj\nk\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for says, set := range map[string]func(*train.Config){
		"block_size: found 4, expected 8":                              func(c *train.Config) { c.BlockSize = 4 },
		"max_steps: found 6, expected more than the 6 steps":           func(c *train.Config) { c.MaxSteps, c.Updates, c.WarmupSteps = 6, 2, 0 },
		"init_from: found it beside continue_from":                     func(c *train.Config) { c.InitFrom = from.OutputDir },
		"init_heads: found it beside continue_from":                    func(c *train.Config) { c.InitHeads = true },
		"hidden: found 64, expected 32":                                func(c *train.Config) { c.Hidden = 64 },
		"model: found small with layers 4, expected 2":                 func(c *train.Config) { c.Model, c.Given = "small", []string{"model"} },
		"init_from: found another vocabulary (18 tokens) than that of": func(c *train.Config) { c.Vocab = vocab },
		"no usable checkpoint: found a folder of runs":                 func(c *train.Config) { c.ContinueFrom = filepath.Join(from.OutputDir, "..") },
	} {
		c := continued(t, from.OutputDir)
		set(&c)
		_, err := train.Run(t.Context(), c, openCPU, nil)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("found %v, expected %q", err, says)
		}
		if _, err := os.Stat(c.OutputDir); err == nil {
			t.Errorf("%s: found the folder made", says)
		}
	}
}

// The model card of a continued run counts the steps before as they were.
func TestCardOfContinuedRun(t *testing.T) {
	c := smallRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	c.Method, c.EvalSteps = model.Dense, 0
	trained2(t, c, 20)
	next := continued(t, c.OutputDir)
	next.Method, next.Updates = model.Dynamic, 2
	next.Device = "cpu"
	summary, err := train.Run(t.Context(), next, openCPU, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "hf")
	if _, err := train.Export(t.Context(), next.OutputDir, out, train.FormatHF, "test"); err != nil {
		t.Fatal(err)
	}
	card, err := os.ReadFile(filepath.Join(out, "README.md"))
	if want := fmt.Sprintf("forward and backward | %.4g |", summary.FLOPs); err != nil || !strings.Contains(string(card), want) {
		t.Errorf("found the card %s (%v), expected %q in it", card, err, want)
	}
}
