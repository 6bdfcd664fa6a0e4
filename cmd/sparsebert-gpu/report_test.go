package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/report"
)

// reportRun trains a moment and returns the run folder.
func reportRun(t *testing.T, more ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	if code, _, errs := invoke(quick(dir, more...)...); code != exit.Done {
		t.Fatalf("train: exit code %d: %s", code, errs)
	}
	return dir
}

// lossIn reads the one run's loss out of a page.
func lossIn(t *testing.T, page []byte) any {
	t.Helper()
	m := regexp.MustCompile(`(?s)id="report-data">(.*?)</script>`).FindSubmatch(page)
	if m == nil {
		t.Fatalf("found no data in the page: %.300s", page)
	}
	var data struct{ Runs []map[string]any }
	if err := json.Unmarshal(m[1], &data); err != nil || len(data.Runs) != 1 {
		t.Fatalf("found %d runs (%v), expected one", len(data.Runs), err)
	}
	return data.Runs[0]["mlm_loss"]
}

// lastEval is the last evaluation of a run.
func lastEval(t *testing.T, dir string) *metrics.Eval {
	t.Helper()
	records, err := metrics.Read(filepath.Join(dir, metrics.FileName))
	if err != nil {
		t.Fatal(err)
	}
	var last *metrics.Eval
	for _, r := range records {
		if e, ok := r.(*metrics.Eval); ok {
			last = e
		}
	}
	return last
}

// train leaves a report, and report makes the same one, with figures, with flags
// before or behind the folder.
func TestReport(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine that TestReportOfEveryMethod does not start")
	}
	dir := reportRun(t)
	own, err := os.ReadFile(filepath.Join(dir, report.FileName))
	if err != nil {
		t.Fatal(err)
	}
	want := lastEval(t, dir).MLMLoss
	if got := lossIn(t, own); got != want {
		t.Errorf("train's report: found the loss %v, expected %v", got, want)
	}
	out := filepath.Join(t.TempDir(), "a.html")
	for _, args := range [][]string{{"report", dir, "--out", out}, {"report", "-o", out, dir}, {"report", "--out=" + out, "--", dir}} {
		if code, stdout, errs := invoke(args...); code != exit.Done || stdout+errs != "" {
			t.Fatalf("%v: exit code %d: %s%s", args, code, stdout, errs)
		}
		page, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if got := lossIn(t, page); got != want {
			t.Errorf("%v: found the loss %v, expected %v", args, got, want)
		}
		for _, name := range []string{"loss", "topology-time", "topology-query", "flops", "time", "memory", "layer-explored"} {
			for _, kind := range []string{".svg", ".png"} {
				if info, err := os.Stat(filepath.Join(filepath.Dir(out), "a-figures", name+kind)); err != nil || info.Size() == 0 {
					t.Errorf("%v: figure %s: found %v", args, name+kind, err)
				}
			}
		}
		if err := os.RemoveAll(filepath.Dir(out) + "/a-figures"); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, errs := invoke("report", dir, "--out", out, "--no-figures"); code != exit.Done {
		t.Errorf("--no-figures: exit code %d: %s", code, errs)
	}
	if _, err := os.Stat(filepath.Dir(out) + "/a-figures"); !os.IsNotExist(err) {
		t.Errorf("--no-figures: found a folder of figures (%v)", err)
	}
}

// Every kind of run has a report, also with a checkpoint that cannot be read.
func TestReportOfEveryMethod(t *testing.T) {
	for _, method := range []string{"dense", "static", "dynamic"} {
		dir := reportRun(t, "--method", method, "--updates", "0")
		if _, err := os.Stat(filepath.Join(dir, report.FileName)); err != nil {
			t.Error(err)
		}
		model := filepath.Join(dir, "checkpoints", "step-6", "model.safetensors")
		if err := os.Truncate(model, 9); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "a.html")
		if code, _, errs := invoke("report", dir, "--out", out, "--no-figures"); code != exit.Done {
			t.Errorf("%s, damaged checkpoint: exit code %d: %s", method, code, errs)
		}
		if page, err := os.ReadFile(out); err != nil || !strings.Contains(string(page), "No snapshot of the topology: ") {
			t.Errorf("%s, damaged checkpoint: found none named in the page (%v)", method, err)
		}
	}
}

func TestReportBadInput(t *testing.T) {
	in := newInputs(t)
	run := reportRun(t)
	empty := filepath.Join(in.dir, "empty")
	broken := filepath.Join(in.dir, "broken")
	for _, dir := range []string{empty, broken} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config, err := os.ReadFile(filepath.Join(run, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{"broken/config.yaml": string(config), "broken/metrics.jsonl": "{}\n", "file": ""} {
		if err := os.WriteFile(filepath.Join(in.dir, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fresh := filepath.Join(in.dir, "fresh")
	if err := os.Mkdir(fresh, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(fresh, "config.yaml"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, b := range []badInput{
		{"no folder", []string{"report", "--out", "@"}, []string{"no RUN given"}},
		{"no out", []string{"report", run}, []string{"--out"}},
		{"out without a name", []string{"report", run, "--out", ""}, []string{"--out"}},
		{"out is a folder", []string{"report", run, "--out", empty}, []string{"to be a folder"}},
		{"out nowhere", []string{"report", run, "--out", filepath.Join(empty, "a", "b.html")}, []string{"found no folder", "a"}},
		{"figures is a file", []string{"report", run, "--out", "@", "--figures", filepath.Join(in.dir, "file")}, []string{"figures", "to be a file"}},
		{"both", []string{"report", run, "--out", "@", "--figures", "@", "--no-figures"}, []string{"--figures and --no-figures"}},
		{"unknown flag", []string{"report", run, "--output", "@"}, []string{"unknown flag --output"}},
		{"no run", []string{"report", empty, "--out", "@"}, []string{empty, "expected a run folder or a sweep folder"}},
		{"nothing there", []string{"report", filepath.Join(empty, "x"), "--out", "@"}, []string{"found no such folder"}},
		{"a file", []string{"report", filepath.Join(in.dir, "file"), "--out", "@"}, []string{"found no result"}},
		{"broken metrics", []string{"report", broken, "--out", "@"}, []string{"metrics.jsonl:1", "found no kind"}},
		{"no record", []string{"report", fresh, "--out", "@"}, []string{"found no record"}},
		{"empty name", []string{"report", "", "--out", "@"}, []string{"found an empty name"}},
		{"listen alone", []string{"report", run, "--out", "@", "--listen", "127.0.0.1:0"}, []string{"--listen without --watch"}},
		{"out and watch", []string{"report", run, "--out", "@", "--watch"}, []string{"--out with --watch"}},
		{"bad address", []string{"report", run, "--watch", "--listen", "nowhere"}, []string{"listen", "expected an address"}},
		{"watch of nothing", []string{"report", empty, "--watch"}, []string{"expected a run folder or a sweep folder"}},
	} {
		t.Run(b.name, func(t *testing.T) { b.check(t) })
	}
}

// watched takes what a command prints while it runs.
type watched struct{ lines chan string }

func (w watched) Write(p []byte) (int, error) {
	w.lines <- string(p)
	return len(p), nil
}

// report --watch serves on loopback and ends with its context, well.
func TestReportWatch(t *testing.T) {
	dir := reportRun(t)
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	out := watched{make(chan string, 9)}
	var errs bytes.Buffer
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"sparsebert-gpu", "report", dir, "--watch"}, out, &errs) }()
	var url string
	select {
	case line := <-out.lines:
		url = strings.TrimSpace(line)
	case c := <-code:
		t.Fatalf("exit code %d: %s", c, errs.String())
	}
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("found the address %s, expected one of this machine", url)
	}
	client := http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := lossIn(t, page), lastEval(t, dir).MLMLoss; got != want {
		t.Errorf("found the loss %v, expected %v", got, want)
	}
	stop(exit.Signal{Name: "SIGINT", Code: exit.SIGINT})
	select {
	case c := <-code:
		if c != exit.Done {
			t.Errorf("exit code %d: %s", c, errs.String())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on after Ctrl-C")
	}
}
