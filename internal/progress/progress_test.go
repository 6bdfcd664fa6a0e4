package progress

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/vbauerster/mpb/v8"

	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// twoRuns are the runs of a sweep, of a moment each.
func twoRuns(t *testing.T) []*sweep.Run {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.yaml")
	text := `
defaults: {layers: 1, hidden: 32, heads: 2, ffn: 64, block_size: 8, sparsity: 0.5, seq_len: 32, batch_size: 4,
  max_steps: 6, updates: 3, eval_batches: 1, final_eval_batches: 2}
groups:
  - name: g
    cross: {method: [static, dynamic]}
`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	file, err := sweep.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := file.Runs(nil)
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// A sweep that is stopped with runs half way closes all of its bars.
func TestSweepBars(t *testing.T) {
	runs := twoRuns(t)
	var out bytes.Buffer
	w := NewSweep(zerolog.Nop(), &out, runs, train.Config{})
	w.drawOn(&out, mpb.WithAutoRefresh())
	for i, r := range runs {
		plan, err := train.NewPlan(t.Context(), r.Config, nil)
		if err != nil {
			t.Fatal(err)
		}
		one := w.Running(r)
		one.Started(plan, "run", 2)
		one.Stepped(3, 6, 1)
		if i > 0 {
			break // stopped here
		}
		for step := int64(4); step <= 6; step++ {
			one.Stepped(step, 6, 1)
		}
		one.Evaluated(train.EvalMetrics{Step: 6, MLMLoss: 1.25})
		loss := 1.25
		w.Finished(r, sweep.Result{Name: r.Name, Status: sweep.Done, MLMLoss: &loss}, true)
	}
	w.total.Current()                  // the bar has seen the last step
	time.Sleep(300 * time.Millisecond) // and has been drawn
	closed := make(chan bool)
	go func() { w.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(time.Minute):
		t.Fatal("the bars do not close")
	}
	for _, want := range []string{"1 of 2 runs", "run=g-static", "mlm_loss=1.2500", "g-dynamic", "running"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("found %q, expected %q in it", out.String(), want)
		}
	}
}

// On a terminal the lines that follow the last step, the evaluation's and the
// checkpoint's, are shown too.
func TestBarKeepsTheLastLines(t *testing.T) {
	var out bytes.Buffer
	w := NewRun(zerolog.Nop(), &out, train.Config{})
	w.drawOn(&out, mpb.WithAutoRefresh())
	w.addBar(1, 3)
	w.Stepped(2, 3, 1.5)
	w.Stepped(3, 3, 1.25)
	w.bar.Current() // the bar has seen the last step
	w.Logged(train.TrainMetrics{Step: 3})
	w.Evaluated(train.EvalMetrics{Step: 3})
	w.Saved("run/checkpoints/step-3")
	w.Close()
	for _, want := range []string{"step 3/3", "loss 1.250", "train", "eval", "run/checkpoints/step-3"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("found %q, expected %q in it", out.String(), want)
		}
	}
}

// Off a terminal a run is told line by line, and only what is wrong when it is to be quiet.
func TestRunInLines(t *testing.T) {
	run := twoRuns(t)[1]
	plan, err := train.NewPlan(t.Context(), run.Config, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, quiet := range []bool{false, true} {
		var out bytes.Buffer
		w := NewRun(NewLog(&out, quiet, false), &out, run.Config)
		if w.Dir() != "" {
			t.Errorf("found folder %q before the run began, expected none", w.Dir())
		}
		w.Loading("count words", 0, 10)
		w.Loading("count words", 5, 10) // too soon for another line
		w.Started(plan, "folder", 4)
		w.Stepped(5, 6, 1)
		w.Logged(train.TrainMetrics{Step: 5, MLMLoss: 2.5})
		w.Skipped("step-4", errors.New("cut short"))
		w.Close()
		if w.Dir() != "folder" {
			t.Errorf("found folder %q, expected the run's", w.Dir())
		}
		for words, always := range map[string]bool{"count words": false, "resumed": false, "mlm_loss=2.5000": false, "topology_updates=": false, "cut short": true} {
			if want := always || !quiet; strings.Contains(out.String(), words) != want {
				t.Errorf("quiet %v: found %q, expected %q in it: %v", quiet, out.String(), words, want)
			}
		}
		if strings.Count(out.String(), "count words") > 1 {
			t.Errorf("found %q, expected one line on a stage", out.String())
		}
	}
}

// A line says first how far the run is, and one line tells of an update. In JSON numbers stay numbers.
func TestLinesBeginWithTheStep(t *testing.T) {
	run := twoRuns(t)[1]
	run.Config.Device = "sim"
	plan, err := train.NewPlan(t.Context(), run.Config, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		w := NewRun(NewLog(&out, false, asJSON), &out, run.Config)
		w.Started(plan, "folder", 0)
		w.Stepped(1, 6, 1)
		w.Updated(train.TopologyMetrics{Step: 2, Update: 1, Pruned: 12, ExploredDOF: 0.5, RemovedNewRatio: new(0.25)})
		w.Updated(train.TopologyMetrics{Step: 4, Update: 2})
		w.Stepped(5, 6, 1)
		w.Logged(train.TrainMetrics{Step: 5, MLMLoss: 2.5})
		w.Evaluated(train.EvalMetrics{Step: 6, MLMLoss: 2.25})
		w.Close()
		want := []string{
			"train step=5/6 left=0s mlm_loss=2.5000", "eval step=6/6 mlm_loss=2.2500", "the 5 that are left take about",
			"topology step=2/6 update=1/2 explored_dof=0.500 removed_new_ratio=0.250 pruned=12", "topology step=4/6 update=2/2 explored_dof=0.000 pruned=0",
		}
		if asJSON {
			want = []string{`"step":5,"steps":6,"left":"0s","mlm_loss":"2.5000"`, `"update":1,"updates":2,"pruned":12`}
		}
		for _, words := range want {
			if !strings.Contains(out.String(), words) {
				t.Errorf("JSON %v: found %s\nexpected %q in it", asJSON, out.String(), words)
			}
		}
	}
}

// Finished runs of earlier processes count as done, and take no time of this one.
func TestSweepCountsFLOPs(t *testing.T) {
	runs := twoRuns(t)
	var out bytes.Buffer
	w := NewSweep(NewLog(&out, false, false), &out, runs, train.Config{})
	w.Finished(runs[0], sweep.Result{Name: runs[0].Name, Status: sweep.Done}, false)
	if w.finished != 1 || w.done != w.before || !(w.done > 0 && w.done < w.all) {
		t.Errorf("found %v of %v FLOPs done, %v before, %d runs finished", w.done, w.all, w.before, w.finished)
	}
	w.Finished(runs[1], sweep.Result{Name: runs[1].Name, Status: sweep.Failed, Error: "no space left"}, true)
	if w.finished != 2 || w.done != w.all {
		t.Errorf("found %v of %v FLOPs done, %d runs finished, expected all", w.done, w.all, w.finished)
	}
	w.Close()
	if !strings.Contains(out.String(), "no space left") {
		t.Errorf("found %q, expected why the run failed", out.String())
	}
}
