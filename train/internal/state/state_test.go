package state_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train/internal/state"
)

// config is a model of one layer, hidden size 16.
func config(t *testing.T, method model.Method) model.Config {
	t.Helper()
	c, err := model.Preset("tiny")
	if err != nil {
		t.Fatal(err)
	}
	c.VocabSize, c.Layers, c.Hidden, c.Heads, c.FFN, c.MaxPositions, c.Dropout = 20, 1, 16, 2, 32, 8, 0
	c.Method, c.Sparsity, c.BlockSize = method, 0.5, 4
	return c
}

// What stands in the files for one weight of 32 x 16 in blocks of 4, of whose 32
// positions half are active, as docs/formats.md has it.
func TestInfos(t *testing.T) {
	const weight = "bert.encoder.layer.0.intermediate.dense.weight"
	for method, want := range map[model.Method]string{
		model.Dense:   "model  F32 [32 16]; optimizer .m F32 [32 16] .v F32 [32 16]",
		model.Static:  "model .rows I32 [16] .cols I32 [16] .blocks F32 [16 4 4]; optimizer .born I32 [16] .new_at I32 [16] .explored U64 [1] .m F32 [16 4 4] .v F32 [16 4 4]",
		model.Partial: "model  F32 [32 16]; optimizer .rows I32 [16] .cols I32 [16] .m F32 [32 16] .v F32 [32 16]",
	} {
		table, err := model.Table(config(t, method))
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		total := int64(0)
		for _, file := range []string{state.ModelFile, state.OptimizerFile} {
			part := strings.TrimSuffix(file, ".safetensors")
			for _, info := range state.Infos(file, table) {
				n, err := info.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				total += n
				if key, ok := strings.CutPrefix(info.Name, weight); ok {
					part += fmt.Sprintf(" %s %s %v", key, info.DType, info.Shape)
				}
			}
			parts = append(parts, part)
		}
		if got := strings.Join(parts, "; "); got != want {
			t.Errorf("%s: found %s, expected %s", method, got, want)
		}
		if got, err := state.Bytes(table); err != nil || got != total {
			t.Errorf("%s: found %d bytes, %v, expected %d", method, got, err, total)
		}
	}
}

// built makes a model on the CPU.
func built(t *testing.T, c model.Config, seed uint64) *model.Model {
	t.Helper()
	b, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	m, err := model.New(b, c, model.Options{MicroBatch: 1, SeqLen: 8, MaxMasked: 2, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// contents are all numbers and topologies of a model.
func contents(t *testing.T, m *model.Model) (out []any) {
	t.Helper()
	for _, p := range m.Params() {
		for _, buf := range []backend.Buffer{p.Values(), p.M(), p.V()} {
			values := make([]float32, buf.Len())
			if err := m.Backend().ReadFloats(values, buf, 0); err != nil {
				t.Fatal(err)
			}
			out = append(out, values)
		}
		topo, err := m.Backend().Topology(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, topo)
	}
	return out
}

// A model that is saved and restored into another one of its configuration is there
// again, moments and history too.
func TestRestore(t *testing.T) {
	c := config(t, model.Dynamic)
	m := built(t, c, 1)
	for i, p := range m.Params() {
		values := make([]float32, p.M().Len())
		for k := range values {
			values[k] = float32(i) + float32(k)/1024
		}
		m.Backend().WriteFloats(p.M(), 0, values)
		m.Backend().WriteFloats(p.V(), 0, values)
	}
	first := -1
	for i, row := range m.Table() {
		if row.Sparse {
			first = i
			break
		}
	}
	topo, err := m.Backend().Topology(m.Params()[first])
	if err != nil {
		t.Fatal(err)
	}
	moved := *topo
	if _, err := moved.Update(make([]float32, moved.NNZ()*moved.BlockSize()), nil,
		sparse.Update{Seed: 3, Number: 1, Step: 5, PruneRatio: 0.5}, first); err != nil {
		t.Fatal(err)
	}
	m.Backend().SetTopology(m.Params()[first], &moved)

	files, err := state.Files(m.Table(), state.Model(m))
	if err != nil {
		t.Fatal(err)
	}
	path, err := checkpoint.Save(t.TempDir(), 7, files, struct{}{}, "hash")
	if err != nil {
		t.Fatal(err)
	}
	saved, err := checkpoint.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	other := built(t, c, 2)
	if reflect.DeepEqual(contents(t, other), contents(t, m)) {
		t.Fatal("found two models of different seeds equal before anything was restored")
	}
	if err := state.Restore(other, saved, true); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(contents(t, other), contents(t, m)) {
		t.Error("found another model after saving and restoring")
	}
	if err := state.Restore(built(t, config(t, model.Dense), 1), saved, true); !errors.Is(err, checkpoint.ErrCorrupt) {
		t.Errorf("restoring into a dense model: found %v, expected ErrCorrupt", err)
	}
}
