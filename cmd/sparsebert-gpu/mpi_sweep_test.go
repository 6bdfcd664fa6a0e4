//go:build mpi && unix && !nvidia

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/mpi/mpitest"
)

// A sweep whose jobs are two processes each comes to what it comes to in one process.
func TestMPISweep(t *testing.T) {
	file := tinySweep(t)
	text := strings.Replace(string(mustRead(t, file)), "batch_size: 4", "batch_size: 2, gradient_accumulation_steps: 2, replicas: 2", 1)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sweep := func(out string, env []string, more ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), self, append([]string{"sweep", file, "--out", out, "--device", "cpu", "--quiet"}, more...)...)
		cmd.Env = append(env, asProgram+"=1")
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v: %s", more, err, said.String())
		}
	}
	alone := filepath.Join(t.TempDir(), "alone")
	sweep(alone, os.Environ())
	want := mustRead(t, filepath.Join(alone, "results.jsonl"))
	for _, launcher := range mpitest.Launchers(t) {
		words := mpitest.Command(t.Context(), launcher, 2, "program")
		out := filepath.Join(t.TempDir(), "out")
		sweep(out, words.Env, "--launcher", strings.Join(words.Args[:len(words.Args)-1], " "))
		if got := mustRead(t, filepath.Join(out, "results.jsonl")); !bytes.Equal(got, want) || bytes.Count(got, []byte("\n")) != 2 {
			t.Errorf("%s: found\n%s\nexpected\n%s", launcher, got, want)
		}
	}
}
