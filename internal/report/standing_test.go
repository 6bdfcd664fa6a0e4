package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// The report says how an unfinished run stands, by its folder and its lock, and why.
func TestStandingIsShown(t *testing.T) {
	for name, c := range map[string]struct {
		state  string
		locked bool
		want   string
	}{
		"running":  {train.StateRunning, true, "running at step 45 of 100"},
		"killed":   {train.StateRunning, false, "killed at step 45 of 100"},
		"stopped":  {train.StateStopped, false, "stopped at step 45 of 100"},
		"diverged": {train.StateDiverged, false, "diverged at step 45 of 100"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := oneRun(t, "run")
			if err := metrics.TruncateAfter(filepath.Join(dir, metrics.FileName), 45); err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(train.Status{State: c.state, Step: 45, Reason: "for a test", Processes: []train.Process{{}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, train.StatusName), text, 0o644); err != nil {
				t.Fatal(err)
			}
			lock, err := checkpoint.Lock(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Unlock()
			if !c.locked {
				if err := lock.Unlock(); err != nil {
					t.Fatal(err)
				}
			}
			r := reportOf(t, dir)
			page := pageOf(t, r)
			got := dataIn(t, page).Runs[0]
			if got["status"] != c.want || got["reason"] != "for a test" {
				t.Errorf("found the status %v and the reason %v, expected %s", got["status"], got["reason"], c.want)
			}
			if c.state == train.StateDiverged && got["mlm_loss"] != nil {
				t.Errorf("found the loss %v of a run that diverged, expected none", got["mlm_loss"])
			}
			if shown, _, _ := bytes.Cut(page, []byte("<script")); !bytes.Contains(shown, []byte(c.want[:len(name)])) {
				t.Errorf("the page does not show %s", name)
			}
		})
	}
}

// A served page has news when its run is killed, which changes no file.
func TestServerNoticesAKill(t *testing.T) {
	dir := oneRun(t, "run")
	text, err := json.Marshal(train.Status{State: train.StateRunning, Processes: []train.Process{{}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, train.StatusName), text, 0o644); err != nil {
		t.Fatal(err)
	}
	lock, err := checkpoint.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	s := &Server{paths: []string{dir}}
	running := s.stamp()
	if again := s.stamp(); again != running {
		t.Errorf("found the stamp %s, expected %s of the run as it was", again, running)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if s.stamp() == running {
		t.Error("found the same stamp after the run was killed")
	}
}
