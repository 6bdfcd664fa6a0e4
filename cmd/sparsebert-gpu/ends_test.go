package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
)

// planOnly are settings whose upper end no test can train at: the run, the batch or the
// vocabulary would be too large, or other settings bound it. They are planned, which
// ends well or in one line that is the user's to mend.
var planOnly = map[string]bool{
	"max_steps": true, "updates": true, "epochs": true, "batch_size": true, "gradient_accumulation_steps": true,
	"seq_len": true, "vocab_size": true, "warmup_steps": true, "threads": true,
	"processes": true, // each would be this test's program, with all of its tests
}

// ends are the values at both ends of a setting's range, just inside where an end is
// not in it, and those with a meaning of their own.
func ends(s settings.Setting) (low, high []string) {
	whole := true
	least, most := s.Range.Min, s.Range.Max
	if _, fraction := s.Default.(float64); fraction {
		whole = false
		if s.Range.OpenMin {
			least = math.Nextafter(least, math.Inf(1))
		}
		if s.Range.OpenMax {
			most = math.Nextafter(most, math.Inf(-1))
		}
	}
	write := func(v float64) string {
		switch _, wide := s.Default.(int64); {
		case !whole:
			return fmt.Sprint(v)
		case math.IsInf(v, 1) && wide:
			return fmt.Sprint(int64(math.MaxInt64))
		case math.IsInf(v, 1):
			return fmt.Sprint(math.MaxInt32)
		}
		return fmt.Sprintf("%.0f", v)
	}
	low = []string{write(least)}
	for _, m := range s.Meanings {
		low = append(low, write(m.Value))
	}
	return low, []string{write(most)}
}

// Every setting with a range passes, at both of its ends, through plan, training,
// checkpoint, evaluation and report. Training may diverge, which has an exit code of its
// own; nothing may fail for a value that cannot be written.
func TestBothEndsOfEverySetting(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: other tests run the same goroutines")
	}
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	for i, s := range settings.All() {
		if s.Range == nil {
			continue
		}
		low, high := ends(s)
		for j, value := range append(low, high...) {
			plan := j == len(low) && planOnly[s.Key]
			t.Run(s.Key+"="+value, func(t *testing.T) {
				dir := in.none(fmt.Sprintf("run-%d-%d", i, j))
				args := append(quickEnds(dir, text, s.Key), "--"+s.Flag(), value)
				code, _, errs := invoke(append(args, "--dry-run")...)
				if code != exit.Done && (code != exit.Usage || strings.Count(errs, "\n") != 1) {
					t.Fatalf("plan: exit code %d: %s", code, errs)
				}
				if code == exit.Usage && !plan {
					t.Logf("refused with the other settings of the test: %s", errs)
				}
				if plan || code == exit.Usage {
					return
				}
				if code, _, errs = invoke(args...); code == exit.Diverged {
					return
				} else if code != exit.Done {
					t.Fatalf("train: exit code %d: %s", code, errs)
				}
				code, out, errs := invoke("eval", "--checkpoint", dir, "--batches", "1", "--device", "cpu", "--json")
				if code != exit.Done || !json.Valid([]byte(out)) {
					t.Errorf("eval: exit code %d: %s%s", code, out, errs)
				}
				if code, _, errs := invoke("report", dir, "--out", in.none(fmt.Sprintf("page-%d-%d.html", i, j)), "--no-figures"); code != exit.Done {
					t.Errorf("report: exit code %d: %s", code, errs)
				}
			})
		}
	}
}

// quickEnds are flags of a run that takes a moment, without those of a setting and of
// those that contradict it.
func quickEnds(dir, text, key string) []string {
	args := []string{
		"train", "--layers", "1", "--hidden", "32", "--heads", "2", "--ffn", "64", "--sparsity", "0.5", "--block-size", "8",
		"--quiet", "--device", "cpu", "--output-dir", dir, "--corpus", text,
	}
	for _, f := range [][2]string{
		{"max_steps", "3"}, {"updates", "3"}, {"seq_len", "16"}, {"batch_size", "2"}, {"eval_batches", "1"}, {"final_eval_batches", "1"}, {"eval_steps", "2"}, {"vocab_size", "30"},
	} {
		if f[0] != key && !(key == "epochs" && f[0] == "max_steps") {
			args = append(args, "--"+strings.ReplaceAll(f[0], "_", "-"), f[1])
		}
	}
	return args
}
