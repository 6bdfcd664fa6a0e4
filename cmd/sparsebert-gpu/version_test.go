package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

func TestVersion(t *testing.T) {
	code, out, errs := invoke("--version")
	if code != exitDone || errs != "" || !strings.HasPrefix(out, "sparsebert-gpu version "+buildVersion()+" (") || strings.Count(out, "\n") != 1 {
		t.Errorf("exit code %d: found %q and %q", code, out, errs)
	}
}

// Of too little memory on a GPU the line says what to do; before a run has begun
// it is no failure of the run.
func TestOutOfMemory(t *testing.T) {
	short := &gpu.Error{Op: "allocate", What: "values", Code: 2, Err: errors.New("CUDA_ERROR_OUT_OF_MEMORY")}
	err := fmt.Errorf("build the model: %w", short)
	if !outOfMemory(err) || exitCode(err) != exitFailed || exitCode(usage{err}) != exitUsage {
		t.Errorf("found exit codes %d and %d", exitCode(err), exitCode(usage{err}))
	}
	for _, e := range []error{err, usage{err}} {
		if line := withRemedy(e).Error(); !strings.HasPrefix(line, err.Error()+": found too little memory on the GPU, expected more; take a smaller batch or model") {
			t.Errorf("found %q", line)
		}
	}
	other := &gpu.Error{Op: "launch", Code: 700, Err: errors.New("CUDA_ERROR_ILLEGAL_ADDRESS")}
	if outOfMemory(other) || withRemedy(other) != error(other) {
		t.Error("found another error taken for one of memory")
	}
}

func TestUnknownDevice(t *testing.T) {
	for device, says := range map[string]string{"abacus": "cuda, sim", "cuda:1": "CUDA_VISIBLE_DEVICES chooses one"} {
		code, _, errs := invoke("bench", "--device", device)
		if code != exitUsage || strings.Count(errs, "\n") != 1 || !strings.HasSuffix(errs, says+"\n") {
			t.Errorf("%s: exit code %d: %q", device, code, errs)
		}
	}
}
