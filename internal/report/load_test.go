package report

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// oneRun writes a small dynamic run and returns its folder.
func oneRun(tb testing.TB, name string) string {
	tb.Helper()
	dir := tb.TempDir()
	m := madeSweep(3, 100)[2]
	m.name = name
	m.write(tb, dir, 10)
	return filepath.Join(dir, sweep.RunsName, name)
}

// A line that is being written, and metrics that are not there yet, are fine.
func TestUnfinishedRuns(t *testing.T) {
	dir := oneRun(t, "run")
	path := filepath.Join(dir, metrics.FileName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	half := bytes.Index(text, []byte(`"kind":"train","step":50,`))
	if err := os.WriteFile(path, text[:half+30], 0o644); err != nil {
		t.Fatal(err)
	}
	r := reportOf(t, dir)
	if got := r.data.Runs[0]; got.Steps() != 45 && got.Steps() != 50 || got.Status() == "done" {
		t.Errorf("found step %d, status %q", got.Steps(), got.Status())
	}
	pageOf(t, r)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if r := reportOf(t, dir); !r.Empty() {
		t.Error("a run without metrics is not empty")
	} else {
		pageOf(t, r)
	}
}

// What is wrong is said in one line that names the place.
func TestBadInput(t *testing.T) {
	broken := oneRun(t, "broken")
	path := filepath.Join(broken, metrics.FileName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append([]byte("{\"kind\":\"train\"}\n"), text...), 0o644); err != nil {
		t.Fatal(err)
	}
	badConfig := oneRun(t, "config")
	if err := os.WriteFile(filepath.Join(badConfig, train.ConfigName), []byte("modell: tiny\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	empty, file := t.TempDir(), filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	noRuns := t.TempDir()
	if err := os.Mkdir(filepath.Join(noRuns, sweep.RunsName), 0o755); err != nil {
		t.Fatal(err)
	}
	badResults := filepath.Dir(filepath.Dir(oneRun(t, "run")))
	if err := os.WriteFile(filepath.Join(badResults, sweep.ResultsName), []byte("{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(empty, "none"): "found no such folder, expected a run folder or a sweep folder",
		empty:                        "found neither config.yaml nor a folder runs",
		file:                         "found no result, expected lines of",
		noRuns:                       "found no run folder, expected at least one",
		broken:                       metrics.FileName + `:1: malformed metrics: found`,
		badConfig:                    `config.yaml:1: found unknown key "modell"`,
		badResults:                   `results.jsonl:1: found the name "", expected`,
	} {
		_, err := Load([]string{path})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: found %v, expected %q", path, err, want)
		}
		if !errors.Is(err, ErrData) && !errors.Is(err, metrics.ErrMalformed) && !train.IsUsage(err) {
			t.Errorf("%s: %v is no error about data", path, err)
		}
	}
}

// The files of the results, which an older program wrote, still make a report, with
// a clock made from the speed.
func TestOlderRuns(t *testing.T) {
	dir := oneRun(t, "old")
	text, err := os.ReadFile("../../bench/results/wikitext2-tiny-dynamic-seed1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, metrics.FileName), text, 0o644); err != nil {
		t.Fatal(err)
	}
	r := reportOf(t, dir)
	run := r.data.Runs[0]
	want, last := 0., int64(0)
	for _, a := range run.Train {
		want += float64(a.Record.Step-last) * run.tokensPerStep() / a.Record.TokensPerSecond
		last = a.Record.Step
	}
	if run.costs != 0 || len(run.Tensors) != 0 || !(math.Abs(run.Seconds()-want) <= 1e-9*want) || want == 0 {
		t.Errorf("found %d costs, %v s, expected none, %v s", run.costs, run.Seconds(), want)
	}
	d := dataIn(t, pageOf(t, r))
	if d.Runs[0]["mlm_loss"] != run.Final().MLMLoss || d.Runs[0]["time"] != nil {
		t.Errorf("found loss %v and time %v, expected %v and none", d.Runs[0]["mlm_loss"], d.Runs[0]["time"], run.Final().MLMLoss)
	}
}

// With cost records the clock is theirs; before the first of them, and behind the
// last, it is that of the speed.
func TestClock(t *testing.T) {
	c := train.DefaultConfig()
	c.BatchSize, c.SeqLen = 1, 10
	r := &Run{Config: c}
	line := func(step int64) metrics.Record { return &metrics.Train{Step: step, TokensPerSecond: 5} } // 2 s a step
	r.take([]metrics.Record{
		line(1), line(2), &metrics.Cost{Step: 2, Seconds: 7}, // the first by an older program: 2 s, then 7
		&metrics.Eval{Step: 3}, &metrics.Cost{Step: 3, Seconds: 1},
		line(4), &metrics.Eval{Step: 4}, &metrics.Cost{Step: 4, Seconds: 1.5},
		line(5),
	})
	var got []float64
	for _, a := range r.Train {
		got = append(got, a.Clock)
	}
	for _, a := range r.Eval {
		got = append(got, a.Clock)
	}
	want := []float64{2, 9, 11.5, 13.5, 10, 11.5}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("found the clocks %v, expected %v", got, want)
		}
	}
	if r.Cost.Seconds != 9.5 || r.costs != 3 {
		t.Errorf("found %v s in %d costs, expected 9.5 in 3", r.Cost.Seconds, r.costs)
	}
}

// FLOPs are those of the records, and between two of them in proportion: steps of
// method partial cost more or less in its phases.
func TestFLOPsBetweenRecords(t *testing.T) {
	c := train.DefaultConfig()
	c.Method = model.Partial
	r := &Run{Config: c}
	if got := r.FLOPsAt(3); !math.IsNaN(got) {
		t.Errorf("without a record: found %v, expected NaN", got)
	}
	r.take([]metrics.Record{&metrics.Train{Step: 4, FLOPs: 8}, &metrics.Train{Step: 8, FLOPs: 40}})
	for step, want := range map[int64]float64{0: 0, 2: 4, 4: 8, 6: 24, 8: 40, 16: 80} {
		if got := r.FLOPsAt(step); got != want {
			t.Errorf("step %d: found %v, expected %v", step, got, want)
		}
	}
}

// The parts of the time add up, and a topology update is what its step takes more
// than the others.
func TestTimeParts(t *testing.T) {
	r := &Run{Config: train.DefaultConfig()}
	r.take([]metrics.Record{
		&metrics.Topology{Step: 5}, &metrics.Topology{Step: 10},
		&metrics.Cost{Step: 10, Seconds: 20, StepSeconds: 8, UpdateSeconds: 5, DataSeconds: 1, EvalSeconds: 2, SaveSeconds: 3},
	})
	want := map[string]float64{"training steps": 10, "topology updates": 3, "waiting for batches": 1, "evaluation": 2, "checkpoints": 3, "everything else": 1}
	share := 0.
	for _, p := range r.timeParts() {
		if p.Seconds != want[p.Name] || p.Share != p.Seconds/20 {
			t.Errorf("found %+v, expected %v s", p, want[p.Name])
		}
		share += p.Share
	}
	if !(math.Abs(share-1) <= 1e-12) || len(r.timeParts()) != len(want) {
		t.Errorf("found %v, which add up to %v", r.timeParts(), share)
	}
}

// Whatever the file: results, or one line that names the file and the line.
func FuzzResults(f *testing.F) {
	f.Add([]byte(`{"name":"a","config":{"model":"tiny","seed":1},"status":"done","steps":10,"tokens":1,"flops":2e9,"mlm_loss":2.5,"group":"x"}` + "\n"))
	f.Add([]byte("{\"name\":\"a\",\"mlm_loss\":null}\n{\"name\":\"cut"))
	f.Add([]byte("{\"name\":\"../a\"}\n"))
	f.Add([]byte("\n[]\nnull\n"))
	f.Add([]byte("{\"name\":\"a\",\"mlm_loss\":1e999}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseResults("results.jsonl", text)
		if err != nil {
			if !errors.Is(err, ErrData) || !strings.HasPrefix(err.Error(), "results.jsonl:") || strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("found the error %q", err)
			}
			return
		}
		for name, r := range all {
			if name != r.Name || name == "" {
				t.Fatalf("found the result %q of %q", r.Name, name)
			}
			if filepath.Dir(filepath.Join("runs", name)) != "runs" {
				t.Fatalf("the name %q leaves the folder of runs", name)
			}
			for _, v := range []*float64{r.MLMLoss, &r.FLOPs, r.TrainLoss} {
				if v != nil && !finite(*v) {
					t.Fatalf("found %v", *v)
				}
			}
		}
	})
}
