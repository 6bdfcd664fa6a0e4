package cpu

import (
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

// halving halves a number in each task.
type halving struct {
	x   float32
	got []float32
}

//go:noinline
func (h *halving) task(_, i int) { h.got[i] = h.x / 2 }

// Subnormals are zeros in a job, and kept in a job that asks for that and outside of jobs, on every
// thread.
func TestSubnormals(t *testing.T) {
	const least, half = 0x1p-126, 0x1p-127
	halved := func() float32 { // at run time
		h := halving{least, []float32{1}}
		tasks(&h).task(0, 0)
		return h.got[0]
	}
	before := kernel.FlushSubnormals()
	flushed := halved()
	kernel.Restore(before)
	if v := halved(); v != half {
		t.Fatalf("after Restore: found %v, expected %v", v, float32(half))
	}
	// Without assembly nothing changes.
	if expected := map[bool]float32{true: 0, false: half}[len(Paths()) > 1]; flushed != expected {
		t.Errorf("FlushSubnormals: found %v, expected %v", flushed, expected)
	}
	for _, threads := range []int{1, 2, 5} {
		p := newPool(threads)
		defer p.close()
		for _, n := range []int{1, 2, 3, 100} {
			for _, kept := range []bool{false, true, false} {
				h := &halving{least, slices.Repeat([]float32{1}, n)}
				run, expected := p.run, flushed
				if kept {
					run, expected = p.runWithSubnormals, half
				}
				run(n, h)
				for i, v := range h.got {
					if v != expected {
						t.Fatalf("%d threads, subnormals kept %v, task %d of %d: found %v, expected %v", threads, kept, i, n, v, expected)
					}
				}
				if v := halved(); v != half {
					t.Fatalf("%d threads, subnormals kept %v: after the job found %v, expected %v", threads, kept, v, float32(half))
				}
			}
		}
	}
}
