package gpu_test

import (
	"fmt"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/estimate"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// digits returns n whole numbers from -4 to 4: bfloat16 has them, and sums of their products are exact.
func (r *harness) digits(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(int(r.random.Float32()*9) - 4)
	}
	return x
}

// TestGradientOfScatteredBlocks compares weight and bias gradients, bit for bit, with sums by hand where
// the active blocks are so scattered that a stage has more columns than threads, that blocks share no
// columns, and that most block rows have none; whatever the shared memory, the ranges of tokens and the
// order in which the simulator takes blocks and warps.
func TestGradientOfScatteredBlocks(t *testing.T) {
	ran := map[string]bool{}
	for _, c := range []struct {
		shape       sparse.Shape
		nnzb        int
		tokens, sms int
		shared      int // 0: the simulator's
		races       bool
	}{
		{sparse.Shape{Out: 150 * 16, In: 150 * 16, Block: 16}, 192, 33, 1, 0, true},
		{sparse.Shape{Out: 140 * 16, In: 150 * 16, Block: 16}, 192, 33, 1, 0, true},
		{sparse.Shape{Out: 150 * 16, In: 140 * 16, Block: 16}, 192, 150, 3, 99 << 10, false},
		{sparse.Shape{Out: 140 * 16, In: 150 * 16, Block: 16}, 300, 150, 8, 99 << 10, false},
		{sparse.Shape{Out: 40 * 32, In: 41 * 32, Block: 32}, 48, 70, 1, 0, false},
		{sparse.Shape{Out: 20 * 64, In: 12 * 64, Block: 64}, 24, 130, 5, 0, true},
		{sparse.Shape{Out: 12 * 64, In: 20 * 64, Block: 64}, 24, 130, 5, 0, true},
		{sparse.Shape{Out: 12 * 64, In: 20 * 64, Block: 64}, 24, 130, 5, 99 << 10, true},
		// Ranges of tokens in pairs: of ten the last has no token.
		{sparse.Shape{Out: 20 * 16, In: 12 * 16, Block: 16}, 70, 700, 10, 0, true},
		{sparse.Shape{Out: 12 * 16, In: 40 * 16, Block: 16}, 200, 373, 14, 0, true},
		{sparse.Shape{Out: 9 * 32, In: 6 * 32, Block: 32}, 20, 250, 4, 0, true},
		{sparse.Shape{Out: 5 * 64, In: 6 * 64, Block: 64}, 10, 250, 4, 0, true},
		{sparse.Shape{Out: 2100 * 16, In: 2 * 16, Block: 16}, 20, 17, 1, 0, false}, // more block rows than one bitmap has
		{sparse.Shape{Out: 2 * 16, In: 2100 * 16, Block: 16}, 20, 17, 1, 0, false},
		// Of blocks of 8 one stage, two, three and four.
		{sparse.Shape{Out: 40 * 8, In: 50 * 8, Block: 8}, 200, 150, 1, 36 << 10, false},
		{sparse.Shape{Out: 40 * 8, In: 50 * 8, Block: 8}, 200, 150, 1, 60 << 10, false},
		{sparse.Shape{Out: 40 * 8, In: 50 * 8, Block: 8}, 200, 150, 1, 83 << 10, false},
		{sparse.Shape{Out: 50 * 8, In: 40 * 8, Block: 8}, 200, 150, 1, 0, false},
	} {
		t.Run(fmt.Sprintf("%dx%d/B=%d/%d bytes", c.shape.Out, c.shape.In, c.shape.Block, c.shared), func(t *testing.T) {
			r := newHarness(t, simdriver.Options{Multiprocessors: c.sms, SharedBytes: c.shared, BlockRaces: c.races, Seed: 7})
			topo := r.topology(c.shape, c.nnzb, 3)
			w := r.b.NewParam(backend.ParamSpec{Name: "w", Out: c.shape.Out, In: c.shape.In, Topology: topo})
			bias := r.b.NewParam(backend.ParamSpec{Name: "bias", Out: 1, In: c.shape.Out})
			dy, x := r.digits(c.tokens*c.shape.Out), r.digits(c.tokens*c.shape.In)
			before := r.digits(w.Grad().Len())
			r.b.WriteFloats(w.Grad(), 0, before)
			r.b.SDD(w, bias, r.activation(dy), r.activation(x), c.tokens)
			for name := range r.d.Counters() {
				ran[name] = true
			}
			gradientByHand(t, topo, before, r.read(w.Grad()), r.read(bias.Grad()), dy, x)
		})
	}
	for _, name := range []string{"sdd_b16", "sdd_b32", "sdd_b64", "sdd_b16_sm90a", "sdd_b32_sm90a", "sdd_b64_sm90a", "sdd_b8"} {
		if !ran[name] {
			t.Errorf("found no launch of %s, expected some", name)
		}
	}
}

// gradientByHand compares the gradient of a weight, which is added to before, and that of its bias with
// sums of whole numbers.
func gradientByHand(t *testing.T, topo *sparse.Topology, before, grad, sums, dy, x []float32) {
	t.Helper()
	B, tokens := topo.Block, len(dy)/topo.Out
	for k, got := range grad {
		slot, i, j := k/(B*B), k/B%B, k%B
		want, row, col := before[k], int(topo.Rows[slot])*B+i, int(topo.Cols[slot])*B+j
		for n := range tokens {
			want += dy[n*topo.Out+row] * x[n*topo.In+col]
		}
		if got != want {
			t.Fatalf("gradient of block %d, element (%d, %d): found %v, expected %v", slot, i, j, got, want)
		}
	}
	for o, got := range sums {
		want := float32(0)
		for n := range tokens {
			want += dy[n*topo.Out+o]
		}
		if got != want {
			t.Fatalf("bias gradient of output %d: found %v, expected %v", o, got, want)
		}
	}
}

// TestGradientsOfThreeWeights is TestGradientOfScatteredBlocks for three weights with one input, whose
// ranges of tokens are taken in pairs.
func TestGradientsOfThreeWeights(t *testing.T) {
	for _, c := range []struct{ block, nnzb, tokens, sms int }{{16, 60, 230, 10}, {32, 16, 130, 6}, {64, 5, 97, 8}} {
		t.Run(fmt.Sprint("B=", c.block), func(t *testing.T) {
			r := newHarness(t, simdriver.Options{Multiprocessors: c.sms, BlockRaces: true, Seed: 7})
			shape := sparse.Shape{Out: 9 * c.block, In: 7 * c.block, Block: c.block}
			var topos []*sparse.Topology
			var w, bias []backend.Param
			var before, dy [][]float32
			var outputs []backend.Buffer
			for i := range 3 {
				topo := r.topology(shape, c.nnzb, uint64(3+i))
				topos = append(topos, topo)
				w = append(w, r.b.NewParam(backend.ParamSpec{Name: "w", Out: shape.Out, In: shape.In, Topology: topo}))
				bias = append(bias, r.b.NewParam(backend.ParamSpec{Name: "bias", Out: 1, In: shape.Out}))
				before, dy = append(before, r.digits(w[i].Grad().Len())), append(dy, r.digits(c.tokens*shape.Out))
				r.b.WriteFloats(w[i].Grad(), 0, before[i])
				outputs = append(outputs, r.activation(dy[i]))
			}
			x := r.digits(c.tokens * shape.In)
			input := r.activation(x)
			r.b.Capabilities().SharedInput.SDDShared(w, bias, outputs, input, c.tokens)
			for i := range w {
				gradientByHand(t, topos[i], before[i], r.read(w[i].Grad()), r.read(bias[i].Grad()), dy[i], x)
			}
			if name := fmt.Sprintf("sdd_qkv_b%d_sm90a", c.block); r.d.Counters()[name].Launches == 0 {
				t.Errorf("found no launch of %s, expected one", name)
			}
		})
	}
}

// TestBiasTakesLittleTime: the bias gradient, of block rows without active blocks too, makes the longest
// thread block of a weight gradient at most half as long again.
func TestBiasTakesLittleTime(t *testing.T) {
	g, err := estimate.Find("h200")
	if err != nil {
		t.Fatal(err)
	}
	const tokens = 1024
	for _, shape := range []sparse.Shape{{Out: 48 * 64, In: 12 * 64, Block: 64}, {Out: 12 * 64, In: 48 * 64, Block: 64}, {Out: 192 * 16, In: 48 * 16, Block: 16}} {
		d := simulated(t, simdriver.Options{Multiprocessors: 5, Latencies: &g.Latencies})
		b, err := gpu.New(d, gpu.Options{Activation: backend.BF16})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close() // nothing to lose
		topo, err := sparse.StartTopology(shape, (shape.Positions()+5)/10, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		w := b.NewParam(backend.ParamSpec{Name: "w", Out: shape.Out, In: shape.In, Topology: topo})
		bias := b.NewParam(backend.ParamSpec{Name: "bias", Out: 1, In: shape.Out})
		dy, x := b.Alloc("dy", backend.BF16, tokens*shape.Out), b.Alloc("x", backend.BF16, tokens*shape.In)
		longest := func(bias backend.Param) int64 {
			d.ResetCounters()
			b.SDD(w, bias, dy, x, tokens)
			if err := b.Sync(); err != nil {
				t.Fatal(err)
			}
			return d.Launches()[0].LongestCycles
		}
		without, with := longest(nil), longest(bias)
		t.Logf("%v: %d cycles without a bias, %d with one", shape, without, with)
		if 2*with > 3*without {
			t.Errorf("%v: found %d cycles with a bias and %d without, expected at most half as many again", shape, with, without)
		}
	}
}
