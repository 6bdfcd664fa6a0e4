package evaluate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/evaluate"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// trained makes a short run and returns its folder and its last evaluation.
func trained(t *testing.T) (dir string, s *train.Summary) {
	t.Helper()
	c := train.DefaultConfig()
	c.Layers, c.Hidden, c.Heads, c.FFN, c.BlockSize, c.SeqLen, c.BatchSize, c.MaxSteps, c.Updates = 1, 32, 2, 64, 8, 32, 4, 4, 2
	c.EvalBatches, c.FinalBatches, c.Device, c.Quiet, c.SaveSteps = 2, 2, "cpu", true, 2
	c.OutputDir = filepath.Join(t.TempDir(), "run")
	log := progress.NewLog(&bytes.Buffer{}, true, false)
	s, err := train.Run(t.Context(), c, device.Opener{}.Open, progress.NewRun(log, &bytes.Buffer{}, c))
	if err != nil {
		t.Fatal(err)
	}
	return c.OutputDir, s
}

func TestRun(t *testing.T) {
	dir, summary := trained(t)
	var open device.Opener
	o := evaluate.Options{Checkpoint: dir, Batches: 2, Device: "cpu", Open: open.Open, Log: zerolog.Nop()}
	r, err := evaluate.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// The run's own last evaluation saw the same batches with the same weights.
	if r.MLMLoss != summary.Eval.MLMLoss || r.NSPAccuracy != summary.Eval.NSPAccuracy || r.Step != 4 {
		t.Errorf("found %+v, expected the run's own %+v", r, summary.Eval)
	}
	if d := r.Perplexity/math.Exp(r.MLMLoss) - 1; !(math.Abs(d) < 1e-9) {
		t.Errorf("found perplexity %v of loss %v", r.Perplexity, r.MLMLoss)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"mlm_loss":`) || !strings.Contains(string(text), `"unigram_entropy":`) {
		t.Errorf("found %s", text)
	}
	var out bytes.Buffer
	if err := r.Write(&out); err != nil || strings.Count(out.String(), "\n") != 4 || !strings.Contains(out.String(), "(step 4)") {
		t.Errorf("found %q and error %v", out.String(), err)
	}

	corpus := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(corpus, []byte(strings.Repeat("The cat sat. The dog ran away.\n\n", 50)), 0o644); err != nil {
		t.Fatal(err)
	}
	o.Corpus, o.Vocab = []string{corpus}, filepath.Join(dir, "vocab.txt")
	other, err := evaluate.Run(t.Context(), o)
	if err != nil || other.MLMLoss == r.MLMLoss || other.Tokens == r.Tokens {
		t.Errorf("another text: found %+v and error %v, expected another loss than %v", other, err, r.MLMLoss)
	}
}

func TestRunErrors(t *testing.T) {
	dir, _ := trained(t)
	vocab := filepath.Join(t.TempDir(), "vocab.txt")
	if err := os.WriteFile(vocab, []byte("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var open device.Opener
	for _, c := range []struct {
		name   string
		change func(o *evaluate.Options)
		says   string
	}{
		{"vocabulary", func(o *evaluate.Options) { o.Vocab = vocab }, "vocab: found " + vocab + " with 6 tokens, expected the checkpoint's own vocabulary"},
		{"precision", func(o *evaluate.Options) { o.Precision = "bf16" }, "precision: found bf16, expected fp32"},
		{"device", func(o *evaluate.Options) { o.Device = "abacus" }, `device: found "abacus"`},
		{"corpus", func(o *evaluate.Options) { o.Corpus = []string{vocab + ".none"} }, "nothing there"},
	} {
		o := evaluate.Options{Checkpoint: dir, Device: "cpu", Open: open.Open, Log: zerolog.Nop()}
		c.change(&o)
		if r, err := evaluate.Run(t.Context(), o); r != nil || err == nil || !usage.Is(err) && !train.IsUsage(err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: found %v and error %v, expected %q", c.name, r, err, c.says)
		}
	}
}

// Without --corpus a checkpoint is measured on the run's own validation text, or not at all.
func TestRunComparesTheText(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "text.txt")
	var docs strings.Builder
	for i := range 80 {
		fmt.Fprintf(&docs, "The cat number %d sat. The dog ran away.\n\n", i)
	}
	write := func(text, content string) {
		if err := os.WriteFile(text, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(text, docs.String())
	c := train.DefaultConfig()
	c.Layers, c.Hidden, c.Heads, c.FFN, c.BlockSize, c.SeqLen, c.BatchSize, c.MaxSteps, c.Updates = 1, 32, 2, 64, 8, 32, 4, 2, 2
	c.Device, c.VocabSize, c.Corpus, c.OutputDir = "cpu", 60, []string{text}, filepath.Join(folder, "run")
	var open device.Opener
	if _, err := train.Run(t.Context(), c, open.Open, nil); err != nil {
		t.Fatal(err)
	}
	o := evaluate.Options{Checkpoint: c.OutputDir, Batches: 1, Device: "cpu", Open: open.Open, Log: zerolog.Nop()}
	if _, err := evaluate.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	write(text, strings.Replace(docs.String(), "number 19 sat", "sat 19 number", 1)) // in the validation part, with the same counts
	const says = "expected the validation text of the run; --corpus evaluates on another"
	if r, err := evaluate.Run(t.Context(), o); r != nil || !train.IsUsage(err) || !strings.Contains(err.Error(), says) {
		t.Errorf("found %v and error %v, expected %q", r, err, says)
	}
	o.Corpus = []string{text}
	if _, err := evaluate.Run(t.Context(), o); err != nil {
		t.Errorf("with a corpus: found %v", err)
	}
}

// A damaged checkpoint is passed over for the one before it, with a warning.
func TestRunPassesOverDamage(t *testing.T) {
	dir, _ := trained(t)
	if err := os.Truncate(filepath.Join(dir, "checkpoints", "step-4", "model.safetensors"), 9); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	var open device.Opener
	r, err := evaluate.Run(t.Context(), evaluate.Options{Checkpoint: dir, Batches: 1, Device: "cpu", Open: open.Open, Log: progress.NewLog(&log, true, false)})
	if err != nil || r.Step != 2 || !strings.Contains(log.String(), "passed over a damaged checkpoint") {
		t.Errorf("found %+v, error %v and log %q, expected step 2 and a warning", r, err, log.String())
	}
}

// A loss above 709 nats has no finite perplexity; JSON says null.
func TestResultBeyondJSON(t *testing.T) {
	text, err := json.Marshal(evaluate.Result{Step: 3, MLMLoss: 1000, Perplexity: math.Inf(1), NSPLoss: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	var found map[string]any
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	if p, has := found["perplexity"]; !has || p != nil || found["mlm_loss"] != 1000. || found["nsp_loss"] != 0.5 || found["step"] != 3. {
		t.Errorf("found %s, expected null for the perplexity alone", text)
	}
}
