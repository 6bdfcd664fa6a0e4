package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// A run on text named by a relative path is resumed and evaluated from another
// folder, also when the configuration file says which run and that it resumes.
func TestResumeFromAnotherFolder(t *testing.T) {
	in := newInputs(t)
	in.file("good.txt", goodText)
	in.file("valid.txt", goodText)
	t.Chdir(in.dir)
	dir := in.none("run")
	if code, _, errs := invoke(quick(dir, "--corpus", "good.txt", "--valid", "valid.txt", "--vocab-size", "30")...); code != exit.Done {
		t.Fatal(errs)
	}
	t.Chdir(t.TempDir())
	file := in.file("again.yaml", "resume: true\noutput_dir: "+dir+"\n")
	for _, args := range [][]string{
		{"eval", "--checkpoint", dir},
		{"train", "--resume", "--output-dir", dir},
		{"train", "--config", file},
	} {
		if code, _, errs := invoke(args...); code != exit.Done {
			t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
	}
	// The file is good for another run, which does not resume.
	c, err := train.ReadRunConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.Resume || c.Corpus[0] != filepath.Join(in.dir, "good.txt") || c.Valid[0] != filepath.Join(in.dir, "valid.txt") {
		t.Errorf("found resume %v, corpus %v, valid %v, expected false and whole paths", c.Resume, c.Corpus, c.Valid)
	}
}

// What cannot be resumed is refused before the text is read.
func TestResumeChecksBeforeReading(t *testing.T) {
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	dir := in.none("run")
	if code, _, errs := invoke(quick(dir, "--corpus", text, "--vocab-size", "30")...); code != exit.Done {
		t.Fatal(errs)
	}
	if err := os.Remove(text); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{
		"--learning-rate=0.5", "--epochs=3", "--vocab-size=40", "--method=static", "--max-steps=12", "--max-steps=2", "--warmup-steps=100", "--seed=2",
		"--sparsity=0.75", "--block-size=4", "--hidden=64", "--hidden=33", "--model=mini", "--growth=gradient", "--updates=2", "--updates=99", "--init-from=" + dir,
		"--seq-len=64", "--weight-decay=0", "--prune-ratio=0.1", "--dropout=0.5", "--precision=bf16", "--eval-steps=3", "--mlm-probability=0.3",
	} {
		key, _, _ := strings.Cut(strings.ReplaceAll(flag[2:], "-", "_"), "=")
		code, _, errs := invoke("train", "--resume", "--output-dir", dir, flag)
		if code != exit.Usage || !strings.Contains(errs, key+": found ") || strings.Contains(errs, text) {
			t.Errorf("%s: exit code %d, expected %d and a line about %s: %s", flag, code, exit.Usage, key, errs)
		}
		if !strings.Contains(errs, "--continue-from "+dir) || !strings.Contains(errs, "--init-from") {
			t.Errorf("%s: found %q, expected the ways to go on with another one", flag, errs)
		}
	}
}

// A run measured in epochs is resumed for as many steps as it began with.
func TestResumeOfEpochs(t *testing.T) {
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	dir := in.none("run")
	args := quick(dir, "--corpus", text, "--vocab-size", "30", "--epochs", "0.5", "--save-steps", "5")
	steps := slices.Index(args, "--max-steps")
	if code, _, errs := invoke(slices.Delete(args, steps, steps+2)...); code != exit.Done {
		t.Fatal(errs)
	}
	c, err := train.ReadRunConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.MaxSteps < 10 || c.Epochs != 0.5 {
		t.Fatalf("found %d steps and %v epochs, expected at least 10 and 0.5", c.MaxSteps, c.Epochs)
	}
	if err := os.RemoveAll(filepath.Join(dir, "checkpoints", "step-"+fmt.Sprint(c.MaxSteps))); err != nil {
		t.Fatal(err)
	}
	code, out, errs := invoke("train", "--resume", "--output-dir", dir, "--quiet")
	if code != exit.Done || !strings.Contains(out, fmt.Sprint(c.MaxSteps)+" steps") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}
