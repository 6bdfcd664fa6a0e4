package cpu_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func TestNewRefusesBadOptions(t *testing.T) {
	for _, o := range []cpu.Options{{Threads: -1}, {Path: cpu.Path(77)}} {
		if b, err := cpu.New(o); err == nil {
			b.Close()
			t.Errorf("New(%+v): found no error, expected one", o)
		}
	}
}

func TestClosedBackendRefusesWork(t *testing.T) {
	b := opener(2, cpu.Auto)(t)
	x := b.Alloc("x", backend.F32, 8)
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	b.Zero(x, 8)
	if err := b.Sync(); !errors.Is(err, cpu.ErrClosed) {
		t.Errorf("Sync after Close: found %v, expected ErrClosed", err)
	}
	if err := b.ReadFloats(make([]float32, 8), x, 0); !errors.Is(err, cpu.ErrClosed) {
		t.Errorf("ReadFloats after Close: found %v, expected ErrClosed", err)
	}
}

// What only this device can see gives one line with the operation, the thing, what was
// found and what was expected.
func TestErrorsNameWhatIsWrong(t *testing.T) {
	ints := func(b backend.Backend, v ...int32) backend.Buffer {
		x := b.Alloc("ints", backend.I32, len(v))
		b.WriteInts(x, 0, v)
		return x
	}
	floats := func(b backend.Backend, n int) backend.Buffer { return b.Alloc("floats", backend.F32, n) }
	table := func(b backend.Backend, rows int) backend.Param {
		return b.NewParam(backend.ParamSpec{Name: "table", Out: rows, In: 4})
	}
	for _, c := range []struct {
		name, want string
		call       func(b backend.Backend)
	}{
		{"float64", "cpu: Alloc x: found dtype float64, expected float32 or int32", func(b backend.Backend) { b.Alloc("x", backend.F64, 4) }},
		{"too much memory", "cpu: Alloc x: 4611686018427387904 elements", func(b backend.Backend) { b.Alloc("x", backend.F32, 1<<62) }},
		{"id", "cpu: Embed: ids[1]: found 5, expected 0 to 4", func(b backend.Backend) {
			b.Embed(floats(b, 8), ints(b, 0, 5), ints(b, 0, 0), table(b, 5), table(b, 2), table(b, 2), 2, 2)
		}},
		{"segment", "cpu: EmbedGrad: segments[0]: found -1, expected 0 to 1", func(b backend.Backend) {
			b.EmbedGrad(table(b, 5), table(b, 2), table(b, 2), floats(b, 8), ints(b, 0, 4), ints(b, -1, 0), 2, 2)
		}},
		{"label", "cpu: CrossEntropy: labels[1]: found 3, expected -2147483648 to 2", func(b backend.Backend) {
			b.CrossEntropy(floats(b, 3), floats(b, 6), ints(b, -7, 3), 2, 3, backend.MLM, true)
		}},
		{"row", "cpu: Gather: index[0]: found 2, expected less than 2", func(b backend.Backend) {
			b.Gather(floats(b, 4), floats(b, 9), ints(b, 2), 1, 4)
		}},
		{"length", "cpu: Attention: lengths[0]: found 4, expected 0 to 3", func(b backend.Backend) {
			b.Attention(floats(b, 6), floats(b, 3), floats(b, 6), floats(b, 6), floats(b, 6), ints(b, 4), backend.Attn{Batch: 1, Seq: 3, Heads: 1, Head: 2}, backend.Dropout{})
		}},
		{"future block", "cpu: AdamW: w: slot 0: found born after step 9, expected at most 3", func(b backend.Backend) {
			topo, err := sparse.FullTopology(sparse.Shape{Out: 4, In: 4, Block: 4})
			if err != nil {
				t.Fatal(err)
			}
			topo.Born[0], topo.NewAt[0] = 9, 1
			p := b.NewParam(backend.ParamSpec{Name: "w", Out: 4, In: 4, Topology: topo})
			b.BeginStep(backend.StepScalars{Step: 3})
			b.AdamW([]backend.Param{p}, floats(b, 1), backend.AdamConfig{})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := opener(1, cpu.Auto)(t)
			defer b.Close()
			c.call(b)
			err := b.Sync()
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("found %q, expected one line that starts with %q", err, c.want)
			}
			b.Alloc("later", backend.F64, 1)
			if again := b.Sync(); again != err {
				t.Errorf("after another fault: found %v, expected the first error still", again)
			}
		})
	}
}

// A topology update of values that are not finite is refused with sparse's
// error and the tensor's name.
func TestUpdateTopologyNamesTheTensor(t *testing.T) {
	b := opener(2, cpu.Auto)(t)
	defer b.Close()
	topo, err := sparse.StartTopology(sparse.Shape{Out: 16, In: 16, Block: 4}, 8, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := b.NewParam(backend.ParamSpec{Name: "layer.weight", Out: 16, In: 16, Topology: topo})
	inf := float32(1)
	for range 8 {
		inf *= 1e10
	}
	b.WriteFloats(p.Values(), 20, []float32{inf})
	b.UpdateTopology([]backend.Param{p}, sparse.Update{Number: 1, Step: 1, PruneRatio: 0.5})
	if err := b.Sync(); !errors.Is(err, sparse.ErrNotFinite) || !strings.Contains(err.Error(), "layer.weight") {
		t.Errorf("found %v, expected sparse.ErrNotFinite and the name layer.weight", err)
	}
}
