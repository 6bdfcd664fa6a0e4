package report

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// p-values at small n by closed forms: with 2 degrees of freedom 1 - t / sqrt(t^2 + 2), with 1
// 1 - 2/pi atan(t). The three pairs are those of the first width-64 runs.
func TestTTestByClosedForms(t *testing.T) {
	for _, k := range []struct {
		differences []float64
		want        float64
	}{
		{[]float64{-0.043, -0.042, -0.028}, 0.016125774990748187},
		{[]float64{-0.002, 0.006}, 1 - 2/math.Pi*math.Atan(0.5)},
		{[]float64{1, 1.001, 1.002}, 1 - 1.001/math.Sqrt(1.001*1.001+2e-6/3)}, // t = 1734
	} {
		if p := tTest(k.differences); !(math.Abs(p-k.want) <= 1e-9*max(k.want, 1e-3)) {
			t.Errorf("%v: found %v, expected %v", k.differences, p, k.want)
		}
	}
}

// A run that is there twice, as a folder and as a line of results, is one seed: a copy makes no
// p-value smaller and no spread narrower.
func TestOneSeedCountsOnce(t *testing.T) {
	a1, a2 := finished(model.Dynamic, 64, 0.006, 1, 1e12, 3.8), finished(model.Dynamic, 64, 0.006, 2, 1e12, 3.9)
	b1, b2 := finished(model.Static, 64, 0.006, 1, 1e12, 3.9), finished(model.Static, 64, 0.006, 2, 1e12, 3.95)
	again := finished(model.Dynamic, 64, 0.006, 1, 1e12, 3.8)
	for i, r := range []*Run{a1, a2, b1, b2, again} {
		r.Name = string(rune('a' + i))
	}
	once, err := New(&Data{Runs: []*Run{a1, a2, b1, b2}})
	if err != nil {
		t.Fatal(err)
	}
	twice, err := New(&Data{Runs: []*Run{a1, a2, b1, b2, again}})
	if err != nil {
		t.Fatal(err)
	}
	p, q := once.Pairs[0], twice.Pairs[0]
	if !slices.Equal(p.Seeds, q.Seeds) || *p.TP != *q.TP || once.groups[0].sd != twice.groups[0].sd || len(twice.groups[0].runs) != 2 {
		t.Errorf("found the pair %+v and %d runs, expected %+v and 2", q, len(twice.groups[0].runs), p)
	}
	if w := twice.Warnings(); len(w) != 1 || !strings.Contains(w[0], "e") || !strings.Contains(w[0], "counts once") {
		t.Errorf("found the warnings %q, expected one that names the copy", w)
	}
}

// What was measured on another held-out text, or on another part of it, is set beside nothing.
func TestIncomparableRunsAreNotCompared(t *testing.T) {
	text := func(r *Run, train_, valid, vocab string) {
		r.Text = &train.Fingerprint{Train: train_, Valid: valid, Vocab: vocab}
	}
	for name, change := range map[string]func(*Run){
		"vocabulary":      func(r *Run) { text(r, "t", "v", "other") },
		"validation text": func(r *Run) { text(r, "t", "other", "w") },
		"training text":   func(r *Run) { text(r, "other", "v", "w") },
		"length":          func(r *Run) { r.Config.SeqLen *= 2 },
		"pairs":           func(r *Run) { r.Config.NoNSP = true },
		"batches":         func(r *Run) { r.Config.FinalBatches = 4 },
		"batch":           func(r *Run) { r.Config.FinalBatches, r.Config.BatchSize = 2, 2*r.Config.BatchSize },
	} {
		runs := []*Run{
			finished(model.Dynamic, 64, 0.006, 1, 2e12, 3.8), finished(model.Static, 64, 0.006, 1, 2e12, 3.9),
			finished(model.Dense, 32, 0.006, 1, 1e12, 4), finished(model.Dense, 64, 0.006, 1, 4e12, 3.7),
		}
		for _, r := range runs {
			r.Config.FinalBatches = 2
			text(r, "t", "v", "w")
		}
		if n := len(reportOn(t, runs...).Comparisons); n != 2 {
			t.Fatalf("found %d comparisons of like runs, expected 2", n)
		}
		change(runs[3]) // a dense one: the family must not mix them
		r := reportOn(t, runs...)
		for _, c := range r.Comparisons {
			if c.Ratio != nil || c.DenseLoss != nil {
				t.Errorf("%s: found %+v by dense runs that do not compare", name, c)
			}
		}
		if len(r.Warnings()) == 0 {
			t.Errorf("%s: found no warning", name)
		}
		runs[2].Name, runs[3].Name = "small", "large"
		change(runs[2])
		r = reportOn(t, runs...)
		for _, c := range r.Comparisons {
			t.Errorf("%s: found %+v, expected no comparison", name, c)
		}
		for _, p := range r.Pairs {
			if p.B == "dense" || p.GapShare != nil {
				t.Errorf("%s: found the pair %+v", name, p)
			}
		}
		for _, figure := range r.shared {
			if c, ok := figure.(*chart); ok && c.name == "pareto" {
				for _, s := range c.curves {
					for _, e := range s.ends {
						if strings.HasSuffix(e, "×") {
							t.Errorf("%s: found the ratio %s in the figure", name, e)
						}
					}
				}
			}
		}
	}
}

// reportOn makes a report of runs that were not read.
func reportOn(t *testing.T, runs ...*Run) *Report {
	t.Helper()
	d := &Data{Runs: runs}
	d.compare()
	r, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A gap to dense models of two recipes is no one number.
func TestGapOfTwoDenseSeriesIsNotChosen(t *testing.T) {
	a, b := finished(model.Dynamic, 64, 0.006, 1, 1e12, 3.8), finished(model.Static, 64, 0.006, 1, 1e12, 3.9)
	d, e := finished(model.Dense, 64, 0.006, 1, 4e12, 3.7), finished(model.Dense, 64, 0.003, 1, 4e12, 3.6)
	if p := reportOn(t, a, b, d).Pairs[0]; p.GapShare == nil || !(math.Abs(*p.GapShare-0.5) <= 1e-9) {
		t.Errorf("found %+v, expected half of the gap", p)
	}
	if p := reportOn(t, a, b, d, e).Pairs[0]; p.GapShare != nil {
		t.Errorf("found a share of %v of one of two gaps", *p.GapShare)
	}
}

// Seeds that stopped after different numbers of steps stand at their mean cost, as in the tables.
func TestSignsStandAtTheMeanCost(t *testing.T) {
	a, b := finished(model.Dynamic, 64, 0.006, 1, 1e12, 3.8), finished(model.Dynamic, 64, 0.006, 2, 3e12, 3.9)
	c := paretoChart([]*Run{a, b}, map[string]ink{})
	if x := c.curves[0].points[0].x; x != 2e12 {
		t.Errorf("found the sign at %v, expected 2e12", x)
	}
}

// A run that goes on with another counts its own steps by itself, and those before as they were.
func TestContinuedRunsCountOnce(t *testing.T) {
	r := finished(model.Static, 64, 0.006, 1, 0, 3.8)
	e, err := train.EstimateRunCost(r.Config)
	if err != nil {
		t.Fatal(err)
	}
	r.Estimate = &e
	r.Standing = &train.Status{Continues: &train.Origin{Step: 8, FLOPs: 5e12, ExecutedFLOPs: 7e12, AskedFLOPs: 4e12, DenseFLOPs: 6e12}}
	r.Train = nil
	each := r.sequencesPerStep()
	for what, k := range map[string][2]float64{
		"executed": {r.executedFLOPsAt(10), 7e12 + 2*each*e.ExecutedFLOPs},
		"before":   {r.executedFLOPsAt(8), 7e12},
		"paper's":  {r.FLOPsAt(10), 5e12 + 2*each*e.NonEmbeddingFLOPs},
	} {
		if !(math.Abs(k[0]-k[1]) <= 1e-9*k[1]) {
			t.Errorf("%s: found %v, expected %v", what, k[0], k[1])
		}
	}
	// 2 steps of its own, in 4 s: not 10 in 4.
	r.Cost.Step, r.Cost.Seconds, r.Cost.StepSeconds, r.costs = 10, 4, 4, 1
	if rate, want := r.executedRate(), 2*each*e.ExecutedFLOPs/4; !(math.Abs(rate-want) <= 1e-9*want) {
		t.Errorf("found %v FLOP/s, expected %v", rate, want)
	}
	alone := &Run{Config: r.Config, Estimate: &e, resultAlone: true, result: &sweep.Result{}}
	alone.Config.ContinueFrom = "somewhere"
	if got := alone.executedFLOPsAt(10); !math.IsNaN(got) {
		t.Errorf("found %v of a result that does not tell, expected none", got)
	}
}

// A candidate keeps its role where its folder is given alone, or the sweep by two names; and a
// folder by two names is one run.
func TestCandidatesStayCandidates(t *testing.T) {
	dir := t.TempDir()
	runs := madeSweep(3, 100)
	results := writeSweep(t, dir, runs, 10)
	var text []byte
	for _, m := range runs {
		said := results[m.name]
		if m.name == runs[2].name {
			said.Role = sweep.RoleCandidate
		}
		line, err := json.Marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, line...), '\n')
	}
	path := filepath.Join(dir, sweep.ResultsName)
	if err := os.WriteFile(path, text[:len(text)-1], 0o644); err != nil { // an editor leaves out the last newline
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, other); err != nil {
		t.Skip("this system has no symbolic links: ", err)
	}
	folder := func(i int) string { return filepath.Join(dir, sweep.RunsName, runs[i].name) }
	for name, paths := range map[string][]string{
		"folders": {folder(0), folder(1), folder(2)}, "two names": {other, dir}, "both": {folder(2), other}, "sweep": {dir},
	} {
		d, err := Load(paths)
		if err != nil {
			t.Fatal(err)
		}
		candidates := 0
		for _, r := range d.Runs {
			if r.Candidate() {
				candidates++
			}
		}
		if len(d.Runs) != 3 || candidates != 1 {
			t.Errorf("%s: found %d runs, %d candidates, expected 3 and 1", name, len(d.Runs), candidates)
		}
	}
}

// The last line of results counts where it is whole, with or without a newline.
func TestLastResultWithoutNewline(t *testing.T) {
	const a, b = `{"name":"a"}`, `{"name":"b"}`
	for text, want := range map[string]int{a + "\n" + b: 2, a + "\n" + b + "\n": 2, a + "\n" + b[:7]: 1} {
		if all, err := parseResults("results.jsonl", []byte(text)); err != nil || len(all) != want {
			t.Errorf("%q: found %d results, error %v, expected %d", text, len(all), err, want)
		}
	}
}

// Whether some seeds also have a test text is no part of the validation loss.
func TestTestTextMakesNoGroup(t *testing.T) {
	a, b := finished(model.Dynamic, 64, 0.006, 1, 1e12, 3.8), finished(model.Dynamic, 64, 0.006, 2, 1e12, 3.9)
	a.Text, b.Text = &train.Fingerprint{Train: "t", Valid: "v", Vocab: "w"}, &train.Fingerprint{Train: "t", Valid: "v", Vocab: "w", Test: "x"}
	if all := reportOn(t, a, b).groups; len(all) != 1 {
		t.Errorf("found %d groups, expected one of two seeds", len(all))
	}
}

// The step of a sparse model is not that of a partly trained one, which is dense.
func TestStepTimesOfPartialAreNotKnown(t *testing.T) {
	r := finished(model.Partial, 64, 0.006, 1, 1e12, 3.8)
	m, o, err := train.Shape(r.Config)
	if err != nil {
		t.Fatal(err)
	}
	times := &stepTimes{seconds: map[stepKind]float64{{fmt.Sprintf("%d layers of %d", m.Layers, m.Hidden), stepSizes{}, r.Config.Sparsity, r.Config.BlockSize, o.MicroBatch, o.SeqLen}: 1}}
	if got := times.cost().of(r); got > 0 {
		t.Errorf("found %v minutes by the time of a sparse step", got)
	}
}

// A time is of a step of the same heads, feed-forward size and vocabulary, where its record has them.
func TestStepTimesAreOfTheSameSizes(t *testing.T) {
	r := finished(model.Dynamic, 64, 0.006, 1, 1e12, 3.8)
	m, o, err := train.Shape(r.Config)
	if err != nil {
		t.Fatal(err)
	}
	for record, known := range map[string]bool{
		`"heads": %d, "ffn": %d, "vocab_size": %d, `:      true,
		`"heads": %d, "ffn": %d, "vocab_size": 1%d, `:     false,
		`"heads": 1%d, "ffn": %d, "vocab_size": %d, `:     false,
		`"heads": %d, "ffn": 1%d, "vocab_size": %d, `:     false,
		`"older": "%[1]d", "than": "%[2]d %[3]d sizes", `: true,
	} {
		path := filepath.Join(t.TempDir(), "steps.json")
		row := fmt.Sprintf("[{"+record, m.Heads, m.FFN, m.VocabSize) + fmt.Sprintf(`"model": "%d layers of %d", "sparsity": %v, "block": %d, "sequences": %d, "seq_len": %d, "hardware": "cpu", "seconds_median": 1}]`,
			m.Layers, m.Hidden, r.Config.Sparsity, r.Config.BlockSize, o.MicroBatch, o.SeqLen)
		if err := os.WriteFile(path, []byte(row), 0o644); err != nil {
			t.Fatal(err)
		}
		times, err := readStepTimes(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := times.cost().of(r); got > 0 != known {
			t.Errorf("%s: found %v minutes", row, got)
		}
	}
}

// A seed that diverged is in no mean, which would flatter the others: the page names it.
func TestDivergedSeedsAreNamed(t *testing.T) {
	a, b, c := finished(model.Dynamic, 64, 0.006, 1, 1e12, 3.8), finished(model.Dynamic, 64, 0.006, 2, 1e12, 3.9), finished(model.Dynamic, 64, 0.006, 3, 1e12, 9)
	c.Name, c.Standing = "third", &train.Status{State: train.StateDiverged}
	r := reportOn(t, a, b, c)
	const want = "In none for want of a final loss: third (diverged)."
	if page := string(pageOf(t, r)); !strings.Contains(page, want) || len(r.groups[0].runs) != 2 {
		t.Errorf("expected %q in the page, and two seeds in the mean", want)
	}
}
