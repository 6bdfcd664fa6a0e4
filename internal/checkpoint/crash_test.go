package checkpoint_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint/faultfs"
)

// large makes the tensor files of a save span several writes.
func large(seed int) map[string]*checkpoint.File {
	files := content(seed)
	model := files["model.safetensors"]
	model.Tensors = append(model.Tensors, checkpoint.Of("big", []int{600_000}, make([]float32, 600_000)))
	return files
}

// value returns the number that content or large put into a checkpoint.
func value(c *checkpoint.Checkpoint) (float32, error) {
	r, err := c.Open("model.safetensors")
	if err != nil {
		return 0, err
	}
	defer r.Close()
	w := make([]float32, 4)
	err = checkpoint.ReadInto(r, "w", w)
	return w[0], err
}

// operation is something done to a folder that holds good checkpoints of step
// 1 (value 1) and 2 (value 2).
type operation func(fsys checkpoint.FS, dir string) error

var operations = map[string]operation{
	"save a new step": func(fsys checkpoint.FS, dir string) error {
		_, err := checkpoint.SaveOn(fsys, dir, 3, large(3), state{}, "")
		return err
	},
	"replace the newest": func(fsys checkpoint.FS, dir string) error {
		_, err := checkpoint.SaveOn(fsys, dir, 2, large(22), state{}, "")
		return err
	},
	"prune to one": func(fsys checkpoint.FS, dir string) error { return checkpoint.Prune(fsys, dir, 1) },
}

// sweep makes every operation of act fail in turn and returns what was lost.
func sweep(t *testing.T, act operation, mode faultfs.Mode) (calls int, losses []string) {
	t.Helper()
	base := t.TempDir()
	pristine := filepath.Join(base, "pristine")
	save(t, pristine, 1)
	save(t, pristine, 2)
	for at := 0; ; at++ {
		dir := filepath.Join(base, fmt.Sprint(at))
		if err := os.CopyFS(dir, os.DirFS(pristine)); err != nil {
			t.Fatal(err)
		}
		fsys := &faultfs.FS{Base: checkpoint.OS{}, At: at, Mode: mode, Err: syscall.ENOSPC}
		err := act(fsys, dir)
		if at > len(fsys.Ops) {
			return len(fsys.Ops), losses
		}
		lose := func(format string, args ...any) {
			losses = append(losses, fmt.Sprintf("operation %d: ", at)+fmt.Sprintf(format, args...))
		}
		if at == 0 {
			if err != nil {
				t.Fatalf("without a fault: %v", err)
			}
			continue
		}
		op := fsys.Ops[at-1]
		short := mode == faultfs.Short && strings.HasPrefix(op, "write ")
		if err == nil || !short && !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "\n") {
			lose("%s: got error %v, want one line that wraps ENOSPC", op, err)
		}
		for _, when := range []string{"at once", "after Cleanup"} {
			c, skipped, err := checkpoint.Latest(dir)
			if err != nil {
				lose("%s: %s no checkpoint: %v", op, when, err)
				break
			}
			if len(skipped) > 0 {
				lose("%s: %s a damaged checkpoint shows: %v", op, when, skipped[0].Err)
			}
			v, err := value(c)
			if err != nil || !(c.Step == 2 && v == 2 || c.Step == 2 && v == 22 || c.Step == 3 && v == 3) {
				lose("%s: %s step %d holds %v (%v)", op, when, c.Step, v, err)
			}
			if err := checkpoint.Cleanup(checkpoint.OS{}, dir); err != nil {
				t.Fatal(err)
			}
		}
		if mode != faultfs.Crash {
			for _, name := range names(t, dir) {
				if strings.HasPrefix(name, ".tmp-") {
					lose("%s: %s was left behind", op, name)
				}
			}
		}
	}
}

func TestNothingIsLostWhereverItFails(t *testing.T) {
	modes := map[string]faultfs.Mode{"disk full": faultfs.Fail, "short write": faultfs.Short, "crash": faultfs.Crash}
	for name, act := range operations {
		for modeName, mode := range modes {
			t.Run(name+"/"+modeName, func(t *testing.T) {
				calls, losses := sweep(t, act, mode)
				for _, loss := range losses {
					t.Error(loss)
				}
				t.Logf("%d operations failed in turn", calls)
			})
		}
	}
}

// A save that writes in place must be caught by the same sweep.
func TestSweepCatchesAnUnsafeSave(t *testing.T) {
	inPlace := func(fsys checkpoint.FS, dir string) error {
		path := filepath.Join(dir, "step-2")
		if err := fsys.RemoveAll(path); err != nil {
			return err
		}
		if err := fsys.Mkdir(path); err != nil {
			return err
		}
		file, err := fsys.Create(filepath.Join(path, "model.safetensors"))
		if err != nil {
			return err
		}
		if err := checkpoint.Write(file, content(2)["model.safetensors"]); err != nil {
			file.Close()
			return err
		}
		return file.Close()
	}
	if _, losses := sweep(t, inPlace, faultfs.Crash); len(losses) == 0 {
		t.Error("a save in place lost nothing in the sweep: the sweep sees nothing")
	}
}

// The first checkpoint of a run has no older one to fall back on.
func TestFailedFirstSaveLeavesNoCheckpoint(t *testing.T) {
	for at := 1; ; at++ {
		dir := filepath.Join(t.TempDir(), "checkpoints")
		fsys := &faultfs.FS{Base: checkpoint.OS{}, At: at, Err: syscall.ENOSPC}
		_, err := checkpoint.SaveOn(fsys, dir, 1, content(1), state{}, "")
		if at > len(fsys.Ops) {
			break
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("operation %d, %s: got %v, want ENOSPC", at, fsys.Ops[at-1], err)
		}
		if _, skipped, _ := checkpoint.Latest(dir); len(skipped) > 0 {
			t.Errorf("operation %d, %s: a damaged checkpoint shows: %v", at, fsys.Ops[at-1], skipped[0].Err)
		}
	}
}

// Every file and folder must be synced before the rename that publishes it,
// and the parent after it.
func TestSaveSyncsBeforeItPublishes(t *testing.T) {
	dir := t.TempDir()
	fsys := &faultfs.FS{Base: checkpoint.OS{}}
	if _, err := checkpoint.SaveOn(fsys, dir, 1, content(1), state{}, ""); err != nil {
		t.Fatal(err)
	}
	var open []string
	renamed, last := false, ""
	for _, line := range fsys.Ops {
		op, path, _ := strings.Cut(line, " ")
		switch op {
		case "create", "write", "mkdir":
			open = append(open, path)
		case "sync", "syncdir":
			var left []string
			for _, p := range open {
				if p != path {
					left = append(left, p)
				}
			}
			open, last = left, path
		case "rename":
			if len(open) > 0 {
				t.Errorf("renamed before a sync of %v", open)
			}
			renamed, last = true, ""
		}
	}
	if !renamed || last != dir {
		t.Errorf("after the rename the parent was not synced: %v", fsys.Ops)
	}
}
