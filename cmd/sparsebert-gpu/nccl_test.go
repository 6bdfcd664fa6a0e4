//go:build mpi && unix && !nvidia

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/mpi/mpitest"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/nccl/nccltest"
)

// onSimulators are the arguments of runs on simulated GPUs, whose data NCCL's stand-in moves. In short
// mode the first is made.
var onSimulators = []string{
	"--growth gradient --growth-score micro-batch --dropout 0.1",
	"",
	"--growth fan-in --precision bf16",
}

const simulated = sharedRun + "--device sim --threads 1 --layers 1 --block-size 16 --sparsity 0.5 --seq-len 16 --max-steps 3 --updates 3 --save-steps 2 --gradient-accumulation-steps 4 "

// Runs whose data NCCL moves leave the bits of a run of one process, whatever has started the processes.
func TestNCCLTrainsTheSame(t *testing.T) {
	library := nccltest.Library(t)
	for i, more := range onSimulators {
		if testing.Short() && i > 0 {
			break
		}
		args := strings.Fields(simulated + more)
		dir := filepath.Join(t.TempDir(), "alone")
		trained(t, dir, args...)
		want := sums(t, dir)
		args = append(args, "--quiet=false", "--nccl-library", library)
		for _, n := range []int{2, 4} {
			if testing.Short() && n == 2 {
				continue
			}
			dir := filepath.Join(t.TempDir(), "run")
			code, _, errs := outcome(t, append(args, "--output-dir", dir, "--processes", fmt.Sprint(n))...)
			if code != 0 || strings.Count(errs, "data between GPUs goes by NCCL") != 1 || strings.Count(errs, `"GPU-`) != n {
				t.Errorf("--processes %d: exit code %d, said %s", n, code, errs)
			}
			if got := sums(t, dir); got != want {
				t.Errorf("--processes %d %s: found\n%sexpected as of one process\n%s", n, more, got, want)
			}
		}
		if testing.Short() {
			break
		}
		dir = filepath.Join(t.TempDir(), "run")
		if said := byLauncher(t, 2, byTorchrun(2), append(args, "--output-dir", dir)...); !strings.Contains(said[0], "data between GPUs goes by NCCL") {
			t.Errorf("torchrun's variables: said %s", said[0])
		}
		if got := sums(t, dir); got != want {
			t.Errorf("torchrun's variables: found\n%sexpected\n%s", got, want)
		}
	}
}

// Processes that MPI joins hand NCCL's id over by it.
func TestMPITrainsByNCCL(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the matrix of runs is for ci/mpi.sh --all")
	}
	library := nccltest.Library(t)
	args := strings.Fields(simulated)
	dir := filepath.Join(t.TempDir(), "alone")
	trained(t, dir, args...)
	want := sums(t, dir)
	for _, l := range mpitest.Launchers(t) {
		dir := filepath.Join(t.TempDir(), "run")
		cmd, said := shared(t, l, 2, dir, append(args, "--quiet=false", "--nccl-library", library)...)
		if err := cmd.Run(); err != nil || !strings.Contains(said.String(), "data between GPUs goes by NCCL") {
			t.Fatalf("%s: %v: %s", l, err, said)
		}
		if got := sums(t, dir); got != want {
			t.Errorf("%s: found\n%sexpected\n%s", l, got, want)
		}
	}
}

// A process on another device than the others, as where a machine shows no GPU, is told so.
func TestNCCLNotEverywhere(t *testing.T) {
	library := nccltest.Library(t)
	on := [][]string{{"--device", "sim", "--nccl-library", library}, {"--device", "cpu"}}
	port := freePort(t)
	var wait sync.WaitGroup
	for rank := range 2 {
		cmd := ourselves(t, append(strings.Fields(simulated+"--output-dir "+filepath.Join(t.TempDir(), "run")), on[rank]...)...)
		cmd.Env = append(cmd.Env, byTorchrun(2)(rank, port)...)
		wait.Go(func() {
			said, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != 2 || rank == 0 && !strings.Contains(string(said), `rank 1: device: found "cpu", expected "sim" as rank 0 has`) {
				t.Errorf("rank %d: %v, said %s", rank, err, said)
			}
		})
	}
	wait.Wait()
}

// What goes wrong with NCCL is said in one line by each rank that knows, and ends all.
func TestNCCLTrainFails(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: internal/collective/nccl has these cases without a training run")
	}
	library := nccltest.Library(t)
	for _, c := range []struct {
		env, args, says string
		code            int
	}{
		{"FAKE_NCCL_VERSION=21703", "", "found NCCL 2.17.3, expected 2, and 2.18.0 or newer", 2},
		{"FAKE_NCCL_HANG=1", "--ddp-timeout 3", "timed out after 3s waiting for rank ", 1},
		{"NCCL_NVLS_ENABLE=1", "", "NCCL_NVLS_ENABLE is not what was expected", 1}, // the stand-in wants it off
	} {
		dir := filepath.Join(t.TempDir(), "run")
		cmd := ourselves(t, append(strings.Fields(simulated+c.args), "--output-dir", dir, "--processes", "2", "--nccl-library", library)...)
		cmd.Env = append(cmd.Env, c.env)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		begin := time.Now()
		_ = cmd.Run()
		text := said.String()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(text, c.says) || strings.Count(text, "sparsebert-gpu: ") > 2 || time.Since(begin) > time.Minute {
			t.Errorf("%s: exit code %d after %v, said %s, expected %s", c.env, code, time.Since(begin), text, c.says)
		}
		if files, err := os.ReadDir(filepath.Join(dir, "checkpoints")); err == nil && len(files) > 0 {
			t.Errorf("%s: found %d checkpoints, expected none", c.env, len(files))
		}
	}
}
