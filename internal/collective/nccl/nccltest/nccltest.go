// Package nccltest makes a library that stands in for NCCL in tests: it moves real bytes between the
// processes of one machine, and checks what it is asked for. No GPU is needed, and none is used: the memory
// is the host's.
package nccltest

import (
	_ "embed" // the library's source
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed testdata/fakenccl.c
var source []byte

// Library compiles the library and returns its file. The test is skipped where there is no C compiler.
func Library(t *testing.T) string {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("found no C compiler, cc, so nothing is tested with NCCL's stand-in")
	}
	dir := t.TempDir()
	text, file := filepath.Join(dir, "nccl.c"), filepath.Join(dir, "libnccl.so.2")
	if err := os.WriteFile(text, source, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(compiler, "-O1", "-shared", "-fPIC", "-pthread", "-o", file, text)
	cmd.Dir = dir
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", cmd, err, said)
	}
	return file
}
