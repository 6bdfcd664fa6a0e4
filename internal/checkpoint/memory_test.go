package checkpoint_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
)

// allocated returns the bytes that f asks of the heap.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Saving, verifying and reading back into place must not copy the weights.
func TestWeightsAreNotCopied(t *testing.T) {
	const n = 8 << 20 // 32 MiB
	weights := make([]float32, n)
	files := map[string]*checkpoint.File{"model.safetensors": {Tensors: []checkpoint.Tensor{checkpoint.Of("w", []int{n}, weights)}}}
	dir := t.TempDir()
	bytes := allocated(func() {
		path, err := checkpoint.Save(dir, 1, files, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		c, err := checkpoint.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Open("model.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := checkpoint.ReadInto(r, "w", weights); err != nil {
			t.Fatal(err)
		}
	})
	if bytes > 4*n/8 {
		t.Errorf("a round trip of %d bytes of weights allocated %d bytes, want under an eighth", 4*n, bytes)
	}
}

func BenchmarkSave(b *testing.B) {
	const n = 8 << 20
	files := map[string]*checkpoint.File{"model.safetensors": {Tensors: []checkpoint.Tensor{checkpoint.Of("w", []int{n}, make([]float32, n))}}}
	dir := b.TempDir()
	b.SetBytes(4 * n)
	for b.Loop() {
		if _, err := checkpoint.Save(dir, 1, files, nil, ""); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	const n = 8 << 20
	weights := make([]float32, n)
	files := map[string]*checkpoint.File{"model.safetensors": {Tensors: []checkpoint.Tensor{checkpoint.Of("w", []int{n}, weights)}}}
	path, err := checkpoint.Save(filepath.Join(b.TempDir(), "checkpoints"), 1, files, nil, "")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(4 * n)
	for b.Loop() {
		c, err := checkpoint.Load(path)
		if err != nil {
			b.Fatal(err)
		}
		r, err := c.Open("model.safetensors")
		if err != nil {
			b.Fatal(err)
		}
		if err := checkpoint.ReadInto(r, "w", weights); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
