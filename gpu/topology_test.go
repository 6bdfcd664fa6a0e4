package gpu_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// shadow is a sparse tensor on the device and what package sparse makes of it.
type shadow struct {
	p            backend.Param
	topo         *sparse.Topology
	values, m, v []float32
	scores       []float32 // growth scores of the next update; nil: none were ever asked for
	stats        sparse.Stats
}

// shadows are the tensors of one backend.
type shadows struct {
	t    *testing.T
	d    *simdriver.Driver
	b    *gpu.Backend
	rand *rand.Rand
	list []*shadow
}

// tensor is a shape in blocks.
type tensor struct{ block, rows, cols, nnzb int }

func newShadows(t *testing.T, o simdriver.Options, seed uint64, tensors ...tensor) *shadows {
	t.Helper()
	d := simdriver.New(o)
	b, err := gpu.New(d, gpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &shadows{t: t, d: d, b: b, rand: rand.New(rand.NewPCG(seed, 1))}
	for i, s := range tensors {
		w.add(i, s)
	}
	return w
}

func (w *shadows) add(index int, s tensor) {
	w.t.Helper()
	shape := sparse.Shape{Out: s.rows * s.block, In: s.cols * s.block, Block: s.block}
	topo, err := sparse.StartTopology(shape, s.nnzb, 7, max(index, 0))
	if err != nil {
		w.t.Fatal(err)
	}
	n := s.nnzb * shape.BlockSize()
	x := &shadow{topo: topo, values: make([]float32, n), m: make([]float32, n), v: make([]float32, n)}
	x.p = w.b.NewParam(backend.ParamSpec{Name: fmt.Sprintf("w%d", index), Index: index, Out: shape.Out, In: shape.In, Topology: topo})
	w.list = append(w.list, x)
}

// params returns the parameters of list.
func params(list []*shadow) []backend.Param {
	var p []backend.Param
	for _, x := range list {
		p = append(p, x.p)
	}
	return p
}

// fill draws values and moments, with many equal norms where ties is set, and
// growth scores where the update reads them.
func (w *shadows) fill(list []*shadow, u sparse.Update, ties bool) {
	for _, x := range list {
		scale := []float64{1, 1e-42, 1e15}[w.rand.IntN(3)] // norms may be subnormal
		for i := range x.values {
			x.values[i] = float32(scale * w.rand.NormFloat64())
			if ties {
				x.values[i] = float32(scale * math.Round(float64(x.values[i])/scale) / 2)
			}
			x.m[i], x.v[i] = w.rand.Float32(), w.rand.Float32()
		}
		w.b.WriteFloats(x.p.Values(), 0, x.values)
		w.b.WriteFloats(x.p.M(), 0, x.m)
		w.b.WriteFloats(x.p.V(), 0, x.v)
		if !u.Growth.Scores() {
			continue
		}
		x.scores = make([]float32, x.topo.Positions())
		for i := range x.scores {
			x.scores[i] = w.rand.Float32()
			if ties {
				x.scores[i] = [5]float32{0, float32(math.Copysign(0, -1)), 1, -1, math.SmallestNonzeroFloat32}[w.rand.IntN(5)]
			}
		}
		w.b.WriteFloats(w.b.GrowScores(x.p), 0, x.scores)
	}
}

// expect updates the list as package sparse does.
func (w *shadows) expect(list []*shadow, u sparse.Update) {
	w.t.Helper()
	for _, x := range list {
		arrays := sparse.Arrays{Values: x.values, M: x.m, V: x.v, Scores: x.scores}
		change, err := x.topo.UpdateIn(new(sparse.Scratch), arrays, u, x.p.Spec().Index)
		if err != nil {
			w.t.Fatal(err)
		}
		size := x.topo.BlockSize()
		for _, slot := range change.Slots {
			for _, a := range [][]float32{x.values, x.m, x.v} {
				clear(a[int(slot)*size : (int(slot)+1)*size])
			}
		}
		clear(x.scores)
		x.stats = change.Stats
	}
}

// check compares everything with the device, bit for bit.
func (w *shadows) check(what string, list []*shadow) {
	w.t.Helper()
	stats, err := w.b.UpdateStats(params(list))
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
	for i, x := range list {
		name := what + ", " + x.p.Spec().Name
		topo, err := w.b.Topology(x.p)
		if err != nil {
			w.t.Fatalf("%s: %v", name, err)
		}
		if !topo.Equal(x.topo) {
			w.t.Fatalf("%s: found topology\n%+v, expected\n%+v", name, topo, x.topo)
		}
		if stats[i] != x.stats {
			w.t.Fatalf("%s: found statistics %+v, expected %+v", name, stats[i], x.stats)
		}
		w.same(name+": values", x.p.Values(), x.values)
		w.same(name+": first moment", x.p.M(), x.m)
		w.same(name+": second moment", x.p.V(), x.v)
		if x.scores != nil {
			w.same(name+": growth scores", w.b.GrowScores(x.p), x.scores)
		}
	}
}

func (w *shadows) same(what string, x backend.Buffer, want []float32) {
	w.t.Helper()
	got := make([]float32, len(want))
	if err := w.b.ReadFloats(got, x, 0); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			w.t.Fatalf("%s[%d]: found %v, expected %v", what, i, got[i], want[i])
		}
	}
}

// draw returns a random update of one of the growths, of any if none is given.
func (w *shadows) draw(number int, growth ...sparse.Growth) sparse.Update {
	if len(growth) == 0 {
		growth = []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient, sparse.GrowFanIn, sparse.GrowGradientFanIn, pairs}
	}
	u := sparse.Update{
		Seed: w.rand.Uint64(), Number: number, Step: int64(10 * number),
		PruneRatio: []float64{0, 0.07, 0.29, 0.5, 1}[w.rand.IntN(5)], // 0.29*100 is below 29 in float64 alone
		Norm:       sparse.Norm(w.rand.IntN(3)), Growth: growth[w.rand.IntN(len(growth))], RegrowPruned: w.rand.IntN(2) == 0,
	}
	u.Prune, u.Protect = sparse.Prune(w.rand.IntN(2)), max(0, w.rand.IntN(5)-2)
	if u.Growth.Constraint().Rows == 1 {
		u.Ablate = []float64{0, 0.3, 0.75, 1}[w.rand.IntN(4)]
	}
	if w.rand.IntN(2) == 0 {
		u.Ages = &sparse.Ages{Start: make([]float32, 50)}
		for i := range u.Ages.Start {
			u.Ages.Start[i] = w.rand.Float32()
		}
		for i := 1 + w.rand.IntN(2); i < number; i += 1 + w.rand.IntN(2) {
			u.Ages.From, u.Ages.Scale = append(u.Ages.From, int32(10*i)), append(u.Ages.Scale, 2*w.rand.Float32())
		}
	}
	return u
}

// shapes are tensors of a block size: several words of positions, one block row,
// one block column, one block, all blocks, many rows without a block.
func shapes(block int) []tensor {
	return []tensor{
		{block, 11, 15, 100}, {block, 1, 67, 20}, {block, 33, 1, 9}, {block, 3, 5, 1}, {block, 4, 8, 32}, {block, 40, 3, 6},
	}
}

// TestUpdates: rows of updates equal those of package sparse.
func TestUpdates(t *testing.T) {
	for _, block := range sparse.BlockSizes() {
		t.Run(fmt.Sprintf("B=%d", block), func(t *testing.T) {
			w := newShadows(t, simdriver.Options{}, uint64(block), shapes(block)...)
			for number := 1; number <= 50; number++ {
				u := w.draw(number)
				list := slices.Clone(w.list)
				w.rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
				list = list[:1+w.rand.IntN(3)]
				w.fill(list, u, w.rand.IntN(3) == 0)
				w.b.UpdateTopology(params(list), u)
				w.expect(list, u)
				w.check(fmt.Sprintf("%+v", u), list)
			}
		})
	}
}
