package huggingface

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint/checkpointtest"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// tiny is a small model, dense or block-sparse.
func tiny(method model.Method) model.Config {
	return model.Config{
		VocabSize: 7, Layers: 1, Hidden: 8, Heads: 2, FFN: 16, MaxPositions: 9, TypeVocab: 2, Dropout: 0.25,
		Method: method, Sparsity: 0.5, BlockSize: 4,
	}
}

// made gives every parameter values that tell it from the others. A block-sparse
// one has them in slots of a mixed-up order.
type made struct{ t *testing.T }

func (m made) Dense(row model.Tensor) ([]float32, error) {
	if row.Sparse {
		s, err := m.Sparse(row)
		return s.Dense(), err
	}
	v := make([]float32, row.Elements())
	for i := range v {
		v[i] = float32(row.Index) + float32(i)/1024
	}
	return v, nil
}

func (m made) Sparse(row model.Tensor) (*sparse.Matrix, error) {
	start, err := sparse.StartTopology(row.Shape(), row.NNZ, 3, row.Index)
	if err != nil {
		return nil, err
	}
	rows, cols := make([]int32, row.NNZ), make([]int32, row.NNZ)
	for i := range rows {
		rows[i], cols[i] = start.Rows[row.NNZ-1-i], start.Cols[row.NNZ-1-i]
	}
	topo, err := sparse.NewTopology(row.Shape(), rows, cols)
	if err != nil {
		return nil, err
	}
	v := make([]float32, row.Stored())
	for i := range v {
		v[i] = float32(row.Index) - float32(i)/1024
	}
	return sparse.NewMatrix(topo, v)
}

func vocabulary(t *testing.T, n int) *corpus.Vocab {
	t.Helper()
	tokens := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<a&b>", "##ü", "more"}
	v, err := corpus.NewVocab(tokens[:n])
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// written writes a folder and returns it.
func written(t *testing.T, method model.Method, format Format) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "folder")
	err := Write(t.Context(), dir, Content{Format: format, Config: tiny(method), Vocab: vocabulary(t, 7), Weights: made{t}})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// edit changes a JSON file of a folder: a nil value removes a key.
func edit(t *testing.T, dir, name string, values map[string]any) {
	t.Helper()
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for key, value := range values {
		at, last := all, key
		if outer, inner, ok := strings.Cut(key, "."); ok {
			at, last = all[outer].(map[string]any), inner
		}
		if value == nil {
			delete(at, last)
		} else {
			at[last] = value
		}
	}
	if text, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	put(t, dir, name, string(text))
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// rewrite changes the tensors of a folder's file.
func rewrite(t *testing.T, dir, name string, change func(f *checkpoint.File)) {
	t.Helper()
	path := filepath.Join(dir, name)
	f := checkpointtest.Read(t, path)
	change(f)
	if err := checkpoint.WriteFile(path, f); err != nil {
		t.Fatal(err)
	}
}

// tensor finds a tensor to change.
func tensor(t *testing.T, f *checkpoint.File, name string) *checkpoint.Tensor {
	t.Helper()
	for i := range f.Tensors {
		if f.Tensors[i].Name == name {
			return &f.Tensors[i]
		}
	}
	t.Fatalf("the file has no tensor %s", name)
	return nil
}

// drop removes the tensors with a prefix.
func drop(f *checkpoint.File, prefix string) {
	var left []checkpoint.Tensor
	for _, t := range f.Tensors {
		if !strings.HasPrefix(t.Name, prefix) {
			left = append(left, t)
		}
	}
	f.Tensors = left
}
