package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// as gives a run what its sweep says of it.
func (r *Run) as(name, role, status string) *Run {
	r.Name, r.Dir = name, name
	r.result = &sweep.Result{Name: name, Role: role, Status: status}
	return r
}

// Candidates of a learning rate make the learning-rate figure and no other; runs
// that diverged are named.
func TestCandidates(t *testing.T) {
	slow := finished(model.Dynamic, 4, 0.001, 1, 1e9, 3.5).as("slow", sweep.RoleCandidate, sweep.Done)
	best := finished(model.Dynamic, 4, 0.002, 1, 1e9, 3).as("best", sweep.RoleRun, sweep.Done)
	fast := finished(model.Dynamic, 4, 0.004, 1, 1e9, 0.1).as("fast", sweep.RoleCandidate, sweep.Diverged)
	seed := finished(model.Dynamic, 4, 0.002, 2, 1e9, 3.2).as("seed", sweep.RoleRun, sweep.Done)
	other := finished(model.Dense, 4, 0.002, 1, 2e9, 2.5).as("other", sweep.RoleRun, sweep.Done)
	runs := []*Run{fast, seed, best, slow, other}

	all := groups(runs)
	if len(all) != 2 || !slices.Equal(all[0].runs, []*Run{best, seed}) || all[0].loss != 3.1 {
		t.Errorf("found %d groups, the first %+v, expected the two seeds at the chosen rate, and the dense run", len(all), all[0])
	}
	_, colors := seriesColors(runs)
	c := rateChart(runs, colors)
	if c == nil || len(c.curves) != 2 {
		t.Fatalf("found %+v, expected one line with its chosen points", c)
	}
	line, chosen := c.curves[1], c.curves[0]
	if want := []point{{0.001, 3.5}, {0.002, 3}}; !slices.Equal(line.points, want) || !line.hollow {
		t.Errorf("found the line %v, expected %v", line.points, want)
	}
	if want := []point{{0.002, 3}}; !slices.Equal(chosen.points, want) || chosen.hollow {
		t.Errorf("found chosen %v, expected %v", chosen.points, want)
	}
	for _, want := range []string{"Hollow: candidates", "Not drawn: fast (diverged)."} {
		if !strings.Contains(c.caption, want) {
			t.Errorf("found the caption %q, expected %q in it", c.caption, want)
		}
	}
	if c := rateChart([]*Run{best, seed, other}, colors); c != nil {
		t.Errorf("found a figure of runs that each tried one rate: %+v", c.curves)
	}
	// All rates but one diverged.
	if c := rateChart([]*Run{best, fast}, colors); c == nil || !strings.Contains(c.caption, "fast (diverged)") {
		t.Errorf("found %+v, expected the figure to name the run that diverged", c)
	}
}

// Each method has a place, a sign and, the dense one aside, a color of its own;
// partial runs of other phases are another series.
func TestMethods(t *testing.T) {
	late := finished(model.Partial, 4, 1, 1, 3e9, 3)
	late.Config.PartialPhases = model.PhasesLate
	runs := []*Run{finished(model.Dense, 4, 1, 1, 4e9, 2), late, finished(model.Partial, 4, 1, 1, 2e9, 3), finished(model.Static, 4, 1, 1, 1e9, 4), finished(model.Dynamic, 4, 1, 1, 1e9, 3)}
	order, colors := seriesColors(runs)
	want := []string{"dynamic s=0.9 B=16", "static s=0.9 B=16", "partial (always, fixed, frozen) s=0.9 B=16", "partial (late, fixed, frozen) s=0.9 B=16", "dense"}
	if !slices.Equal(order, want) {
		t.Errorf("found the series %q, expected %q", order, want)
	}
	signs, inks := map[marker]bool{}, map[ink]bool{}
	for _, r := range runs {
		signs[markOf(r.Config.Method)] = true
		inks[colors[seriesOf(r)]] = true
	}
	if len(signs) != 4 || len(inks) != 5 {
		t.Errorf("found %d signs and %d colors, expected 4 and 5", len(signs), len(inks))
	}
	if len(details(runs)) != 4 {
		t.Errorf("found %d runs shown one by one, expected one of each method", len(details(runs)))
	}
}

// A table has no numbers that mean nothing: a dense model has no sparsity.
func TestUnusedSettingsAreNotShown(t *testing.T) {
	dense, sparse := finished(model.Dense, 4, 1, 1, 1e9, 3), finished(model.Dynamic, 4, 1, 1, 1e9, 3)
	dense.Config.Sparsity, sparse.Config.Sparsity = 0.5, 0.75
	static := finished(model.Static, 4, 1, 1, 1e9, 3)
	if got, want := differing([]*Run{dense, sparse, static}), []string{"method", "sparsity"}; !slices.Equal(got, want) {
		t.Fatalf("found the columns %q, expected %q", got, want)
	}
	for r, want := range map[*Run]string{dense: "–", sparse: "0.75", static: "0.9"} {
		if got := rowOf(r, []string{"method", "sparsity"}).Settings[1]; got != want {
			t.Errorf("%s: found sparsity %q, expected %q", r.Name, got, want)
		}
	}
	keys := func(c train.Config) (out []string) {
		for _, s := range settingsOf(c) {
			out = append(out, s[0])
		}
		return out
	}
	if got := keys(dense.Config); slices.Contains(got, "sparsity") || slices.Contains(got, "partial_rest") || !slices.Contains(got, "learning_rate") {
		t.Errorf("found the settings %q of a dense run", got)
	}
	if got := keys(static.Config); !slices.Contains(got, "sparsity") || slices.Contains(got, "updates") {
		t.Errorf("found the settings %q of a static run", got)
	}
}

// A run that its sweep calls diverged has in the page the numbers of results.jsonl,
// with no loss, whatever its last evaluation before was.
func TestDivergedRun(t *testing.T) {
	dir := t.TempDir()
	runs := madeSweep(3, 100)
	results := writeSweep(t, dir, runs, 10)
	want := results[runs[1].name]
	want.Status, want.Error, want.Steps, want.FLOPs, want.MLMLoss = sweep.Diverged, "step 57: not finite", 56, want.FLOPs*0.56, nil
	results[want.Name] = want
	var text []byte
	for _, r := range runs {
		line, err := json.Marshal(results[r.name])
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, line...), '\n')
	}
	if err := os.WriteFile(filepath.Join(dir, sweep.ResultsName), text, 0o644); err != nil {
		t.Fatal(err)
	}
	r := reportOf(t, dir)
	if len(r.Warnings()) > 0 {
		t.Errorf("found warnings %q, expected none", r.Warnings())
	}
	for _, got := range dataIn(t, pageOf(t, r)).Runs {
		if got["name"] != want.Name {
			continue
		}
		if got["status"] != "diverged" || got["mlm_loss"] != nil || got["train_loss"] != nil || got["steps"] != 56. || got["flops"] != want.FLOPs {
			t.Errorf("found %v, expected %+v", got, want)
		}
		return
	}
	t.Errorf("found no run %s in the page", want.Name)
}
