//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

// A run says where its metrics are and tells a command what happens. Its folder starts no
// command and opens no port for whoever makes the run again from it.
func TestMonitoring(t *testing.T) {
	dir, events := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "events")
	code, _, errs := invoke(quick(dir, "--quiet=false", "--metrics-addr", "0", "--on-event", "cat >>'"+events+"'")...)
	if code != exit.Done || !strings.Contains(errs, "http://127.0.0.1:") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	text, err := os.ReadFile(events)
	if err != nil || strings.Count(string(text), `"event":"end"`) != 1 || !strings.Contains(string(text), `"state":"done"`) || !strings.Contains(string(text), `"event":"evaluation"`) {
		t.Errorf("found the events %s (%v), expected an evaluation and one end", text, err)
	}
	for _, pattern := range []string{"config.yaml", "checkpoints/*/trainer.json"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: found no file (%v)", pattern, err)
		}
		for _, f := range files {
			if text, err := os.ReadFile(f); err != nil || strings.Contains(string(text), "cat >>") || strings.Contains(string(text), "metrics_addr") {
				t.Errorf("%s: found the command or the address of another process (%v)", f, err)
			}
		}
	}
}

// An address that cannot be had is one line, before anything is written.
func TestMetricsAddressRefused(t *testing.T) {
	for _, address := range []string{"nonsense", "127.0.0.1:99999", "192.0.2.1:9100"} {
		dir := filepath.Join(t.TempDir(), "run")
		code, _, errs := invoke(quick(dir, "--metrics-addr", address)...)
		if code != exit.Usage || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "metrics_addr: found") {
			t.Errorf("%s: exit code %d: %s", address, code, errs)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: found a run folder", address)
		}
	}
}
