package train_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// A criterion that a program adds is refused by name where the device has no kernels for
// it, before anything is written; elsewhere it trains.
func TestAddedCriterion(t *testing.T) {
	mine, err := sparse.AddPrune(sparse.PruneCriterion{
		Name: "newest", Help: "the newest blocks",
		Score: func(b *sparse.BlockState, _ *sparse.Update) float32 { return float32(b.Age) },
	})
	if err != nil {
		t.Fatal(err)
	}
	text := smallCorpus(t)
	c := smallRun(text, filepath.Join(t.TempDir(), "run"))
	c.PruneBy, c.Device = mine, "sim"
	for name, try := range map[string]func() error{
		"run":     func() error { _, err := train.Run(t.Context(), c, openDevice, nil); return err },
		"dry run": func() error { _, err := train.DryRun(t.Context(), c, openDevice); return err },
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), "found the prune criterion newest") || exit.Code(err) != exit.Usage {
			t.Errorf("%s: found error %v with code %d, expected one that names the criterion", name, err, exit.Code(err))
		}
	}
	if _, err := os.Stat(c.OutputDir); !os.IsNotExist(err) {
		t.Errorf("found a run folder (%v), expected that nothing was written", err)
	}
	c.Device = "cpu"
	watch := &observer{}
	if _, err := train.Run(t.Context(), c, openCPU, watch); err != nil {
		t.Fatal(err)
	}
	// From the second update on what goes is what has just come.
	for _, u := range watch.updates[1:] {
		if u.Pruned > 0 && (u.RemovedNewRatio == nil || *u.RemovedNewRatio == 0) {
			t.Errorf("update %d: found no newborn pruned of %d blocks, expected newborns first", u.Update, u.Pruned)
		}
	}
}
