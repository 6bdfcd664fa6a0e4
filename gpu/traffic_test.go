package gpu_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

const sector = 32 // bytes

// traffic is what one product moved through global memory, in bytes of whole
// sectors, and the least it could.
type traffic struct {
	loads, stores int64
	floor         int64 // activations and active weights once, or the gradient read and written
	rereads       int64 // of the loads, what more than one thread block reads and L2 holds (docs/kernels.md)
	conflicts     int64
	matrix        int64 // matrix instructions of warps
}

// measure runs one product in bfloat16 at T tokens on a device of so many
// multiprocessors: as many as there are tiles of tokens, so that nothing is split
// to fill them.
func measure(t *testing.T, op string, shape sparse.Shape, tokens, sms int) traffic {
	t.Helper()
	d := simdriver.New(simdriver.Options{Multiprocessors: sms})
	b, err := gpu.New(d, gpu.Options{Activation: backend.BF16})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	nnz := (shape.Positions() + 5) / 10
	topo, err := sparse.StartTopology(shape, nnz, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := b.NewParam(backend.ParamSpec{Name: "w", Out: shape.Out, In: shape.In, Topology: topo})
	random := philox.NewStream(5, philox.TestData, 0, 0)
	fill := func(name string, n int) backend.Buffer {
		x := make([]float32, n)
		for i := range x {
			x[i] = random.Float32() - 0.5
		}
		buf := b.Alloc(name, backend.BF16, n)
		b.WriteFloats(buf, 0, x)
		return buf
	}
	x, y := fill("x", tokens*shape.In), fill("y", tokens*shape.Out)
	d.ResetCounters()
	activations, values := int64(2*tokens*(shape.In+shape.Out)), int64(nnz*shape.BlockSize())
	var r traffic
	tiles := int64(tokens / 64)
	if op == "dsd" && shape.In > shape.Out || op == "dds" && shape.Out > shape.In {
		tiles /= 2 // two of them share the weights
	}
	switch op {
	case "dsd":
		b.DSD(y, nil, x, w, nil, tokens)
		r.floor, r.rereads = activations+2*values, (tiles-1)*2*values
	case "dds":
		b.DDS(x, y, w, tokens, backend.Assign, nil)
		r.floor, r.rereads = activations+2*values, (tiles-1)*2*values
	case "sdd":
		b.SDD(w, nil, y, x, tokens)
		groups := (values + 192*256 - 1) / (192 * 256)
		r.floor, r.rereads = activations+8*values, (groups-1)*int64(2*tokens*min(shape.In, shape.Out))
	}
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	for name, c := range d.Counters() {
		if !strings.HasPrefix(name, op) {
			t.Fatalf("found a launch of %s", name)
		}
		r.loads += c.GlobalLoadSectors * sector
		r.stores += c.GlobalStoreSectors * sector
		r.conflicts += c.SharedConflicts
		r.matrix += c.Warp[matrixClass]
	}
	return r
}

// matrixClass is the class of matrix instructions.
var matrixClass = slices.Index(simdriver.Classes(), "matrix")

// TestTraffic holds the products to the byte floor: each activation read or
// written once, no bank conflicts in an inner loop, no matrix instruction too
// many. What thread blocks read again is counted apart for dsd and dds (weights);
// with the smaller operand's rereads sdd is within 1.5 times the floor, 1.55 at B = 16,
// where five thread blocks are needed (docs/kernels.md).
func TestTraffic(t *testing.T) {
	const tokens = 512
	for _, op := range []string{"dsd", "dds", "sdd"} {
		for _, block := range []int{16, 32, 64} {
			for _, shape := range []sparse.Shape{{Out: 3072, In: 768, Block: block}, {Out: 768, In: 3072, Block: block}} {
				t.Run(fmt.Sprintf("%s/%dx%d/B=%d", op, shape.In, shape.Out, block), func(t *testing.T) {
					r := measure(t, op, shape, tokens, tokens/64)
					all, once := float64(r.loads+r.stores)/float64(r.floor), float64(r.loads+r.stores-r.rereads)/float64(r.floor)
					t.Logf("loads %.2f MB, stores %.2f MB, floor %.2f MB: ratio %.3f, without rereads from L2 %.3f; %d bank conflicts, %d matrix instructions",
						float64(r.loads)/1e6, float64(r.stores)/1e6, float64(r.floor)/1e6, all, once, r.conflicts, r.matrix)
					if once > 1.1 {
						t.Errorf("without rereads: found %.3f times the byte floor, expected at most 1.1", once)
					}
					most := 1.5
					if block == 16 {
						most = 1.55
					}
					if op == "sdd" && all > most {
						t.Errorf("found %.3f times the byte floor, expected at most %v", all, most)
					}
					// A few come from the tables that a thread block of sdd makes at its start.
					if r.conflicts > 64 || op != "sdd" && r.conflicts > 0 {
						t.Errorf("found %d bank conflicts, expected none in the inner loops", r.conflicts)
					}
					tiles := (shape.Positions() + 5) / 10 * (block / 16) * (block / 16)
					// A warp of sdd that is short of blocks multiplies some in vain.
					if want := int64(tiles * tokens / 16 * 2); r.matrix < want || float64(r.matrix) > 1.05*float64(want) || op != "sdd" && r.matrix != want {
						t.Errorf("found %d matrix instructions, expected %d", r.matrix, want)
					}
				})
			}
		}
	}
}
