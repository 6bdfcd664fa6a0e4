package bench_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/bench"
)

// The floor and the operations of small cases, worked out by hand.
func TestFloor(t *testing.T) {
	// 10 x 6 blocks of 16 x 16, 12 of them active, 100 tokens.
	base := bench.Case{Block: 16, Sparsity: 0.8, Tokens: 100, In: 96, Out: 160}
	for _, c := range []struct {
		op         string
		activation int
		want       int64
	}{
		// 100*96 + 100*160 = 25600 activations, 12*256 = 3072 weights.
		{bench.DSD, 4, 4*25600 + 4*3072 + 4*(12+12+11)}, // 10 block rows
		{bench.DSD, 2, 2*25600 + 2*3072 + 4*(12+12+11)},
		{bench.DDS, 4, 4*25600 + 4*3072 + 4*(12+12+7)}, // 6 block columns
		{bench.DDS, 2, 2*25600 + 2*3072 + 4*(12+12+7)},
		{bench.SDD, 4, 4*25600 + 2*4*(3072+160) + 4*(12+12)}, // the gradients are read and written
		{bench.SDD, 2, 2*25600 + 2*4*(3072+160) + 4*(12+12)},
	} {
		one := base
		one.Op = c.op
		if err := one.Check(); err != nil {
			t.Fatal(err)
		}
		if got := one.FloorBytes(c.activation); got != c.want {
			t.Errorf("%s, %d bytes: found a floor of %d, expected %d", c.op, c.activation, got, c.want)
		}
		if one.NNZ() != 12 || one.FLOPs() != 2*100*12*256 || one.DenseFLOPs() != 2*100*96*160 {
			t.Errorf("%s: found %d blocks, %d and %d operations", c.op, one.NNZ(), one.FLOPs(), one.DenseFLOPs())
		}
	}
	// Design.md's figures: 768 -> 3072 at T = 65536, s = 0.9 in bf16 moves some
	// 504 MB, of which the weights are a thousandth.
	big := bench.Case{Op: bench.DSD, Block: 16, Sparsity: 0.9, Tokens: 65536, In: 768, Out: 3072}
	if mb := float64(big.FloorBytes(2)) / 1e6; !(math.Abs(mb-503.8) < 0.1) {
		t.Errorf("found %v MB, expected 503.8", mb)
	}
}

func TestNeed(t *testing.T) {
	c := bench.Case{Op: bench.DSD, Block: 16, Sparsity: 0.5, Tokens: 64, In: 32, Out: 32}
	// One set: x and y, 2 of 4 blocks with gradient and moments; one dense weight likewise.
	if got, want := bench.Need(c, 4, 0, true), int64(4*64*64+16*2*256+16*32*32); got != want {
		t.Errorf("found %d bytes, expected %d", got, want)
	}
	if got := bench.Need(c, 4, 1<<20, false); got < 2<<20 {
		t.Errorf("found %d bytes, expected more than twice the cache", got)
	}
}

func TestBadCases(t *testing.T) {
	good := bench.Case{Op: bench.DSD, Block: 16, Sparsity: 0.9, Tokens: 4, In: 64, Out: 64}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(c *bench.Case)
		says   string
	}{
		{func(c *bench.Case) { c.Op = "ddd" }, `op: found "ddd"`},
		{func(c *bench.Case) { c.Block = 24 }, "block: found 24"},
		{func(c *bench.Case) { c.Block = 0 }, "block: found 0"},
		{func(c *bench.Case) { c.Sparsity = 1.2 }, "sparsity: found 1.2"},
		{func(c *bench.Case) { c.Sparsity = 1 }, "sparsity: found 1,"},
		{func(c *bench.Case) { c.Sparsity = -0.1 }, "sparsity: found -0.1"},
		{func(c *bench.Case) { c.Sparsity = math.NaN() }, "sparsity: found NaN"},
		{func(c *bench.Case) { c.Sparsity = 0.99 }, "sparsity: found 0.99, expected at most 0.9375"},
		{func(c *bench.Case) { c.Tokens = 0 }, "tokens: found 0"},
		{func(c *bench.Case) { c.Tokens = 1 << 30 }, "tokens: found 1073741824"},
		{func(c *bench.Case) { c.In = 72 }, "shape: found 72x64, expected multiples of the block 16"},
		{func(c *bench.Case) { c.Out = -64 }, "shape: found 64x-64"},
		{func(c *bench.Case) { c.In, c.Out = 1<<20, 1<<20 }, "shape: found 1048576x1048576"},
	} {
		one := good
		c.change(&one)
		err := one.Check()
		if !errors.Is(err, bench.ErrCase) || !strings.HasPrefix(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("found error %v, expected %q", err, c.says)
		}
	}
}
