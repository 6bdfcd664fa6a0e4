// Package folder keeps a run folder: whether a run may use it, its lock, and the files
// that describe the run.
package folder

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/internal/writable"
)

// The files of a run folder beside metrics.jsonl and the TensorBoard events.
const (
	ConfigName      = "config.yaml"
	EnvironmentName = "environment.json"
	VocabName       = "vocab.txt"
	TextName        = "text.json"
	StatusName      = "status.json"
)

// Check says, without writing anything, whether a run may start in dir
// (resume false) or go on there (true).
func Check(dir string, resume bool) error {
	entries, err := os.ReadDir(dir)
	// A run that was killed before it wrote anything leaves its lock only, the file by
	// which it saw that it may write, or what renameio had of the first file.
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool {
		return e.Name() == checkpoint.LockName || strings.HasPrefix(e.Name(), "."+ConfigName) || writable.IsLeft(e.Name())
	})
	switch {
	case os.IsNotExist(err) && resume:
		return usage.Errorf("output_dir: found no folder %s, expected the run to resume", dir)
	case os.IsNotExist(err):
		return checkWritable(writable.Nearest(dir))
	case err != nil:
		return usage.Errorf("output_dir: found %v, expected a folder", err)
	case !resume && len(entries) > 0:
		return usage.Errorf("output_dir: found %s not empty (%s, ...), expected an empty or new folder, or --resume", dir, entries[0].Name())
	}
	if resume {
		if _, err := os.Stat(filepath.Join(dir, ConfigName)); err != nil {
			return usage.Errorf("output_dir: found no %s in %s, expected the run to resume", ConfigName, dir)
		}
	}
	return checkWritable(dir)
}

// checkWritable says whether a run may write in a folder.
func checkWritable(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return usage.Errorf("output_dir: found %s to be a file, expected a folder", dir)
	}
	if err := writable.Check(dir); err != nil {
		return usage.Errorf("output_dir: found %s not writable (%w), expected a writable folder", dir, err)
	}
	return nil
}

// CheckUnlocked says whether another run holds the folder. It makes no lock file
// where there is none.
func CheckUnlocked(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, checkpoint.LockName)); err != nil {
		return nil
	}
	lock, err := checkpoint.Lock(dir)
	if err != nil {
		return err
	}
	return lock.Unlock()
}

// Folder is a run folder that this process holds the lock of.
type Folder struct {
	Dir  string
	lock *checkpoint.FolderLock
}

// Open makes the folder where needed and locks it.
func Open(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("make run folder: %w", err)
	}
	lock, err := checkpoint.Lock(dir)
	if err != nil {
		return nil, err
	}
	return &Folder{dir, lock}, nil
}

// Unlock gives the folder free for other processes.
func (f *Folder) Unlock() error { return f.lock.Unlock() }

// Path returns the path of a file in the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.Dir, name) }

// Describe writes what a reader needs to understand the run: its configuration, its
// environment, the fingerprints of its text and its vocabulary. Each file appears whole
// or stays as it was; an environment that is there stays.
func (f *Folder) Describe(config, environment, text []byte, vocab io.WriterTo) error {
	if err := f.Write("configuration", ConfigName, config); err != nil {
		return err
	}
	if _, err := os.Stat(f.Path(EnvironmentName)); err != nil {
		if err := f.Write("environment", EnvironmentName, environment); err != nil {
			return err
		}
	}
	if err := f.Write("fingerprints of the text", TextName, text); err != nil {
		return err
	}
	var words strings.Builder
	if _, err := vocab.WriteTo(&words); err != nil {
		return fmt.Errorf("encode vocabulary: %w", err)
	}
	return f.Write("vocabulary", VocabName, []byte(words.String()))
}

// Write writes one file, what in words; it appears whole or stays as it was.
func (f *Folder) Write(what, name string, text []byte) error {
	if err := renameio.WriteFile(f.Path(name), text, 0o666); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}
