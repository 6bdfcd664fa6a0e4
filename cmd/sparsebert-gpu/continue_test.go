package main

import (
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// A run goes on in another folder with other settings: those of the source are the
// defaults, those of the command line count, and what is kept is said before the first
// step and by --dry-run.
func TestContinueFrom(t *testing.T) {
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	dir, next := in.none("run"), in.none("next")
	if code, _, errs := invoke(quick(dir, "--corpus", text, "--vocab-size", "30", "--weight-decay", "0.5")...); code != exit.Done {
		t.Fatal(errs)
	}
	file := in.file("next.yaml", "max_steps: 12\nsparsity: 0.75\ncontinue_from: "+dir+"\n")
	code, out, errs := invoke("train", "--config", file, "--dry-run")
	for _, want := range []string{"run: 12 steps", "continues " + dir, "after step 6", "sparsity 0.5 to 0.75, max_steps 6 to 12", "blocks are pruned"} {
		if code != exit.Done || !strings.Contains(out, want) {
			t.Errorf("exit code %d: found %q %q, expected %q in it", code, out, errs, want)
		}
	}
	code, out, errs = invoke("train", "--config", file, "--out", next, "--lr", "0.001", "--quiet=false")
	if code != exit.Done || !strings.Contains(out, "12 steps") || !strings.Contains(errs, "continues "+dir) || strings.Contains(errs, "resumed") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	c, err := train.ReadRunConfig(next)
	if err != nil {
		t.Fatal(err)
	}
	if c.WeightDecay != 0.5 || c.Sparsity != 0.75 || c.MaxSteps != 12 || c.LearningRate != 0.001 || c.Hidden != 32 || c.ContinueFrom != dir+"/checkpoints/step-6" {
		t.Errorf("found %+v, expected the settings of the source and of the command line", c)
	}
	// The folder's own file makes the run again.
	again := in.none("again")
	if code, out, errs := invoke("train", "--config", next+"/config.yaml", "--out", again); code != exit.Done || !strings.Contains(out, "12 steps") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	// A run that was continued is resumed without its source.
	if code, _, errs := invoke("train", "--resume", "--out", next, "--quiet"); code != exit.Done {
		t.Errorf("exit code %d: %s", code, errs)
	}
	badInput{args: []string{"train", "--continue-from", dir, "--out", "@"}, says: []string{"max_steps", "more than the 6 steps"}}.check(t)
	badInput{args: []string{"train", "--continue-from", in.none("gone"), "--out", "@"}, says: []string{"gone"}}.check(t)
}
