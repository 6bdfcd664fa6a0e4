package atomicdir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// What was kept is there again, for one process at a time, and becomes the folder.
func TestContinue(t *testing.T) {
	parent := t.TempDir()
	out := filepath.Join(parent, "out")
	p, err := Continue(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(fill(p.Folder), os.WriteFile(filepath.Join(p.State, "s"), []byte("half"), 0o666)); err != nil {
		t.Fatal(err)
	}
	if _, err := Continue(out); err == nil {
		t.Error("two processes at once: no error")
	} else if _, ok := errors.AsType[*Error](err); !ok {
		t.Errorf("two processes at once: %v", err)
	}
	if err := p.Keep(); err != nil {
		t.Fatal(err)
	}
	if p, err = Continue(out); err != nil || names(t, p.Folder) != "x" || names(t, p.State) != "s" || p.Where() != filepath.Join(parent, ".out.partial") {
		t.Fatalf("found %+v, error %v, expected what was kept", p, err)
	}
	ended, end := context.WithCancelCause(t.Context())
	wrong := errors.New("wrong")
	end(wrong)
	if err := p.Finish(ended); !errors.Is(err, wrong) || names(t, parent) != ".out.partial" {
		t.Errorf("finished after the end with error %v, leaving %s", err, names(t, parent))
	}
	if err := p.Finish(t.Context()); err != nil || names(t, parent) != "out" || names(t, out) != "x" {
		t.Errorf("finished with error %v, leaving %s", err, names(t, parent))
	}
	other, err := Continue(filepath.Join(parent, "other"))
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Discard(); err != nil || names(t, parent) != "out" {
		t.Errorf("discarded with error %v, leaving %s", err, names(t, parent))
	}
}
