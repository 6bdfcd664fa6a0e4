package train_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// An export asks the heap for less than twice the dense model in all, though
// nothing is given back in between: so it never has as much at a time.
func TestExportReadsOneTensorAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	c := smallRun(smallCorpus(t), dir)
	c.Layers, c.Hidden, c.Heads, c.FFN, c.MaxSteps, c.Updates, c.WarmupSteps = 4, 256, 4, 1024, 1, 1, 0
	if _, err := train.Run(t.Context(), c, openCPU, &observer{}); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	trained, err := train.Export(t.Context(), dir, filepath.Join(t.TempDir(), "out"), train.FormatHF, "test")
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	w, err := train.OpenWeights(trained.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(2*4*model.Count(w.Table).Parameters); got > most {
		t.Errorf("an export allocated %d bytes, expected at most %d", got, most)
	}
}
