package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

// A value that the user gives is given, wherever it stands and also where it equals
// the default; what contradicts it is one line.
func TestContradictionsWhereverTheyStand(t *testing.T) {
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	vocab := in.none("small")
	if code, _, errs := invoke(quick(vocab, "--corpus", text, "--vocab-size", "30")...); code != exit.Done {
		t.Fatal(errs)
	}
	vocab += "/vocab.txt"
	args := quick(in.none("run"), "--dry-run", "--corpus", text, "--vocab", vocab)
	i := slices.Index(args, "--max-steps")
	args = slices.Delete(args, i, i+2)
	for _, one := range []struct{ key, value, other, otherValue, says string }{
		{"max_steps", "1500", "epochs", "2", "epochs: found 2 beside max_steps 1500, expected one of them"},
		{"vocab_size", "1024", "seed", "1", "found a vocabulary of 30 tokens, expected the vocab_size 1024"},
	} {
		flag := "--" + strings.ReplaceAll(one.key, "_", "-")
		other := []string{"--" + one.other, one.otherValue}
		variable := "SPARSEBERT_" + strings.ToUpper(one.key)
		file := in.file(one.key+".yaml", one.key+": "+one.value+"\n")
		sweep := in.file(one.key+"-sweep.yaml", "defaults: {layers: 1, hidden: 32, heads: 2, ffn: 64, block_size: 8, sparsity: 0.5, seq_len: 32, corpus: [good.txt], vocab: "+vocab+", "+
			one.key+": "+one.value+"}\ngroups: [{name: a, set: {"+one.other+": "+one.otherValue+"}}]\n")
		both := append(slices.Clone(args), other...)
		for where, try := range map[string]struct {
			env  string
			args []string
		}{
			"flag":        {"", append(slices.Clone(both), flag, one.value)},
			"environment": {one.value, both},
			"file":        {"", append(slices.Clone(both), "--config", file)},
			"sweep":       {"", []string{"sweep", sweep, "--dry-run", "--device", "cpu"}},
		} {
			t.Run(one.key+" in "+where, func(t *testing.T) {
				if try.env != "" {
					t.Setenv(variable, try.env)
				}
				code, _, errs := invoke(try.args...)
				if code != exit.Usage || !strings.Contains(errs, one.says) || strings.Count(errs, "\n") != 1 {
					t.Errorf("exit code %d, expected %d and one line with %q: %s", code, exit.Usage, one.says, errs)
				}
			})
		}
		if code, _, errs := invoke(both...); code != exit.Done {
			t.Errorf("%s without %s: exit code %d: %s", one.other, one.key, code, errs)
		}
	}
}

// The config.yaml of a run makes the same run again, also of one that counted in
// epochs and has the steps that these came to.
func TestRunFromTheConfigOfARun(t *testing.T) {
	in := newInputs(t)
	args := quick(in.none("first"), "--corpus", in.file("good.txt", goodText), "--vocab-size", "30", "--epochs", "0.5")
	i := slices.Index(args, "--max-steps")
	if code, _, errs := invoke(slices.Delete(args, i, i+2)...); code != exit.Done {
		t.Fatal(errs)
	}
	first := in.none("first")
	if code, _, errs := invoke("train", "--config", first+"/config.yaml", "--output-dir", in.none("second")); code != exit.Done {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	weights := func(run string) string {
		found, err := filepath.Glob(run + "/checkpoints/step-*/model.safetensors")
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: found no checkpoint: %v", run, err)
		}
		return found[len(found)-1]
	}
	a, errA := os.ReadFile(weights(first))
	b, errB := os.ReadFile(weights(in.none("second")))
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("found other weights (%v, %v), expected the same bytes", errA, errB)
	}
	code, _, errs := invoke("train", "--config", first+"/config.yaml", "--output-dir", in.none("third"), "--max-steps", "7")
	if code != exit.Usage || !strings.Contains(errs, "epochs") {
		t.Errorf("max_steps given beside the epochs of the file: exit code %d: %s", code, errs)
	}
}

// Growth by gradient scores micro-batches, which only a run that says so may do.
func TestGradientGrowthWithAccumulation(t *testing.T) {
	in := newInputs(t)
	for _, run := range []struct {
		args []string
		code int
	}{
		{[]string{"--growth", "gradient"}, exit.Done},
		{[]string{"--growth", "gradient", "--accum", "2"}, exit.Usage},
		{[]string{"--growth", "gradient", "--accum", "2", "--growth-score", "micro-batch"}, exit.Done},
		{[]string{"--growth", "gradient", "--accum", "2", "--method", "static"}, exit.Done},
		{[]string{"--accum", "2"}, exit.Done},
	} {
		code, _, errs := invoke(quick(in.none("run"), append(run.args, "--dry-run")...)...)
		if code != run.code || code == exit.Usage && !strings.Contains(errs, "growth_score micro-batch") {
			t.Errorf("%v: exit code %d, expected %d: %s", run.args, code, run.code, errs)
		}
	}
}
