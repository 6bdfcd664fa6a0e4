package launch_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
	"github.com/sparsebert/sparsebert-gpu/kernels"
)

// devices have from 1 to 132 multiprocessors, and at least the shared memory of
// compute capability 8.6, the least that kernels run on.
var devices = []launch.Device{
	{Multiprocessors: 132, SharedBytes: 227 << 10, SharedPerSM: 228 << 10, Wgmma: true},
	{Multiprocessors: 132, SharedBytes: 227 << 10, SharedPerSM: 228 << 10},
	{Multiprocessors: 108, SharedBytes: 163 << 10, SharedPerSM: 164 << 10},
	{Multiprocessors: 46, SharedBytes: 99 << 10, SharedPerSM: 100 << 10},
	{Multiprocessors: 1, SharedBytes: 99 << 10, SharedPerSM: 100 << 10},
}

// shape draws a weight of up to 64 x 64 blocks, or longer ones of small blocks.
func shape(random *rand.Rand) launch.Weight {
	block := []int{0, 1, 4, 8, 16, 32, 64}[random.IntN(7)]
	rows, cols := 1+random.IntN(64), 1+random.IntN(64)
	if block == 0 {
		return launch.Weight{Out: 16*rows + random.IntN(2), In: 16 * cols, Rows: random.IntN(2) == 0}
	}
	if block < 16 && random.IntN(4) == 0 {
		rows, cols = 1+random.IntN(1024), 1+random.IntN(1024)
	}
	return launch.Weight{Out: rows * block, In: cols * block, Block: block, NNZB: 1 + random.IntN(rows*cols)}
}

func threads(d launch.Dim3) int { return max(d.X, 1) * max(d.Y, 1) * max(d.Z, 1) }

// check holds what every launch must keep: a kernel that is there, no more threads
// and shared memory than the device has, no empty grid.
func check(t *testing.T, what string, d launch.Device, l launch.Launch) {
	t.Helper()
	if !slices.Contains(kernels.Names(), l.Kernel) {
		t.Fatalf("%s: found the kernel %q, expected one of package kernels", what, l.Kernel)
	}
	if n := threads(l.Block); n < 32 || n > 1024 || n%32 != 0 {
		t.Errorf("%s: %s: found %d threads, expected whole warps, at most 1024", what, l.Kernel, n)
	}
	if l.Grid.X < 1 || l.Grid.Y > 65535 || l.Grid.Z > 65535 {
		t.Errorf("%s: %s: found the grid %v", what, l.Kernel, l.Grid)
	}
	if l.Shared < 0 || l.Shared > d.SharedBytes {
		t.Errorf("%s: %s: found %d bytes of shared memory, expected at most %d", what, l.Kernel, l.Shared, d.SharedBytes)
	}
}

// TestPlans: whatever the weight, the device and the tokens, a plan's launches fit
// and cover the result, and its reads are those of its grid.
func TestPlans(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[string]bool{}
	for range 20000 {
		d, w, act := devices[random.IntN(len(devices))], shape(random), backend.DType(random.IntN(2))
		op, tokens := launch.Op(random.IntN(3)), 1+random.IntN(9000)
		plan, err := launch.Product(d, act, op, w, tokens)
		if err != nil {
			if !strings.Contains(err.Error(), "shared memory") || launch.FamilyOf(act, w) != launch.Fragments {
				t.Fatalf("%+v: found error %v", w, err)
			}
			continue
		}
		what := strings.Join([]string{op.String(), act.String(), plan.Describe(w)}, ", ")
		check(t, what, d, plan.Launch)
		seen[plan.Kernel] = true
		if !strings.HasPrefix(plan.Kernel, op.String()) {
			t.Errorf("%s: found the kernel %s", what, plan.Kernel)
		}
		r := plan.Reads
		if (r.X == 0) != (op == launch.DDS) || (r.Y == 0) != (op == launch.DSD) || (r.W == 0) != (op == launch.SDD) {
			t.Errorf("%s: found reads %+v", what, r)
		}
		if op == launch.SDD {
			checkGradient(t, what, d, w, plan)
			continue
		}
		outputs := w.Out
		if op == launch.DDS {
			outputs = w.In
		}
		checkCover(t, what, plan, tokens, outputs)
	}
	for _, name := range kernels.Names() {
		product := strings.HasPrefix(name, "dsd_") || strings.HasPrefix(name, "dds_") || strings.HasPrefix(name, "sdd_")
		if product && !seen[name] && !strings.Contains(name, "_qkv_") && !strings.HasSuffix(name, "_reduce") {
			t.Errorf("found no plan with the kernel %s", name)
		}
	}
}

// checkGradient: partial results are added up where there are any, and ranges of
// tokens are as many as the grid has.
func checkGradient(t *testing.T, what string, d launch.Device, w launch.Weight, p launch.Plan) {
	t.Helper()
	splits := max(p.Grid.Y, 1)
	switch p.Family {
	case launch.Dense:
		if !p.TensorMaps {
			splits = max(p.Grid.Z, 1)
		}
	case launch.Plain:
		splits = 1
		check(t, what, d, p.BiasSums)
	}
	if p.Splits != splits {
		t.Errorf("%s: found %d ranges of tokens in the grid %v", what, p.Splits, p.Grid)
	}
	if (p.Splits > 1) != (p.Reduce.Kernel != "") {
		t.Errorf("%s: found %d ranges and the kernel %q to add them up", what, p.Splits, p.Reduce.Kernel)
	}
	if p.Splits > 1 {
		check(t, what, d, p.Reduce)
	}
	if p.Family == launch.Fragments && p.Grid.X*192*256 < w.NNZB*w.Block*w.Block {
		t.Errorf("%s: found room for the sums of %d thread blocks, expected it for %d blocks", what, p.Grid.X, w.NNZB)
	}
}

// checkCover: the tiles of tokens cover them all, and what thread blocks share of
// the outputs is what reads say.
func checkCover(t *testing.T, what string, p launch.Plan, tokens, outputs int) {
	t.Helper()
	inputs := p.Reads.X + p.Reads.Y
	switch p.Family {
	case launch.Plain:
		return
	case launch.Dense:
		if p.TensorMaps {
			if 256*inputs < outputs || 256*p.Reads.W < tokens || p.Grid.X != 2*inputs*p.Reads.W || p.Grid.Y != max(p.Splits, 1) || (p.Splits > 1) != (p.Reduce.Kernel != "") {
				t.Errorf("%s: found grid %v and reads %+v for %d x %d results", what, p.Grid, p.Reads, tokens, outputs)
			}
			return
		}
		if p.Grid.X*128 < outputs || p.Grid.Y*128 < tokens || inputs != p.Grid.X || p.Reads.W != p.Grid.Y {
			t.Errorf("%s: found grid %v and reads %+v for %d x %d results", what, p.Grid, p.Reads, tokens, outputs)
		}
		return
	}
	tile, readers := p.Tile, p.Grid.X
	if p.Pairs { // thread blocks of a cluster share the weights
		readers = p.Grid.X / 2
	}
	if p.OutputStationary {
		if tile = 64; p.Pairs {
			tile, p.Grid.X = 128, readers
		}
		if p.Grid.Y*p.Block.X/32*64 < outputs {
			t.Errorf("%s: found %d x %d warps for %d outputs", what, p.Grid.Y, p.Block.X/32, outputs)
		}
	}
	if tile*p.Grid.X < tokens || tile*(p.Grid.X-1) >= tokens || inputs != p.Grid.Y || p.Reads.W != readers {
		t.Errorf("%s: found grid %v, tiles of %d and reads %+v for %d tokens", what, p.Grid, tile, p.Reads, tokens)
	}
}

// TestNoTokens: nothing runs, and nothing is read twice.
func TestNoTokens(t *testing.T) {
	for _, w := range []launch.Weight{{Out: 64, In: 32}, {Out: 64, In: 32, Block: 16, NNZB: 3}} {
		for op := range launch.SDD + 1 {
			p, err := launch.Product(devices[0], backend.BF16, op, w, 0)
			if err != nil || p.Kernel != "" || max(p.Reads.X, p.Reads.Y, p.Reads.W) != 1 {
				t.Errorf("%s: found %+v and error %v", op, p, err)
			}
			if q, ok := launch.QKV(devices[0], backend.BF16, op, []launch.Weight{w, w, w}, 0); ok {
				t.Errorf("%s: found %+v of three", op, q)
			}
		}
	}
}

// TestQKV: three alike weights of fragments run together, others do not.
func TestQKV(t *testing.T) {
	w := launch.Weight{Out: 768, In: 768, Block: 16, NNZB: 230}
	more, small, dense := w, launch.Weight{Out: 768, In: 768, Block: 8, NNZB: 922}, launch.Weight{Out: 768, In: 768}
	more.NNZB++
	for op := range launch.SDD + 1 {
		p, ok := launch.QKV(devices[0], backend.BF16, op, []launch.Weight{w, w, w}, 4096)
		if !ok {
			t.Fatalf("%s: found no plan for three alike weights", op)
		}
		check(t, op.String(), devices[0], p.Launch)
		if p.Splits > 1 {
			check(t, op.String(), devices[0], p.Reduce)
		}
		for _, other := range [][]launch.Weight{{w, w}, {w, w, w, w}, {w, w, more}, {small, small, small}, {dense, dense, dense}} {
			if q, ok := launch.QKV(devices[0], backend.BF16, op, other, 4096); ok {
				t.Errorf("%s: found %+v for %v", op, q, other)
			}
		}
		if q, ok := launch.QKV(devices[0], backend.F32, op, []launch.Weight{w, w, w}, 4096); ok {
			t.Errorf("%s: found %+v in float32", op, q)
		}
	}
}

func TestParseOp(t *testing.T) {
	for op := range launch.SDD + 1 {
		if got, err := launch.ParseOp(op.String()); got != op || err != nil {
			t.Errorf("%s: found %v and error %v", op, got, err)
		}
	}
	if _, err := launch.ParseOp("DSD"); err == nil {
		t.Error("DSD: found no error")
	}
}
