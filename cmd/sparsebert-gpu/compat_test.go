package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
)

// The folder testdata/v0.1 was written by the program before version 0.2.0, on the
// portable instruction path with one thread: a run that was interrupted after 20 of 30
// steps, a finished sweep of two runs, and what export and inspect made of the
// whole run's last checkpoint. Every later version must pass the tests of this
// file as they are: what was written stays readable, and a run that was begun goes
// on to the same bits.

// Hashes of the whole files that the old program wrote after step 30.
const (
	oldModelHash     = "0aa3b75d8ef24e398de406b0a0358502e7feac1b3f1f07b4f5de7ef0a6ff4bff"
	oldOptimizerHash = "63973d81c246d2c65a3772defff9158ca622ff550a77cce41de1d8cd6e94f0d1"
)

// oldFolder changes to a copy of testdata/v0.1, and to the portable path, until
// the test ends.
func oldFolder(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "v0.1"))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	before := devices.CPUPath
	devices.CPUPath = cpu.Portable
	t.Cleanup(func() { devices.CPUPath = before })
}

// oldRun is an oldFolder whose run has been resumed to its end.
func oldRun(t *testing.T) {
	t.Helper()
	oldFolder(t)
	done(t, "train", "--resume", "--output-dir", "run", "--quiet")
}

func TestOldRunGoesOn(t *testing.T) {
	oldRun(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("the hashes are those of amd64: Go's compiler fuses multiplications and additions elsewhere")
	}
	for name, want := range map[string]string{"model.safetensors": oldModelHash, "optimizer.safetensors": oldOptimizerHash} {
		if got := fmt.Sprintf("%x", sha256.Sum256(read(t, "run/checkpoints/step-30", name))); got != want {
			t.Errorf("%s: found a file of hash %s, expected the old program's %s", name, got, want)
		}
	}
}

// Settings that determine the numbers are compared with those of the old program.
func TestOldRunRefusesOtherSettings(t *testing.T) {
	oldFolder(t)
	code, _, errs := invoke("train", "--resume", "--output-dir", "run", "--growth", "gradient", "--quiet")
	if code != exit.Usage || !strings.Contains(errs, `growth: found "gradient", expected "random" as in the run to resume`) {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// The metrics that the old program had written for the steps after the checkpoint
// are written again.
func TestOldRunLogsTheSame(t *testing.T) {
	oldFolder(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("the numbers are those of amd64")
	}
	want := clockless(t, "run")
	done(t, "train", "--resume", "--output-dir", "run", "--quiet")
	if got := clockless(t, "run"); got != want || want == "" {
		t.Errorf("found the metrics %s, expected the old program's %s", got, want)
	}
}

// clockless are the lines of a run's metrics without what the clock says.
func clockless(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	for line := range bytes.Lines(read(t, dir, metrics.FileName)) {
		text, err := metrics.Comparable(bytes.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s\n", text)
	}
	return out.String()
}

// Settings and sizes stand in the files as they stood, letter by letter.
func TestOldRunKeepsItsTexts(t *testing.T) {
	oldFolder(t)
	config := read(t, "run/config.yaml")
	done(t, "train", "--resume", "--output-dir", "run", "--quiet")
	if got := read(t, "run/config.yaml"); !bytes.Equal(got, config) {
		t.Errorf("found the configuration %s, expected the old program's %s", got, config)
	}
	texts := func(step string) (config, model string) {
		var trainer struct {
			State struct{ Config, Model json.RawMessage }
		}
		if err := json.Unmarshal(read(t, "run/checkpoints", step, "trainer.json"), &trainer); err != nil {
			t.Fatal(err)
		}
		// A run that goes on says so, and has its empty lists from a file.
		same := strings.NewReplacer(`"Resume": true`, `"Resume": false`, ": null", ": []")
		return same.Replace(string(trainer.State.Config)), string(trainer.State.Model)
	}
	wasConfig, wasModel := texts("step-20")
	isConfig, isModel := texts("step-30")
	if isConfig != wasConfig || isModel != wasModel {
		t.Errorf("trainer.json: found %s and %s, expected %s and %s", isConfig, isModel, wasConfig, wasModel)
	}
}

func TestOldRunIsReported(t *testing.T) {
	oldFolder(t)
	done(t, "report", "run", "--out", "page.html", "--no-figures")
	if got := fmt.Sprintf("%.4f", lossIn(t, read(t, "page.html"))); got != "6.4339" {
		t.Errorf("found the loss %s in the report, expected the old program's 6.4339", got)
	}
}

func TestOldRunIsInspected(t *testing.T) {
	oldRun(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("the numbers are those of amd64")
	}
	got := done(t, "inspect", "--checkpoint", "run/checkpoints/step-30")
	if want := read(t, "inspect-step-30.txt"); got != string(want) {
		t.Errorf("found %s, expected what the old program printed: %s", got, want)
	}
	var printed struct {
		Model map[string]any `json:"model"`
	}
	if err := json.Unmarshal([]byte(done(t, "inspect", "--checkpoint", "run/checkpoints/step-30", "--json")), &printed); err != nil {
		t.Fatal(err)
	}
	var state struct {
		State struct {
			Model map[string]any `json:"model"`
		} `json:"state"`
	}
	if err := json.Unmarshal(read(t, "run/checkpoints/step-20/trainer.json"), &state); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(printed.Model), fmt.Sprint(state.State.Model); got != want {
		t.Errorf("inspect --json: found the model %s, expected the old program's %s", got, want)
	}
}

func TestOldRunIsExported(t *testing.T) {
	oldRun(t)
	done(t, "export", "--checkpoint", "run", "--output-dir", "now", "--quiet")
	for _, name := range []string{"model.safetensors", "vocab.txt"} {
		if runtime.GOARCH == "amd64" && !bytes.Equal(read(t, "now", name), read(t, "export", name)) {
			t.Errorf("%s: found another file than the old program exported", name)
		}
	}
}

// The old program's export is imported, and exported again without a change.
func TestOldExportIsImported(t *testing.T) {
	oldFolder(t)
	for name, flags := range map[string][]string{"dense": nil, "pruned": {"--sparsity", "0.5", "--block-size", "4"}} {
		done(t, append([]string{"import", "--from", "export", "--output-dir", name, "--quiet"}, flags...)...)
		done(t, "export", "--checkpoint", name, "--output-dir", name+"-again", "--quiet")
		if !bytes.Equal(read(t, name+"-again", "model.safetensors"), read(t, "export", "model.safetensors")) {
			t.Errorf("%s: found other weights after import and export", name)
		}
	}
}

func TestOldSweep(t *testing.T) {
	oldFolder(t)
	listed := done(t, "sweep", "sweep.yaml", "--out", "sweep", "--list")
	if found := regexp.MustCompile(`(?m)^(\S+) +done +20/20 +\d\.\d{4}$`).FindAllString(listed, -1); len(found) != 2 {
		t.Errorf("found the list %s, expected two runs that are done", listed)
	}
	results := read(t, "sweep/results.jsonl")
	var folders []string
	for _, name := range []string{"dense", "dynamic"} {
		folders = append(folders, tree(t, filepath.Join("sweep/runs", name))...)
	}
	done(t, "sweep", "sweep.yaml", "--out", "sweep", "--threads", "1", "--device", "cpu")
	if !bytes.Equal(read(t, "sweep/results.jsonl"), results) {
		t.Error("found another results.jsonl after a sweep that had nothing to do")
	}
	var after []string
	for _, name := range []string{"dense", "dynamic"} {
		after = append(after, tree(t, filepath.Join("sweep/runs", name))...)
	}
	if !slices.Equal(after, folders) {
		t.Errorf("found the files %v after a sweep that had nothing to do, expected %v", after, folders)
	}
	done(t, "report", "sweep", "--out", "sweep.html", "--no-figures")
	page := string(read(t, "sweep.html"))
	for line := range strings.Lines(string(results)) {
		var r struct {
			Name    string  `json:"name"`
			MLMLoss float64 `json:"mlm_loss"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if loss := fmt.Sprintf("%.3f", r.MLMLoss); !strings.Contains(page, loss) || !strings.Contains(page, r.Name) {
			t.Errorf("found no run %s of loss %s in the report of the sweep", r.Name, loss)
		}
	}
}

// A sweep that makes its results again from the old program's run folders writes
// the same lines.
func TestOldSweepIsReadFromItsRuns(t *testing.T) {
	oldFolder(t)
	want := read(t, "sweep/results.jsonl")
	if err := os.Remove("sweep/results.jsonl"); err != nil {
		t.Fatal(err)
	}
	done(t, "sweep", "sweep.yaml", "--out", "sweep", "--threads", "1", "--device", "cpu")
	// Only the fingerprints of the text, its unigram entropy and the count of all executed FLOPs are
	// new.
	got := regexp.MustCompile(`"text":\{[^}]*\},|"unigram_entropy":[^,]*,|"executed_flops":[^,]*,`).ReplaceAll(read(t, "sweep/results.jsonl"), nil)
	if !bytes.Equal(got, want) {
		t.Errorf("found the results %s, expected %s", got, want)
	}
}
