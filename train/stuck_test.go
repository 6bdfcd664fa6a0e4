package train_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// stuck is a disk from which nothing can be removed, as NFS under a process that reads it.
type stuck struct{ checkpoint.OS }

func (stuck) RemoveAll(string) error { return syscall.EBUSY }

// Old checkpoints that cannot be removed end no run: it says so, and later saves are good.
func TestOldCheckpointsThatStay(t *testing.T) {
	c := risingRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	c.SaveSteps, c.SaveTotalLimit, c.SaveBest, c.MaxSteps, c.Updates, c.WarmupSteps = 3, 1, true, 12, 2, 12
	w := &warned{}
	if _, err := train.RunOn(t.Context(), stuck{}, c, openCPU, w); err != nil {
		t.Fatal(err)
	}
	found, skipped, err := checkpoint.Latest(filepath.Join(c.OutputDir, checkpoint.FolderName))
	if err != nil || len(skipped) > 0 || found.Step != 12 {
		t.Errorf("found the checkpoint %+v, skipped %v (%v), expected that of step 12", found, skipped, err)
	}
	said := 0
	for _, text := range w.texts {
		if strings.Contains(text, "old checkpoint") && strings.Contains(text, syscall.EBUSY.Error()) && !strings.Contains(text, "\n") {
			said++
		}
	}
	if said < 3 {
		t.Errorf("found the warnings %q, expected one at each of three saves", w.texts)
	}
}
