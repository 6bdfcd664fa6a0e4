package sweep

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// The states of a run without a result.
const (
	// Begun is of a folder of an older version; others say their train.Status.
	Begun = "begun"
	ToDo  = "to do"
	Waits = "waits for a learning rate"
)

// Standing is how far a run is.
type Standing struct {
	Run   *Run
	State string // Begun, ToDo, Waits, that of a train.Status, or a result's status
	Done  int64  // finished steps; those of a run without a result are as its metrics say
	Steps int64  // in all; 0: not known before the text is read
	// MLMLoss is that of the last evaluation, nil unless the run is done.
	MLMLoss *float64
}

// Progress says how far each run is, in grid order. It makes the choices of a
// learning rate that can be made, writes nothing and reads no
// text, so another process may be making the sweep. Errors for which
// train.IsUsage is true name the run.
func (s *Sweep) Progress() ([]Standing, error) {
	if err := s.checkFolder(); err != nil {
		return nil, err
	}
	all, err := readResults(s.path(ResultsName))
	if err != nil {
		return nil, err
	}
	s.results = all
	steps := map[*Run]int64{}
	configs, err := s.checkRuns(func(r *Run) (train.Config, error) {
		c := s.settings(r)
		var err error
		if c.Resume, steps[r], err = train.Begun(c); err != nil || c.Resume {
			return c, err // what the weights of a begun run started from may be gone
		}
		_, err = train.EstimateCost(c)
		return c, err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Standing, len(s.Runs))
	for i, r := range s.Runs {
		c := configs[r]
		if !r.ready() { // its folder, if it has one, is looked at when the rate is chosen
			if _, err := train.EstimateCost(c); err != nil {
				return nil, ofRun(r, err)
			}
			if c.Epochs == 0 {
				steps[r] = c.MaxSteps
			}
		}
		found := s.results[r.Name] // those of runs that are to be made again are not in it
		if was := all[r.Name]; was != nil && was.Status == Failed {
			found = was
		}
		if out[i], err = s.standing(r, found, c.Resume); err != nil {
			return nil, ofRun(r, err)
		}
		out[i].Steps = steps[r]
	}
	return out, nil
}

// standing says how far a run is, but for its steps in all: by its result, or by
// its folder where found is nil.
func (s *Sweep) standing(r *Run, found *Result, begun bool) (Standing, error) {
	if found != nil {
		return Standing{Run: r, State: found.Status, Done: found.Steps, MLMLoss: found.MLMLoss}, nil
	}
	now := Standing{Run: r, State: ToDo}
	switch {
	case !r.ready():
		now.State = Waits
	case begun:
		now.State = Begun
		status, err := train.ReadStatus(s.runFolder(r))
		if err != nil {
			return now, err
		}
		if status != nil && status.State != train.StateDone { // else its result comes soon, or is made again
			now.State = status.State
		}
	}
	var err error
	now.Done, err = loggedSteps(s.runFolder(r))
	return now, err
}

// loggedSteps is the last step that the metrics of the run in dir have, 0 where
// there are none. The run may have gone on since, or, when it was killed, go on
// from an earlier one. It may be asked while the run is being made.
func loggedSteps(dir string) (int64, error) {
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
