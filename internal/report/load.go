package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Data is what a report is made of.
type Data struct {
	Sweep string // name of the one sweep folder that all runs are of, or ""
	Runs  []*Run
	// Warnings say what was passed over or does not agree, a line each.
	Warnings []string

	steps *stepTimes // nil: losses are not set against time
}

// Load reads run folders, sweep folders, and a results.jsonl that stands alone. Errors wrap [ErrData], or are those of
// a configuration or metrics file that is wrong.
func Load(paths []string) (*Data, error) {
	d := &Data{}
	var dirs []string
	results := said{map[string]sweep.Result{}, map[string]map[string]sweep.Result{}}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			alone, err := loadResults(path)
			if err != nil {
				return nil, err
			}
			d.Runs = append(d.Runs, alone...)
			continue
		}
		found, err := d.find(path, results)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, found...)
	}
	runs, err := loadRuns(dirs)
	if err != nil {
		return nil, err
	}
	d.Runs = append(d.Runs, runs...)
	if len(paths) == 1 && !isRun(paths[0]) {
		if abs, err := filepath.Abs(paths[0]); err == nil {
			d.Sweep = filepath.Base(abs)
		}
	}
	for _, r := range runs {
		if result, ok := results.of[place(r.Dir)]; ok {
			r.result = &result
			d.check(r)
		}
	}
	d.name()
	d.compare()
	return d, nil
}

// find returns the run folders that path means.
func (d *Data) find(path string, results said) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, dataErrorf("%s: found no such folder, expected a run folder or a sweep folder, or a results.jsonl", path)
	case err != nil:
		return nil, dataErrorf("%s: found %v, expected a run folder or a sweep folder", path, err)
	case !info.IsDir():
		return nil, dataErrorf("%s: found a file, expected a run folder or a sweep folder", path)
	}
	if isRun(path) {
		results.tried(path)
		return []string{filepath.Clean(path)}, nil
	}
	entries, err := os.ReadDir(filepath.Join(path, sweep.RunsName))
	if err != nil {
		return nil, dataErrorf("%s: found neither config.yaml nor a folder %s, expected a run folder or a sweep folder", path, sweep.RunsName)
	}
	all, err := readResults(path)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		dir := filepath.Join(path, sweep.RunsName, e.Name())
		if !isRun(dir) {
			continue // not begun yet, or no run at all
		}
		dirs = append(dirs, dir)
		if r, ok := all[e.Name()]; ok {
			results.of[place(dir)] = r
			delete(all, e.Name())
		}
	}
	for name := range all {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%s: found a result of run %q without its folder", filepath.Join(path, sweep.ResultsName), name))
	}
	slices.Sort(d.Warnings)
	if len(dirs) == 0 {
		return nil, dataErrorf("%s: found no run folder, expected at least one", filepath.Join(path, sweep.RunsName))
	}
	return dirs, nil
}

// isRun says whether a folder is that of a run.
func isRun(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, train.ConfigName))
	return err == nil
}

// place is the one name of a folder, through symbolic links.
func place(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real
	}
	return abs
}

// said is what sweeps say of runs.
type said struct {
	of     map[string]sweep.Result            // by run folder, as place has it
	sweeps map[string]map[string]sweep.Result // results that were read for runs given by themselves, by sweep folder
}

// tried notes of a run folder that was given by itself whether it tried a learning rate for
// others of its sweep: alone it does not tell. Where it is in no sweep it did not.
func (s said) tried(path string) {
	dir := place(path)
	above := filepath.Dir(filepath.Dir(dir))
	if filepath.Base(filepath.Dir(dir)) != sweep.RunsName {
		return
	}
	all, known := s.sweeps[above]
	if !known {
		all, _ = readResults(above) // what is there need not be a sweep's
		s.sweeps[above] = all
	}
	if _, known := s.of[dir]; known {
		return
	}
	if r := all[filepath.Base(dir)]; r.Role == sweep.RoleCandidate {
		s.of[dir] = r
	}
}

// loadRuns reads run folders, several at a time, each once.
func loadRuns(dirs []string) ([]*Run, error) {
	slices.Sort(dirs)
	seen := map[string]bool{}
	dirs = slices.DeleteFunc(dirs, func(dir string) bool {
		at := place(dir)
		again := seen[at]
		seen[at] = true
		return again
	})
	runs, errs := make([]*Run, len(dirs)), make([]error, len(dirs))
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	for i, dir := range dirs {
		slots <- struct{}{}
		group.Go(func() {
			runs[i], errs[i] = loadRun(dir)
			<-slots
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err // the first in order
		}
	}
	return runs, nil
}

// name gives each run the shortest end of its path that no other has.
func (d *Data) name() {
	parts := make([][]string, len(d.Runs))
	for i, r := range d.Runs {
		full := r.Dir
		if abs, err := filepath.Abs(full); err == nil {
			full = abs
		}
		parts[i] = strings.Split(filepath.ToSlash(full), "/")
	}
	for depth := 1; ; depth++ {
		count, longest := map[string]int{}, 0
		for i, r := range d.Runs {
			r.Name = strings.Join(parts[i][max(0, len(parts[i])-depth):], "/")
			count[r.Name]++
			longest = max(longest, len(parts[i]))
		}
		if len(count) == len(d.Runs) || depth >= longest {
			return
		}
	}
}
