package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/evaluate"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// invoke runs the program in this process.
func invoke(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), append([]string{"sparsebert-gpu"}, args...), &out, &err)
	return code, out.String(), err.String()
}

// quick are flags of a run that takes a moment.
func quick(dir string, more ...string) []string {
	return append([]string{
		"train", "--layers", "1", "--hidden", "32", "--heads", "2", "--ffn", "64", "--block-size", "8", "--sparsity", "0.5",
		"--seq-len", "32", "--batch-size", "4", "--max-steps", "6", "--updates", "3", "--logging-steps", "2", "--eval-batches", "1", "--save-steps=-1",
		"--quiet", "--output-dir", dir,
	}, more...)
}

// tree lists the files below a folder with their sizes.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			files = append(files, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestTrainEvalInspect(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, out, errs := invoke(quick(dir)...)
	if code != exit.Done {
		t.Fatalf("train: exit code %d: %s", code, errs)
	}
	for _, want := range []string{"masked tokens", "explored DOF", dir, "FLOPs"} {
		if !strings.Contains(out, want) {
			t.Errorf("train: the summary should contain %q: %s", want, out)
		}
	}
	for _, name := range []string{"config.yaml", "environment.json", "vocab.txt", "metrics.jsonl", "checkpoints/step-6/model.safetensors"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("train: %v", err)
		}
	}

	code, out, errs = invoke("eval", "--checkpoint", dir, "--json")
	if code != exit.Done {
		t.Fatalf("eval: exit code %d: %s", code, errs)
	}
	var e evaluate.Result
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		t.Fatal(err)
	}
	// The run's own last evaluation saw the same examples with the same weights.
	if last := lastEval(t, dir); last.MLMLoss != e.MLMLoss || last.Step != 6 || e.Step != 6 {
		t.Errorf("eval says %+v, the run's last evaluation %+v", e, last)
	}

	code, out, errs = invoke("inspect", "--checkpoint", dir, "--png", filepath.Join(t.TempDir(), "w.png"))
	if code != exit.Done || !strings.Contains(out, "bert.encoder.layer.0.attention.self.query.weight") || !strings.Contains(out, "█") {
		t.Errorf("inspect: exit code %d: %s%s", code, out, errs)
	}

	code, _, errs = invoke(quick(dir)...)
	if code != exit.Usage || !strings.Contains(errs, "not empty") {
		t.Errorf("a second run in the same folder: exit code %d: %s", code, errs)
	}
	code, _, errs = invoke("train", "--resume", "--output-dir", dir, "--learning-rate", "0.5", "--quiet")
	if code != exit.Usage || !strings.Contains(errs, "learning_rate") {
		t.Errorf("resume with another learning rate: exit code %d: %s", code, errs)
	}
	code, _, errs = invoke("train", "--resume", "--output-dir", dir, "--quiet")
	if code != exit.Done {
		t.Errorf("resume of a finished run: exit code %d: %s", code, errs)
	}
}

// Flag over environment over file; _ stands for - in flags.
func TestConfigPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("seed: 5\nmax_steps: 7\nbatch_size: 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SPARSEBERT_MAX_STEPS", "8")
	t.Setenv("SPARSEBERT_BATCH_SIZE", "9")
	var got train.Config
	app := newApp(new(bytes.Buffer), new(bytes.Buffer))
	for _, cmd := range app.Commands {
		if cmd.Name == "train" {
			cmd.Action = func(c *cli.Context) (err error) {
				got, err = readConfig(c, train.DefaultConfig(), settings.All())
				return err
			}
		}
	}
	if err := app.Run(commandline.FoldUnderscores([]string{"sparsebert-gpu", "train", "--config", file, "--batch_size=2", "--corpus", "a,b", "--corpus", "c_d"})); err != nil {
		t.Fatal(err)
	}
	if got.Seed != 5 || got.MaxSteps != 8 || got.BatchSize != 2 || !slices.Equal(got.Corpus, []string{"a,b", "c_d"}) {
		t.Errorf("found seed %d, steps %d, batch %d, corpus %q, expected 5 (file), 8 (environment), 2 (flag), [a,b c_d]",
			got.Seed, got.MaxSteps, got.BatchSize, got.Corpus)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	parent := t.TempDir()
	code, out, errs := invoke(quick(filepath.Join(parent, "run"), "--dry-run")...)
	if code != exit.Done {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, want := range []string{"PARAMETERS", "FLOPs", "MEMORY", "disk", "steps"} {
		if !strings.Contains(out, want) {
			t.Errorf("expected %q in %s", want, out)
		}
	}
	if left := tree(t, parent); len(left) > 1 {
		t.Errorf("something was written: %v", left)
	}
}

// The paper's FLOPs per sequence, to the digits that it prints.
func TestFLOPsOfThePaper(t *testing.T) {
	for _, c := range []struct {
		args []string
		want float64
		unit float64 // half of the last printed digit
	}{
		{[]string{"--model", "mini", "--method", "dense"}, 2.617e9, 0.5e6},
		{[]string{"--model", "small", "--method", "dense"}, 10.07e9, 0.5e7},
		{[]string{"--model", "medium", "--sparsity", "0.9"}, 2.738e9, 0.5e6},
		{[]string{"--model", "base", "--sparsity", "0.9"}, 8.33e9, 0.5e7},
	} {
		code, out, errs := invoke(append([]string{"flops", "--json"}, c.args...)...)
		if code != exit.Done {
			t.Fatalf("%v: exit code %d: %s", c.args, code, errs)
		}
		var estimate struct {
			FLOPs float64 `json:"asked_non_embedding_flops_per_sequence"`
		}
		if err := json.Unmarshal([]byte(out), &estimate); err != nil {
			t.Fatal(err)
		}
		if d := estimate.FLOPs - c.want; !(max(d, -d) <= c.unit) {
			t.Errorf("%v: found %.5g, expected %.4g", c.args, estimate.FLOPs, c.want)
		}
	}
}

// A checkpoint cut short or with one bit flipped is refused in one line.
func TestDamagedCheckpoint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if code, _, errs := invoke(quick(dir)...); code != exit.Done {
		t.Fatal(errs)
	}
	for _, name := range []string{"model.safetensors", "optimizer.safetensors", "trainer.json"} {
		path := filepath.Join(dir, "checkpoints", "step-6", name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		flipped := slices.Clone(good)
		flipped[len(flipped)/2] ^= 4
		for what, content := range map[string][]byte{"cut": good[:len(good)-1], "flipped": flipped} {
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"eval", "--checkpoint", dir}, {"inspect", "--checkpoint", dir}, {"train", "--resume", "--output-dir", dir}} {
				code, _, errs := invoke(args...)
				if code != exit.Usage || !strings.Contains(errs, name) || strings.Count(errs, "\n") != 1 {
					t.Errorf("%s %s, %s: exit code %d: %q", name, what, args[0], code, errs)
				}
			}
		}
		if err := os.WriteFile(path, good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
