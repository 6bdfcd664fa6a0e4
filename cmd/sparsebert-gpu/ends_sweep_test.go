package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
)

// Every setting that a sweep's file may have passes through a sweep at both of its ends:
// each run is done or has diverged, whatever the others do, and has a line in results.jsonl.
func TestBothEndsThroughASweep(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: other tests run the same goroutines")
	}
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	var file strings.Builder
	file.WriteString("defaults: {layers: 1, hidden: 32, heads: 2, ffn: 64, sparsity: 0.5, block_size: 8, save_steps: -1, logging_steps: 1}\ngroups:\n")
	runs := 1
	file.WriteString("- name: breaks\n  set: {learning_rate: 1000, weight_decay: 1000, max_steps: 12, updates: 3, seq_len: 16, batch_size: 2, vocab_size: 30}\n")
	for i, s := range settings.Of(settings.SweepFile) {
		if s.Range == nil {
			continue
		}
		low, high := ends(s)
		if planOnly[s.Key] {
			high = nil
		}
		for j, value := range append(low, high...) {
			args := quickEnds(in.none("run"), text, s.Key)
			if code, _, _ := invoke(append(args, "--"+s.Flag()+"="+value, "--dry-run")...); code != exit.Done {
				continue // refused with the other settings, which a sweep is before its first run
			}
			runs++
			fmt.Fprintf(&file, "- name: n%d-%d\n  set: {%s: %s", i, j, s.Key, value)
			for k := 0; k+1 < len(args); k++ { // what quickEnds gives beside the defaults
				switch args[k] {
				case "--max-steps", "--updates", "--seq-len", "--batch-size", "--eval-batches", "--final-eval-batches", "--eval-steps", "--vocab-size":
					fmt.Fprintf(&file, ", %s: %s", strings.ReplaceAll(args[k][2:], "-", "_"), args[k+1])
				}
			}
			file.WriteString("}\n")
		}
	}
	path, out := in.file("ends.yaml", file.String()), in.none("sweep")
	code, _, errs := invoke("sweep", path, "--out", out, "--corpus", text, "--device", "cpu", "--quiet", "--jobs", "2")
	if code != exit.Done {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	lines, err := os.ReadFile(filepath.Join(out, "results.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	found, broken := 0, ""
	for line := range strings.Lines(string(lines)) {
		var r struct{ Name, Status, Error string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		found++
		switch r.Status {
		case "diverged":
			broken += r.Name + " "
		case "done":
		default:
			t.Errorf("%s: found status %q (%s), expected done or diverged", r.Name, r.Status, r.Error)
		}
	}
	if found != runs || runs < 40 || !strings.HasPrefix(broken, "breaks") {
		t.Errorf("found results of %d runs, diverged %q, expected %d, of which at least the first diverges", found, broken, runs)
	}
}
