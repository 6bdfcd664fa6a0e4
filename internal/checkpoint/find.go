package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// FolderName is the folder of a run that holds its checkpoints.
const FolderName = "checkpoints"

const stepPrefix = "step-"

func stepName(step int64) string { return stepPrefix + strconv.FormatInt(step, 10) }

// parseStep reads a folder name; step-7 is one, step-07 and step--7 are not.
func parseStep(name string) (int64, bool) {
	step, err := strconv.ParseInt(strings.TrimPrefix(name, stepPrefix), 10, 64)
	return step, err == nil && step >= 0 && stepName(step) == name
}

// Skipped is a checkpoint that [Latest] passed over.
type Skipped struct {
	Path string
	Err  error
}

// candidate is a folder that may be a checkpoint.
type candidate struct {
	step int64
	path string
}

// list returns the candidates of dir, newest step first. A checkpoint that
// Save had moved aside counts where its replacement never came.
func list(dir string) ([]candidate, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := map[int64]string{}
	for _, e := range entries {
		if step, ok := parseStep(e.Name()); ok {
			found[step] = e.Name()
		}
	}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), replacedPrefix)
		if step, isStep := parseStep(name); ok && isStep && found[step] == "" {
			found[step] = e.Name()
		}
	}
	var all []candidate
	for step, name := range found {
		all = append(all, candidate{step, filepath.Join(dir, name)})
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(b.step, a.step) })
	return all, nil
}

// Latest returns the newest checkpoint of dir whose every byte is verified (see
// [Load]), and, newest first, those newer ones that are not good, with the
// reason for each. It wraps [ErrNone] where none is good, fs.ErrNotExist where
// there is no dir, and [ErrUnreadable] where it cannot be read.
func Latest(dir string) (*Checkpoint, []Skipped, error) {
	all, err := list(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("looking for checkpoints: %w", err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	var skipped []Skipped
	for _, c := range all {
		checkpoint, err := Load(c.path)
		if err == nil {
			return checkpoint, skipped, nil
		}
		skipped = append(skipped, Skipped{c.path, err})
	}
	if len(skipped) == 0 {
		return nil, nil, fmt.Errorf("%s: %w: found no step-N folder, expected at least one", dir, ErrNone)
	}
	return nil, skipped, fmt.Errorf("%s: %w: found %d, none good; the newest: %w", dir, ErrNone, len(skipped), skipped[0].Err)
}

// Resolve finds the checkpoint that a user means by path: a step-N folder
// itself, or the newest good one of a checkpoints folder or of a run folder.
// The errors are those of [Load] and [Latest].
func Resolve(path string) (*Checkpoint, []Skipped, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s: %w: found no such folder, expected a step-N folder, a checkpoints folder or a run folder", path, ErrNone)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if !info.IsDir() {
		return nil, nil, fmt.Errorf("%s: %w: found a file, expected a step-N folder, a checkpoints folder or a run folder", path, ErrNone)
	}
	// The name of the folder counts, also where the path is "." or ends in "..".
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	_, isStep := parseStep(filepath.Base(abs))
	if !isStep {
		_, err := os.Stat(filepath.Join(path, ManifestName))
		isStep = err == nil
	}
	if isStep {
		checkpoint, err := Load(path)
		return checkpoint, nil, err
	}
	inRun := filepath.Join(path, FolderName)
	if info, err := os.Stat(inRun); err == nil && info.IsDir() {
		return Latest(inRun)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	found, skipped, err := Latest(path)
	if errors.Is(err, ErrNone) && len(skipped) == 0 {
		if instead := insteadOfSteps(path); instead != "" {
			return nil, nil, fmt.Errorf("%s: %w: %s", path, ErrNone, instead)
		}
	}
	return found, skipped, err
}

// insteadOfSteps says what a folder without checkpoints is, and what to name in its place; "" where
// that is not known.
func insteadOfSteps(path string) string {
	if info, err := os.Stat(filepath.Join(path, "config.json")); err == nil && !info.IsDir() {
		return "found a Hugging Face folder, expected a step-N folder, a checkpoints folder or a run folder: `import` makes one of it"
	}
	for _, in := range []string{path, filepath.Join(path, "runs")} { // a folder of runs, or of a sweep
		entries, err := os.ReadDir(in)
		if err != nil {
			continue
		}
		for _, e := range entries {
			run := filepath.Join(in, e.Name())
			if info, err := os.Stat(filepath.Join(run, FolderName)); err == nil && info.IsDir() {
				return "found a folder of runs, expected one of them, such as " + run
			}
		}
	}
	return ""
}

// KeepStep removes all checkpoints from dir but that of step. Where that is not good, all stay.
// One that cannot be removed is an error, and does not keep the others from being removed.
func KeepStep(fsys FS, dir string, step int64) error {
	all, err := list(dir)
	if err != nil {
		return fmt.Errorf("pruning checkpoints: %w", err)
	}
	if len(all) < 2 {
		return nil
	}
	if _, err := Load(filepath.Join(dir, stepName(step))); err != nil {
		return fmt.Errorf("pruning checkpoints: %w", err)
	}
	return discardAll(fsys, slices.DeleteFunc(all, func(c candidate) bool { return c.step == step }))
}

// discardAll removes checkpoints, the last first, and returns the first error.
func discardAll(fsys FS, old []candidate) (err error) {
	for _, c := range slices.Backward(old) {
		if failed := discard(fsys, c.path); failed != nil && err == nil {
			err = fmt.Errorf("pruning checkpoints: %w", failed)
		}
	}
	return err
}

// Prune removes old checkpoints from dir until keep are left, keep >= 1. The
// newest good one always stays, even where keep or more damaged ones are newer;
// where none is good, all stay. One that cannot be removed is an error, as in [KeepStep].
func Prune(fsys FS, dir string, keep int) error {
	if keep < 1 {
		return fmt.Errorf("pruning checkpoints: found a limit of %d, expected 1 or more", keep)
	}
	all, err := list(dir)
	if err != nil {
		return fmt.Errorf("pruning checkpoints: %w", err)
	}
	if len(all) <= keep {
		return nil
	}
	good := slices.IndexFunc(all, func(c candidate) bool {
		_, err := Load(c.path)
		return err == nil
	})
	if good < 0 {
		return nil // some may be mendable, and none is worth its space more than another
	}
	stays := all[good]
	return discardAll(fsys, slices.DeleteFunc(all[keep:], func(c candidate) bool { return c == stays }))
}
