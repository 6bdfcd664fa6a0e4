//go:build unix && !nvidia

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// trained makes a run by one process, or by what --processes starts, and expects that it is finished.
func trained(t *testing.T, dir string, args ...string) {
	t.Helper()
	if code, out, errs := outcome(t, append(args, "--output-dir", dir)...); code != 0 {
		t.Fatalf("%s: exit code %d, %s%s", strings.Join(args, " "), code, out, errs)
	}
}

// Processes that the program starts itself, and those that meet as torchrun's do, leave the bits of one.
func TestSpawnedTrainTheSame(t *testing.T) {
	args := strings.Fields(sharedRun + "--device cpu --dropout 0.1 --threads 1")
	dir := filepath.Join(t.TempDir(), "alone")
	trained(t, dir, args...)
	want := sums(t, dir)
	for _, n := range []int{2, 4} {
		dir := filepath.Join(t.TempDir(), "run")
		code, out, errs := outcome(t, append(args, "--output-dir", dir, "--processes", fmt.Sprint(n))...)
		if got := sums(t, dir); code != 0 || got != want {
			t.Errorf("--processes %d: exit code %d, %s: found\n%sexpected\n%s", n, code, errs, got, want)
		}
		if strings.Count(out, "results  ") != 1 {
			t.Errorf("--processes %d: found %q, expected one summary", n, out)
		}
	}
	for launcher, variables := range map[string]func(rank int, port string) []string{
		"torchrun": byTorchrun(2),
		"Kubeflow Trainer, two nodes": func(rank int, port string) []string {
			return []string{"PET_NNODES=2", "PET_NPROC_PER_NODE=2", fmt.Sprint("PET_NODE_RANK=", rank), "PET_MASTER_ADDR=localhost", "PET_MASTER_PORT=" + port}
		},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		for rank, said := range byLauncher(t, 2, variables, append(args, "--output-dir", dir)...) {
			if rank > 0 && said != "" || rank == 0 && strings.Count(said, "results  ") != 1 {
				t.Errorf("%s: %d said %q, expected one summary of 0", launcher, rank, said)
			}
		}
		if got := sums(t, dir); got != want {
			t.Errorf("%s: found\n%sexpected\n%s", launcher, got, want)
		}
	}
}

// byTorchrun has the variables that torchrun sets for n processes on one machine, in a shell that srun
// has started.
func byTorchrun(n int) func(rank int, port string) []string {
	return func(rank int, port string) []string {
		return []string{fmt.Sprint("RANK=", rank), fmt.Sprint("LOCAL_RANK=", rank), fmt.Sprint("WORLD_SIZE=", n), "MASTER_ADDR=localhost", "MASTER_PORT=" + port,
			"TORCHELASTIC_RUN_ID=none", "SLURM_STEP_NUM_TASKS=1", "SLURM_PROCID=0", "SLURM_LOCALID=0"}
	}
}

// freePort is a port that nothing listens at.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// byLauncher runs the program n times at once with the variables of a launcher and returns what each said.
func byLauncher(t *testing.T, n int, variables func(rank int, port string) []string, args ...string) []string {
	t.Helper()
	port := freePort(t)
	said := make([]bytes.Buffer, n)
	var wait sync.WaitGroup
	for rank := range n {
		cmd := ourselves(t, args...)
		cmd.Env = append(cmd.Env, variables(rank, port)...)
		cmd.Stdout, cmd.Stderr = &said[rank], &said[rank]
		wait.Go(func() {
			if err := cmd.Run(); err != nil {
				t.Errorf("rank %d: %v: %s", rank, err, &said[rank])
			}
		})
	}
	wait.Wait()
	out := make([]string, n)
	for i := range said {
		out[i] = said[i].String()
	}
	return out
}

// What does not fit costs one line, and nothing is written.
func TestSpawnedRefuses(t *testing.T) {
	quick := "train --device cpu --max-steps 3 --quiet "
	for _, c := range []struct{ variable, args, says string }{
		{"", "train --quiet --device cuda --processes 2", "device: cuda cannot be used: "},
		{"", quick + "--processes 3", "processes: found 3, expected a power of two"},
		{"", quick + "--processes 2 --replicas 1", "replicas: found 1 for 2 processes, expected a multiple of their number"},
		{"", quick + "--processes 65", "processes: found 65, expected "},
		{"", quick + "--processes 2 --nccl-library x.so", "nccl_library: found x.so for device cpu, expected none: NCCL moves what is on GPUs"},
		{"", "train --quiet --device sim --processes 2 --nccl-library x.so", "nccl_library: "},
		{"PMI_SIZE=2", quick + "--processes 2", "processes: found 2, and MPICH's mpirun started 2 processes (PMI_SIZE=2), expected one of them"},
		{"WORLD_SIZE=2", quick, `a launcher started 2 processes (WORLD_SIZE=2): RANK: found "", expected a number from 0 to 1, as torchrun sets it`},
		{"PET_NNODES=1:2", quick, `PET_NNODES: found "1:2", expected the number of nodes, or no such variable`},
		{"PET_NNODES=2", quick, `Kubeflow Trainer (PET_NNODES=2): PET_NODE_RANK: found "", expected a number from 0 to 1`},
		{"PET_NNODES=3 PET_NODE_RANK=0 PET_MASTER_ADDR=localhost PET_MASTER_PORT=29500", quick, "processes: found 1 on each of 3 nodes, expected a power of two in all"},
		{"PET_NNODES=1 PET_NPROC_PER_NODE=3", quick, "processes: found 3, expected a power of two"},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		cmd := ourselves(t, append(strings.Fields(c.args), "--output-dir", dir)...)
		cmd.Env = append(cmd.Env, strings.Fields(c.variable)...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != 2 || strings.Count(said.String(), "sparsebert-gpu: ") != 1 || !strings.Contains(said.String(), c.says) {
			t.Errorf("%s %s: exit code %d, %q, expected one line with %q", c.variable, c.args, code, said.String(), c.says)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: found a run folder, expected nothing written", c.args)
		}
	}
}

// children are the processes that one has started, in the order of their numbers.
func children(t *testing.T, of int) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		t.Skip("found no /proc, by which processes are found here")
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(of) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// A signal ends the run in all after one checkpoint, and a process that is killed ends all. What is left
// is resumed with another number of processes, and comes to the bits of an uninterrupted run.
func TestSpawnedEnd(t *testing.T) {
	args := strings.Fields(sharedRun + "--device cpu --threads 1 --max-steps 100 --save-steps 10 --save-total-limit 0")
	dir := filepath.Join(t.TempDir(), "alone")
	trained(t, dir, args...)
	last := filepath.Join("checkpoints", "step-100", "model.safetensors")
	want := mustRead(t, filepath.Join(dir, last))
	for _, kill := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "run")
		cmd := ourselves(t, append(args, "--output-dir", dir, "--processes", "2")...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(dir, "checkpoints", "step-20")); err == nil {
				break
			}
			if time.Since(begin) > time.Minute {
				t.Fatalf("found no checkpoint in a minute: %s", said.String())
			}
		}
		pids := children(t, cmd.Process.Pid)
		if len(pids) != 2 {
			t.Errorf("found %d processes, expected 2", len(pids))
		}
		whom, signal := cmd.Process.Pid, syscall.SIGTERM
		if kill {
			whom, signal = pids[len(pids)-1], syscall.SIGKILL
		}
		if err := syscall.Kill(whom, signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		code, text := cmd.ProcessState.ExitCode(), said.String()
		if !kill && (code != 143 || strings.Count(text, "SIGTERM: ") != 1 || strings.Count(text, "stopped after step ") != 1) {
			t.Errorf("SIGTERM: exit code %d, said %s", code, text)
		}
		if kill && (code != 1 || strings.Count(text, " has ended without a word, or its connection has (last: ") != 1 || !strings.Contains(text, `was killed by the signal "killed"`)) {
			t.Errorf("killed: exit code %d, said %s", code, text)
		}
		for _, pid := range pids {
			if syscall.Kill(pid, 0) == nil {
				t.Errorf("process %d goes on", pid)
			}
		}
		trained(t, dir, append(args, "--resume", "--processes", "4")...)
		if got := mustRead(t, filepath.Join(dir, last)); !bytes.Equal(got, want) {
			t.Errorf("kill %v: the resumed run has other weights than the uninterrupted one", kill)
		}
	}
}
