package gpu_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// harness is a backend in bfloat16 with random activations for one weight.
type harness struct {
	t      *testing.T
	d      *simdriver.Driver
	b      *gpu.Backend
	random *philox.Stream
}

func newHarness(t *testing.T, o simdriver.Options) *harness {
	t.Helper()
	d := simulated(t, o)
	b, err := gpu.New(d, gpu.Options{Activation: backend.BF16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	random := philox.NewStream(5, philox.TestData, 0, 0)
	return &harness{t, d, b, &random}
}

func (r *harness) floats(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = r.random.Float32() - 0.5
	}
	return x
}

func (r *harness) activation(x []float32) backend.Buffer {
	buf := r.b.Alloc("x", backend.BF16, len(x))
	r.b.WriteFloats(buf, 0, x)
	return buf
}

func (r *harness) read(x backend.Buffer) []float32 {
	r.t.Helper()
	v := make([]float32, x.Len())
	if err := r.b.ReadFloats(v, x, 0); err != nil {
		r.t.Fatal(err)
	}
	return v
}

func (r *harness) topology(s sparse.Shape, nnz int, seed uint64) *sparse.Topology {
	r.t.Helper()
	topo, err := sparse.StartTopology(s, nnz, seed, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return topo
}

// The kernels of blocks of 8 and 4 have no bank conflicts, but for groups of
// blocks of 4 that are all in even columns or all in odd ones, which do not occur
// at this density, and store whole sectors, each once.
func TestSmallBlockTraffic(t *testing.T) {
	const tokens = 64
	for _, s := range []sparse.Shape{{Out: 256, In: 128, Block: 8}, {Out: 128, In: 256, Block: 8}, {Out: 128, In: 256, Block: 4}, {Out: 256, In: 128, Block: 4}} {
		r := newHarness(t, simdriver.Options{Multiprocessors: 1})
		w := r.b.NewParam(backend.ParamSpec{Name: "w", Out: s.Out, In: s.In, Topology: r.topology(s, s.Positions()/2, 1)})
		r.b.Refresh([]backend.Param{w})
		x, y := r.activation(r.floats(tokens*s.In)), r.activation(r.floats(tokens*s.Out))
		for name, run := range map[string]func() int{
			"dsd": func() int { r.b.DSD(y, nil, x, w, nil, tokens); return 2 * tokens * s.Out },
			"dds": func() int { r.b.DDS(x, y, w, tokens, backend.Assign, nil); return 2 * tokens * s.In },
			"sdd": func() int { r.b.SDD(w, nil, y, x, tokens); return 4 * s.Positions() / 2 * s.BlockSize() },
		} {
			if name == "sdd" && s.Block == 4 {
				continue // dense.cuh
			}
			r.d.ResetCounters()
			bytes := int64(run())
			if err := r.b.Sync(); err != nil {
				t.Fatal(err)
			}
			c := r.d.Counters()[fmt.Sprintf("%s_b%d", name, s.Block)]
			if c.Warp[ptxsim.Matrix] == 0 || c.SharedConflicts != 0 || 32*c.GlobalStoreSectors != bytes {
				t.Errorf("%s, %v: found %d matrix instructions, %d bank conflicts and %d bytes stored, expected some, none and %d",
					name, s, c.Warp[ptxsim.Matrix], c.SharedConflicts, 32*c.GlobalStoreSectors, bytes)
			}
		}
	}
}

// After SetTopology and Refresh nothing is left of the copies of the topology before.
func TestCopiesFollowTopology(t *testing.T) {
	const tokens = 5
	for _, block := range []int{1, 4, 8, 16} {
		s := sparse.Shape{Out: 5 * block, In: 7 * block, Block: block}
		r := newHarness(t, simdriver.Options{})
		before, after := r.topology(s, 13, 1), r.topology(s, 13, 2)
		values := r.floats(13 * s.BlockSize())
		x, dy := r.activation(r.floats(tokens*s.In)), r.activation(r.floats(tokens*s.Out))
		products := func(w backend.Param) (y, dx []float32) {
			ys, dxs := r.b.Alloc("y", backend.BF16, tokens*s.Out), r.b.Alloc("dx", backend.BF16, tokens*s.In)
			r.b.WriteFloats(w.Values(), 0, values)
			r.b.Refresh([]backend.Param{w})
			r.b.DSD(ys, nil, x, w, nil, tokens)
			r.b.DDS(dxs, dy, w, tokens, backend.Assign, nil)
			return r.read(ys), r.read(dxs)
		}
		moved := r.b.NewParam(backend.ParamSpec{Name: "moved", Out: s.Out, In: s.In, Topology: before})
		products(moved)
		r.b.SetTopology(moved, after)
		y, dx := products(moved)
		wantY, wantDX := products(r.b.NewParam(backend.ParamSpec{Name: "new", Out: s.Out, In: s.In, Topology: after}))
		for i, v := range append(wantY, wantDX...) {
			if got := append(y, dx...)[i]; got != v {
				t.Errorf("B = %d, element %d: found %v, expected %v as of a new parameter", block, i, got, v)
				break
			}
		}
	}
}

// AdamW and UpdateTopology leave no copy behind: the products are those of a new
// parameter with the same topology and values.
func TestCopiesFollowUpdates(t *testing.T) {
	const tokens = 5
	for _, block := range []int{0, 1, 4, 8, 16} {
		size := max(block, 1)
		s := sparse.Shape{Out: 5 * size, In: 7 * size, Block: block}
		spec := backend.ParamSpec{Name: "w", Out: s.Out, In: s.In}
		r := newHarness(t, simdriver.Options{})
		if block > 0 {
			spec.Topology = r.topology(s, 13, 1)
		}
		x, dy := r.activation(r.floats(tokens*s.In)), r.activation(r.floats(tokens*s.Out))
		products := func(w backend.Param) []float32 {
			y, dx := r.b.Alloc("y", backend.BF16, tokens*s.Out), r.b.Alloc("dx", backend.BF16, tokens*s.In)
			r.b.DSD(y, nil, x, w, nil, tokens)
			r.b.DDS(dx, dy, w, tokens, backend.Assign, nil)
			return append(r.read(y), r.read(dx)...)
		}
		w := r.b.NewParam(spec)
		r.b.WriteFloats(w.Values(), 0, r.floats(w.Values().Len()))
		r.b.Refresh([]backend.Param{w})
		products(w)
		params, norm := []backend.Param{w}, r.b.Alloc("norm", backend.F32, 1)
		check := func(what string) {
			t.Helper()
			same := spec
			var err error
			if same.Topology, err = r.b.Topology(w); err != nil {
				t.Fatal(err)
			}
			fresh := r.b.NewParam(same)
			r.b.WriteFloats(fresh.Values(), 0, r.read(w.Values()))
			r.b.Refresh([]backend.Param{fresh})
			if got, want := products(w), products(fresh); !slices.Equal(got, want) {
				t.Errorf("B = %d, after %s: found products %v, expected %v", block, what, got, want)
			}
		}
		r.b.BeginStep(backend.StepScalars{Step: 3, Train: true, LR: 0.25})
		r.b.SDD(w, nil, dy, x, tokens)
		r.b.GradNorm(norm, params)
		r.b.AdamW(params, norm, backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6})
		check("AdamW")
		r.b.UpdateTopology(params, sparse.Update{Seed: 1, Number: 1, Step: 4, PruneRatio: 0.5})
		check("UpdateTopology")
	}
}

// One launch makes the working copies of all weights, of whatever kind, also after a
// dense one has got its copy.
func TestCopiesAreOneLaunch(t *testing.T) {
	const tokens = 5
	r := newHarness(t, simdriver.Options{BlockRaces: true})
	var params []backend.Param
	var x, y, dx []backend.Buffer
	for _, block := range []int{0, 1, 4, 8, 16, 32} {
		size := max(block, 1)
		spec := backend.ParamSpec{Name: fmt.Sprintf("b%d", block), Out: 9 * size, In: 7 * size}
		if block > 0 {
			spec.Topology = r.topology(sparse.Shape{Out: spec.Out, In: spec.In, Block: block}, 13, 1)
		}
		p := r.b.NewParam(spec)
		r.b.WriteFloats(p.Values(), 0, r.floats(p.Values().Len()))
		params = append(params, p)
		x, y = append(x, r.activation(r.floats(tokens*spec.In))), append(y, r.activation(r.floats(tokens*spec.Out)))
		dx = append(dx, r.activation(r.floats(tokens*spec.In)))
	}
	products := func() (all []float32) {
		for i, p := range params {
			r.b.DSD(y[i], nil, x[i], p, nil, tokens)
			r.b.DDS(dx[i], y[i], p, tokens, backend.Assign, nil)
			all = append(append(all, r.read(y[i])...), r.read(dx[i])...)
		}
		return all
	}
	launches := func(f func()) int64 {
		t.Helper()
		r.d.ResetCounters()
		f()
		if err := r.b.Sync(); err != nil {
			t.Fatal(err)
		}
		return r.d.Counters()["pack_copies"].Launches
	}
	r.b.Refresh(params)
	before := products() // the dense one has a copy now
	for range 2 {
		if n := launches(func() { r.b.Refresh(params) }); n != 1 {
			t.Errorf("found %d launches of Refresh, expected one", n)
		}
		if !slices.Equal(products(), before) {
			t.Error("Refresh without new values changed products")
		}
	}
	norm := r.b.Alloc("norm", backend.F32, 1)
	r.b.BeginStep(backend.StepScalars{Step: 3, Train: true, LR: 0.25})
	if n := launches(func() {
		r.b.AdamW(params, norm, backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, WeightDecay: 0.5})
	}); n != 1 {
		t.Errorf("found %d launches after AdamW, expected one", n)
	}
	if n := launches(func() { r.b.UpdateTopology(params, sparse.Update{Seed: 1, Number: 1, Step: 4, PruneRatio: 0.5}) }); n != 1 {
		t.Errorf("found %d launches after an update, expected one", n)
	}
	after := products()
	r.b.Refresh(params)
	if slices.Equal(before, after) || !slices.Equal(products(), after) {
		t.Error("the copies after AdamW and an update are not those of Refresh")
	}
}

// A weight too wide for the kernels that keep rows in shared memory has right
// products all the same.
func TestWideSmallBlocks(t *testing.T) {
	const tokens = 17
	for _, s := range []sparse.Shape{{Out: 8, In: 4800, Block: 8}, {Out: 4800, In: 8, Block: 8}, {Out: 8, In: 4800, Block: 4}} {
		var want [][]float32
		for _, shared := range []int{0, 72 << 10} { // the default is enough
			r := newHarness(t, simdriver.Options{SharedBytes: shared})
			w := r.b.NewParam(backend.ParamSpec{Name: "w", Out: s.Out, In: s.In, Topology: r.topology(s, 150, 3)})
			r.b.WriteFloats(w.Values(), 0, r.floats(150*s.BlockSize()))
			r.b.Refresh([]backend.Param{w})
			x, dy := r.activation(r.floats(tokens*s.In)), r.activation(r.floats(tokens*s.Out))
			y, dx := r.b.Alloc("y", backend.BF16, tokens*s.Out), r.b.Alloc("dx", backend.BF16, tokens*s.In)
			r.b.DSD(y, nil, x, w, nil, tokens)
			r.b.DDS(dx, dy, w, tokens, backend.Assign, nil)
			r.b.SDD(w, nil, dy, x, tokens)
			got := [][]float32{r.read(y), r.read(dx), r.read(w.Grad())}
			if want == nil {
				want = got
				continue
			}
			for k, name := range []string{"dsd", "dds", "sdd"} {
				for i, v := range want[k] {
					// Weights rounded to bfloat16 or not, results rounded either way: sums of
					// at most 1200 products below 1/4.
					if d := math.Abs(float64(got[k][i] - v)); !(d <= 1200*0.25/256) {
						t.Fatalf("%v, %s, element %d: found %v, expected %v", s, name, i, got[k][i], v)
					}
				}
			}
			if r.d.Counters()["dsd_plain_bf16"].Warp[ptxsim.Float]+r.d.Counters()["dds_plain_bf16"].Warp[ptxsim.Float] == 0 {
				t.Errorf("%v: found no plain product, so nothing was tested", s)
			}
		}
	}
}

// Working copies are counted, and a dense parameter has one from its first product on.
func TestWorkingCopiesAreCounted(t *testing.T) {
	r := newHarness(t, simdriver.Options{})
	taken := func(f func()) int64 {
		before := r.b.CopyBytes()
		f()
		return r.b.CopyBytes() - before
	}
	var w backend.Param
	x := r.activation(r.floats(12))
	if n := taken(func() { w = r.b.NewParam(backend.ParamSpec{Name: "dense", Out: 10, In: 12}) }); n != 0 {
		t.Errorf("found %d bytes of a dense parameter, expected none yet", n)
	}
	if n := taken(func() { r.b.DSD(r.b.Alloc("y", backend.BF16, 10), nil, x, w, nil, 1) }); n != 2*10*16 {
		t.Errorf("found %d bytes after its first product, expected a copy with rows of 16", n)
	}
	for block, least := range map[int]int64{1: 2 * 10 * 16, 4: 4 * 3 * 16, 8: 4 * 3 * 64, 16: 4 * 3 * 256} {
		s := sparse.Shape{Out: 10 * block, In: 12 * block, Block: block}
		n := taken(func() {
			r.b.NewParam(backend.ParamSpec{Name: "sparse", Out: s.Out, In: s.In, Topology: r.topology(s, 3, 1)})
		})
		if n < least {
			t.Errorf("B = %d: found %d bytes, expected %d or more", block, n, least)
		}
	}
}
