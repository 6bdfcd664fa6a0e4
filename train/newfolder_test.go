package train_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// A run that comes to its folder late, since its data took longer to read, leaves the run alone
// that another process has begun and ended there meanwhile.
func TestFolderTakenMeanwhile(t *testing.T) {
	c := smallRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	const of = "of another run"
	file := filepath.Join(c.OutputDir, train.ConfigName)
	open := func(device, precision string, threads int) (backend.Backend, error) {
		if err := os.MkdirAll(c.OutputDir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(of), 0o644); err != nil {
			t.Fatal(err)
		}
		return openCPU(device, precision, threads)
	}
	_, err := train.Run(t.Context(), c, open, nil)
	if !train.IsUsage(err) {
		t.Errorf("found %v, expected an error for which IsUsage holds", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != of {
		t.Errorf("found %.40q (%v) in the other run's folder, expected it as it was", text, err)
	}
}

// A run that starts over, since it was stopped before its first checkpoint, tells TensorBoard to
// drop the steps that are there already.
func TestEventsOfStartingOver(t *testing.T) {
	c := smallRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	c.MaxSteps, c.Updates, c.EvalSteps = 4, 2, 0
	for range 2 {
		if _, err := train.Run(t.Context(), c, openCPU, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(c.OutputDir, "checkpoints")); err != nil {
			t.Fatal(err)
		}
		c.Resume = true
	}
	files, err := filepath.Glob(filepath.Join(c.OutputDir, "events.out.tfevents.*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("found the events %v (%v), expected two files", files, err)
	}
	const start = "\x3a\x02\x08\x01" // Event.session_log, of status START
	for i, path := range files {
		text, err := os.ReadFile(path)
		if err != nil || bytes.Contains(text, []byte(start)) != (i == 1) {
			t.Errorf("found the start of a session %v in file %d (%v), expected it in the second", i != 1, i+1, err)
		}
	}
}
