//go:build unix

package checkpoint_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
)

// A named pipe in the place of a file is a damaged checkpoint. Nobody waits for what might come
// through it.
func TestLatestWaitsForNoPipe(t *testing.T) {
	for _, name := range []string{"trainer.json", "model.safetensors"} {
		dir := t.TempDir()
		save(t, dir, 1)
		save(t, dir, 2)
		path := filepath.Join(dir, "step-2", name)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o644); err != nil {
			t.Skipf("this file system has no named pipes: %v", err)
		}
		c, skipped, err := checkpoint.Latest(dir)
		if err != nil || c.Step != 1 || len(skipped) != 1 {
			t.Fatalf("%s: found step %v, %d passed over (%v), expected step 1 and one", name, c, len(skipped), err)
		}
		if err := skipped[0].Err; !errors.Is(err, checkpoint.ErrCorrupt) && !errors.Is(err, checkpoint.ErrUnreadable) || !strings.Contains(err.Error(), "expected a regular file") {
			t.Errorf("%s: found %v", name, err)
		}
	}
}
