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
