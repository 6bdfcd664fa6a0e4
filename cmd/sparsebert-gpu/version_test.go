package main

import (
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

func TestVersion(t *testing.T) {
	code, out, errs := invoke("--version")
	if code != exit.Done || errs != "" || !strings.HasPrefix(out, "sparsebert-gpu version 0.2.0 (") || strings.Count(out, "\n") != 1 {
		t.Errorf("exit code %d: found %q and %q", code, out, errs)
	}
}

func TestUnknownDevice(t *testing.T) {
	for device, says := range map[string]string{"abacus": "cuda, sim", "cuda:1": "CUDA_VISIBLE_DEVICES chooses one"} {
		code, _, errs := invoke("bench", "--device", device)
		if code != exit.Usage || strings.Count(errs, "\n") != 1 || !strings.HasSuffix(errs, says+"\n") {
			t.Errorf("%s: exit code %d: %q", device, code, errs)
		}
	}
}
