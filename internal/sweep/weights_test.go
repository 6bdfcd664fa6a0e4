package sweep

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Runs may start from weights that the file names from its own folder, and go on
// after a cut.
func TestSweepFromWeights(t *testing.T) {
	file := smallSweep(t)
	dir := filepath.Dir(file)
	text := strings.Replace(read(t, file), "  max_steps: 12\n", "  max_steps: 4\n", 1)
	text, _, _ = strings.Cut(text, "groups:")
	head := text + "groups:\n  - {name: start, set: {method: dense, learning_rate: 0.003}"
	for name, content := range map[string]string{
		"start.yaml": head + "}\n",
		"sweep.yaml": strings.Replace(head, "method: dense", "method: static, init_from: start/runs/start", 1) + ", cross: {sparsity: [0.5, 0.75]}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := newSweep(t, filepath.Join(dir, "start.yaml"), filepath.Join(dir, "start"), 1, &quiet{}).Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	if err := newSweep(t, file, out, 1, &quiet{}).Do(t.Context()); err != nil {
		t.Fatal(err, read(t, out, "results.jsonl"))
	}
	want := read(t, out, "results.jsonl")
	if n := strings.Count(want, `"status":"done"`); n != 2 || !strings.Contains(want, "start/runs/start") {
		t.Fatalf("found %d runs done, expected 2 from start: %s", n, want)
	}
	// As a kill behind a checkpoint leaves it.
	if err := os.RemoveAll(filepath.Join(out, "runs", "start-s0.5", "checkpoints", "step-4")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(out, "results.jsonl")); err != nil {
		t.Fatal(err)
	}
	if err := newSweep(t, file, out, 1, &quiet{}).Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, out, "results.jsonl"); got != want {
		t.Errorf("found other results after an interruption:\n%s\nexpected\n%s", got, want)
	}
}
