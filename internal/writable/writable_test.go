package writable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/writable"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	if err := writable.Check(dir); err != nil {
		t.Errorf("found %v for a new folder, expected nil", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("found %v (%v) after a check, expected an empty folder", left, err)
	}
	gone := filepath.Join(dir, "gone")
	if err := writable.Check(gone); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), gone) {
		t.Errorf("found %v for no folder, expected fs.ErrNotExist and no path", err)
	}
}

func TestNearest(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                               dir,
		filepath.Join(dir, "a"):           dir,
		filepath.Join(dir, "a", "b", "c"): dir,
		dir + "/a/../b/":                  dir,
		filepath.Join(file, "a", "b"):     file, // no folder can be made there
		"/no-such-folder/run":             "/",
		"no-such-folder":                  ".",
	} {
		if got := writable.Nearest(path); got != want {
			t.Errorf("%s: found %s, expected %s", path, got, want)
		}
	}
}

// What other processes see of a check is known by its name.
func TestIsLeft(t *testing.T) {
	dir := t.TempDir()
	var checks sync.WaitGroup
	done := make(chan bool)
	for range 2 {
		checks.Go(func() {
			for range 500 {
				if err := writable.Check(dir); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { checks.Wait(); close(done) }()
	seen := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			seen++
			if !writable.IsLeft(e.Name()) {
				t.Fatalf("found %s during a check, which IsLeft does not know", e.Name())
			}
		}
	}
	if seen == 0 {
		t.Skip("the folder was never read during a check")
	}
	for _, name := range []string{"config.yaml", "writable-1", ".write", ""} {
		if writable.IsLeft(name) {
			t.Errorf("found %q taken for a file of a check", name)
		}
	}
}
