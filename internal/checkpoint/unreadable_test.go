package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// What the system does not let be read is told from what is damaged and from
// what is not there: a run must not begin again because of it.
func TestUnreadable(t *testing.T) {
	for name, prepare := range map[string]func(dir string) error{
		"a folder in place of the manifest": func(dir string) error {
			return os.MkdirAll(filepath.Join(dir, "step-3", ManifestName), 0o755)
		},
		"a file in place of the checkpoint": func(dir string) error {
			return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "step-3"), nil, 0o644))
		},
	} {
		dir := filepath.Join(t.TempDir(), FolderName)
		if err := prepare(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(filepath.Join(dir, "step-3")); !errors.Is(err, ErrUnreadable) || errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: Load: found %v, expected ErrUnreadable", name, err)
		}
		_, skipped, err := Latest(dir)
		if !errors.Is(err, ErrNone) || len(skipped) != 1 || !errors.Is(skipped[0].Err, ErrUnreadable) {
			t.Errorf("%s: Latest: found %v, skipped %v, expected ErrNone and the one skipped as ErrUnreadable", name, err, skipped)
		}
	}
	file := filepath.Join(t.TempDir(), FolderName)
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Latest(file); !errors.Is(err, ErrUnreadable) || errors.Is(err, ErrNone) {
		t.Errorf("a file in place of the folder: Latest: found %v, expected ErrUnreadable", err)
	}
	if _, _, err := Resolve(filepath.Join(file, "step-3")); !errors.Is(err, ErrUnreadable) {
		t.Errorf("below a file: Resolve: found %v, expected ErrUnreadable", err)
	}
}
