package gpu_test

import (
	"fmt"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// The name of a product's kernel says what really runs: tensor cores when, and
// only when, matrix instructions are counted.
func TestProductKernel(t *testing.T) {
	const tokens = 64
	for _, act := range []backend.DType{backend.F32, backend.BF16} {
		for _, block := range append([]int{0}, sparse.BlockSizes()...) { // 0: dense
			d := simdriver.New(simdriver.Options{})
			b, err := gpu.New(d, gpu.Options{Activation: act})
			if err != nil {
				t.Fatal(err)
			}
			spec := backend.ParamSpec{Name: "w", Out: 128, In: 128}
			if block > 0 {
				shape := sparse.Shape{Out: 128, In: 128, Block: block}
				if spec.Topology, err = sparse.StartTopology(shape, (shape.Positions()+1)/2, 1, 0); err != nil {
					t.Fatal(err)
				}
			}
			w := b.NewParam(spec)
			b.Refresh([]backend.Param{w})
			x, y := b.Alloc("x", act, tokens*128), b.Alloc("y", act, tokens*128)
			for op, run := range map[string]func(){
				"dsd": func() { b.DSD(y, nil, x, w, nil, tokens) },
				"dds": func() { b.DDS(x, y, w, tokens, backend.Assign, nil) },
				"sdd": func() { b.SDD(w, nil, y, x, tokens) },
			} {
				d.ResetCounters()
				run()
				if err := b.Sync(); err != nil {
					t.Fatal(err)
				}
				matrix := int64(0)
				for _, c := range d.Counters() {
					matrix += c.Warp[ptxsim.Matrix]
				}
				want := "plain"
				switch {
				case matrix > 0 && block == 0:
					want = "tensor cores, dense"
				case matrix > 0 && (block == 1 || block == 4 && op == "sdd"):
					want = "tensor cores, as a dense product"
				case matrix > 0:
					want = fmt.Sprintf("tensor cores, blocks of %d", block)
				case block == 0:
					want = "plain, dense"
				}
				if got := b.Capabilities().Profile.ProductKernel(op, w, tokens); got != want {
					t.Errorf("%v, B = %d, %s: found %q and %d matrix instructions, expected %q", act, block, op, got, matrix, want)
				}
			}
			if got := b.Capabilities().Profile.ProductKernel("dsd", nil, tokens); got != "" {
				t.Errorf("no weight: found %q", got)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestTimerAndCopyRate(t *testing.T) {
	b, err := gpu.New(simdriver.New(simdriver.Options{MemoryBytes: 3 << 20}), gpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	timed, err := b.Capabilities().Clock.Timer()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ran := false
		if took, err := timed(func() { ran = true }); err != nil || !ran || took < 0 {
			t.Errorf("found %v, error %v, work done: %v", took, err, ran)
		}
	}
	// What it allocates is free again: the device has room for one such pair.
	for range 3 {
		if rate, err := b.Capabilities().Profile.CopyRate(1 << 20); err != nil || !(rate > 0) {
			t.Errorf("found %v bytes a second, error %v", rate, err)
		}
	}
	if _, err := b.Capabilities().Profile.CopyRate(4 << 20); err == nil {
		t.Error("a copy beyond the memory: no error, expected one")
	}
	b.DSD(nil, nil, nil, nil, nil, 1)
	if _, err := timed(func() {}); err == nil {
		t.Error("after a failed operation: no error, expected it")
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := b.Capabilities().Clock.Timer(); err == nil {
		t.Error("after Close: no error, expected one")
	}
	if _, err := b.Capabilities().Profile.CopyRate(1); err == nil {
		t.Error("after Close: no error, expected one")
	}
}
