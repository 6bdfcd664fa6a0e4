package train_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// longSteps is the environment variable with the length of TestLongRun; a 200th of the
// steps are its kills.
const longSteps = "TRAIN_TEST_LONG_STEPS"

// A long run takes no more memory at its end than at its beginning. Killed with -9 at
// random times and resumed each time, it ends with the same bits and the same records,
// and tells after each kill that it was killed, and at which step.
//
//	TRAIN_TEST_LONG_STEPS=10000 go test ./train -run TestLongRun -v
func TestLongRun(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: kills are looked at without the race detector")
	}
	steps := int64(400)
	if text := os.Getenv(longSteps); text != "" {
		var err error
		if steps, err = strconv.ParseInt(text, 10, 64); err != nil || steps < 200 {
			t.Fatalf("%s: found %q, expected a number of 200 or more", longSteps, text)
		}
	}
	text := smallCorpus(t)
	long := func(dir string) train.Config {
		c := smallRun(text, filepath.Join(t.TempDir(), dir))
		c.MaxSteps, c.Updates, c.LoggingSteps, c.EvalSteps, c.SaveSteps = steps, int(steps/20), 20, steps/10, steps/100
		return c
	}
	whole := long("whole")
	resident := watched(t, whole)
	want := resultAt(t, whole.OutputDir, steps)
	flat(t, whole.OutputDir, resident)

	c := long("killed")
	random := rand.New(rand.NewPCG(3, 4))
	most := 2 * time.Duration(len(resident)) * sampling / time.Duration(steps/200+1) // of a process, so that the kills spread
	for killed := int64(0); ; {
		_, err := os.Stat(filepath.Join(c.OutputDir, "config.yaml"))
		c.Resume = err == nil
		cmd := spawn(t, c, 0)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		var kill <-chan time.Time // never, once there were enough
		if killed < steps/200 {
			kill = time.After(100*time.Millisecond + time.Duration(random.Int64N(int64(most)+1)))
		}
		select {
		case err = <-done:
		case <-kill:
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
			err = <-done
		}
		if code := cmd.ProcessState.ExitCode(); code == 0 {
			t.Logf("%d kills; the run equals the uninterrupted one", killed)
			break
		} else if code > 0 {
			t.Fatalf("after %d kills: %v: %s", killed, err, cmd.Stderr)
		}
		killed++
		checkKilled(t, c.OutputDir)
	}
	checkEqual(t, "killed and resumed", resultAt(t, c.OutputDir, steps), want)
	status(t, c.OutputDir, train.StateDone, steps)
}

// checkKilled checks what a killed run tells of itself: that it was killed, at the step
// of its newest checkpoint or, where the kill came right behind that, at the one before.
func checkKilled(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, train.StatusName)); err != nil {
		return // before it had described itself
	}
	s, err := train.ReadStatus(dir)
	if err != nil {
		t.Fatal(err)
	}
	newest := max(0, newestStep(t, dir))
	c, err := train.ReadRunConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.State == train.StateDone && s.Step == c.MaxSteps { // the last thing that it wrote
		return
	}
	if s.State != train.StateKilled || s.Step > newest || s.Step < newest-c.SaveSteps {
		t.Errorf("found the state %s at step %d, expected killed at step %d", s.State, s.Step, newest)
	}
	records, err := metrics.Read(filepath.Join(dir, metrics.FileName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("found %v, expected a log that can be read", err)
	}
	logged := int64(0)
	for _, r := range records {
		if r.Kind() == "train" {
			logged = r.At()
		}
	}
	if logged < newest-newest%c.LoggingSteps {
		t.Errorf("found the log up to step %d, expected up to the checkpoint of step %d", logged, newest)
	}
}

// sampling is the time between two looks at a process's memory.
const sampling = 50 * time.Millisecond

// watched runs a configuration in a process of its own and returns the KiB that it had
// resident, from time to time.
func watched(t *testing.T, c train.Config) (resident []int) {
	t.Helper()
	cmd := spawn(t, c, 0)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("%v: %s", err, cmd.Stderr)
			}
			return resident
		case <-time.After(sampling):
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		n := 0
		if _, rest, found := strings.Cut(string(text), "VmRSS:"); err == nil && found {
			_, err = fmt.Sscan(rest, &n)
		}
		if err != nil && runtime.GOOS == "linux" && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		resident = append(resident, n)
	}
}

// flat checks that a run's largest memory, which its records of costs have, did not grow
// over its second half by more than a quarter: the collector may come late.
func flat(t *testing.T, dir string, resident []int) {
	t.Helper()
	records, err := metrics.Read(filepath.Join(dir, metrics.FileName))
	if err != nil {
		t.Fatal(err)
	}
	var peaks []int64
	for _, r := range records {
		if one, ok := r.(*metrics.Cost); ok && one.HostBytes > 0 {
			peaks = append(peaks, one.HostBytes)
		}
	}
	var line strings.Builder
	for i := range 10 {
		if len(resident) >= 10 {
			fmt.Fprintf(&line, " %d", resident[len(resident)*(2*i+1)/20]>>10)
		}
	}
	if len(peaks) < 10 {
		if runtime.GOOS == "linux" {
			t.Errorf("found %d records with the memory of the process, expected those of every evaluation and log line", len(peaks))
		}
		return
	}
	half, end := peaks[len(peaks)/2], peaks[len(peaks)-1]
	t.Logf("resident MiB over the run:%s; at most %d MiB in the first half, %d in all", line.String(), half>>20, end>>20)
	if end > half+half/4 {
		t.Errorf("found the memory grown from %d to %d bytes over the second half of the run", half, end)
	}
}
