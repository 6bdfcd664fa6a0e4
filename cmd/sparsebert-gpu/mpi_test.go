//go:build mpi && unix && !nvidia

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/mpi/mpitest"
)

// sharedRuns are runs that must have the same bits for every number of processes. In short mode
// the first of each device is made.
var sharedRuns = []struct{ name, device, args string }{
	{"random", "cpu", "--dropout 0.1"},
	{"fan-in", "cpu", "--growth fan-in"},
	{"gradient", "cpu", "--growth gradient --growth-score micro-batch --gradient-checkpointing"},
	{"simulator gradient", "sim", "--growth gradient --growth-score micro-batch --dropout 0.1 --layers 1 --block-size 16 --sparsity 0.5 --seq-len 16 " +
		"--max-steps 3 --updates 3 --save-steps 2 --gradient-accumulation-steps 4"},
	{"simulator random", "sim", "--layers 1 --block-size 16 --sparsity 0.5 --seq-len 16 --max-steps 3 --updates 3 --save-steps 2 --gradient-accumulation-steps 4"},
	{"simulator fan-in", "sim", "--growth fan-in --layers 1 --block-size 16 --sparsity 0.5 --seq-len 16 --max-steps 3 --updates 3 --save-steps 2 --gradient-accumulation-steps 4"},
}

// shared is a command of the program as n processes of a launcher; "" for one process without. Each
// process writes its number to pids/RANK of the folder.
func shared(t *testing.T, launcher string, n int, dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(stop)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args = append(args, "--output-dir", dir)
	cmd := exec.CommandContext(ctx, self, args...)
	if launcher != "" {
		if err := os.MkdirAll(dir+".pids", 0o755); err != nil {
			t.Fatal(err)
		}
		note := `echo $$ >"` + dir + `.pids/${OMPI_COMM_WORLD_RANK:-$PMI_RANK}"; exec "$0" "$@"`
		cmd = mpitest.Command(ctx, launcher, n, "sh", append([]string{"-c", note, self}, args...)...)
	} else {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, asProgram+"=1")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	return cmd, &said
}

// trainShared makes a run and expects that it is finished.
func trainShared(t *testing.T, launcher string, n int, dir string, args ...string) {
	t.Helper()
	cmd, said := shared(t, launcher, n, dir, args...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s -n %d %s: %v: %s", launcher, n, strings.Join(args, " "), err, said)
	}
}

// Runs of processes that MPI joins leave the bits of a run of one.
func TestMPITrainsTheSame(t *testing.T) {
	launchers, seen := mpitest.Launchers(t), map[string]bool{}
	for _, r := range sharedRuns {
		if testing.Short() && seen[r.device] {
			continue
		}
		seen[r.device] = true
		t.Run(r.name, func(t *testing.T) {
			args := append(strings.Fields(sharedRun), strings.Fields("--device "+r.device+" "+r.args)...)
			dir := filepath.Join(t.TempDir(), "alone")
			trainShared(t, "", 1, dir, args...)
			want := sums(t, dir)
			for i, l := range launchers {
				for _, n := range []int{1, 2, 4} {
					if testing.Short() && (n == 1 || r.device == "sim" && (i > 0 || n == 4)) {
						continue
					}
					dir := filepath.Join(t.TempDir(), "run")
					trainShared(t, l, n, dir, args...)
					if got := sums(t, dir); got != want {
						t.Errorf("%s -n %d: found\n%sexpected as of one process\n%s", l, n, got, want)
					}
				}
			}
		})
	}
}

// longer makes a run of sharedRun long enough to be met in it, with many checkpoints.
var longer = strings.Fields(sharedRun + "--device cpu --dropout 0.1 --max-steps 300 --save-steps 10 --save-total-limit 0")

// pid is the process of a rank of a run that shared started.
func pid(t *testing.T, dir string, rank int) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir+".pids", fmt.Sprint(rank)))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// awaitCheckpoint waits until a run has the checkpoint of a step.
func awaitCheckpoint(t *testing.T, dir string, step int, said fmt.Stringer) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "checkpoints", fmt.Sprintf("step-%d", step))); err == nil {
			return
		}
	}
	t.Fatalf("%s: found no checkpoint of step %d in a minute: %s", dir, step, said)
}

// interrupt makes a run and sends a signal to one of its ranks, or to the launcher (-1), a while
// after the checkpoint of a step. It returns what was said, the exit code, and how long the end took.
func interrupt(t *testing.T, launcher string, n int, dir string, step int, signal syscall.Signal, rank int, more ...string) (string, int, time.Duration) {
	t.Helper()
	cmd, said := shared(t, launcher, n, dir, append(longer, more...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitCheckpoint(t, dir, step, said)
	time.Sleep(time.Duration(rand.Intn(300)) * time.Millisecond)
	whom := cmd.Process.Pid
	if rank >= 0 {
		whom = pid(t, dir, rank)
	}
	if err := syscall.Kill(whom, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	begin := time.Now()
	_ = cmd.Wait()
	return said.String(), cmd.ProcessState.ExitCode(), time.Since(begin)
}

// gone expects that no process of a run is left.
func gone(t *testing.T, dir string, n int) {
	t.Helper()
	for rank := range n {
		for begin := time.Now(); syscall.Kill(pid(t, dir, rank), 0) == nil; time.Sleep(10 * time.Millisecond) {
			if time.Since(begin) > 20*time.Second {
				t.Fatalf("%s: the process of rank %d goes on", dir, rank)
			}
		}
	}
}

// finish resumes a run with n processes and compares it with the uninterrupted one.
func finish(t *testing.T, launcher string, n int, dir, want string) {
	t.Helper()
	trainShared(t, launcher, n, dir, append(longer, "--resume")...)
	if got := sums(t, dir); got != want {
		t.Errorf("%s -n %d: resumed: found\n%sexpected\n%s", launcher, n, got, want)
	}
}

// uninterrupted makes the run that others are compared with.
func uninterrupted(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "uninterrupted")
	trainShared(t, "", 1, dir, longer...)
	return sums(t, dir)
}

// A rank that is killed or stopped ends all, and the run can be resumed with any number of processes.
func TestMPITrainLosesARank(t *testing.T) {
	want := uninterrupted(t)
	for i, l := range mpitest.Launchers(t) {
		times := 20
		if testing.Short() {
			times = 1 - min(i, 1)
		} else if i > 0 {
			times = 2
		}
		for k := range times {
			for rank := range 2 {
				if testing.Short() && rank != 1 {
					continue
				}
				dir := filepath.Join(t.TempDir(), "run")
				said, code, took := interrupt(t, l, 2, dir, 10*(1+k%10), syscall.SIGKILL, rank)
				if code == 0 || took > 20*time.Second {
					t.Errorf("%s: rank %d killed: exit code %d after %v: %s", l, rank, code, took, said)
				}
				gone(t, dir, 2)
				finish(t, l, []int{2, 4, 1}[k%3], dir, want)
			}
		}
		if testing.Short() && i > 0 {
			continue
		}
		dir := filepath.Join(t.TempDir(), "run")
		said, code, took := interrupt(t, l, 2, dir, 20, syscall.SIGSTOP, 1, "--ddp-timeout", "6")
		if code != 1 || took > 40*time.Second || !strings.Contains(said, "timed out after 6s waiting for rank 1 on ") || !strings.Contains(said, " of step ") {
			t.Errorf("%s: rank 1 stopped: exit code %d after %v: %s", l, code, took, said)
		}
		gone(t, dir, 2)
		if !testing.Short() {
			finish(t, l, 4, dir, want)
		}
	}
}

// A signal to any rank, or to the launcher, ends the run in all after one checkpoint. It goes on with
// other numbers of processes.
func TestMPITrainMoves(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the matrix of runs is for ci/mpi.sh --all")
	}
	want := uninterrupted(t)
	for _, l := range mpitest.Launchers(t) {
		dir := filepath.Join(t.TempDir(), "run")
		said, code, _ := interrupt(t, l, 2, dir, 10, syscall.SIGUSR1, 1)
		if code == 0 || !strings.Contains(said, "stopped after step ") {
			t.Errorf("%s: rank 1 told to end: exit code %d: %s", l, code, said)
		}
		gone(t, dir, 2)
		said, code, _ = interrupt(t, l, 4, dir, 100, syscall.SIGUSR1, -1, "--resume")
		if code != 75 || !strings.Contains(said, "stopped by SIGUSR1") {
			t.Errorf("%s: told to end: exit code %d: %s", l, code, said)
		}
		gone(t, dir, 4)
		trainShared(t, l, 1, dir, append(longer, "--resume")...)
		// The stops have left checkpoints of their own.
		got, missing := sums(t, dir), ""
		for _, line := range strings.SplitAfter(want, "\n") {
			if !strings.Contains(got, line) {
				missing += line
			}
		}
		if missing != "" {
			t.Errorf("%s: 2, 4 and 1 processes: found\n%sexpected also\n%s", l, got, missing)
		}
	}
}

// What does not fit together costs one line, and nothing is written.
func TestMPITrainRefuses(t *testing.T) {
	launchers := mpitest.Launchers(t)
	other := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(other, []byte(strings.Repeat("a word and others of another text.\nand a second sentence.\n\n", 500)), 0o644); err != nil {
		t.Fatal(err)
	}
	quick := strings.Fields("train --quiet --device cpu --max-steps 3 --replicas 4 --gradient-accumulation-steps 4 --vocab-size 30 --corpus " + other)
	third := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(third, []byte(strings.Repeat("a word and others of another text!\nand a second sentence.\n\n", 500)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		n      int
		differ string // what rank 1 alone has, or all of a library
		says   string
	}{
		{3, "", "processes: found 3, expected a power of two"},
		{2, "--seed 7", "rank 1: seed: found 7, expected "},
		{2, "--cpu-path go", "rank 1: arithmetic of the device: "},
		{2, "--corpus " + third, "rank 1: "},
		// These have no rank yet.
		{2, "--mpi-library no-such-library.so", "no-such-library.so: cannot open shared object file"},
		{2, "--mpi-library libm.so.6", "libm.so.6: found no MPI_Get_library_version in it, expected an MPI library"},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		cmd, said := shared(t, launchers[len(launchers)-1], c.n, dir, quick...)
		for i, a := range cmd.Args {
			if strings.Contains(a, `exec "$0"`) && strings.Contains(c.differ, "--mpi-library") {
				cmd.Args[i] = `set -- "$@" ` + c.differ + "; " + a
			} else if strings.Contains(a, `exec "$0"`) && c.differ != "" {
				cmd.Args[i] = `[ "${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" = 1 ] && set -- "$@" ` + c.differ + "; " + a
			}
		}
		_ = cmd.Run()
		lines := strings.Count(said.String(), "sparsebert-gpu: ")
		if code := cmd.ProcessState.ExitCode(); code != 2 || lines != 1 || !strings.Contains(said.String(), c.says) {
			t.Errorf("%d processes, %s: exit code %d, %s, expected one line with %s", c.n, c.differ, code, said, c.says)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%d processes, %s: found a run folder, expected nothing written", c.n, c.differ)
		}
	}
}
