package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/nvidia"
)

// The plain build is the command. Package cu ends a process that has no GPU
// before main, so what uses a GPU is a second build, the twin, beside it: the
// command asks it whether it can start, and then becomes it.
const (
	twinName = "sparsebert-gpu-cuda"
	// probeFlag, alone, makes the twin open the GPU, name it and exit.
	probeFlag = "--probe-cuda"
	// probeTime is how long that may take: a driver that hangs must not hang us.
	probeTime = time.Minute
)

// useTwin does not return where the device needs the twin, which then runs the
// same command line. It returns an error of one line where it cannot, and nil
// where the device is one of this process.
func useTwin(ctx context.Context, device string) error {
	if hasCUDA || device != "cuda" && device != "auto" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's file: %w", err)
	}
	twin := filepath.Join(filepath.Dir(self), twinName)
	found := isProgram(twin)
	if device == "auto" && (!found || nvidia.Missing() != "") {
		return nil
	}
	if !found {
		return usageError("device: found no %s, expected it beside this program, for %s; %s, or use --device cpu", twin, device, howToBuild())
	}
	if err := probeTwin(ctx, twin, probeTime); err != nil {
		return err
	}
	if err := syscall.Exec(twin, append([]string{twin}, os.Args[1:]...), os.Environ()); err != nil {
		return usageError("device: %s: start %s: %v; use --device cpu", device, twin, err)
	}
	return nil // not reached
}

// howToBuild says how to come by a twin, and what else is missing for it.
func howToBuild() string {
	how := "docs/benchmarks.md says how to build it"
	if nvidia.Missing() != "" {
		how += " (and this machine shows no NVIDIA GPU)"
	}
	return how
}

// isProgram says whether path is a file that can be run.
func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// probeTwin asks the twin whether it can start and reach a GPU. What the loader
// says of a missing libcuda.so, and what package cu says, come out here.
func probeTwin(ctx context.Context, twin string, limit time.Duration) error {
	timed, stop := context.WithTimeout(ctx, limit)
	defer stop()
	cmd := exec.CommandContext(timed, twin, probeFlag)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(timed.Err(), context.DeadlineExceeded):
		return usageError("device: cuda cannot be used: %s gave no answer in %v; look at nvidia-smi and the driver, or use --device cpu", twin, limit)
	}
	why := err.Error()
	if lines := strings.Split(strings.TrimSpace(string(out)), "\n"); lines[0] != "" {
		why = strings.TrimPrefix(lines[len(lines)-1], twinName+": ")
	}
	return usageError("device: cuda cannot be used: %s; nvidia-smi must show a GPU, or use --device cpu", strings.TrimSuffix(why, "."))
}

// probe is the twin's answer.
func probe(stdout, stderr io.Writer) int {
	d, err := openCUDA()
	if err != nil {
		fmt.Fprintf(stderr, "%s: %s\n", twinName, strings.ReplaceAll(err.Error(), "\n", " "))
		return exitUsage
	}
	fmt.Fprintln(stdout, d.Describe())
	if err := d.Close(); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", twinName, err)
		return exitFailed
	}
	return exitDone
}
