// Package checkpointtest is for tests that look into the files of package
// checkpoint.
package checkpointtest

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
)

// Read returns all of a safetensors file. The test ends where it cannot be read.
func Read(t testing.TB, path string) *checkpoint.File {
	t.Helper()
	r, err := checkpoint.Open(path, checkpoint.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f := &checkpoint.File{Metadata: r.Metadata()}
	for _, info := range r.Tensors() {
		x, err := r.Read(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		f.Tensors = append(f.Tensors, x)
	}
	return f
}
