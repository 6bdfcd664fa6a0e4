package gpu_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// shared is three weights, or another number, with what they share.
type shared struct {
	d     *simdriver.Driver
	b     *gpu.Backend
	w     []backend.Param
	x, dx backend.Buffer
	y     []backend.Buffer
	t     int
}

// newShared makes weights, dense where block is 0, the first with one block more
// when uneven.
func newShared(t *testing.T, weights, side, block, tokens, sms int, uneven bool) *shared {
	t.Helper()
	s := &shared{d: simdriver.New(simdriver.Options{Multiprocessors: sms}), t: tokens}
	var err error
	if s.b, err = gpu.New(s.d, gpu.Options{Activation: backend.BF16}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.b.Close(); err != nil {
			t.Error(err)
		}
	})
	random := philox.NewStream(5, philox.TestData, 0, 0)
	fill := func(name string) backend.Buffer {
		x := make([]float32, tokens*side)
		for i := range x {
			x[i] = random.Float32() - 0.5
		}
		buf := s.b.Alloc(name, backend.BF16, len(x))
		s.b.WriteFloats(buf, 0, x)
		return buf
	}
	s.x, s.dx = fill("x"), fill("dx")
	for i := range weights {
		spec := backend.ParamSpec{Name: "w", Out: side, In: side}
		if block > 0 {
			shape := sparse.Shape{Out: side, In: side, Block: block}
			nnz := (shape.Positions() + 5) / 10
			if uneven && i == 0 {
				nnz++
			}
			if spec.Topology, err = sparse.StartTopology(shape, nnz, uint64(i+1), 0); err != nil {
				t.Fatal(err)
			}
		}
		s.w, s.y = append(s.w, s.b.NewParam(spec)), append(s.y, fill("y"))
	}
	s.b.Refresh(s.w)
	// The first product of a dense weight makes its copy.
	s.run(t, "dsd")
	return s
}

// run does one of the products and returns the counters of its kernels.
func (s *shared) run(t *testing.T, op string) map[string]simdriver.Counters {
	t.Helper()
	s.d.ResetCounters()
	switch op {
	case "dsd":
		s.b.Capabilities().SharedInput.DSDShared(s.y, s.x, s.w, make([]backend.Param, len(s.w)), s.t)
	case "dds":
		s.b.Capabilities().SharedInput.DDSShared(s.dx, s.y, s.w, s.t)
	case "sdd":
		s.b.Capabilities().SharedInput.SDDShared(s.w, make([]backend.Param, len(s.w)), s.y, s.x, s.t)
	}
	if err := s.b.Sync(); err != nil {
		t.Fatal(err)
	}
	return s.d.Counters()
}

// TestSharedKernels: three alike weights with blocks of 16 and more take the
// fused kernels, others go one by one.
func TestSharedKernels(t *testing.T) {
	for _, c := range []struct {
		name           string
		weights, block int
		uneven         bool
		want           map[string][]string
	}{
		{"three", 3, 16, false, map[string][]string{"dsd": {"dsd_qkv_b16"}, "dds": {"dds_qkv_b16_sm90a"}, "sdd": {"sdd_qkv_b16_sm90a", "sdd_qkv_reduce"}}},
		{"two", 2, 16, false, map[string][]string{"dsd": {"dsd_b16"}, "dds": {"dds_b16"}, "sdd": {"sdd_b16_sm90a", "sdd_reduce"}}},
		{"uneven", 3, 32, true, map[string][]string{"dsd": {"dsd_b32"}, "dds": {"dds_b32"}, "sdd": {"sdd_b32_sm90a", "sdd_reduce"}}},
		{"blocks of 8", 3, 8, false, map[string][]string{"dsd": {"dsd_b8"}, "dds": {"dds_b8"}, "sdd": {"sdd_b8", "sdd_reduce"}}},
		{"dense", 3, 0, false, map[string][]string{"dsd": {"dsd_dense_sm90a"}, "dds": {"dds_dense_sm90a"}, "sdd": {"sdd_dense_sm90a"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShared(t, c.weights, 192, c.block, 160, 132, c.uneven)
			for op, want := range c.want {
				if got := slices.Sorted(maps.Keys(s.run(t, op))); !slices.Equal(got, want) {
					t.Errorf("%s: found kernels %v, expected %v", op, got, want)
				}
			}
		})
	}
}

// TestSharedTraffic: what the three share is moved once, with no matrix instruction
// more than for one weight after the other.
func TestSharedTraffic(t *testing.T) {
	const tokens, side = 512, 768
	const tensor, tiles = 2 * tokens * side, (side/16*side/16 + 5) / 10
	const values, groups = tiles * 16 * 16, (3*tiles + 191) / 192
	for op, c := range map[string]struct {
		sms            int // nothing is split
		floor, rereads int64
	}{
		// Weights once for each of the 8 tiles of tokens, or 4 pairs of tiles.
		"dsd": {tokens / 64, 4*tensor + 3*2*values, 3 * 7 * 2 * values},
		"dds": {tokens / 64, 5*tensor + 3*2*values, 3 * 3 * 2 * values},
		// x by all thread blocks along the active blocks of the three.
		"sdd": {groups, 4*tensor + 3*8*values, (groups - 1) * tensor},
	} {
		s := newShared(t, 3, side, 16, tokens, c.sms, false)
		var loads, stores, matrix, conflicts int64
		for _, k := range s.run(t, op) {
			loads += k.GlobalLoadSectors * sector
			stores += k.GlobalStoreSectors * sector
			matrix += k.Warp[matrixClass]
			conflicts += k.SharedConflicts
		}
		once := float64(loads+stores-c.rereads) / float64(c.floor)
		t.Logf("%s: loads %.2f MB, stores %.2f MB, floor %.2f MB, without rereads from L2 %.3f of it, %d bank conflicts", op, float64(loads)/1e6, float64(stores)/1e6, float64(c.floor)/1e6, once, conflicts)
		if once > 1.1 {
			t.Errorf("%s: found %.3f times the byte floor, expected at most 1.1", op, once)
		}
		least, most := int64(3*tiles*tokens/16*2), int64(3*tiles*tokens/16*2)
		if op == "sdd" { // whose warps multiply as many tiles as they have room for, and dy with ones
			most = groups*192*tokens/16*2 + 2*groups*3*side/16*tokens/16
		}
		if matrix < least || matrix > most {
			t.Errorf("%s: found %d matrix instructions, expected %d to %d", op, matrix, least, most)
		}
		if conflicts > 64 || op != "sdd" && conflicts > 0 {
			t.Errorf("%s: found %d bank conflicts, expected none in the inner loops", op, conflicts)
		}
	}
}

// TestLaps: marks between operations give a time for each, and may be set again.
func TestLaps(t *testing.T) {
	b, err := gpu.New(simdriver.New(simdriver.Options{}), gpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := b.Alloc("x", backend.F32, 64)
	for range 2 {
		for range 3 {
			if err := b.Capabilities().Clock.Lap(); err != nil {
				t.Fatal(err)
			}
			b.Zero(x, 64)
		}
		times, err := b.Capabilities().Clock.Laps()
		if err != nil || len(times) != 2 || times[0] < 0 || times[1] < 0 {
			t.Errorf("found %v and error %v, expected two times", times, err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Capabilities().Clock.Lap(); err == nil {
		t.Error("found no error of a closed backend")
	}
	if _, err := b.Capabilities().Clock.Laps(); err == nil {
		t.Error("found no error of a closed backend")
	}
}
