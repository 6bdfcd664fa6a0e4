package train_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// The test text is measured once, after the last step, also by a run that was resumed, and nothing
// else of the run hangs on it.
func TestTestTextIsMeasuredOnce(t *testing.T) {
	folder := t.TempDir()
	write := func(name string, from, to int) string {
		var text strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&text, "The cat number %03d sat%s. The dog ran away.\n\n", i, strings.Repeat(" and the cat", i/40))
		}
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := train.DefaultConfig()
	c.Layers, c.Hidden, c.Heads, c.FFN, c.BlockSize, c.VocabSize, c.SeqLen, c.BatchSize, c.Threads = 1, 32, 2, 64, 8, 60, 16, 2, 1
	c.MaxSteps, c.Updates, c.SaveSteps, c.EvalSteps, c.Device = 6, 2, 2, 2, "cpu"
	c.Corpus, c.Valid = []string{write("corpus.txt", 0, 60)}, []string{write("valid.txt", 60, 80)}
	plain := c
	plain.OutputDir = filepath.Join(folder, "plain")
	want, err := train.Run(t.Context(), plain, openCPU, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want.Test != nil {
		t.Errorf("without a test text: found %+v", want.Test)
	}
	c.Test, c.OutputDir = []string{write("test.txt", 80, 100)}, filepath.Join(folder, "run")
	got, err := train.Run(t.Context(), c, openCPU, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Eval != want.Eval || got.Test == nil || got.Test.MLMLoss == got.Eval.MLMLoss {
		t.Errorf("found %+v and test %+v, expected the evaluation %+v and another of the test text", got.Eval, got.Test, want.Eval)
	}
	alone, err := train.Evaluate(t.Context(), c.OutputDir, train.EvalOptions{Corpus: c.Test}, openCPU)
	if err != nil {
		t.Fatal(err)
	}
	if alone.Metrics != *got.Test {
		t.Errorf("found %+v, expected %+v as by itself", got.Test, alone.Metrics)
	}
	tests := func() (n int) {
		records, err := metrics.Read(filepath.Join(c.OutputDir, metrics.FileName))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if r.Kind() == "test" {
				n++
				if r.At() != 6 {
					t.Errorf("found the test text measured after step %d, expected 6", r.At())
				}
			}
		}
		return n
	}
	if n := tests(); n != 1 {
		t.Errorf("found %d test records, expected one", n)
	}
	if err := os.RemoveAll(filepath.Join(c.OutputDir, "checkpoints", "step-6")); err != nil {
		t.Fatal(err)
	}
	c.Resume = true
	again, err := train.Run(t.Context(), c, openCPU, nil)
	if err != nil || *again.Test != *got.Test || tests() != 1 {
		t.Errorf("resumed: found %+v, error %v and %d test records, expected %+v and one", again, err, tests(), got.Test)
	}
	c.Test = []string{write("other.txt", 100, 120)}
	if _, err := train.Run(t.Context(), c, openCPU, nil); !train.IsUsage(err) || !strings.Contains(err.Error(), "test: found another text") {
		t.Errorf("another test text: found %v", err)
	}
}
