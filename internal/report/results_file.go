package report

import (
	"math"
	"os"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// loadResults reads a results.jsonl alone, whose run folders need not be there. Of each
// run it has the last evaluation and the FLOPs, so the figures over time are left out.
func loadResults(path string) ([]*Run, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, dataErrorf("%s: found %v, expected a readable file", path, err)
	}
	all, err := parseResults(path, text)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, dataErrorf("%s: found no result, expected lines of a sweep's %s", path, sweep.ResultsName)
	}
	var runs []*Run
	for _, said := range all {
		r, err := runOfResult(path, said)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	slices.SortFunc(runs, func(a, b *Run) int { return strings.Compare(a.Dir, b.Dir) })
	return runs, nil
}

// runOfResult makes a run of what a sweep says of it.
func runOfResult(path string, said sweep.Result) (*Run, error) {
	r := &Run{Dir: path + "/" + said.Name, Config: train.DefaultConfig(), Text: said.Text, result: &said, resultAlone: true}
	if err := settings.Decode(said.Config, &r.Config); err != nil {
		return nil, dataErrorf("%s: run %s: config: %v", path, said.Name, err)
	}
	r.Config.Given = nil
	if said.UnigramEntropy != nil {
		r.Unigram = *said.UnigramEntropy
	}
	if e, err := train.EstimateRunCost(r.Config); err == nil {
		r.Estimate = &e
	}
	if said.Status != sweep.Done {
		return r, nil
	}
	number := func(p *float64) float64 {
		if p == nil {
			return math.NaN()
		}
		return *p
	}
	r.Eval = []At[metrics.Eval]{{Record: metrics.Eval{
		Step: said.Steps, MLMLoss: number(said.MLMLoss), MLMAccuracy: number(said.MLMAccuracy), NSPLoss: number(said.NSPLoss), NSPAccuracy: number(said.NSPAccuracy),
	}}}
	if said.TestMLMLoss != nil {
		r.Test = &metrics.Eval{Step: said.Steps, MLMLoss: *said.TestMLMLoss, MLMAccuracy: number(said.TestMLMAccuracy)}
	}
	return r, nil
}
