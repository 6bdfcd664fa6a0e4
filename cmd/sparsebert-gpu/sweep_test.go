package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
)

// tinySweep writes a sweep's file with two runs of a moment.
func tinySweep(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.yaml")
	text := `
defaults: {layers: 1, hidden: 32, heads: 2, ffn: 64, block_size: 8, sparsity: 0.5, seq_len: 32, batch_size: 4,
  max_steps: 6, updates: 3, eval_batches: 1, final_eval_batches: 2}
groups:
  - name: g
    cross: {method: [static, dynamic]}
`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSweepCommand(t *testing.T) {
	file, out := tinySweep(t), filepath.Join(t.TempDir(), "out")
	for _, args := range [][]string{{"--dry-run"}, {"--list"}, {"--dry-run", "--out", out}} {
		code, text, errs := invoke(append([]string{"sweep", file}, args...)...)
		if code != 0 || errs != "" || !strings.Contains(text, "2 runs") && !strings.Contains(text, "g-dynamic") {
			t.Errorf("%v: exit code %d, %q, %q", args, code, text, errs)
		}
		if _, err := os.Stat(out); !os.IsNotExist(err) {
			t.Fatalf("%v: found %s written", args, out)
		}
	}
	code, text, errs := invoke("sweep", file, "--out", out, "--jobs", "2")
	if code != 0 || !strings.Contains(text, "g      2     0         0") {
		t.Fatalf("exit code %d, %s%s", code, text, errs)
	}
	for _, want := range []string{"run=g-static", "run=g-dynamic", "finished=2"} {
		if !strings.Contains(errs, want) {
			t.Errorf("found log %q, expected %q in it", errs, want)
		}
	}
	results, err := os.ReadFile(filepath.Join(out, "results.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	// A run of the sweep is what train makes of the same settings.
	alone := filepath.Join(t.TempDir(), "alone")
	if code, _, errs := invoke(quick(alone, "--method", "static", "--logging-steps", "20", "--final-eval-batches", "2")...); code != 0 {
		t.Fatal(errs)
	}
	var r struct {
		Name    string
		MLMLoss float64 `json:"mlm_loss"`
	}
	if err := json.Unmarshal([]byte(strings.Split(string(results), "\n")[0]), &r); err != nil || r.Name != "g-static" {
		t.Fatalf("found %+v (%v), expected g-static first", r, err)
	}
	metrics, err := os.ReadFile(filepath.Join(alone, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	loss, err := json.Marshal(r.MLMLoss)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(metrics), `"mlm_loss":`+string(loss)) {
		t.Errorf("found loss %s in the sweep, expected that of train:\n%s", loss, metrics)
	}
	if code, text, _ := invoke("sweep", file, "--out", out, "--list"); code != 0 || strings.Count(text, "done") != 2 {
		t.Errorf("exit code %d, %s; expected two runs done", code, text)
	}
}

// --list is for a sweep that another process is at: the folders are locked, one run
// is half way and the last line of its metrics is not whole.
func TestSweepListWhileRunning(t *testing.T) {
	file, out := tinySweep(t), filepath.Join(t.TempDir(), "out")
	if code, _, errs := invoke("sweep", file, "--out", out); code != 0 {
		t.Fatal(errs)
	}
	half := filepath.Join(out, "runs", "g-dynamic")
	log := filepath.Join(half, metrics.FileName)
	if err := metrics.TruncateAfter(log, 4); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	results, err := os.ReadFile(filepath.Join(out, "results.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(results), "\n")
	for path, text := range map[string]string{log: string(whole) + `{"kind":"eval","step":6,`, filepath.Join(out, "results.jsonl"): first + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{out, half} {
		lock, err := checkpoint.Lock(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Unlock()
	}
	code, text, errs := invoke("sweep", file, "--out", out, "--list")
	lines := strings.Split(text, "\n")
	if code != 0 || errs != "" || len(lines) != 4 {
		t.Fatalf("exit code %d, %s%s", code, text, errs)
	}
	for i, want := range []string{"RUN STATE STEPS MLM LOSS", "g-static done 6/6 ", "g-dynamic begun 4/6"} {
		if found := strings.Join(strings.Fields(lines[i]), " "); !strings.HasPrefix(found, want) {
			t.Errorf("found %q, expected %q", found, want)
		}
	}
	if code, _, errs := invoke("sweep", file, "--out", t.TempDir()+"/..", "--list"); code != exit.Usage || strings.Count(errs, "\n") != 1 {
		t.Errorf("exit code %d, %q, expected 2 and one line on a folder that is no sweep's", code, errs)
	}
	if code, _, errs := invoke("sweep", file+".none", "--out", out, "--list"); code != exit.Usage || strings.Count(errs, "\n") != 1 {
		t.Errorf("exit code %d, %q, expected 2 and one line on a file that is not there", code, errs)
	}
}

func TestSweepUsage(t *testing.T) {
	file, out := tinySweep(t), filepath.Join(t.TempDir(), "out")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "no FILE given"},
		{[]string{file, file}, "found 2 arguments"},
		{[]string{file}, "no --out given"},
		{[]string{file, "--out", out, "--jobs", "0"}, "--jobs: found 0"},
		{[]string{file, "--out", out, "--nonsense"}, "found unknown flag --nonsense"},
		{[]string{file + ".none", "--out", out}, "expected a readable sweep's file"},
		{[]string{file, "--out", out, "--corpus", file + ".none"}, "nothing there"},
		{[]string{file, "--out", out, "--threads", "-1"}, "threads: found -1"},
		{[]string{file, "--out", out, "--device", "tpu"}, `device: found "tpu"`},
		{[]string{file, "--out", out, "--precision", "bf16"}, "precision: found bf16"},
	} {
		code, _, errs := invoke(append([]string{"sweep"}, c.args...)...)
		if code != exit.Usage || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q, expected 2 and one line with %q", c.args, code, errs, c.want)
		}
		if _, err := os.Stat(out); !os.IsNotExist(err) {
			t.Fatalf("%v: found %s written", c.args, out)
		}
	}
}

// A signal ends a sweep with its exit code, and the next one goes on.
func TestSweepStopped(t *testing.T) {
	file, out := tinySweep(t), filepath.Join(t.TempDir(), "out")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(exit.Signal{Name: "SIGTERM", Code: exit.SIGTERM})
	var stdout, stderr strings.Builder
	if code := run(ctx, []string{"sparsebert-gpu", "sweep", file, "--out", out}, &stdout, &stderr); code != exit.SIGTERM {
		t.Errorf("exit code %d, expected %d: %s", code, exit.SIGTERM, stderr.String())
	}
	if code, _, errs := invoke("sweep", file, "--out", out); code != 0 {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// What stands in a run's way is said before anything starts.
func TestSweepOfDamagedRuns(t *testing.T) {
	file, out := tinySweep(t), filepath.Join(t.TempDir(), "out")
	if err := os.MkdirAll(filepath.Join(out, "runs", "g-static", "config.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := invoke("sweep", file, "--out", out); code != exit.Usage || !strings.Contains(errs, "run g-static: ") {
		t.Errorf("exit code %d, %s; expected 2, as the folder is in the way before anything starts", code, errs)
	}
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := invoke("sweep", file, "--out", out); code != 0 {
		t.Fatal(errs)
	}
	// Its checkpoint is damaged, and there is no other; its result is gone.
	for _, name := range []string{"results.jsonl", "runs/g-static/checkpoints/step-6/trainer.json"} {
		if err := os.WriteFile(filepath.Join(out, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(filepath.Join(out, "runs/g-static/checkpoints/step-5")); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := invoke("sweep", file, "--out", out); code != exit.Usage || !strings.Contains(errs, "run g-static: ") {
		t.Errorf("exit code %d, %s; expected 2 and the damaged checkpoint of g-static", code, errs)
	}
}

// The file that docs/sweeps.md shows is one that can be carried out.
func TestSweepOfThePage(t *testing.T) {
	_, rest, found := strings.Cut(string(read(t, "..", "..", "docs", "sweeps.md")), "```yaml\n")
	text, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("found no block of YAML in the page")
	}
	file := newInputs(t).file("page.yaml", text)
	if code, out, errs := invoke("sweep", file, "--dry-run"); code != exit.Done || !strings.Contains(out, "36 runs") {
		t.Errorf("found exit code %d, %s%s, expected the account of 36 runs", code, out, errs)
	}
}
