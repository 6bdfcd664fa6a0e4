package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
)

// Environment variables by which this test binary carries out a sweep.
const (
	childFile = "SWEEP_TEST_FILE"
	childOut  = "SWEEP_TEST_OUT"
	childJobs = "SWEEP_TEST_JOBS"
	childPart = "SWEEP_TEST_SHARD" // i/n, or empty
)

func TestMain(m *testing.M) {
	if file := os.Getenv(childFile); file != "" {
		os.Exit(child(file))
	}
	os.Exit(m.Run())
}

// child is the process of one sweep.
func child(file string) int {
	jobs, err := strconv.Atoi(os.Getenv(childJobs))
	if err == nil {
		err = (func() error {
			f, err := Load(file)
			if err != nil {
				return err
			}
			runs, err := f.Runs(nil)
			if err != nil {
				return err
			}
			s := &Sweep{File: f, Runs: runs, Out: os.Getenv(childOut), Jobs: jobs, Open: openCPU, Watch: &quiet{}}
			if part := os.Getenv(childPart); part != "" {
				if s.Shard, err = ParseShard(part); err != nil {
					return err
				}
			}
			return s.Do(context.Background())
		})()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// spawn starts a sweep in a process of its own.
func spawn(t *testing.T, file, out string, jobs int) *exec.Cmd {
	t.Helper()
	return spawnShard(t, file, out, jobs, "")
}

// spawnShard starts a shard of a sweep in a process of its own.
func spawnShard(t *testing.T, file, out string, jobs int, part string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childFile+"="+file, childOut+"="+out, fmt.Sprintf("%s=%d", childJobs, jobs), childPart+"="+part)
	cmd.Stderr = new(bytes.Buffer)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// Killed ten times at random, a sweep ends with the same results.jsonl as an uninterrupted
// one, and every run with the same metrics but for the clock.
func TestSweepKilledAtRandomTimes(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: kills are looked at without the race detector")
	}
	const kills = 10
	file := smallSweep(t)
	uninterrupted := filepath.Join(t.TempDir(), "uninterrupted")
	began := time.Now()
	if cmd := spawn(t, file, uninterrupted, 1); cmd.Wait() != nil {
		t.Fatal(cmd.Stderr)
	}
	whole := time.Since(began)
	want := read(t, uninterrupted, ResultsName)

	random := rand.New(rand.NewPCG(3, 4))
	for _, jobs := range []int{1, 2} {
		for sweeps := 1; ; sweeps++ {
			out := filepath.Join(t.TempDir(), fmt.Sprint("out", sweeps))
			killed, midway := 0, 0
			for killed < kills && killOnce(t, spawn(t, file, out, jobs), time.Duration(random.Int64N(int64(whole)/7)+1)) {
				killed++
				if found, _ := filepath.Glob(filepath.Join(out, RunsName, "*", "config.yaml")); len(found) > 0 {
					midway++
				}
			}
			if killed == kills {
				if cmd := spawn(t, file, out, jobs); cmd.Wait() != nil {
					t.Fatalf("after %d kills: %s", killed, cmd.Stderr)
				}
			}
			compareSweeps(t, fmt.Sprintf("%d jobs, %d kills", jobs, killed), out, uninterrupted, want)
			if killed == kills {
				t.Logf("%d jobs: one sweep killed %d times, %d of them with runs begun, equal to the uninterrupted one, which took %v; %d sweeps before it ended too early", jobs, killed, midway, whole.Round(time.Millisecond), sweeps-1)
				break
			}
			if sweeps == 20 {
				t.Fatalf("found no sweep in %d that lasted for %d kills", sweeps, kills)
			}
		}
	}
}

// killOnce kills a sweep after a time; false: it had ended, as it should, before.
func killOnce(t *testing.T, cmd *exec.Cmd, after time.Duration) bool {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("%v: %s", err, cmd.Stderr)
		}
		return false
	case <-time.After(after):
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		<-done
		return true
	}
}

// compareSweeps compares an interrupted sweep with the uninterrupted one.
func compareSweeps(t *testing.T, what, out, uninterrupted, want string) {
	t.Helper()
	if got := read(t, out, ResultsName); got != want {
		t.Errorf("%s: found\n%s\nexpected\n%s", what, got, want)
	}
	runs, err := os.ReadDir(filepath.Join(uninterrupted, RunsName))
	if err != nil || len(runs) != 9 {
		t.Fatalf("found %d runs (%v), expected 9", len(runs), err)
	}
	for _, r := range runs {
		a := withoutClock(t, filepath.Join(out, RunsName, r.Name(), metrics.FileName))
		b := withoutClock(t, filepath.Join(uninterrupted, RunsName, r.Name(), metrics.FileName))
		if a != b || strings.Count(a, "\n") < 5 {
			t.Errorf("%s: %s: found metrics\n%s\nexpected\n%s", what, r.Name(), a, b)
		}
	}
}

// withoutClock reads a metrics.jsonl without what the clock said.
func withoutClock(t *testing.T, path string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(read(t, path)) {
		text, err := metrics.Comparable([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(text, '\n'))
	}
	return out.String()
}
