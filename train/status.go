package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train/internal/folder"
)

// The states of a run.
const (
	StateRunning  = "running"
	StateDone     = "done"
	StateStopped  = "stopped"  // its context ended; a checkpoint was saved
	StateDiverged = "diverged" // a loss or gradient was NaN or infinite
	StateFailed   = "failed"
	StateKilled   = "killed" // it says running, and no process is at it
)

// Status is how a run stands, with all processes that worked on it.
type Status struct {
	State string `json:"state"`
	// Step is the number of finished steps, while the run goes on up to its last
	// checkpoint.
	Step      int64     `json:"step"`
	Reason    string    `json:"reason,omitempty"` // why it ended before its last step
	Best      *Best     `json:"best,omitempty"`   // of the evaluations that save_best and early_stop compare
	Host      string    `json:"host"`
	Started   string    `json:"started"` // the first process, RFC 3339
	Updated   string    `json:"updated"`
	Continues *Origin   `json:"continues,omitempty"` // nil where the run began by itself
	Processes []Process `json:"processes"`
}

// Process is what one process did of a run.
type Process struct {
	Environment
	Host   string `json:"host"`
	Ranks  int    `json:"ranks,omitempty"`  // processes that shared the run, of which this is the first; 0: it was alone
	From   int64  `json:"from_step"`        // steps that were finished before
	To     int64  `json:"to_step"`          // of a killed process: as far as it saved
	State  string `json:"state"`            // "" of a process of an older version
	Reason string `json:"reason,omitempty"` // as in Status
	Ended  string `json:"ended,omitempty"`
	// Kernels are those that the device had loaded when this was written; nil: it loads none.
	Kernels *backend.Loaded `json:"kernels,omitempty"`
}

// ReadStatus reads how the run in dir stands; nil where the folder is of an older
// version. It tries the lock of the folder, and writes nothing.
func ReadStatus(dir string) (*Status, error) {
	s, err := readStatus(dir)
	if s != nil && s.State == StateRunning && !checkpoint.Held(dir) {
		if s, err = readStatus(dir); s != nil && s.State == StateRunning { // it may just have ended
			s.State = StateKilled
		}
	}
	return s, err
}

// readStatus reads what the file says.
func readStatus(dir string) (*Status, error) {
	s := &Status{}
	if found, err := readJSON(filepath.Join(dir, StatusName), s); !found || err != nil {
		return nil, err
	}
	return s, nil
}

// readJSON reads a file of a run folder; found is false where there is none.
func readJSON(path string, into any) (found bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return true, usage.Errorf("%s: found %v, expected a readable file", path, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return true, usage.Errorf("%s: found %v, expected the JSON that the run wrote", path, err)
	}
	return true, nil
}

// begin adds this process, with its environment, to the status of the run. Earlier ones stay as they are, but one that did not tell its end.
func (r *runner) begin(env Environment) error {
	s, err := readStatus(r.folder.Dir)
	if err != nil {
		return err
	}
	if s == nil {
		s = &Status{}
		var before Environment // of an older version, which kept the last one only
		found, err := readJSON(r.folder.Path(EnvironmentName), &before)
		if err != nil {
			return err
		}
		if found {
			s.Started = before.Started
			s.Processes = []Process{{Environment: before, To: r.done}}
		}
	}
	if n := len(s.Processes); n > 0 && s.Processes[n-1].State == StateRunning {
		s.Processes[n-1].State = StateKilled
	}
	host, _ := os.Hostname() // "" where the system does not tell
	s.Host, s.Continues = host, r.plan.Origin
	if s.Started == "" {
		s.Started = env.Started
	}
	s.Processes = append(s.Processes, Process{Environment: env, Host: host, Ranks: r.ranks(), From: r.done})
	r.status = s
	return nil
}

// report writes how the run stands.
func (r *runner) report(state, reason string) error { return r.reportAt(state, reason, r.done) }

// reportAt is report with the number of finished steps that a resumed run would have.
func (r *runner) reportAt(state, reason string, step int64) error {
	s, now := r.status, time.Now().UTC().Format(time.RFC3339)
	s.State, s.Step, s.Reason, s.Best, s.Updated = state, step, reason, r.made.Best, now
	p := &s.Processes[len(s.Processes)-1]
	p.To, p.State, p.Reason, p.Kernels = step, state, reason, r.kernels()
	if state != StateRunning {
		p.Ended = now
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	return r.folder.Write("status", folder.StatusName, append(text, '\n'))
}

// leave writes how the run ended. Where it did not come to its last step, the log gets
// the steps since its last line: a run that goes on from a checkpoint cuts that record
// off, and logs what it would have.
func (r *runner) leave(err error) error {
	switch {
	case !r.writes():
		return nil
	case err == nil:
		return r.report(StateDone, r.stoppedEarly())
	case r.window.Steps > 0:
		rec := r.windowRecord()
		_ = r.log.Write(&rec) // err is what to tell
	}
	state := StateFailed
	switch {
	case errors.Is(err, ErrStopped):
		state = StateStopped
	case errors.Is(err, model.ErrNotFinite):
		state = StateDiverged
	}
	return r.report(state, strings.ReplaceAll(err.Error(), "\n", " "))
}

// cutLog drops the log's records of steps that are to be done again, and that of
// a window that is still open. A run that starts over has none.
func (r *runner) cutLog() error {
	if first := r.plan.first(); r.done == first {
		return metrics.CutTo(r.folder.Path(metrics.FileName), first-1, first-1)
	}
	return metrics.CutTo(r.folder.Path(metrics.FileName), r.done, r.done-r.window.Steps)
}
