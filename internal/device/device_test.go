//go:build !nvidia

package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/internal/version"
)

func TestResolve(t *testing.T) {
	for name, want := range map[string]string{"auto": "cpu", "cpu": "cpu", "cuda": "cuda", "sim": "sim"} {
		if got := Resolve(name); got != want {
			t.Errorf("%s: found %s, expected %s", name, got, want)
		}
	}
}

func TestOpen(t *testing.T) {
	var o Opener
	for _, c := range []struct{ device, precision, name string }{
		{"cpu", "fp32", "cpu"}, {"auto", "fp32", "cpu"}, {"sim", "fp32", "sim"}, {"sim", "bf16", "sim"},
	} {
		b, err := o.Open(c.device, c.precision, 1)
		if err != nil {
			t.Errorf("%s, %s: %v", c.device, c.precision, err)
			continue
		}
		if b.Name() != c.name {
			t.Errorf("%s, %s: found device %s, expected %s", c.device, c.precision, b.Name(), c.name)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct{ device, precision, says string }{
		{"cpu", "bf16", "precision: found bf16, expected fp32"},
		{"sim", "fp8", `precision: found "fp8", expected fp32 or bf16`},
		{"abacus", "fp32", `device: found "abacus", expected one of auto, cpu, cuda, sim`},
		{"cuda:1", "fp32", "CUDA_VISIBLE_DEVICES chooses one"},
		{"cuda", "fp32", "found a build without cuda in the place of " + HelperName},
	} {
		b, err := o.Open(c.device, c.precision, 1)
		if b != nil || !usage.Is(err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s, %s: found device %v and error %v, expected %q", c.device, c.precision, b, err, c.says)
		}
	}
}

// The simulator's driver can be another, and gets the threads.
// A path that is asked for is taken, or refused by name.
func TestOpenOnAPath(t *testing.T) {
	for _, p := range cpu.Paths() {
		o, err := Opener{}.OnPath(p.String())
		if err != nil {
			t.Fatal(err)
		}
		b, err := o.Open("cpu", "fp32", 1)
		if err != nil {
			t.Fatal(err)
		}
		if want := "instructions " + p.String() + ","; !strings.Contains(b.Describe(), want) {
			t.Errorf("%s: found %q, expected %q in it", p, b.Describe(), want)
		}
		b.Close()
	}
	if o, err := (Opener{}).OnPath(""); err != nil || o.CPUPath != cpu.Auto {
		t.Errorf("no path: found %v and %v, expected the fastest", o.CPUPath, err)
	}
	if _, err := (Opener{}).OnPath("abacus"); !usage.Is(err) || !strings.Contains(err.Error(), "cpu_path: found abacus, expected one that this machine and build have: go") {
		t.Errorf("found %v", err)
	}
}

func TestOpenAnotherSimulator(t *testing.T) {
	var asked simdriver.Options
	own := simdriver.New(simdriver.Options{Threads: 1})
	o := Opener{Simulator: func(s simdriver.Options) gpu.Driver { asked = s; return own }}
	b, d, err := o.GPU(Settings{Device: "sim", Precision: "fp32", Threads: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if d != gpu.Driver(own) || asked.Threads != 3 {
		t.Errorf("found driver %T for %d threads, expected the one given for 3", d, asked.Threads)
	}
}

// Of too little memory on a GPU the line says what to do, and of nothing else.
func TestWithRemedy(t *testing.T) {
	short := &gpu.Error{Op: "allocate", What: "values", Code: 2, Err: errors.New("CUDA_ERROR_OUT_OF_MEMORY")}
	err := fmt.Errorf("build the model: %w", short)
	for _, e := range []error{err, usage.Mark(err)} {
		line := WithRemedy(e)
		if !IsOutOfMemory(e) || !errors.Is(line, e) || !strings.HasPrefix(line.Error(), err.Error()+": found too little memory on the GPU, expected more; take a smaller batch or model") {
			t.Errorf("found %q", line)
		}
	}
	other := &gpu.Error{Op: "launch", Code: 700, Err: errors.New("CUDA_ERROR_ILLEGAL_ADDRESS")}
	if IsOutOfMemory(other) || WithRemedy(other) != error(other) {
		t.Error("found another error taken for one of memory")
	}
}

// cpu and sim never ask for the helper, nor does a name that is none.
func TestDevicesOfThisProcess(t *testing.T) {
	for _, name := range []string{"cpu", "sim", "abacus"} {
		if err := UseHelper(t.Context(), name, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// auto on a machine whose GPU cannot be used for want of the helper goes on, and says so.
func TestAutoWithoutHelper(t *testing.T) {
	defer func(f func() string) { missingGPU = f }(missingGPU)
	missingGPU = func() string { return "" }
	var notes []string
	err := UseHelper(t.Context(), "auto", func(note string) { notes = append(notes, note) })
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "found no "+HelperName) || !strings.Contains(notes[0], "the GPU of this machine is not used") {
		t.Errorf("found error %v and notes %q", err, notes)
	}
	missingGPU = func() string { return "found none" }
	if err := UseHelper(t.Context(), "auto", nil); err != nil {
		t.Errorf("without a GPU: found error %v, expected to go on without a note", err)
	}
	if err := UseHelper(t.Context(), "cuda", nil); !usage.Is(err) || !strings.Contains(err.Error(), "and this machine shows no NVIDIA GPU") {
		t.Errorf("cuda without a GPU: found error %v", err)
	}
}

// script writes a helper that is a shell script.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), HelperName)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProbeHelper(t *testing.T) {
	good := script(t, `[ "$*" = `+ProbeFlag+` ] && echo "`+HelperName+" "+version.Full()+`" && echo "a GPU"`)
	if err := probeHelper(t.Context(), good, time.Minute); err != nil {
		t.Errorf("a helper that has a GPU: %v", err)
	}
	// The same number from another commit is another program.
	other := script(t, "echo "+HelperName+" "+version.Number+"+0")
	if err := probeHelper(t.Context(), other, time.Minute); !usage.Is(err) || !strings.Contains(err.Error(), "found version "+version.Number+"+0, expected "+version.Full()) {
		t.Errorf("another version: found error %v", err)
	}
}

func TestHelperThatHangs(t *testing.T) {
	helper := script(t, "exec sleep 600")
	if err := probeHelper(t.Context(), helper, 50*time.Millisecond); !usage.Is(err) || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("found error %v", err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	time.AfterFunc(50*time.Millisecond, func() { stop(stopped) })
	if err := probeHelper(ctx, helper, time.Minute); !errors.Is(err, stopped) {
		t.Errorf("stopped: found error %v, expected the context's cause", err)
	}
}

// What the helper answers in a build without CUDA.
func TestProbeWithoutCUDA(t *testing.T) {
	var out strings.Builder
	if err := Probe(&out); !usage.Is(err) || out.Len() > 0 {
		t.Errorf("found %q and error %v, expected an error alone", out.String(), err)
	}
}

// The driver is asked to load a kernel, and what it says comes back.
func TestLoadOne(t *testing.T) {
	d := simdriver.New(simdriver.Options{Threads: 1})
	defer d.Close()
	if err := gpu.LoadOne(d); err != nil {
		t.Error(err)
	}
	if err := gpu.LoadOne(refusing{d}); !errors.Is(err, errRefused) {
		t.Errorf("found error %v, expected the driver's", err)
	}
}

var errRefused = errors.New("no such instruction")

// refusing is a driver that compiles nothing.
type refusing struct{ gpu.Driver }

func (refusing) Load(string, []byte) (gpu.Module, error) { return gpu.Module(0), errRefused }
