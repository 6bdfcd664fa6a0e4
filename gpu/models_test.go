package gpu_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
	"github.com/sparsebert/sparsebert-gpu/kernels"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// promised are the simulator's options for a GPU of each compute capability that docs/gpu.md
// promises; those that are left out have the limits of one that is here.
var promised = []struct {
	capability string
	o          simdriver.Options
}{
	{"8.0", simdriver.Options{Major: 8, Multiprocessors: 108, SharedBytes: 163 << 10, SharedPerSM: 164 << 10}},
	{"8.6, 8.9, 12.0", simdriver.Options{Major: 8, Multiprocessors: 72, SharedBytes: 99 << 10, SharedPerSM: 100 << 10}},
	{"9.0", simdriver.Options{Major: 9, Multiprocessors: 132, SharedBytes: 227 << 10, SharedPerSM: 228 << 10}},
	{"10.0", simdriver.Options{Major: 10, Multiprocessors: 148, SharedBytes: 227 << 10, SharedPerSM: 228 << 10}},
}

// staticShared is the static shared memory of a kernel.
func staticShared(t *testing.T, kernel string) int {
	t.Helper()
	text, err := kernels.PTX(kernel)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ptxsim.Parse(kernel, text)
	if err != nil {
		t.Fatal(err)
	}
	return m.Kernel(kernel).SharedBytes()
}

// TestModelsFitEveryGPU: of a step, an update and an evaluation of every model of the table, and of
// heads up to 128, each launch has no more shared memory than the GPU, and no kernel of another
// compute capability. Nothing is computed: the calls run on a plan of the device.
func TestModelsFitEveryGPU(t *testing.T) {
	const wideHeads = "mini with heads of 128"
	most := map[string]int{} // dynamic shared memory, by kernel and what the device has
	for _, g := range promised {
		o := gpu.Options{Activation: backend.BF16, Launched: func(kernel string, _, block gpu.Dim3, shared int) {
			key := fmt.Sprintf("%s %d %d", kernel, g.o.SharedBytes, g.o.Major)
			most[key] = max(most[key], shared)
			if n := block.X * max(1, block.Y) * max(1, block.Z); n > 1024 {
				t.Errorf("%s: %s: found %d threads in a block", g.capability, kernel, n)
			}
		}}
		b, err := gpu.New(simulated(t, g.o), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append(model.PresetNames(), wideHeads) {
			for _, block := range []int{0, 4, 8, 16, 32, 64} {
				wide := name == wideHeads
				if wide {
					name = "mini"
				}
				c, err := model.Preset(name)
				if err != nil {
					t.Fatal(err)
				}
				c.Layers, c.BlockSize = 1, block // all layers are alike
				if wide {
					c.Heads = c.Hidden / 128
				}
				if block == 0 {
					c.Method, c.Sparsity = model.Dense, 0
				}
				if c.Sparsity > 0 && block == 64 && c.Hidden == 128 {
					c.Sparsity = 0.5 // of four blocks
				}
				if _, err := model.PlanMemory(b.Capabilities().Planner, c, model.Options{MicroBatch: 32, SeqLen: 512, MaxMasked: 76}); err != nil {
					t.Errorf("%s: %s, B = %d: %v", g.capability, name, block, err)
				}
			}
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(most) < 100 {
		t.Errorf("found %d kernels and devices, expected more", len(most))
	}
	static := map[string]int{}
	for key, dynamic := range most {
		var kernel string
		var limit, major int
		if _, err := fmt.Sscan(key, &kernel, &limit, &major); err != nil {
			t.Fatal(err)
		}
		if dynamic > 80<<10 { // static is 48 KiB at the most, of which ours have little
			if _, ok := static[kernel]; !ok {
				static[kernel] = staticShared(t, kernel)
			}
			dynamic += static[kernel]
		}
		if dynamic > limit {
			t.Errorf("%s: found %d bytes of shared memory, expected at most %d", kernel, dynamic, limit)
		}
	}
}

// TestProductsOfModels runs each kernel and shape of launch that the products of the table's models
// come to on any GPU, for 64 Ki tokens, once: on few tokens, of which it launches as it would on
// all. The weight is the smallest that comes to it.
func TestProductsOfModels(t *testing.T) {
	const tokens, all = 40, 65536
	done, eights := map[string]bool{}, 0
	for _, g := range promised {
		device := launch.Device{Multiprocessors: g.o.Multiprocessors, SharedBytes: g.o.SharedBytes, SharedPerSM: g.o.SharedPerSM, Wgmma: g.o.Major == 9}
		for _, name := range model.PresetNames() {
			c, err := model.Preset(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, shape := range [][2]int{{c.Hidden, c.Hidden}, {c.FFN, c.Hidden}, {c.Hidden, c.FFN}} {
				for _, block := range []int{4, 8, 16, 32, 64} {
					w := launch.Weight{Out: shape[0], In: shape[1], Block: block}
					w.NNZB = max(1, w.Out/block*(w.In/block)/10)
					for op := range launch.SDD + 1 {
						p, err := launch.Product(device, backend.BF16, op, w, all)
						if err != nil {
							t.Fatal(err)
						}
						key := fmt.Sprint(p.Kernel, p.Tile, p.Stages, p.Swapped, g.o.SharedBytes < 100<<10)
						if !done[key] {
							done[key] = true
							if p.Tile == 8 { // dsd and dds with blocks of 4 and 8, of rows of 4096 in little shared memory
								eights++
							}
							productOfModel(t, g.o, op, w, p, tokens, all)
						}
					}
				}
			}
		}
	}
	if len(done) < 30 || eights != 4 {
		t.Errorf("found %d kernels and shapes, %d with 8 tokens, expected more, and 4", len(done), eights)
	}
}

// productOfModel runs a product on a device that launches it as for more tokens, and compares some
// of its results.
func productOfModel(t *testing.T, o simdriver.Options, op launch.Op, w launch.Weight, p launch.Plan, tokens, all int) {
	t.Helper()
	what := fmt.Sprintf("%s, %d -> %d, tile %d, %d stages, %d bytes of shared memory", p.Kernel, w.In, w.Out, p.Tile, p.Stages, p.Shared)
	ran := 0
	b, err := gpu.New(simulated(t, o), gpu.Options{
		Activation: backend.BF16, Sample: gpu.Sample{Times: float64(all) / float64(tokens), Ranges: 2},
		Launched: func(kernel string, _, _ gpu.Dim3, shared int) {
			if kernel == p.Kernel && shared == p.Shared {
				ran++
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r := &harness{t: t, b: b, random: newHarness(t, simdriver.Options{}).random}
	s := sparse.Shape{Out: w.Out, In: w.In, Block: w.Block}
	topo := r.topology(s, w.NNZB, 1)
	weight := b.NewParam(backend.ParamSpec{Name: "w", Out: w.Out, In: w.In, Topology: topo})
	values := r.floats(w.NNZB * s.BlockSize())
	for i := range values {
		values[i] = float32(math.Round(float64(values[i])*64) / 64) // exact in bfloat16
	}
	b.WriteFloats(weight.Values(), 0, values)
	b.Refresh([]backend.Param{weight})
	x, dy := r.activation(r.floats(tokens*w.In)), r.activation(r.floats(tokens*w.Out))
	xv, dyv := r.read(x), r.read(dy)

	// Sums and magnitudes of some results: those of token 0 and of the last one; of a gradient each 97th.
	n := w.Out
	var got []float32
	switch op {
	case launch.DSD:
		y := b.Alloc("y", backend.BF16, tokens*w.Out)
		b.DSD(y, nil, x, weight, nil, tokens)
		got = r.read(y)
	case launch.DDS:
		n = w.In
		dx := b.Alloc("dx", backend.BF16, tokens*w.In)
		b.DDS(dx, dy, weight, tokens, backend.Assign, nil)
		got = r.read(dx)
	default:
		b.SDD(weight, nil, dy, x, tokens)
		got = r.read(weight.Grad())
	}
	if ran != 1 {
		t.Errorf("%s: found %d launches, expected one", what, ran)
	}
	compare := func(at string, got float32, sum, size float64, terms int, rounded float64) {
		if diff := math.Abs(float64(got) - sum); !(diff <= size*float64(terms+2)*0x1p-24+rounded*math.Abs(sum)) {
			t.Fatalf("%s: %s: found %v, expected %v", what, at, got, sum)
		}
	}
	place := func(k int) (o, i int) {
		slot, inside := k/s.BlockSize(), k%s.BlockSize()
		return int(topo.Rows[slot])*s.Block + inside/s.Block, int(topo.Cols[slot])*s.Block + inside%s.Block
	}
	if op == launch.SDD {
		for k := 0; k < len(got); k += 97 {
			o, i := place(k)
			sum, size := 0.0, 0.0
			for token := range tokens {
				v := float64(dyv[token*w.Out+o]) * float64(xv[token*w.In+i])
				sum, size = sum+v, size+math.Abs(v)
			}
			compare(fmt.Sprintf("gradient %d", k), got[k], sum, size, tokens, 0)
		}
		return
	}
	for _, token := range []int{0, tokens - 1} {
		sums, sizes, terms := make([]float64, n), make([]float64, n), make([]int, n)
		for k, v := range values {
			o, i := place(k)
			to, term := o, float64(v)*float64(xv[token*w.In+i])
			if op == launch.DDS {
				to, term = i, float64(v)*float64(dyv[token*w.Out+o])
			}
			sums[to], sizes[to], terms[to] = sums[to]+term, sizes[to]+math.Abs(term), terms[to]+1
		}
		for j := range n {
			compare(fmt.Sprintf("token %d, output %d", token, j), got[token*n+j], sums[j], sizes[j], terms[j], 0x1p-8)
		}
	}
}
