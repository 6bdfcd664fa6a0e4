package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A sweep of two growths and two ratios, tuned, with a test text: the report has four series of the
// grid's seeds, by the test text, and nothing of the runs that tried the rates.
func TestFairReportOfASweep(t *testing.T) {
	dir := t.TempDir()
	held := texts(t, 1, 40)[0]
	file := filepath.Join(dir, "sweep.yaml")
	if err := os.WriteFile(file, []byte(`
defaults: {layers: 1, hidden: 32, heads: 2, ffn: 64, block_size: 4, sparsity: 0.5, seq_len: 32, batch_size: 2, max_steps: 8,
  updates: 3, logging_steps: 4, final_eval_batches: 2, test: [`+held+`]}
groups:
  - name: g
    cross: {growth: [random, gradient], prune_ratio: [0.2, 0.5], seed: [1, 2]}
    tune: {learning_rate: [0.001, 0.002], per: [growth, prune_ratio]}
`), 0o644); err != nil {
		t.Fatal(err)
	}
	out, page := filepath.Join(dir, "out"), filepath.Join(dir, "page.html")
	done(t, "sweep", file, "--out", out, "--quiet", "--device", "cpu", "--threads", "1")
	done(t, "report", out, "--out", page, "--no-figures")
	var data struct {
		Runs []struct {
			Name, Series, Role string
			Loss               *float64 `json:"mlm_loss"`
			Test               *float64 `json:"test_mlm_loss"`
			Config             struct{ Seed int }
		}
		Pairs []struct {
			A, B  string
			Seeds []int
		}
	}
	text := regexp.MustCompile(`(?s)id="report-data">(.*?)</script>`).FindSubmatch(read(t, page))
	if text == nil {
		t.Fatal("found no report-data")
	}
	if err := json.Unmarshal(text[1], &data); err != nil {
		t.Fatal(err)
	}
	seeds := map[string][]int{}
	for _, r := range data.Runs {
		if tried := r.Role == "candidate"; tried != (r.Config.Seed == 3) || tried != (r.Test == nil) {
			t.Errorf("%s: found role %s, seed %d, test loss %v", r.Name, r.Role, r.Config.Seed, r.Test)
		} else if !tried {
			seeds[r.Series] = append(seeds[r.Series], r.Config.Seed)
		}
	}
	if len(data.Runs) != 16 || len(seeds) != 4 {
		t.Errorf("found %d runs and the series %v, expected 16 runs and four series", len(data.Runs), seeds)
	}
	for series, of := range seeds {
		slices.Sort(of)
		if !slices.Equal(of, []int{1, 2}) || !strings.Contains(series, "growth=") || !strings.Contains(series, "prune_ratio=") {
			t.Errorf("%s: found the seeds %v, expected 1 and 2", series, of)
		}
	}
	if len(data.Pairs) != 6 {
		t.Errorf("found %d pairs, expected six of four series", len(data.Pairs))
	}
	for _, p := range data.Pairs {
		if !slices.Equal(p.Seeds, []int{1, 2}) {
			t.Errorf("%s and %s: found the seeds %v", p.A, p.B, p.Seeds)
		}
	}
	table := regexp.MustCompile(`(?s)<table id="series">.*?</table>`).FindString(string(read(t, page)))
	if strings.Count(table, "<td>2: 1, 2</td>") != 4 || !strings.Contains(table, "mean MLM loss, test text") {
		t.Errorf("found the table %s, expected four rows of two seeds", table)
	}
}
