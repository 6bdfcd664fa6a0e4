package gpu_test

import (
	"reflect"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// branched is a driver that counts launches on other streams than the first.
type branched struct {
	gpu.Driver
	follows, beside int
}

func (d *branched) Follow(s, other gpu.Stream) error {
	d.follows++
	return d.Driver.Follow(s, other)
}
func (d *branched) Launch(s gpu.Stream, f gpu.Function, grid, block gpu.Dim3, shared int, args []uint64) error {
	if s != 0 {
		d.beside++
	}
	return d.Driver.Launch(s, f, grid, block, shared, args)
}

// TestBranches: weight gradients on a branch of the graph share no memory with the input
// gradients beside them that one of both writes, in whatever order the simulator
// does their work; the bits are those of one stream.
func TestBranches(t *testing.T) {
	for _, x := range []struct {
		act    backend.DType
		block  int
		growth sparse.Growth
	}{{backend.BF16, 16, sparse.GrowRandom}, {backend.BF16, 8, sparse.GrowRandom}, {backend.F32, 4, sparse.GrowRandom}} {
		c := stepModel(x.block, x.growth)
		plain := &branched{Driver: simdriver.New(simdriver.Options{})}
		want := pretrain(t, plain, gpu.Options{Activation: x.act, NoGraphs: true}, c, false)
		if plain.follows+plain.beside != 0 {
			t.Errorf("found %d launches beside others, expected none without graphs", plain.beside)
		}
		d := &branched{Driver: simdriver.New(simdriver.Options{BlockRaces: true, Seed: 1})}
		if got := pretrain(t, d, gpu.Options{Activation: x.act}, c, true); !reflect.DeepEqual(got, want) {
			t.Errorf("%v, B = %d: found %+v, expected %+v", x.act, x.block, got.results, want.results)
		}
		if d.beside == 0 || d.follows == 0 || d.follows%2 != 0 {
			t.Errorf("%v, B = %d: found %d launches beside others and %d streams that wait for another, expected some and an even number",
				x.act, x.block, d.beside, d.follows)
		}
	}
}

// TestBranchWaits: an input gradient that would overwrite what the weight gradient reads, and
// anything else that comes next, waits for the branch; two that need not are beside it.
func TestBranchWaits(t *testing.T) {
	const tokens, in, out = 512, 32, 48
	for _, c := range []struct {
		name string
		next func(b *gpu.Backend, w backend.Param, dx, x, dy backend.Buffer)
	}{
		{"DDS", func(b *gpu.Backend, w backend.Param, dx, x, dy backend.Buffer) {
			b.DDS(dx, dy, w, tokens, backend.Assign, nil)
		}},
		{"DDS over x", func(b *gpu.Backend, w backend.Param, dx, x, dy backend.Buffer) {
			b.DDS(x, dy, w, tokens, backend.Assign, nil)
		}},
		{"Zero of x", func(b *gpu.Backend, w backend.Param, dx, x, dy backend.Buffer) { b.Zero(x, x.Len()) }},
		{"ZeroGrad", func(b *gpu.Backend, w backend.Param, dx, x, dy backend.Buffer) { b.ZeroGrad([]backend.Param{w}) }},
		{"SDD", func(b *gpu.Backend, w backend.Param, dx, x, dy backend.Buffer) { b.SDD(w, nil, dy, x, tokens) }},
		{"nothing", func(*gpu.Backend, backend.Param, backend.Buffer, backend.Buffer, backend.Buffer) {}},
	} {
		for _, block := range []int{0, 16} {
			r := newHarness(t, simdriver.Options{BlockRaces: true})
			spec := backend.ParamSpec{Name: "w", Out: out, In: in}
			if block > 0 {
				spec.Topology = r.topology(sparse.Shape{Out: out, In: in, Block: block}, 4, 1)
			}
			w := r.b.NewParam(spec)
			r.b.WriteFloats(w.Values(), 0, r.floats(w.Values().Len()))
			r.b.Refresh([]backend.Param{w})
			xs, dys := r.floats(tokens*in), r.floats(tokens*out)
			x, dy, dx := r.activation(xs), r.activation(dys), r.activation(xs)
			var first []float32
			for i := range 3 { // call by call, captured, replayed
				r.b.WriteFloats(x, 0, xs)
				r.b.WriteFloats(w.Grad(), 0, make([]float32, w.Grad().Len()))
				r.b.Capabilities().Recorder.Record(recordingName(c.name), func() {
					r.b.SDD(w, nil, dy, x, tokens)
					c.next(r.b, w, dx, x, dy)
				})
				got := append(append(r.read(w.Grad()), r.read(x)...), r.read(dx)...)
				if first == nil {
					first = got
				} else if !reflect.DeepEqual(got, first) {
					t.Errorf("%s, B = %d, run %d: found other bits than call by call", c.name, block, i)
				}
			}
		}
	}
}
