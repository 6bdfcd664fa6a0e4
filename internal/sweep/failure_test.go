package sweep

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// What the sweep's file or folder cannot be used for is said before anything is
// written.
func TestBadSweeps(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine")
	}
	file := smallSweep(t)
	text := read(t, file)
	write := func(name, content string) string {
		path := filepath.Join(filepath.Dir(file), name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	out := filepath.Join(t.TempDir(), "out")
	for name, c := range map[string]struct{ from, to, want string }{
		"model":   {"layers: 1", "layers: 5000", "run dense-seed3-lr0.0003: "},
		"block":   {"sparsity: [0.5, 0.75]", "block_size: [8, 64]", "run dynamic-b64-random: "},
		"waiting": {"{seed: [1, 2]}", "{block_size: [8, 3], seed: [1]}", "run dense-b3-seed2-lr0.0003: "},
		"updates": {"{updates: 4,", "{updates: 40,", "run dynamic-s0.5-random: updates: "},
		"text":    {"text.txt", "none.txt", "run dense-seed3-lr0.0003: "},
	} {
		bad := write(name+".yaml", strings.Replace(strings.Replace(text, c.from, c.to, 1), "method: dense", "method: static", 1))
		err := newSweep(t, bad, out, 1, &quiet{}).Do(context.Background())
		if err == nil || !train.IsUsage(err) || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: found %v, expected a usage error that begins with %s", name, err, c.want)
		}
		if _, err := os.Stat(out); !os.IsNotExist(err) {
			t.Fatalf("%s: found %s written", name, out)
		}
	}
	if err := newSweep(t, file, filepath.Dir(file), 1, &quiet{}).Do(context.Background()); err != nil {
		// The folder has a sweep.yaml, so it passes for a sweep's.
		t.Errorf("found %v, expected none", err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := newSweep(t, file, other, 1, &quiet{}).Do(context.Background()); !train.IsUsage(err) || !strings.Contains(err.Error(), "thesis.txt") {
		t.Errorf("found %v, expected a usage error that names the other file", err)
	}
	// Another rate for runs that are there already, and a damaged results.jsonl.
	changed := write("changed.yaml", strings.Replace(text, "learning_rate: 0.005", "learning_rate: 0.006", 1))
	if err := newSweep(t, changed, filepath.Dir(file), 1, &quiet{}).Do(context.Background()); !train.IsUsage(err) ||
		!strings.Contains(err.Error(), "run dynamic-s0.5-random: learning_rate: found 0.006, expected 0.005") {
		t.Errorf("found %v, expected a usage error on the learning rate", err)
	}
	write(ResultsName, "{}\n")
	if err := newSweep(t, file, filepath.Dir(file), 1, &quiet{}).Do(context.Background()); !train.IsUsage(err) || !strings.Contains(err.Error(), "results.jsonl:1: found") {
		t.Errorf("found %v, expected a usage error on results.jsonl", err)
	}
}

// A run that diverges is a result; one that fails is tried again, and the others
// are made all the same.
func TestRunsThatDoNotEndWell(t *testing.T) {
	file := smallSweep(t)
	text := strings.NewReplacer("0.0003, 0.003, 0.03", "0.00001, 1000", "method: dense", "method: dense, weight_decay: 1000").Replace(read(t, file))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	broken := filepath.Join(out, RunsName, "dynamic-s0.5-gradient")
	watch := &quiet{}
	watch.stepFail = func() { // a folder where the run's metrics should be
		if err := os.MkdirAll(filepath.Join(broken, metrics.FileName), 0o755); err != nil {
			t.Error(err)
		}
		watch.stepFail = nil
	}
	s := newSweep(t, file, out, 1, watch)
	err := s.Do(context.Background())
	if !errors.Is(err, ErrFailed) || train.IsUsage(err) || !strings.Contains(err.Error(), "found 1 of 8") {
		t.Fatalf("found %v, expected one failed run of 8", err)
	}
	results := map[string]*Result{}
	for _, r := range s.Results() {
		results[r.Name] = r
	}
	d := results["dense-seed3-lr1000"]
	if d == nil || d.Status != Diverged || d.MLMLoss != nil || d.Error == "" || d.Steps >= 12 {
		t.Errorf("found %s after %d steps, error %q, loss %v, expected a diverged run", d.Status, d.Steps, d.Error, d.MLMLoss)
	}
	if r := results["dense-seed2"]; r == nil || r.Status != Done {
		t.Errorf("found %+v, expected seed 2 with the rate that did not diverge", r)
	}
	if r := results["dynamic-s0.5-gradient"]; r == nil || r.Status != Failed || r.Error == "" {
		t.Errorf("found %+v, expected a failed run", r)
	}
	if err := os.RemoveAll(broken); err != nil {
		t.Fatal(err)
	}
	again := &quiet{}
	if err := newSweep(t, file, out, 1, again).Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.made, []string{"dynamic-s0.5-gradient"}) {
		t.Errorf("found %v made again, expected the failed run alone", again.made)
	}
}
