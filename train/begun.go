package train

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/train/internal/folder"
)

// Begun says whether c.OutputDir has a run, and of how many steps: 0 where only
// the text tells. A run that c does not continue is ErrUsage, as Continues says.
// It writes nothing, not even to see whether it could, and takes no lock: another
// process may be making the run.
func Begun(c Config) (begun bool, steps int64, err error) {
	if _, err := os.Stat(filepath.Join(c.OutputDir, ConfigName)); errors.Is(err, fs.ErrNotExist) {
		if c.Epochs > 0 {
			return false, 0, nil
		}
		return false, c.MaxSteps, nil
	}
	was, err := ReadRunConfig(c.OutputDir)
	if err != nil {
		return true, 0, err
	}
	sizes, err := was.resolvedSizes()
	if err != nil {
		return true, 0, err
	}
	return true, was.MaxSteps, sameRun(c, savedState{Config: was, Model: sizes})
}

// Continues says whether a run of c in c.OutputDir would go on with one that is
// there: begun is false where there is none. A run that c does not continue,
// since a setting that determines its numbers differs, is ErrUsage. No data is
// read and no checkpoint.
func Continues(c Config) (begun bool, err error) {
	if begun, _, err = Begun(c); !begun {
		return false, folder.Check(c.OutputDir, false)
	}
	return true, err
}
