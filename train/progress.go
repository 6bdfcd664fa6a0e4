package train

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
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
	return true, was.MaxSteps, sameRun(c, state{Config: was, Model: sizes})
}

// LoggedSteps is the last step that the metrics of the run in dir have, 0 where
// there are none. The run may have gone on since, or, when it was killed, go on
// from an earlier one. Like Begun it may be asked while the run is being made.
func LoggedSteps(dir string) (int64, error) {
	records, err := metrics.Read(filepath.Join(dir, metrics.FileName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, usage.Errorf("%v", err)
	}
	last := int64(0)
	for _, r := range records {
		last = max(last, r.At())
	}
	return last, nil
}
