package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Names that a killed run may leave. A folder under tmpPrefix is half written
// or half removed. One under replacedPrefix was a whole checkpoint when Save
// moved it aside for a new one of the same step.
const (
	tmpPrefix      = ".tmp-"
	replacedPrefix = ".replaced-"
)

// Save writes the checkpoint of one step to dir/step-N and returns that path.
// files maps names such as model.safetensors to their content; state is
// anything that encoding/json takes; configHash says which configuration the
// run has, for the caller to compare.
//
// The folder appears whole or not at all, and is durable when Save returns. A
// checkpoint of the same step is replaced. On an error (errors.Is finds its
// cause, such as syscall.ENOSPC) every other checkpoint is as it was, and what
// was written is removed, save where only making a whole checkpoint durable or
// removing the one it replaces failed. One process at a time may save to dir:
// see [Lock].
func Save(dir string, step int64, files map[string]*File, state any, configHash string) (string, error) {
	return SaveOn(OS{}, dir, step, files, state, configHash)
}

// SaveOn is [Save] through a given file system.
func SaveOn(fsys FS, dir string, step int64, files map[string]*File, state any, configHash string) (path string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("saving the checkpoint of step %d: %w", step, err)
		}
	}()
	if step < 0 {
		return "", fmt.Errorf("found step %d, expected 0 or more", step)
	}
	for name := range files {
		if err := checkName(name); err != nil {
			return "", err
		}
	}
	stateText, err := json.Marshal(state)
	if err != nil {
		return "", fmt.Errorf("encoding the state: %w", err)
	}
	if err := makeDir(fsys, dir); err != nil {
		return "", err
	}
	_ = cleanup(fsys, dir) // what stays takes space, and spoils no checkpoint

	final := filepath.Join(dir, stepName(step))
	tmp := filepath.Join(dir, fmt.Sprintf("%sstep-%d-%d", tmpPrefix, step, os.Getpid()))
	defer func() {
		if err == nil {
			return
		}
		if rerr := fsys.RemoveAll(tmp); rerr != nil {
			err = fmt.Errorf("%w (and %s could not be removed: %v)", err, tmp, rerr)
		}
	}()
	m := &manifest{Format: Format, Version: Version, Step: step, Files: map[string]Sum{}, ConfigSHA256: configHash, State: stateText}
	if err := writeFolder(fsys, tmp, m, files); err != nil {
		return "", err
	}
	if err := publish(fsys, tmp, final); err != nil {
		return "", err
	}
	return final, nil
}

// makeDir makes dir and makes its own entry durable.
func makeDir(fsys FS, dir string) error {
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(dir))
}

// writeFolder writes and syncs the files, then the manifest that vouches for
// them, then the folder.
func writeFolder(fsys FS, tmp string, m *manifest, files map[string]*File) error {
	if err := fsys.Mkdir(tmp); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum, err := writeFile(fsys, filepath.Join(tmp, name), func(w *summingWriter) error {
			return Write(w, files[name])
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		m.Files[name] = sum
	}
	text, err := m.encode()
	if err != nil {
		return err
	}
	_, err = writeFile(fsys, filepath.Join(tmp, ManifestName), func(w *summingWriter) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", ManifestName, err)
	}
	return fsys.SyncDir(tmp)
}

func writeFile(fsys FS, path string, fill func(*summingWriter) error) (Sum, error) {
	f, err := fsys.Create(path)
	if err != nil {
		return Sum{}, err
	}
	w := &summingWriter{file: f, hash: sha256.New()}
	err = fill(w)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return Sum{w.bytes, hex.EncodeToString(w.hash.Sum(nil))}, err
}

// summingWriter hashes what it writes, so that no file is read back.
type summingWriter struct {
	file  WriteSyncer
	hash  hash.Hash
	bytes int64
}

func (w *summingWriter) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	if n < len(p) && err == nil {
		err = fmt.Errorf("%w: found %d of %d bytes written", io.ErrShortWrite, n, len(p))
	}
	w.hash.Write(p[:n])
	w.bytes += int64(n)
	return n, err
}

// publish renames tmp to final. An existing final is first moved aside under a
// name that [Latest] and [Cleanup] know, so that no moment is without it.
func publish(fsys FS, tmp, final string) error {
	dir := filepath.Dir(final)
	aside := filepath.Join(dir, replacedPrefix+filepath.Base(final))
	_, err := os.Lstat(final)
	replace := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if replace {
		if err := fsys.Rename(final, aside); err != nil {
			return err
		}
	}
	if err := fsys.Rename(tmp, final); err != nil {
		if replace {
			if rerr := fsys.Rename(aside, final); rerr != nil {
				err = fmt.Errorf("%w (and %s could not be moved back: %v)", err, aside, rerr)
			}
		}
		return err
	}
	if err := fsys.SyncDir(dir); err != nil {
		return err
	}
	if replace {
		return discard(fsys, aside)
	}
	return nil
}

// discard removes a checkpoint folder so that a kill in between leaves a
// temporary name, not a damaged checkpoint.
func discard(fsys FS, path string) error {
	tmp := filepath.Join(filepath.Dir(path), tmpPrefix+"removed-"+filepath.Base(path))
	if err := fsys.Rename(path, tmp); err != nil {
		return err
	}
	return fsys.RemoveAll(tmp)
}

// cleanup removes from dir what killed runs left: half written folders, and
// replaced checkpoints whose replacement is in place. A replaced checkpoint
// without one gets its name back. A missing dir is no error.
func cleanup(fsys FS, dir string) (failed error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), tmpPrefix) {
			err = fsys.RemoveAll(path)
		} else if name, ok := strings.CutPrefix(e.Name(), replacedPrefix); ok {
			final := filepath.Join(dir, name)
			if _, serr := os.Lstat(final); errors.Is(serr, fs.ErrNotExist) {
				err = fsys.Rename(path, final)
			} else {
				err = discard(fsys, path)
			}
		}
		if err != nil && failed == nil {
			failed = fmt.Errorf("clearing what a killed run left: %w", err)
		}
	}
	return failed
}
