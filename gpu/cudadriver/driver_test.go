//go:build nvidia

// These tests need a GPU. Where there is none the test binary ends before any
// test, and before a TestMain: package preflight says in one line what is wrong
// and exits with status 2 before package cu does so in its own words, so that no
// test can check and skip. A run without a GPU therefore fails loudly, and never
// passes. Before this, the loader ends a binary that finds no libcuda.so.1.

package cudadriver

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/drivertest"
)

func open(t *testing.T) gpu.Driver {
	t.Helper()
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConformance(t *testing.T) {
	drivertest.Run(t, open)
}

func TestErrors(t *testing.T) {
	count, err := Count()
	if err != nil || count < 1 {
		t.Fatalf("%d GPUs (error %v), expected some", count, err)
	}
	for _, index := range []int{-1, 1 << 20} {
		d, err := New(Options{Device: index})
		if index > 0 && count == 1 { // it is the only one's
			if err != nil || d.Close() != nil {
				t.Errorf("device %d of one GPU: error %v, expected none", index, err)
			}
			continue
		}
		if _, ok := errors.AsType[*gpu.Error](err); !ok || d != nil {
			t.Errorf("device %d: driver %v, error %v, expected a *gpu.Error", index, d, err)
		}
	}
	d := open(t)
	defer d.Close()
	_, err = d.Alloc(1<<60, "too much")
	e, ok := errors.AsType[*gpu.Error](err)
	if !ok || e.Code != 2 || !errors.Is(err, Result(2)) || !strings.Contains(err.Error(), "CUDA_ERROR_OUT_OF_MEMORY") {
		t.Errorf("error %v, expected code 2, CUDA_ERROR_OUT_OF_MEMORY", err)
	}
	if text := Result(999999).Error(); !strings.Contains(text, "999999") {
		t.Errorf("%q, expected the number of an unknown error", text)
	}
}

// TestKernelFault runs itself in another process, since a fault of a kernel
// leaves CUDA useless for the rest of the process.
func TestKernelFault(t *testing.T) {
	const key = "SPARSEBERT_TEST_KERNEL_FAULT"
	if os.Getenv(key) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKernelFault$", "-test.v")
		cmd.Env = append(os.Environ(), key+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestKernelFault") {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	d := open(t)
	m, err := d.Load("conformance.ptx", drivertest.PTX())
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Function(m, "fault")
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.Alloc(4, "p")
	if err != nil {
		t.Fatal(err)
	}
	if err = d.Launch(0, f, gpu.Dim3{X: 1}, gpu.Dim3{X: 1}, 0, []uint64{uint64(p), 1}); err == nil {
		err = d.Sync(0)
	}
	if e, ok := errors.AsType[*gpu.Error](err); !ok || e.Code == 0 || strings.Contains(err.Error(), "\n") {
		t.Fatalf("error %v of a kernel that traps, expected a *gpu.Error with CUDA's code, in one line", err)
	}
	if err := d.Memset(0, p, 0, 4); err == nil {
		t.Error("memset after a fault: no error, expected one")
	}
	if err := d.Close(); err == nil {
		t.Error("close after a fault: no error, expected what went wrong")
	}
}
