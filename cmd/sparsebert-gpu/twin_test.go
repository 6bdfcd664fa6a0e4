//go:build unix && !nvidia

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// install copies this test binary, which can be the program, into a folder, with
// a script as its twin unless it is "".
func install(t *testing.T, twin string) (program string) {
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
	if twin != "" {
		if err := os.WriteFile(filepath.Join(dir, twinName), []byte("#!/bin/sh\n"+twin), 0o755); err != nil {
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

// A twin that has a GPU takes over: the same arguments, its own exit code, the
// same process.
func TestTwinTakesOver(t *testing.T) {
	program := install(t, `if [ "$*" = --probe-cuda ]; then echo "a warning of the driver"; echo "sparsebert-gpu-cuda `+buildVersion()+`"; echo "a GPU"; exit 0; fi
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
	want := filepath.Join(filepath.Dir(program), twinName) + "|bench|--device|cuda|--shape|64 x 64|--op||"
	if resolved, err := filepath.EvalSymlinks(filepath.Dir(program)); err == nil {
		want = filepath.Join(resolved, twinName) + strings.TrimPrefix(want, filepath.Join(filepath.Dir(program), twinName))
	}
	if string(out) != want {
		t.Errorf("found %q, expected %q", out, want)
	}
}

// Every way in which the twin can be missing, too old or unable to use the GPU is
// one line that says what to do. (With a real twin and a played driver:
// ci/build-cuda.sh --self-test.)
func TestTwinThatCannot(t *testing.T) {
	loader := func(words string) string {
		return `echo "sparsebert-gpu-cuda: ` + words + `" >&2; exit 127`
	}
	for _, c := range []struct{ name, twin, says string }{
		{"none", "", "found no sparsebert-gpu-cuda, expected it beside this program in "},
		{"no library", loader("error while loading shared libraries: libcuda.so.1: cannot open shared object file: No such file or directory"), "found no libcuda.so.1 (cannot open shared object file), expected NVIDIA's driver 550 or newer, for CUDA 12.4; install it"},
		{"broken library", loader("error while loading shared libraries: libcuda.so.1: file too short"), "found a broken libcuda.so.1 (file too short), expected"},
		{"another library", loader("error while loading shared libraries: libx.so.3: cannot open shared object file: No such file or directory"), "found no libx.so.3, expected"},
		{"driver without a function", loader("symbol lookup error: sparsebert-gpu-cuda: undefined symbol: cuGraphNodeSetEnabled"), "too old for this program (it lacks cuGraphNodeSetEnabled), expected"},
		{"old C library", loader("/lib/x86_64-linux-gnu/libc.so.6: version \\`GLIBC_2.38' not found (required by sparsebert-gpu-cuda)"), "expected glibc 2.38 or newer"},
		{"no GPU", "echo; echo first; echo sparsebert-gpu-cuda: found no NVIDIA GPU. >&2; exit 2", "device: cuda cannot be used: found no NVIDIA GPU; "},
		{"without a word", "exit 3", "ended without a word (exit status 3)"},
		{"killed", "kill -KILL $$", "killed"},
		{"another version", "echo sparsebert-gpu-cuda v0.0.1; echo a GPU", "found version v0.0.1, expected " + buildVersion() + " as this program has; build both anew"},
		{"no version", "echo a GPU", "found no version, expected " + buildVersion()},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, install(t, c.twin), c.says) })
	}
}

// refused runs the installed program and expects the one line.
func refused(t *testing.T, program, says string) {
	t.Helper()
	code, out, errs := runInstalled(t, program, "bench", "--device", "cuda")
	if code != exitUsage || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, says) || !strings.Contains(errs, "or use --device cpu") {
		t.Errorf("exit code %d, found %q and %q, expected %q", code, out, errs, says)
	}
}

// What stands in the twin's place and is no program that can be started.
func TestTwinThatCannotStart(t *testing.T) {
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
			if err := c.make(filepath.Join(filepath.Dir(program), twinName)); err != nil {
				t.Fatal(err)
			}
			refused(t, program, c.says)
		})
	}
}

// auto on a machine whose GPU cannot be used for want of a twin goes on, and says so.
func TestAutoWithoutTwin(t *testing.T) {
	defer func(f func() string) { missingGPU = f }(missingGPU)
	missingGPU = func() string { return "" }
	var notes []string
	err := useTwin(context.Background(), "auto", func(note string) { notes = append(notes, note) })
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "found no "+twinName) || !strings.Contains(notes[0], "the GPU of this machine is not used") {
		t.Errorf("found error %v and notes %q", err, notes)
	}
}

// A plain build in the twin's place is found out, not started again and again.
func TestTwinThatIsNone(t *testing.T) {
	program := install(t, "")
	twin := filepath.Join(filepath.Dir(program), twinName)
	if err := os.Link(program, twin); err != nil {
		t.Fatal(err)
	}
	code, _, errs := runInstalled(t, program, "bench", "--device", "cuda")
	if code != exitUsage || !strings.Contains(errs, "found a build without cuda in the place of "+twinName+", expected one with the tag nvidia") || strings.Count(errs, "\n") != 1 {
		t.Errorf("exit code %d: %q", code, errs)
	}
}

func TestTwinThatHangs(t *testing.T) {
	twin := filepath.Join(filepath.Dir(install(t, "exec sleep 600\n")), twinName)
	if err := probeTwin(context.Background(), twin, 50*time.Millisecond); err == nil || exitCode(err) != exitUsage || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("found error %v", err)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	time.AfterFunc(50*time.Millisecond, func() { stop(stopSignal{"SIGINT", exitSIGINT}) })
	if err := probeTwin(ctx, twin, time.Minute); exitCode(err) != exitSIGINT {
		t.Errorf("stopped: found error %v", err)
	}
}

// auto goes on without a GPU, and cpu and sim never ask for one.
func TestDevicesOfThisProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine that TestSignalEndsBench does not start")
	}
	for _, device := range []string{"cpu", "sim", "abacus"} {
		if err := useTwin(context.Background(), device, nil); err != nil {
			t.Errorf("%s: %v", device, err)
		}
	}
	code, out, errs := runInstalled(t, install(t, ""), "bench", "--shape", "64x64", "--tokens", "8", "--repeats", "1", "--op", "dsd")
	if code != exitDone || !strings.Contains(out, "cpu, instructions") {
		t.Errorf("auto: exit code %d: %s%s", code, out, errs)
	}
	for device, want := range map[string]string{"auto": "cpu", "cpu": "cpu", "cuda": "cuda", "sim": "sim"} {
		if got := resolveDevice(device); got != want {
			t.Errorf("%s: found %s, expected %s", device, got, want)
		}
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
		if code := cmd.ProcessState.ExitCode(); code != exitSIGINT || !strings.Contains(errs.String(), "stopped by SIGINT") {
			t.Errorf("%v: exit code %d: %s", args[:2], code, errs.String())
		}
	}
}
