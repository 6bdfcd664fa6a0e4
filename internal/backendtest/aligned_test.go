package backendtest

import (
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// cutting computes weight gradients as the worst tensor core does that the table of tolerances
// allows for: groups of 4 products, and no bit behind the last place of the largest addend.
type cutting struct{ bf16 }

func openCutting() backend.Backend { return cutting{openBF16().(bf16)} }

func (b cutting) SDD(w, bias backend.Param, dy, x backend.Buffer, t int) {
	grad := floats(b, w.Grad())
	b.bf16.SDD(w, bias, dy, x, t) // for the bias, and for arguments that are wrong
	if b.Sync() != nil {
		return
	}
	dys, xs, s := floats(b, dy), floats(b, x), w.Spec()
	s.Topology, _ = b.Topology(w) // an error sticks, and Sync tells
	for k := range grad {
		o, i := paramData{spec: s}.place(k)
		sum := float32(0)
		for from := 0; from < t; from += 4 {
			terms := []float64{float64(sum)}
			for j := from; j < min(from+4, t); j++ {
				terms = append(terms, float64(dys[j*s.Out+o])*float64(xs[j*s.In+i]))
			}
			sum = cut(terms)
		}
		grad[k] += sum
	}
	b.WriteFloats(w.Grad(), 0, grad)
}

// cut adds terms of which it keeps what is in the 24 bits of the largest, and keeps 24 bits of the sum.
func cut(terms []float64) float32 {
	largest := 0.0
	for _, v := range terms {
		largest = max(largest, math.Abs(v))
	}
	if largest == 0 {
		return 0
	}
	last := math.Ldexp(1, math.Ilogb(largest)-23)
	sum := 0.0
	for _, v := range terms {
		sum += math.Trunc(v/last) * last
	}
	f := float32(sum)
	if math.Abs(float64(f)) > math.Abs(sum) {
		f = math.Nextafter32(f, 0)
	}
	return f
}

// sddNotices runs checks of SDD and returns how many a backend fails.
func sddNotices(t *testing.T, checks []check) (failed int) {
	t.Helper()
	dev := &lazy{open: openCutting}
	for _, c := range checks {
		if err := c.run(dev, dev); err != nil {
			t.Logf("%s: %v", c.name, err)
			failed++
		}
	}
	if err := dev.close(); err != nil {
		t.Error(err)
	}
	return failed
}

// TestMatrixUnitsAreAllowed: the table lets a tensor core pass. Terms that count once, as in sums
// that are rounded, do not.
func TestMatrixUnitsAreAllowed(t *testing.T) {
	all := sddChecks()
	adverse := all[:2]
	if n := sddNotices(t, all[:40]); n > 0 {
		t.Errorf("%d checks found fault with sums as a tensor core makes them", n)
	}
	defer func(v float64) { alignedTerm = v }(alignedTerm)
	alignedTerm = 1
	if n := sddNotices(t, adverse); n != len(adverse) {
		t.Errorf("%d of %d checks found a bound that is too small", n, len(adverse))
	}
}
