package launch_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// A sample of few tokens has the kernel, tile, thread blocks' shape and outputs of the many that it stands for; ranges
// of tokens, and the thread blocks of a LayerNorm's gradient, are as few as it asks for.
func TestSample(t *testing.T) {
	full := launch.Device{Multiprocessors: 132, SharedBytes: 227 << 10, SharedPerSM: 228 << 10}
	const tokens, times = 128, 256
	few := full
	few.Sample = launch.Sample{Times: times, Ranges: 2}
	differs := 0
	for _, w := range []launch.Weight{
		{Out: 768, In: 768, Block: 16, NNZB: 230}, {Out: 3072, In: 768, Block: 16, NNZB: 922}, {Out: 768, In: 3072, Block: 64, NNZB: 58},
		{Out: 3072, In: 768, Block: 8, NNZB: 3686}, {Out: 768, In: 768},
	} {
		for _, op := range []launch.Op{launch.DSD, launch.DDS, launch.SDD} {
			want, err := launch.Product(full, backend.BF16, op, w, times*tokens)
			if err != nil {
				t.Fatal(err)
			}
			got, err := launch.Product(few, backend.BF16, op, w, tokens)
			if err != nil {
				t.Fatal(err)
			}
			if own, _ := launch.Product(full, backend.BF16, op, w, tokens); own.Launch != got.Launch {
				differs++
			}
			if got.Kernel != want.Kernel || got.Block != want.Block || got.Tile != want.Tile || got.Shared != want.Shared {
				t.Errorf("%v of %+v: found %+v, expected it as %+v", op, w, got, want)
			}
			if op == launch.SDD {
				if got.Splits != min(want.Splits, 2) || got.Reduce != want.Reduce || got.Grid.X != want.Grid.X {
					t.Errorf("%v of %+v: found %+v, expected 2 ranges, else as %+v", op, w, got, want)
				}
			} else if got.Grid.X*got.Grid.Y*times != want.Grid.X*want.Grid.Y {
				t.Errorf("%v of %+v: found grid %v, expected a %dth of %v", op, w, got.Grid, times, want.Grid)
			}
		}
	}
	if differs == 0 {
		t.Error("found the same launches as of few tokens, expected others")
	}
	if l, ok := launch.LayerNormGrad(few, tokens, 768); !ok || l.Grid.X != 4 {
		t.Errorf("found %+v, expected 4 thread blocks", l)
	}
	if l, ok := launch.LayerNormGrad(few, 1, 768); !ok || l.Grid.X != 1 {
		t.Errorf("found %+v, expected a thread block: of 256 rows not all are taken", l)
	}
}
