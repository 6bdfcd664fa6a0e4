package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Checkpoint is a checkpoint folder that passed verification.
type Checkpoint struct {
	Path         string // the step-N folder
	Step         int64
	ConfigSHA256 string          // as given to Save
	State        json.RawMessage // as given to Save
	Files        map[string]Sum
}

// Load verifies the checkpoint folder at path: the manifest's own checksum and
// version, the size and SHA-256 of every file that it names, and the header of
// each. It holds no tensor in memory.
//
// It wraps [ErrCorrupt] for anything damaged or missing, [ErrNewer] for a
// version above [Version], [ErrUnreadable] for what the system does not let be
// read, and fs.ErrNotExist where there is no such folder.
// Files that the manifest does not name are ignored.
func Load(path string) (*Checkpoint, error) {
	c, err := load(path)
	if err == nil || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNewer) || errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
}

// load is Load, without ErrUnreadable.
func load(path string) (*Checkpoint, error) {
	manifestPath := filepath.Join(path, ManifestName)
	m, err := readManifest(manifestPath)
	if errors.Is(err, fs.ErrNotExist) {
		if _, serr := os.Stat(path); serr == nil {
			return nil, corrupt(path, ManifestName, "no such file", "the manifest of a checkpoint")
		}
	}
	if err != nil {
		return nil, err
	}
	if step, ok := parseStep(filepath.Base(path)); ok && step != m.Step {
		return nil, corrupt(manifestPath, "step", fmt.Sprint(m.Step), fmt.Sprintf("%d as in the folder's name", step))
	}
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		if err := verifyFile(filepath.Join(path, name), m.Files[name]); err != nil {
			return nil, err
		}
	}
	return &Checkpoint{path, m.Step, m.ConfigSHA256, m.State, m.Files}, nil
}

func verifyFile(path string, want Sum) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return corrupt(path, "file", "no such file", fmt.Sprintf("%d bytes", want.Bytes))
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return corrupt(path, "file", info.Mode().Type().String(), "a regular file")
	case info.Size() != want.Bytes:
		return corrupt(path, "file", fmt.Sprintf("%d bytes", info.Size()), fmt.Sprint(want.Bytes))
	}
	got, err := sumFile(path, want.Bytes)
	if err != nil {
		return fmt.Errorf("verifying a checkpoint: %w", err)
	}
	if got != want {
		return corrupt(path, "checksum", "sha256 "+got.SHA256, want.SHA256)
	}
	r, err := Open(path, Limits{})
	if err != nil {
		return err
	}
	return r.Close()
}

// Open opens one of the checkpoint's files. The caller closes the Reader.
func (c *Checkpoint) Open(name string) (*Reader, error) {
	if _, ok := c.Files[name]; !ok {
		return nil, corrupt(c.Path, "files", "no "+quote(name), "one")
	}
	return Open(filepath.Join(c.Path, name), Limits{})
}
