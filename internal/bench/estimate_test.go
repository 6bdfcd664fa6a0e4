package bench

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/estimate"
)

// estimateRequest asks for a small product, or a small step.
func estimateRequest(step bool) Request {
	r := Request{Device: "sim", Repeats: 1, Step: step, ModelGPU: "H200", VocabSize: 64, Bandwidth: 1, Peak: 1}
	if step {
		r.Lists = map[string][]string{"model": {"1x64x2"}, "batch-size": {"2"}, "seq-len": {"16"}}
	} else {
		r.Lists = map[string][]string{"shape": {"64x128"}, "tokens": {"64"}, "op": {"sdd"}, "sparsity": {"0.5"}}
	}
	return r
}

// runEstimate runs a request and returns its only result as JSON has it, and the table.
func runEstimate(t *testing.T, r Request) (map[string]any, string) {
	t.Helper()
	p, err := r.Plan()
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	results, err := p.Run(t.Context(), device.Opener{}, &table)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(results)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	if err := json.Unmarshal(text, &all); err != nil || len(all) != 1 {
		t.Fatalf("found %d results and error %v, expected one", len(all), err)
	}
	return all[0], table.String()
}

// A product and a step have an estimate with its bound, and say that it is one; a figure of hardware stands beside it with
// the ratio. The figures here are made up.
func TestEstimates(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine that TestRunSteps does not start")
	}
	for _, c := range []struct {
		step   bool
		figure string
	}{
		{false, `{"op": "sdd", "block": 16, "sparsity": 0.5, "tokens": 64, "in": 64, "out": 128, "device": "cuda", "precision": "bf16", "hardware": "NVIDIA H200", "seconds_median": 1e-5}`},
		{true, `{"model": "1 layers of 64", "sparsity": 0.9, "block": 16, "sequences": 2, "seq_len": 16, "device": "cuda", "precision": "bf16", "hardware": "NVIDIA H200", "seconds_median": 1e-5}`},
	} {
		r := estimateRequest(c.step)
		r.Measured = filepath.Join(t.TempDir(), "made-up.json")
		other := strings.Replace(c.figure, "1e-5", "7", 1)
		list := "[" + strings.Replace(other, "H200", "H100", 1) + "," + strings.Replace(other, "bf16", "fp32", 1) + "," + c.figure + "]"
		if err := os.WriteFile(r.Measured, []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
		one, table := runEstimate(t, r)
		seconds, _ := one["estimate_seconds"].(float64)
		if one["estimate_version"] != float64(estimate.Version) || !(seconds > 1e-7 && seconds < 1e-2) || one["estimate_gpu"] != "H200 SXM 141 GB" {
			t.Errorf("step %v: found %v", c.step, one)
		}
		if ratio, _ := one["estimate_over_measured"].(float64); !(math.Abs(ratio/(seconds/1e-5)-1) < 1e-9) || one["measured_seconds"] != 1e-5 {
			t.Errorf("step %v: found ratio %v to %v s, expected %v to 1e-5", c.step, ratio, one["measured_seconds"], seconds/1e-5)
		}
		for _, words := range []string{"ESTIMATE (ruler 1)", "measured on NVIDIA H200: 10 us"} {
			if !strings.Contains(table, words) {
				t.Errorf("step %v: found no %q in %s", c.step, words, table)
			}
		}
		rows, name := one["estimates"], "kernel"
		if c.step {
			rows, name = one["operations"], "op"
		}
		sum, list2 := 0.0, rows.([]any)
		for _, row := range list2 {
			o := row.(map[string]any)
			s, _ := o["estimate_seconds"].(float64)
			if bound, _ := o["bound"].(string); bound == "" || !(s > 0) {
				t.Errorf("step %v, %v: found bound %q and %v s", c.step, o[name], bound, s)
			}
			sum += s
		}
		if !(math.Abs(sum/seconds-1) < 1e-9) || c.step && len(list2) < 20 {
			t.Errorf("step %v: found %d rows of %v s together, expected %v", c.step, len(list2), sum, seconds)
		}
		r.Measured = ""
		if one, _ := runEstimate(t, r); one["measured_seconds"] != nil {
			t.Errorf("step %v: found a measured time without a figure", c.step)
		}
	}
}

// A step that is extrapolated from samples: they agree with a third one, and a step of the size of that one that is run as it is
// takes as long as the line says.
func TestExtrapolatedStep(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine that TestRunSteps does not start")
	}
	r := estimateRequest(true)
	r.Lists["batch-size"], r.Lists["seq-len"] = []string{"12"}, []string{"64"}
	one, table := runEstimate(t, r)
	check, _ := one["check"].(map[string]any)
	if e, ok := check["error"].(float64); !ok || !(math.Abs(e) < 0.1) || check["sequences"] != 6.0 || !strings.Contains(table, "extrapolated from 1 and 4 sequences") {
		t.Errorf("found check %v, expected 6 sequences within 10 %%", check)
	}
	r.Lists["batch-size"] = []string{"4"}
	four, _ := runEstimate(t, r)
	if four["check"] != nil || len(four["sample_sequences"].([]any)) != 1 {
		t.Errorf("found %v, expected a step of four sequences to be run as it is", four["sample_sequences"])
	}
	if a, b := four["estimate_seconds"].(float64), one["estimate_seconds"].(float64); !(b >= a) {
		t.Errorf("found %v s for 12 sequences and %v for 4, expected no less", b, a)
	}
}

// Bytes of memory that are counted in samples and extrapolated are those of the formulas, where they are exact.
func TestExtrapolatedBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine that TestRunSteps does not start")
	}
	p, err := Request{Device: "sim", Step: true, ModelGPU: "h200", VocabSize: 64, Bandwidth: 1, Peak: 1,
		Lists: map[string][]string{"model": {"1x128x2"}, "batch-size": {"32"}, "seq-len": {"128"}, "sparsity": {"0.5"}}}.Plan()
	if err != nil {
		t.Fatal(err)
	}
	g, err := estimate.Find("h200")
	if err != nil {
		t.Fatal(err)
	}
	e, err := estimateStep(t.Context(), g, p.setups[0], p.steps[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	counted, err := p.countStep(p.setups[0], p.steps[0])
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, row := range counted.Rows {
		if row.Op != "AddNorm" && row.Op != "GELUGrad" && row.Op != "Attention" && row.Op != "DSD" {
			continue
		}
		for _, o := range e.Ops {
			if o.Op != row.Op || o.Tensor != row.Tensor || row.Memory() < 1<<18 {
				continue
			}
			bytes := 0.0
			for _, k := range o.Kernels {
				bytes += k.MemoryBytes
			}
			compared++
			if ratio := bytes / float64(row.Memory()); !(ratio > 0.9 && ratio < 1.1) {
				t.Errorf("%s %s: found %.0f bytes of memory, expected about %d by the formula", o.Op, o.Tensor, bytes, row.Memory())
			}
		}
	}
	if compared < 5 {
		t.Errorf("compared %d operations, expected 5 or more", compared)
	}
}

func TestEstimateRefused(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`[{"device": "cpu", "hardware": "x", "seconds_median": 1}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(r *Request)
		says   string
	}{
		{func(r *Request) { r.ModelGPU = "v100" }, `--model-gpu: found GPU "v100", expected a100, h100, h200`},
		{func(r *Request) { r.Device = "cpu" }, "--model-gpu: found it with the device cpu, expected sim"},
		{func(r *Request) { r.ModelGPU, r.Measured = "", "x" }, "--measured: found it without --model-gpu"},
		{func(r *Request) { r.Measured = "no such file" }, "--measured: open no such file"},
		{func(r *Request) { r.Measured = bad }, `record 1: found device "cpu"`},
	} {
		r := estimateRequest(false)
		c.change(&r)
		if _, err := r.Plan(); err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("found error %v, expected one line with %q", err, c.says)
		}
	}
}

// Whatever a file of figures holds, it is refused or has times.
func FuzzMeasured(f *testing.F) {
	for _, seed := range []string{"", "[]", "{}", "null", `[{"device": "cuda", "hardware": "H200", "seconds_median": 1e-5}]`, `[{"device": "cuda", "hardware": "H200", "seconds_median": -1}]`, `[1]`, `[null]`, `[{"seconds_median": 1e400}]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, err := parseMeasured(text)
		for _, r := range rows {
			if err == nil && !(r.Seconds > 0) {
				t.Errorf("found %+v in %q", r, text)
			}
		}
	})
}
