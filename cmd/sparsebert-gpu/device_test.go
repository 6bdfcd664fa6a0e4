package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/evaluate"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

// A whole life of a run on the simulated GPU, in both precisions: trained with a
// topology update, evaluated there and on the cpu, refused where it cannot go.
func TestTrainOnTheSimulator(t *testing.T) {
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	for precision, agreement := range map[string]float64{"fp32": 1e-4, "bf16": 0.02} {
		if testing.Short() && precision == "fp32" {
			continue // the race detector sees the same goroutines in one
		}
		dir := in.none(precision)
		code, out, errs := invoke(quick(dir, "--corpus", text, "--vocab-size", "30", "--device", "sim", "--precision", precision, "--block-size", "16", "--max-steps", "3", "--updates", "2")...)
		if code != exit.Done || !strings.Contains(out, "explored DOF") {
			t.Fatalf("%s: exit code %d: %s%s", precision, code, out, errs)
		}
		environment, err := os.ReadFile(filepath.Join(dir, "environment.json"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(environment), "PTX simulator") || !strings.Contains(string(environment), `"version": "0.2.0"`) {
			t.Errorf("%s: found the environment %s", precision, environment)
		}
		losses := map[string]float64{}
		for _, device := range []string{"sim", "cpu"} {
			code, out, errs := invoke("eval", "--checkpoint", dir, "--device", device, "--batches", "2", "--json")
			var e evaluate.Result
			if err := json.Unmarshal([]byte(out), &e); code != exit.Done || err != nil {
				t.Fatalf("%s on %s: exit code %d: %s%s", precision, device, code, out, errs)
			}
			losses[device] = e.MLMLoss
		}
		if d := losses["sim"] - losses["cpu"]; !(max(d, -d) <= agreement) {
			t.Errorf("%s: found losses %v, expected them to agree to %v", precision, losses, agreement)
		}
	}
	if !testing.Short() {
		code, _, errs := invoke("eval", "--checkpoint", in.none("fp32"), "--device", "cpu", "--precision", "bf16")
		if code != exit.Usage || !strings.Contains(errs, "precision: found bf16") {
			t.Errorf("bf16 on the cpu: exit code %d: %s", code, errs)
		}
	}
	code, _, errs := invoke("train", "--resume", "--output-dir", in.none("bf16"), "--max-steps", "3", "--device", "cpu")
	if code != exit.Usage || !strings.Contains(errs, "precision: found bf16") {
		t.Errorf("a bf16 run resumed on the cpu: exit code %d: %s", code, errs)
	}
}

func TestVerifyOnTheSimulator(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the race detector sees the same goroutines in TestTrainOnTheSimulator")
	}
	for _, precision := range []string{"fp32", "bf16"} {
		code, out, errs := invoke("verify", "--device", "sim", "--precision", precision, "--block-size", "16")
		if code != exit.Done || !strings.Contains(out, "verified") {
			t.Errorf("%s: exit code %d: %s%s", precision, code, out, errs)
		}
	}
}

func TestUnknownDevice(t *testing.T) {
	for device, says := range map[string]string{"abacus": "cuda, sim", "cuda:1": "CUDA_VISIBLE_DEVICES chooses one"} {
		code, _, errs := invoke("bench", "--device", device)
		if code != exit.Usage || strings.Count(errs, "\n") != 1 || !strings.HasSuffix(errs, says+"\n") {
			t.Errorf("%s: exit code %d: %q", device, code, errs)
		}
	}
}
