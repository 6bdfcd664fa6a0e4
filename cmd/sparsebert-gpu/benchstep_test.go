package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/bench"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

// tinyStep are flags of a step that takes a moment.
func tinyStep(device string, more ...string) []string {
	return append([]string{"bench", "--step", "--device", device, "--model", "tiny", "--vocab-size", "64", "--batch-size", "2", "--seq-len", "16"}, more...)
}

func TestBenchStepCounted(t *testing.T) {
	code, out, errs := invoke(tinyStep("sim", "--block", "16,32", "--sparsity", "0,0.75", "--json")...)
	if code != exit.Done || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var all []bench.CountedStep
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 4 {
		t.Fatalf("found %d steps, expected 4", len(all))
	}
	for i, want := range []int{0, 0, 16, 32} {
		r := all[i]
		if r.Block != want || r.Tokens != 32 || r.Precision != "bf16" || r.Device != "sim" || r.BandwidthGB != 4800 {
			t.Errorf("found %+v", r.StepCase)
		}
		if want == 0 && (r.Total != r.Dense || r.Update.Calls != 0) || want > 0 && (r.Total.Memory() >= r.Dense.Memory() || r.Total.FLOPs >= r.Dense.FLOPs || r.Update.Calls != 1) {
			t.Errorf("B = %d: found %+v beside the dense %+v and updates %+v", want, r.Total, r.Dense, r.Update)
		}
		if len(r.Fusions) == 0 || !(r.Total.Floor > 0) || len(r.Rows) < 20 {
			t.Errorf("found %+v", r)
		}
	}

	// A memory of half the rate takes twice the time where nothing is bound by arithmetic.
	floors := map[string]float64{}
	for _, rate := range []string{"1000", "2000"} {
		code, out, errs := invoke(tinyStep("sim", "--bandwidth", rate, "--peak", "1e6", "--json")...)
		if code != exit.Done {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			t.Fatal(err)
		}
		floors[rate] = all[0].Total.Floor
	}
	if d := floors["1000"]/floors["2000"] - 2; !(max(d, -d) < 1e-9) {
		t.Errorf("found floors %v, expected them to go with the rate", floors)
	}
}

func TestBenchStepTable(t *testing.T) {
	code, out, errs := invoke(tinyStep("sim")...)
	if code != exit.Done || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, words := range []string{"NOTHING IS RUN OR TIMED", "s = 0.9, B = 16", "AttentionGrad", "floor of a step", "ratio", "a topology update", "would save"} {
		if !strings.Contains(out, words) {
			t.Errorf("found no %q in %s", words, out)
		}
	}
	lines := strings.Split(out, "\n")
	if width := len(lines[2]); len(lines[3]) != width || len(lines[10]) != width {
		t.Errorf("found rows that are not aligned: %q", lines[2:11])
	}
}

func TestBenchStepMeasured(t *testing.T) {
	code, out, errs := invoke(tinyStep("cpu", "--repeats", "2", "--threads", "1", "--json")...)
	if code != exit.Done || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var all []map[string]any
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"seconds_median", "tokens_per_second", "useful_gflops", "repeats", "threads", "tokens"} {
		if v, ok := all[0][name].(float64); !ok || !(v > 0) {
			t.Errorf("%s: found %v, expected a positive number", name, all[0][name])
		}
	}
	if ops, ok := all[0]["operations"].([]any); !ok || len(ops) < 20 {
		t.Errorf("found operations %v", all[0]["operations"])
	}
	code, out, errs = invoke(tinyStep("cpu", "--repeats", "1")...)
	if code != exit.Done || !strings.Contains(out, "tokens/s") || !strings.Contains(out, "UpdateTopology") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

func TestBenchCrossover(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestSignalEndsBench is enough to look for races")
	}
	args := quickBench("--crossover", "--op", "dsd", "--block", "16,32", "--sparsity", "0,0.75")
	code, out, errs := invoke(append(args, "--json")...)
	if code != exit.Done || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var all []bench.Crossover
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || len(all[0].Points) != 2 || all[1].Block != 32 || all[0].Verdict == "" {
		t.Errorf("found %+v", all)
	}
	code, out, _ = invoke(args...)
	if code != exit.Done || strings.Count(out, "0.75: ") != 2 || !strings.Contains(out, "s = ") || !strings.Contains(out, "straight line") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestBenchStepBadInput(t *testing.T) {
	for _, bad := range []badInput{
		{"op of a step", tinyStep("sim", "--op", "dsd"), []string{"--op: found it with --step"}},
		{"tokens of a step", tinyStep("sim", "--tokens", "64"), []string{"--tokens: found it with --step"}},
		{"crossover of a step", tinyStep("sim", "--crossover"), []string{"--crossover: found it with --step"}},
		{"model of a product", quickBench("--model", "tiny"), []string{"--model: found it without --step"}},
		{"bandwidth of a product", quickBench("--bandwidth", "1"), []string{"--bandwidth: found it without --step"}},
		{"bandwidth", tinyStep("sim", "--bandwidth", "0"), []string{"--bandwidth: found 0"}},
		{"NaN peak", tinyStep("sim", "--peak", "NaN"), []string{`--peak: found "NaN", expected a number`}},
		{"model", tinyStep("sim", "--model", "huge"), []string{`"huge"`}},
		{"batch", tinyStep("sim", "--batch-size", "x"), []string{`--batch-size: found "x", expected a whole number`}},
		{"no batch", tinyStep("sim", "--batch-size", "0"), []string{"batch_size: found 0"}},
		{"sequence too long", tinyStep("sim", "--seq-len", "1024"), []string{"1024"}},
		{"sparsity", tinyStep("sim", "--sparsity", "1"), []string{"1"}},
		{"block", tinyStep("sim", "--block", "24"), []string{"24"}},
		{"precision of the cpu", tinyStep("cpu", "--precision", "bf16"), []string{`--precision: found "bf16"`}},
		{"crossover on the simulator", []string{"bench", "--device", "sim", "--crossover"}, []string{"--crossover: found it with the device sim"}},
		{"crossover without dense", quickBench("--crossover", "--dense=false"), []string{"--crossover: found it with --dense=false"}},
	} {
		t.Run(bad.name, func(t *testing.T) { bad.check(t) })
	}
}

// A step on the simulator with a GPU to estimate for has the estimate of the step and of each operation, with its bound.
func TestBenchStepEstimated(t *testing.T) {
	code, out, errs := invoke(tinyStep("sim", "--model-gpu", "a100", "--json")...)
	if code != exit.Done || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var all []bench.EstimatedStep
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].GPU != "A100 SXM 80 GB" || all[0].Version < 1 || !(all[0].Seconds > 0) || len(all[0].Ops) < 20 || len(all[0].Update) != 1 {
		t.Fatalf("found %+v", all)
	}
	for _, o := range all[0].Ops {
		if o.Bound == "" || !(o.Seconds > 0) {
			t.Errorf("found %+v, expected a time and a bound", o)
		}
	}
	if code, _, errs := invoke(tinyStep("cpu", "--model-gpu", "h200")...); code != exit.Usage || !strings.Contains(errs, "--model-gpu: found it with the device cpu") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
