//go:build unix && !nvidia && !mpi

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/mpi"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/version"
)

// Under a launcher the plain program ends with one line instead of doing the same work in every
// process, and writes nothing.
func TestSeveralProcessesThatCannotJoin(t *testing.T) {
	program := install(t, "")
	dir := t.TempDir()
	for _, c := range []struct{ variable, args, says string }{
		{"PMI_SIZE=2", "train --max-steps 2 --output-dir " + dir, "MPICH's mpirun started 2 processes (PMI_SIZE=2), and each would do all of the work: this build has no MPI to join them with, and found no sparsebert-gpu-mpi, expected it beside this program in "},
		{"OMPI_COMM_WORLD_SIZE=4", "train --output-dir " + dir, "Open MPI's mpirun started 4 processes"},
		{"SLURM_STEP_NUM_TASKS=3", "train --output-dir " + dir, "srun started 3 processes"},
		{"WORLD_SIZE=8", "train --output-dir " + dir, "a launcher started 8 processes (WORLD_SIZE=8)"},
		{"WORLD_SIZE=eight", "train --output-dir " + dir, `WORLD_SIZE: found "eight", expected the number of processes, or no such variable`},
		{"PMI_SIZE=2", "sweep --out " + dir + " x.yaml", "sweep: MPICH's mpirun started 2 processes (PMI_SIZE=2), and each would do all of the work: start one process, or give each its --shard I/N"},
		{"PMI_SIZE=2", "prepare", "prepare: MPICH's mpirun started 2 processes"},
		{"PMI_SIZE=2", "export", "export: MPICH's mpirun started 2 processes"},
		{"PMI_SIZE=2", "import", "import: MPICH's mpirun started 2 processes"},
		{"PMI_SIZE=2", "report", "report: MPICH's mpirun started 2 processes"},
	} {
		name, value, _ := strings.Cut(c.variable, "=")
		t.Setenv(name, value)
		code, out, errs := runInstalled(t, program, strings.Fields(c.args)...)
		os.Unsetenv(name) // Setenv restores it at the end
		if code != exit.Usage || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%s %s: exit code %d, found %q and %q, expected %q", c.variable, c.args, code, out, errs, c.says)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("found %v, %v, expected nothing written", left, err)
	}
}

// What does no harm several times, and what says that it is to be alone, goes on.
func TestSeveralProcessesThatNeedNotJoin(t *testing.T) {
	t.Setenv("PMI_SIZE", "2")
	t.Setenv("PMI_RANK", "0")
	program := install(t, "")
	for _, args := range []string{"flops --model tiny", "--help", "train --dry-run", "train --mpi-library none --dry-run"} {
		if code, out, errs := runInstalled(t, program, strings.Fields(args)...); code != exit.Done || out == "" {
			t.Errorf("%s: exit code %d, %q, %q", args, code, out, errs)
		}
	}
	t.Setenv("PMI_RANK", "1")
	if code, out, errs := runInstalled(t, program, "train", "--dry-run"); code != exit.Done || out != "" {
		t.Errorf("rank 1: exit code %d, found %q and %q, expected that rank 0 alone tells", code, out, errs)
	}
}

// The build for MPI beside the plain program takes over; one that is of another version or does not
// start is told of.
func TestBuildForMPITakesOver(t *testing.T) {
	t.Setenv("PMI_SIZE", "2")
	for script, want := range map[string]string{
		`if [ "$*" = --version ]; then echo "sparsebert-gpu version ` + version.Describe(mpi.Build) + `"; exit; fi; printf '%s|' "$@"`: "",
		"echo sparsebert-gpu version 0.0.1": "found sparsebert-gpu-mpi of version 0.0.1 beside it, expected " + version.Describe(mpi.Build),
		"echo no libc >&2; exit 127":        "sparsebert-gpu-mpi beside it does not start: no libc",
	} {
		program := install(t, "")
		if err := os.WriteFile(filepath.Join(filepath.Dir(program), mpi.HelperName), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
		code, out, errs := runInstalled(t, program, "train", "--seed", "5")
		if want == "" {
			if code != 0 || out != "train|--seed|5|" {
				t.Errorf("exit code %d, found %q and %q, expected that the other build has the arguments", code, out, errs)
			}
		} else if code != exit.Usage || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, want) {
			t.Errorf("exit code %d, found %q, expected %q", code, errs, want)
		}
	}
}
