package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

// TestDryRunShowsTheDevicesMemory: part by part, to the byte, with what is free;
// and of the host's devices no such line.
func TestDryRunShowsTheDevicesMemory(t *testing.T) {
	parent := t.TempDir()
	for precision, copies := range map[string]string{"fp32": "0.0 MiB", "bf16": "0.1 MiB"} {
		code, out, errs := invoke(quick(filepath.Join(parent, "run"), "--dry-run", "--device", "sim", "--precision", precision)...)
		if code != exit.Done {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		found := regexp.MustCompile(`weight copies for products +(\S+ MiB)`).FindStringSubmatch(out)
		if found == nil || found[1] != copies {
			t.Errorf("%s: found %q of copies, expected %s in %s", precision, found, copies, out)
		}
		for _, want := range []string{`partial sums +\S+ MiB`, `topology workspace +\S+ MiB`, `tables and scalars +\S+ MiB`, `memory: \d+ bytes on sim, which has 4294967296 of 4294967296 free`} {
			if !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("%s: expected %q in %s", precision, want, out)
			}
		}
	}
	if _, out, _ := invoke(quick(filepath.Join(parent, "run"), "--dry-run", "--device", "cpu")...); strings.Contains(out, "partial sums") || strings.Contains(out, "memory: ") {
		t.Errorf("found memory of a device in %s", out)
	}
	if left := tree(t, parent); len(left) > 1 {
		t.Errorf("something was written: %v", left)
	}
}

// TestTooLittleMemory: a run that does not fit ends before it begins, in one line
// whose advice is true: what it names fits, and nothing larger does.
func TestTooLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the race detector sees the same goroutines in TestTrainOnTheSimulator")
	}
	parent := t.TempDir()
	const batch = 1 << 17
	run := func(more ...string) (int, string) {
		code, _, errs := invoke(quick(filepath.Join(parent, "run"), append([]string{"--device", "sim", "--precision", "bf16"}, more...)...)...)
		return code, errs
	}
	form := regexp.MustCompile(`^sparsebert-gpu: memory: found 4096 MiB free on sim, expected \d+ MiB for training with micro-batches of 131072; the largest that would fit: ` +
		`--batch-size (\d+) --gradient-accumulation-steps (\d+), or --batch-size (\d+) --gradient-accumulation-steps (\d+) --gradient-checkpointing\n$`)
	var advice []string
	for _, args := range [][]string{{"--dry-run"}, nil} {
		code, errs := run(append(args, "--layers", "2", "--batch-size", fmt.Sprint(batch))...)
		if advice = form.FindStringSubmatch(errs); code != exit.Usage || advice == nil {
			t.Fatalf("%v: found exit code %d and %q, expected 2 and a line as %v", args, code, errs, form)
		}
	}
	for i, more := range [][]string{nil, {"--gradient-checkpointing"}} {
		var micro, steps int
		if _, err := fmt.Sscan(advice[1+2*i]+" "+advice[2+2*i], &micro, &steps); err != nil || micro*steps != batch {
			t.Errorf("%s: found another batch, expected %d", advice[0], batch)
		}
		for factor, want := range map[int]int{1: exit.Done, 2: exit.Usage} {
			args := append([]string{"--dry-run", "--layers", "2", "--batch-size", fmt.Sprint(factor * micro), "--gradient-accumulation-steps", fmt.Sprint(steps / factor)}, more...)
			if code, errs := run(args...); code != want {
				t.Errorf("%v: found exit code %d (%s), expected %d", args, code, errs, want)
			}
		}
	}
	code, errs := run("--batch-size", "1", "--vocab-size", "1024", "--model", "large", "--layers", "24", "--hidden", "2048", "--ffn", "8192", "--method", "dense", "--dry-run")
	if code != exit.Usage || !strings.Contains(errs, "not even micro-batches of 1 would fit") {
		t.Errorf("found exit code %d and %q, expected 2 and that nothing fits", code, errs)
	}
	if left := tree(t, parent); len(left) > 1 {
		t.Errorf("something was written: %v", left)
	}
}
