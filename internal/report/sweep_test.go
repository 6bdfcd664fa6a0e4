package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
)

// reportOf loads folders and makes their report.
func reportOf(tb testing.TB, paths ...string) *Report {
	tb.Helper()
	d, err := Load(paths)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := New(d)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// pageOf is the HTML of a report.
func pageOf(tb testing.TB, r *Report) []byte {
	tb.Helper()
	var page bytes.Buffer
	if err := r.HTML(&page, false); err != nil {
		tb.Fatal(err)
	}
	return page.Bytes()
}

var dataElement = regexp.MustCompile(`(?s)<script type="application/json" id="report-data">(.*?)</script>`)

// dataIn reads the numbers of a page, as a program would.
func dataIn(tb testing.TB, page []byte) (d struct {
	Runs        []map[string]any `json:"runs"`
	Comparisons []Comparison     `json:"comparisons"`
	Figures     []string         `json:"figures"`
}) {
	tb.Helper()
	m := dataElement.FindSubmatch(page)
	if m == nil {
		tb.Fatal("the page has no element report-data")
	}
	if err := json.Unmarshal(m[1], &d); err != nil {
		tb.Fatal(err)
	}
	return d
}

// The report of 100 runs of 10,000 steps, with a log line every tenth, is below
// 5 MB; its numbers are those of results.jsonl.
func TestSweepOfHundredRuns(t *testing.T) {
	runs, steps, logging := 100, int64(10000), int64(10)
	if testing.Short() {
		runs, steps = 6, 500
	}
	dir := t.TempDir()
	results := writeSweep(t, dir, madeSweep(runs, steps), logging)
	r := reportOf(t, dir)
	out := filepath.Join(t.TempDir(), "report.html")
	if !testing.Short() { // drawing starts no goroutine
		if err := r.WriteFigures(filepath.Join(t.TempDir(), "figures")); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.WriteHTML(out); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(page) >= 5_000_000 {
		t.Errorf("found a page of %d bytes, expected less than 5 MB", len(page))
	}
	if len(r.Warnings()) > 0 {
		t.Errorf("found warnings %q, expected none", r.Warnings())
	}
	d := dataIn(t, page)
	if len(d.Runs) != runs {
		t.Fatalf("found %d runs in the page, expected %d", len(d.Runs), runs)
	}
	for _, got := range d.Runs {
		want, ok := results[got["name"].(string)]
		if !ok || got["mlm_loss"] != *want.MLMLoss || got["flops"] != want.FLOPs || got["steps"] != float64(want.Steps) || got["status"] != want.Status {
			t.Errorf("%v: found loss %v, FLOPs %v, steps %v, status %v, expected %+v", got["name"], got["mlm_loss"], got["flops"], got["steps"], got["status"], want)
		}
	}
	for _, name := range []string{"pareto", "loss", "loss-flops", "loss-time", "learning-rate", "explored-dof", "removed-new", "removed-new-dense", "newborn-norm", "utilization", "predictions", "run1-flops", "run1-time", "run1-memory", "run1-layer-explored-time"} {
		if !slices.Contains(d.Figures, name) {
			t.Errorf("found no figure %s in %q", name, d.Figures)
		}
	}
}

// What the sweep says and the run folders do not is warned of.
func TestResultsAreChecked(t *testing.T) {
	dir := t.TempDir()
	runs := madeSweep(4, 100)
	writeSweep(t, dir, runs, 10)
	path := filepath.Join(dir, sweep.ResultsName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines[0] = bytes.Replace(lines[0], []byte(`"mlm_loss":`), []byte(`"mlm_loss":1`), 1)
	lines[1] = bytes.Replace(lines[1], []byte(`"flops":`), []byte(`"flops":1`), 1)
	lines[2] = bytes.Replace(lines[2], []byte(`"done"`), []byte(`"diverged"`), 1)
	lines[3] = bytes.Replace(lines[3], []byte(runs[3].name), []byte("nowhere"), 1)
	lines = append(lines, []byte(`{"name":"cut`))
	if err := os.WriteFile(path, bytes.Join(lines, nil), 0o644); err != nil {
		t.Fatal(err)
	}
	r := reportOf(t, dir)
	for _, want := range []string{"found mlm_loss 1", "found flops 1", `found a result of run "nowhere" without its folder`} {
		if !slices.ContainsFunc(r.Warnings(), func(w string) bool { return regexp.MustCompile(regexp.QuoteMeta(want)).MatchString(w) }) {
			t.Errorf("found warnings %q, expected one with %q", r.Warnings(), want)
		}
	}
	if len(r.Warnings()) != 3 {
		t.Errorf("found %d warnings, expected 3: %q", len(r.Warnings()), r.Warnings())
	}
	diverged := 0
	for _, run := range dataIn(t, pageOf(t, r)).Runs {
		if run["status"] == "diverged" {
			diverged++
		}
	}
	if diverged != 1 {
		t.Errorf("found %d diverged runs, expected 1", diverged)
	}
}

// A folder given twice, and a run given beside its sweep, count once.
func TestRunsCountOnce(t *testing.T) {
	dir := t.TempDir()
	runs := madeSweep(3, 100)
	writeSweep(t, dir, runs, 10)
	one := filepath.Join(dir, sweep.RunsName, runs[0].name)
	if r := reportOf(t, dir, one, one+"/"); len(r.data.Runs) != 3 {
		t.Errorf("found %d runs, expected 3", len(r.data.Runs))
	}
}

func BenchmarkSweepOfHundredRuns(b *testing.B) {
	for _, c := range []struct {
		name    string
		logging int64
	}{{"log line every 20 steps", 20}, {"log line every step", 1}} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			writeSweep(b, dir, madeSweep(100, 10000), c.logging)
			for b.Loop() {
				r := reportOf(b, dir)
				if err := r.WriteFigures(b.TempDir()); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(pageOf(b, r)))/1e6, "MB")
			}
		})
	}
}
