package cpu_test

import (
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func TestProductKernelAndCopyRate(t *testing.T) {
	b, err := cpu.New(cpu.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	for block, want := range map[int]string{0: "dense", 1: "elements", 4: "blocks", 64: "blocks"} {
		spec := backend.ParamSpec{Name: "w", Out: 64, In: 64}
		if block > 0 {
			if spec.Topology, err = sparse.FullTopology(sparse.Shape{Out: 64, In: 64, Block: block}); err != nil {
				t.Fatal(err)
			}
		}
		got := b.Capabilities().Profile.ProductKernel("dsd", b.NewParam(spec), 1)
		if got != b.Path().String()+", "+want {
			t.Errorf("B = %d: found %q, expected the instructions and %q", block, got, want)
		}
	}
	if got := b.Capabilities().Profile.ProductKernel("dsd", nil, 1); got != "" {
		t.Errorf("no weight: found %q", got)
	}
	if rate, err := b.Capabilities().Profile.CopyRate(1 << 20); err != nil || !(rate > 0) {
		t.Errorf("found %v bytes a second, error %v", rate, err)
	}
	b.Close()
	if _, err := b.Capabilities().Profile.CopyRate(1 << 20); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("after Close: found error %v", err)
	}
}
