package train

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/internal/version"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// The files of a run folder beside metrics.jsonl and the TensorBoard events.
const (
	ConfigName      = "config.yaml"
	EnvironmentName = "environment.json"
	vocabFile       = "vocab.txt"
)

// DefaultOutputDir names a new run folder for a configuration.
func DefaultOutputDir(c Config, now time.Time) string {
	name := now.Format("20060102-150405") + "-" + c.Model + "-" + c.Method.String()
	if c.Method != model.Dense {
		name += fmt.Sprintf("-s%g-b%d", c.Sparsity, c.BlockSize)
	}
	return filepath.Join("runs", name)
}

// folder is a run folder that this process holds the lock of.
type folder struct {
	dir  string
	lock *checkpoint.FolderLock
}

// checkFolder says, without writing anything, whether a run may start in dir
// (resume false) or go on there (true).
func checkFolder(dir string, resume bool) error {
	entries, err := os.ReadDir(dir)
	// A run that was killed before it wrote anything leaves its lock only, or what
	// renameio had of the first file.
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool {
		return e.Name() == checkpoint.LockName || strings.HasPrefix(e.Name(), "."+ConfigName)
	})
	switch {
	case os.IsNotExist(err) && resume:
		return usage.Errorf("output_dir: found no folder %s, expected the run to resume", dir)
	case os.IsNotExist(err):
		return checkWritable(existingParent(dir))
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

// existingParent returns the nearest folder above dir that exists.
func existingParent(dir string) string {
	dir = filepath.Dir(filepath.Clean(dir))
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// checkWritable tries a file of no name. Permission bits alone do not tell: the
// file system may be read-only, and root is above them.
func checkWritable(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return usage.Errorf("output_dir: found %s to be a file, expected a folder", dir)
	}
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return usage.Errorf("output_dir: found %s not writable (%v), expected a writable folder", dir, err)
	}
	name := f.Name()
	f.Close()
	if err := os.Remove(name); err != nil {
		return usage.Errorf("output_dir: %v", err)
	}
	return nil
}

// checkUnlocked says whether another run holds the folder. It makes no lock file
// where there is none.
func checkUnlocked(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, checkpoint.LockName)); err != nil {
		return nil
	}
	lock, err := checkpoint.Lock(dir)
	if err != nil {
		return err
	}
	return lock.Unlock()
}

// openFolder makes the folder where needed and locks it.
func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make run folder: %w", err)
	}
	lock, err := checkpoint.Lock(dir)
	if err != nil {
		return nil, err
	}
	return &folder{dir: dir, lock: lock}, nil
}

// path returns the path of a file in the folder.
func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// describe writes what a reader needs to understand the run: the resolved
// configuration, the environment, the vocabulary.
func (f *folder) describe(c Config, vocab *corpus.Vocab, device string) error {
	c.Resume = false // of this process, not of a run made from the file
	text, err := c.Encode()
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(f.path(ConfigName), text, 0o644); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	env, err := json.MarshalIndent(environment(device), "", "  ")
	if err != nil {
		return fmt.Errorf("encode environment: %w", err)
	}
	if err := renameio.WriteFile(f.path(EnvironmentName), append(env, '\n'), 0o644); err != nil {
		return fmt.Errorf("write environment: %w", err)
	}
	var words strings.Builder
	if _, err := vocab.WriteTo(&words); err != nil {
		return fmt.Errorf("encode vocabulary: %w", err)
	}
	if err := renameio.WriteFile(f.path(vocabFile), []byte(words.String()), 0o644); err != nil {
		return fmt.Errorf("write vocabulary: %w", err)
	}
	return nil
}

// Environment records where and how a run was made.
type Environment struct {
	Started   string   `json:"started"`
	Command   []string `json:"command"`
	Version   string   `json:"version"` // of the program
	Revision  string   `json:"revision"`
	GoVersion string   `json:"go_version"`
	System    string   `json:"system"`
	CPU       string   `json:"cpu"`
	Cores     int      `json:"cores"`
	Device    string   `json:"device"`
}

// environment collects it.
func environment(device string) Environment {
	e := Environment{
		Started: time.Now().UTC().Format(time.RFC3339), Command: os.Args,
		GoVersion: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		CPU: cpuName(), Cores: runtime.NumCPU(), Device: device, Version: version.Number,
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				e.Revision = s.Value
			}
		}
	}
	return e
}

// cpuName reads the processor's name where the system tells it.
func cpuName() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// ReadRunConfig reads the resolved configuration of a run folder.
func ReadRunConfig(dir string) (Config, error) {
	c := DefaultConfig()
	err := ReadConfigFile(filepath.Join(dir, ConfigName), &c)
	return c, err
}
