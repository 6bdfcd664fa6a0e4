package cpu

import (
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

// halves halves a number in each piece.
type halves struct {
	x   float32
	got []float32
}

//go:noinline
func (h *halves) task(_, i int) { h.got[i] = h.x / 2 }

// Numbers below 2^-126 are zeros in a job, and numbers in an exact one and outside of jobs, on every
// thread.
func TestSubnormalNumbers(t *testing.T) {
	const least, half = 0x1p-126, 0x1p-127
	halved := func() float32 { // at run time
		h := halves{least, []float32{1}}
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
			for _, exact := range []bool{false, true, false} {
				h := &halves{least, slices.Repeat([]float32{1}, n)}
				run, expected := p.run, flushed
				if exact {
					run, expected = p.runExact, half
				}
				run(n, h)
				for i, v := range h.got {
					if v != expected {
						t.Fatalf("%d threads, exact %v, piece %d of %d: found %v, expected %v", threads, exact, i, n, v, expected)
					}
				}
				if v := halved(); v != half {
					t.Fatalf("%d threads, exact %v: after the job found %v, expected %v", threads, exact, v, float32(half))
				}
			}
		}
	}
}
