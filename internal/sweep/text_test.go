package sweep

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// textSweep writes a sweep's file of some runs of two steps beside a text.
func textSweep(t *testing.T, dir, corpus, seeds string) string {
	t.Helper()
	path := filepath.Join(dir, "sweep.yaml")
	text := `
defaults: {vocab_size: 160, layers: 1, hidden: 32, heads: 2, ffn: 64, seq_len: 32, batch_size: 2, block_size: 8, sparsity: 0.75, max_steps: 2, final_eval_batches: 1, corpus: [` + corpus + `]}
groups:
  - name: a
    cross: {seed: [` + seeds + `]}
`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// A sweep that goes on over another text, also under the same name, is refused; one
// whose text was moved is not.
func TestSweepIsOfOneText(t *testing.T) {
	dir := filepath.Dir(smallSweep(t))
	out := filepath.Join(t.TempDir(), "out")
	if err := newSweep(t, textSweep(t, dir, "text.txt", "1"), out, 1, &quiet{}).Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if line := read(t, out, ResultsName); !strings.Contains(line, `"text":{"train":"`) {
		t.Errorf("found the result %s, expected the fingerprints of its text", line)
	}
	if err := os.Rename(filepath.Join(dir, "text.txt"), filepath.Join(dir, "moved.txt")); err != nil {
		t.Fatal(err)
	}
	if err := newSweep(t, textSweep(t, dir, "moved.txt", "1, 2"), out, 1, &quiet{}).Do(t.Context()); err != nil {
		t.Errorf("found %v, expected no error of a text that was moved", err)
	}
	whole := read(t, dir, "moved.txt")
	first, rest, _ := strings.Cut(whole, "\n\n")
	if err := os.WriteFile(filepath.Join(dir, "moved.txt"), []byte(rest+first+"\n\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	results := read(t, out, ResultsName)
	err := newSweep(t, textSweep(t, dir, "moved.txt", "1, 2, 3"), out, 1, &quiet{}).Do(t.Context())
	if !errors.Is(err, train.ErrUsage) || !strings.Contains(err.Error(), "training text") {
		t.Errorf("found %v, expected an error of another text", err)
	}
	if got := read(t, out, ResultsName); got != results {
		t.Errorf("found the results %s, expected them unchanged", got)
	}
}
