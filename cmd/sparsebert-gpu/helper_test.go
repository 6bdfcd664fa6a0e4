//go:build unix && !nvidia

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/version"
)

// install copies this test binary, which can be the program, into a folder, with
// a script as its helper binary unless it is "".
func install(t *testing.T, helper string) (program string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program = filepath.Join(dir, "sparsebert-gpu")
	if err := os.Link(self, program); err != nil { // another file system
		text, err := os.ReadFile(self)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(program, text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if helper != "" {
		if err := os.WriteFile(filepath.Join(dir, device.HelperName), []byte("#!/bin/sh\n"+helper), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return program
}

// runInstalled runs the installed program.
func runInstalled(t *testing.T, program string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// A helper that has a GPU takes over: the same arguments, its own exit code, the
// same process.
func TestHelperTakesOver(t *testing.T) {
	program := install(t, `if [ "$*" = --probe-cuda ]; then echo "a warning of the driver"; echo "sparsebert-gpu-cuda `+version.Full()+`"; echo "a GPU"; exit 0; fi
printf '%s|' "$0" "$@"
kill -TERM $$
`)
	// The signal ends the process itself, not a child of it.
	cmd := exec.Command(program, "bench", "--device", "cuda", "--shape", "64 x 64", "--op", "")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("found error %v, expected the end by SIGTERM", err)
	}
	want := filepath.Join(filepath.Dir(program), device.HelperName) + "|bench|--device|cuda|--shape|64 x 64|--op||"
	if resolved, err := filepath.EvalSymlinks(filepath.Dir(program)); err == nil {
		want = filepath.Join(resolved, device.HelperName) + strings.TrimPrefix(want, filepath.Join(filepath.Dir(program), device.HelperName))
	}
	if string(out) != want {
		t.Errorf("found %q, expected %q", out, want)
	}
}

// Every way in which the helper can be missing, too old or unable to use the GPU is
// one line that says what to do. (With a real helper and a played driver:
// ci/build-cuda.sh --self-test.)
func TestHelperThatCannot(t *testing.T) {
	loader := func(words string) string {
		return `echo "sparsebert-gpu-cuda: ` + words + `" >&2; exit 127`
	}
	for _, c := range []struct{ name, helper, says string }{
		{"none", "", "found no sparsebert-gpu-cuda, expected it beside this program in "},
		{"no library", loader("error while loading shared libraries: libcuda.so.1: cannot open shared object file: No such file or directory"), "found no libcuda.so.1 (cannot open shared object file), expected NVIDIA's driver 550 or newer, for CUDA 12.4; install it"},
		{"broken library", loader("error while loading shared libraries: libcuda.so.1: file too short"), "found a broken libcuda.so.1 (file too short), expected"},
		{"another library", loader("error while loading shared libraries: libx.so.3: cannot open shared object file: No such file or directory"), "found no libx.so.3, expected"},
		{"driver without a function", loader("symbol lookup error: sparsebert-gpu-cuda: undefined symbol: cuGraphNodeSetEnabled"), "too old for this program (it lacks cuGraphNodeSetEnabled), expected"},
		{"old C library", loader("/lib/x86_64-linux-gnu/libc.so.6: version \\`GLIBC_2.38' not found (required by sparsebert-gpu-cuda)"), "expected glibc 2.38 or newer"},
		{"no GPU", "echo; echo first; echo sparsebert-gpu-cuda: found no NVIDIA GPU. >&2; exit 2", "device: cuda cannot be used: found no NVIDIA GPU; "},
		{"without a word", "exit 3", "ended without a word (exit status 3)"},
		{"killed", "kill -KILL $$", "killed"},
		{"another version", "echo sparsebert-gpu-cuda 0.0.1; echo a GPU", "found version 0.0.1, expected " + version.Full() + " as this program has; build both anew"},
		{"no version", "echo a GPU", "found no version, expected " + version.Full()},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, install(t, c.helper), c.says) })
	}
}

// refused runs the installed program and expects the one line.
func refused(t *testing.T, program, says string) {
	t.Helper()
	code, out, errs := runInstalled(t, program, "bench", "--device", "cuda")
	if code != exit.Usage || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, says) || !strings.Contains(errs, "or use --device cpu") {
		t.Errorf("exit code %d, found %q and %q, expected %q", code, out, errs, says)
	}
}

// What stands in the helper's place and is no program that can be started.
func TestHelperThatCannotStart(t *testing.T) {
	for _, c := range []struct {
		name, says string
		make       func(path string) error
	}{
		{"not executable", "may not be run, expected a program; chmod +x", func(path string) error { return os.WriteFile(path, nil, 0o644) }},
		{"folder", "found a folder, expected", func(path string) error { return os.Mkdir(path, 0o755) }},
		{"dangling link", "found no sparsebert-gpu-cuda", func(path string) error { return os.Symlink("nowhere", path) }},
		{"no program", "found no program for this system and processor", func(path string) error { return os.WriteFile(path, []byte("\x7fELF"), 0o755) }},
		{"no loader", "found no loader for it, expected a system with glibc", func(path string) error { return os.WriteFile(path, []byte("#!/no/loader\n"), 0o755) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			program := install(t, "")
			if err := c.make(filepath.Join(filepath.Dir(program), device.HelperName)); err != nil {
				t.Fatal(err)
			}
			refused(t, program, c.says)
		})
	}
}

// A plain build in the helper's place is found out, not started again and again.
func TestHelperThatIsNone(t *testing.T) {
	program := install(t, "")
	helper := filepath.Join(filepath.Dir(program), device.HelperName)
	if err := os.Link(program, helper); err != nil {
		t.Fatal(err)
	}
	code, _, errs := runInstalled(t, program, "bench", "--device", "cuda")
	if code != exit.Usage || !strings.Contains(errs, "found a build without cuda in the place of "+device.HelperName+", expected one with the tag nvidia") || strings.Count(errs, "\n") != 1 {
		t.Errorf("exit code %d: %q", code, errs)
	}
}

// auto goes on without a GPU.
func TestAutoWithoutGPU(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine that TestSignalEndsBench does not start")
	}
	code, out, errs := runInstalled(t, install(t, ""), "bench", "--shape", "64x64", "--tokens", "8", "--repeats", "1", "--op", "dsd")
	if code != exit.Done || !strings.Contains(out, "cpu, instructions") {
		t.Errorf("auto: exit code %d: %s%s", code, out, errs)
	}
}

// Ctrl-C ends a benchmark, also within a launch of the simulator.
func TestSignalEndsBench(t *testing.T) {
	many := strings.Repeat("0.9,", 5000) + "0.9"
	for _, args := range [][]string{
		{"--device", "cpu", "--tokens", "8", "--shape", "256x256", "--repeats", "1", "--sparsity", many},
		{"--device", "sim", "--tokens", "1,16384", "--precision", "fp32", "--op", "dsd"},
	} {
		cmd := ourselves(t, append([]string{"bench"}, args...)...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for row := bufio.NewScanner(out); row.Scan() && !strings.HasPrefix(row.Text(), "dsd"); {
			// The first case is done, the next begins.
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != exit.SIGINT || !strings.Contains(errs.String(), "stopped by SIGINT") {
			t.Errorf("%v: exit code %d: %s", args[:2], code, errs.String())
		}
	}
}
