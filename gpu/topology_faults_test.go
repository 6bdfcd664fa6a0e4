package gpu_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// arrays are those that an update may change.
var arrays = []string{"rows", "columns", "births", "updates", "explored bits", "row bounds", "row view", "column bounds", "column view"}

// memory returns a parameter's topology, moments and growth scores as they lie on
// the device.
func (w *shadows) memory(x *shadow, scores backend.Buffer) []byte {
	w.t.Helper()
	t := x.topo
	var all []byte
	add := func(at gpu.Ptr, n int) {
		part := make([]byte, 4*n)
		if err := w.d.CopyOut(0, part, at); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, part...)
	}
	for i, n := range []int{t.NNZ(), t.NNZ(), t.NNZ(), t.NNZ(), 2 * len(t.Explored), len(t.RowPtr), t.NNZ(), len(t.ColPtr), t.NNZ()} {
		add(gpu.TopologyArray(x.p, arrays[i]), n)
	}
	for _, b := range []backend.Buffer{x.p.M(), x.p.V(), scores} {
		add(gpu.Address(b), b.Len())
	}
	return all
}

// poke writes word i of an array of the topology.
func (w *shadows) poke(x *shadow, array string, i int, v int32) {
	w.t.Helper()
	word := binary.LittleEndian.AppendUint32(nil, uint32(v))
	if err := w.d.CopyIn(0, gpu.TopologyArray(x.p, array)+gpu.Ptr(4*i), word); err != nil {
		w.t.Fatal(err)
	}
}

// TestPlantedFaults: whatever is wrong in device memory is found, named, and
// left as it is.
func TestPlantedFaults(t *testing.T) {
	type fault struct {
		name  string
		plant func(w *shadows, x *shadow)
		kind  error
		want  string
	}
	poke := func(array string, i int, v int32) func(w *shadows, x *shadow) {
		return func(w *shadows, x *shadow) { w.poke(x, array, i, v) }
	}
	value := func(i int, v float64) func(w *shadows, x *shadow) {
		return func(w *shadows, x *shadow) { w.b.WriteFloats(x.p.Values(), i, []float32{float32(v)}) }
	}
	score := func(i int, v float64) func(w *shadows, x *shadow) {
		return func(w *shadows, x *shadow) { w.b.WriteFloats(w.b.GrowScores(x.p), i, []float32{float32(v)}) }
	}
	// Of 5 x 7 blocks of 4 x 4 each row has slots 0 to 8; see the shadow below.
	for _, f := range []fault{
		{"row", poke("rows", 3, 5), sparse.ErrTopology, "slot 3: found block row 5, expected 0 to 4"},
		{"row far below", poke("rows", 0, -1<<31), sparse.ErrTopology, "slot 0: found block row -2147483648, expected 0 to 4"},
		{"column", poke("columns", 4, -1), sparse.ErrTopology, "slot 4: found block column -1, expected 0 to 6"},
		{"block twice", func(w *shadows, x *shadow) {
			w.poke(x, "rows", 1, x.topo.Rows[0])
			w.poke(x, "columns", 1, x.topo.Cols[0])
		}, sparse.ErrTopology, "found 8 different blocks in the slots, expected 9"},
		{"birth", poke("births", 2, -3), sparse.ErrTopology, "slot 2: found Born -3, expected a step of 0 or more"},
		{"update", poke("updates", 2, -1), sparse.ErrTopology, "slot 2: found NewAt -1, expected an update of 0 or more"},
		{"birth at the start", poke("births", 8, 4), sparse.ErrTopology, "slot 8: found Born 4 in a starting block, expected 0"},
		{"explored clear", poke("explored bits", 0, 0), sparse.ErrTopology, "found its explored bit clear, expected it set"},
		{"explored beyond", poke("explored bits", 1, -1), sparse.ErrTopology, "found the explored bit of position 35, expected none from 35 on"},
		{"row bounds", poke("row bounds", 2, 100), sparse.ErrTopology, "row view: bound 2: found 100"},
		{"first row bound", poke("row bounds", 0, 1), sparse.ErrTopology, "row view: bound 0: found 1"},
		{"row view", poke("row view", 0, 7), sparse.ErrTopology, "row view: entry 0: found slot 7"},
		{"row view far", poke("row view", 8, 1<<30), sparse.ErrTopology, "row view: entry 8: found slot 1073741824"},
		{"column bounds", poke("column bounds", 7, 8), sparse.ErrTopology, "column view: bound 7: found 8"},
		{"column view", poke("column view", 5, 0), sparse.ErrTopology, "column view: entry 5: found slot 0"},
		{"NaN", value(70, math.NaN()), sparse.ErrNotFinite, "slot 4, block row "},
		{"infinity", value(143, math.Inf(-1)), sparse.ErrNotFinite, "found the l2 norm +Inf, expected a finite one"},
		{"sum that overflows", value(16, 2e19), sparse.ErrNotFinite, "slot 1, block row "},
		{"score", score(34, math.NaN()), sparse.ErrNotFinite, "position 34: found the growth score NaN, expected a finite one"},
		{"score of an active block", score(3, math.Inf(1)), sparse.ErrNotFinite, "position 3: found the growth score +Inf"},
	} {
		t.Run(f.name, func(t *testing.T) {
			w := newShadows(t, simdriver.Options{}, 9, tensor{4, 5, 7, 9}, tensor{4, 5, 7, 9})
			good, bad := w.list[0], w.list[1]
			u := sparse.Update{Seed: 3, Number: 6, Step: 60, PruneRatio: 0.5, Norm: sparse.L2, Growth: sparse.GrowGradient}
			w.fill(w.list, u, false)
			f.plant(w, bad)
			scores := w.b.GrowScores(bad.p)
			before := w.memory(bad, scores)
			w.b.UpdateTopology(params(w.list), u)
			// The first fault stays, whatever comes after it; so does everything else.
			w.b.WriteFloats(bad.p.Values(), 0, bad.values)
			u.Number = 7
			w.b.UpdateTopology(params(w.list), u)
			err := w.b.Sync()
			if err == nil || !errors.Is(err, f.kind) || strings.Contains(err.Error(), "\n") ||
				!strings.HasPrefix(err.Error(), "sim: UpdateTopology: w1: topology update 6: ") || !strings.Contains(err.Error(), f.want) {
				t.Errorf("found error %v, expected %q", err, f.want)
			}
			if !bytes.Equal(w.memory(bad, scores), before) {
				t.Error("found the tensor changed, expected it as it was")
			}
			if _, err := w.b.UpdateStats(params(w.list)); err == nil {
				t.Error("found no error from UpdateStats, expected the first one")
			}
			u.Number = 6
			w.expect(w.list[:1], u)
			u.Number = 7
			w.expect(w.list[:1], u)
			rows := make([]byte, 4*good.topo.NNZ())
			if err := w.d.CopyOut(0, rows, gpu.TopologyArray(good.p, "rows")); err != nil {
				t.Fatal(err)
			}
			want, _ := binary.Append(nil, binary.LittleEndian, good.topo.Rows)
			if !bytes.Equal(rows, want) {
				t.Errorf("the other tensor: found rows %v, expected %v", rows, want)
			}
		})
	}
}

// TestNothingToUpdate: dense parameters are passed over.
func TestNothingToUpdate(t *testing.T) {
	w := newShadows(t, simdriver.Options{}, 11)
	dense := w.b.NewParam(backend.ParamSpec{Name: "dense", Out: 2, In: 3})
	w.b.UpdateTopology([]backend.Param{dense}, sparse.Update{})
	w.b.UpdateTopology(nil, sparse.Update{})
	stats, err := w.b.UpdateStats([]backend.Param{dense})
	if err != nil || len(stats) != 0 {
		t.Errorf("found statistics %v and error %v, expected neither", stats, err)
	}
}
