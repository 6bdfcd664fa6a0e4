package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/nvidia"
	"github.com/sparsebert/sparsebert-gpu/kernels"
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

// missingGPU says whether this machine shows a GPU. Tests play one that does.
var missingGPU = nvidia.Missing

// useTwin does not return where the device needs the twin, which then runs the
// same command line. It returns an error of one line where it cannot, and nil
// where the device is one of this process. note is told of a GPU that auto
// leaves unused.
func useTwin(ctx context.Context, device string, note func(string)) error {
	if hasCUDA || device != "cuda" && device != "auto" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's file: %w", err)
	}
	twin := filepath.Join(filepath.Dir(self), twinName)
	if device == "auto" && missingGPU() != "" {
		return nil
	}
	if why := noProgram(twin); why != "" {
		if device == "auto" {
			note(why + ": the GPU of this machine is not used")
			return nil
		}
		if missingGPU() != "" {
			why += "; and this machine shows no NVIDIA GPU"
		}
		return usageError("device: cuda cannot be used: %s; or use --device cpu", why)
	}
	if err := probeTwin(ctx, twin, probeTime); err != nil {
		return err
	}
	if err := syscall.Exec(twin, append([]string{twin}, os.Args[1:]...), os.Environ()); err != nil {
		return usageError("device: cuda cannot be used: start %s: %v; or use --device cpu", twin, err)
	}
	return nil // not reached
}

// noteTo writes notes as lines of the program.
func noteTo(w io.Writer) func(string) {
	return func(note string) { fmt.Fprintf(w, "sparsebert-gpu: %s\n", note) }
}

// noProgram says why path is no file that can be run, or "".
func noProgram(path string) string {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Sprintf("found no %s, expected it beside this program in %s; ci/build-cuda.sh builds both (docs/gpu.md)", twinName, filepath.Dir(path))
	case err != nil:
		return fmt.Sprintf("%s: %v, expected the program beside this one", path, err)
	case !info.Mode().IsRegular():
		return fmt.Sprintf("%s: found %s, expected the program beside this one", path, kindOf(info.Mode()))
	case info.Mode()&0o111 == 0:
		return fmt.Sprintf("%s: found a file that may not be run, expected a program; chmod +x", path)
	}
	return ""
}

// kindOf names what is in a program's place.
func kindOf(m os.FileMode) string {
	if m.IsDir() {
		return "a folder"
	}
	return "no regular file"
}

// probeTwin asks the twin whether it is of this version, can start and can use
// the GPU. What the loader, package preflight and the driver say comes out here.
func probeTwin(ctx context.Context, twin string, limit time.Duration) error {
	timed, stop := context.WithTimeout(ctx, limit)
	defer stop()
	cmd := exec.CommandContext(timed, twin, probeFlag)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	switch {
	case err == nil && slices.Contains(lines, twinName+" "+buildVersion()):
		return nil
	case err == nil:
		found := "no version"
		for _, line := range lines {
			if v, ok := strings.CutPrefix(line, twinName+" "); ok {
				found = "version " + v
			}
		}
		return usageError("device: cuda cannot be used: %s: found %s, expected %s as this program has; build both anew with ci/build-cuda.sh, or use --device cpu", twin, found, buildVersion())
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(timed.Err(), context.DeadlineExceeded):
		return usageError("device: cuda cannot be used: %s gave no answer in %v; look at nvidia-smi and the driver, or use --device cpu", twin, limit)
	}
	return usageError("device: cuda cannot be used: %s; or use --device cpu", failureOf(twin, lines[len(lines)-1], err))
}

// probe is the twin's answer: its version, and the GPU on which one kernel could
// be compiled.
func probe(stdout, stderr io.Writer) int {
	fail := func(err error, code int) int {
		fmt.Fprintf(stderr, "%s: %s\n", twinName, strings.ReplaceAll(err.Error(), "\n", " "))
		return code
	}
	d, err := openCUDA()
	if err != nil {
		return fail(err, exitUsage)
	}
	if err := compileOne(d); err != nil {
		return fail(err, exitUsage)
	}
	fmt.Fprintf(stdout, "%s %s\n%s\n", twinName, buildVersion(), d.Describe())
	if err := d.Close(); err != nil {
		return fail(err, exitFailed)
	}
	return exitDone
}

// compileOne has the driver compile a kernel: one that cannot shows before a run.
func compileOne(d gpu.Driver) error {
	for _, name := range kernels.Names() {
		if strings.HasSuffix(name, "_sm90a") {
			continue // not for every GPU
		}
		text, err := kernels.PTX(name)
		if err != nil {
			return err
		}
		_, err = d.Load(name, []byte(text))
		return err
	}
	return errors.New("found no kernel, expected some")
}
