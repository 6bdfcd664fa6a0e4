//go:build unix && !nvidia

package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sharedRun are the arguments of a run of four replicas that takes a moment.
const sharedRun = "train --quiet --replicas 4 --gradient-accumulation-steps 8 --batch-size 1 --max-steps 12 --updates 4 " +
	"--save-steps 6 --layers 2 --hidden 32 --heads 2 --ffn 64 --block-size 4 --sparsity 0.8 --seq-len 32 --eval-batches 1 --final-eval-batches 2 "

// sums has the SHA-256 of all tensors of a run's checkpoints.
func sums(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "checkpoints", "*", "*.safetensors"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%s: found %d files of tensors, %v", dir, len(files), err)
	}
	var out strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(dir, f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%x %s\n", sha256.Sum256(text), name)
	}
	return out.String()
}
