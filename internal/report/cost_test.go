package report

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const width64 = "../../bench/results/small-width-64.jsonl"

// figuresOf returns the words of a report's figures, by name.
func figuresOf(t *testing.T, r *Report) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := r.WriteFigures(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(text)
	}
	return out
}

// Losses against the paper's count, all FLOPs and time: the ratios at equal loss by hand, from
// dense 2 x 28 (loss 3.98778) and 2 x 64 (3.80221), straight in the logarithms.
func TestCosts(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: drawing starts no goroutine")
	}
	steps := filepath.Join(t.TempDir(), "steps.json")
	const rows = `[{"model":"2 layers of 64","sparsity":0.9,"block":1,"sequences":32,"seq_len":64,"hardware":"x","seconds_median":0.016},
		{"model":"2 layers of 64","sparsity":0,"block":0,"sequences":32,"seq_len":64,"hardware":"x","seconds_median":0.032},
		{"model":"2 layers of 28","sparsity":0,"block":0,"sequences":32,"seq_len":64,"hardware":"x","seconds_median":0.008}]`
	if err := os.WriteFile(steps, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Make([]string{width64}, steps)
	if err != nil {
		t.Fatal(err)
	}
	losses := map[string][]float64{}
	for _, g := range r.groups {
		losses[g.method.String()+" "+g.width()] = []float64{g.loss}
	}
	dense := func(x28, x64, loss float64) float64 {
		a, b := losses["dense 2 x 28"][0], losses["dense 2 x 64"][0]
		return x28 * math.Pow(x64/x28, math.Log(loss/a)/math.Log(b/a))
	}
	figures := figuresOf(t, r)
	for name, x := range map[string][3]float64{ // cost of dense 28, dense 64, sparse 64: a sequence or step
		"pareto": {9.978e6, 4.404e7, 1.007e7}, "pareto-all": {1.359e7, 5.243e7, 1.846e7}, "pareto-time": {8, 32, 16},
	} {
		for _, method := range []string{"dynamic", "static"} {
			ratio := dense(x[0], x[1], losses[method+" 2 x 64"][0]) / x[2]
			found := false
			for _, digits := range []float64{-0.005, 0, 0.005} { // the counts above are rounded
				found = found || strings.Contains(figures[name+".svg"], ">"+method+" "+formatRatio(ratio+digits)+"<")
			}
			if !found {
				t.Errorf("%s: found no ratio near %.3f at %s", name, ratio, method)
			}
		}
		if figures[name+"-narrow.svg"] == "" {
			t.Errorf("%s: found no figure for a narrow screen", name)
		}
	}
}

// Runs whose steps were not timed are named, and only they.
func TestRunsWithoutStepTimes(t *testing.T) {
	steps := filepath.Join(t.TempDir(), "steps.json")
	const sparse, dense = `{"model":"2 layers of 64","sparsity":0.9,"block":1,"sequences":32,"seq_len":64,"seconds_median":0.016}`,
		`{"model":"2 layers of 64","sparsity":0,"block":0,"sequences":32,"seq_len":64,"seconds_median":0.032}`
	if err := os.WriteFile(steps, []byte("["+sparse+","+dense+"]"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Make([]string{width64}, steps)
	if err != nil {
		t.Fatal(err)
	}
	if w := r.Warnings(); len(w) != 1 || !strings.Contains(w[0], "found no step of dense28-seed1, dense28-seed2, dense28-seed3 (") {
		t.Errorf("found the warnings %q, expected one of the three runs of 28", w)
	}
}

func TestStepTimesErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "steps.json")
	for text, want := range map[string]string{
		"":                                   "expected what bench --step --json prints",
		"[]":                                 "found no step",
		"[{}":                                "expected what bench --step --json prints",
		`[{"op":"dsd","seconds_median":1}]`:  "row 1: found no model, expected a step",
		`[{"model":"a","seconds_median":0}]`: "row 1: found seconds_median 0",
		`[{"model":"a","seconds_median":1,"hardware":"x"},{"model":"a","seconds_median":1,"hardware":"y"}]`: `row 2: found hardware "y" beside "x"`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readStepTimes(path); !errors.Is(err, ErrData) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: found %v, expected %q", text, err, want)
		}
	}
}
