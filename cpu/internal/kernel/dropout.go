package kernel

import "github.com/sparsebert/sparsebert-gpu/internal/philox"

// DropoutSite names the draws of one dropout site in one step (see backend.Dropout). It has the
// rate, and the factor of the elements that are kept.
type DropoutSite struct {
	Seed    [2]uint32 // low word first
	Step    uint32
	Place   uint32 // micro-batch<<16 | site
	Purpose uint32 // philox.Dropout
	Rate    float32
	Scale   float32
}

// Prefetch is memory that will be read or written next: slices as long as the factors, or nil.
type Prefetch [3][]float32

func dropoutGo(f []float32, block uint32, d *DropoutSite) {
	for len(f) > 0 {
		words := philox.Block([4]uint32{block, d.Step, d.Place, d.Purpose}, d.Seed)
		n := min(4, len(f))
		for i, w := range words[:n] {
			f[i] = 0
			if philox.Unit32(w) >= d.Rate {
				f[i] = d.Scale
			}
		}
		f = f[n:]
		block++
	}
}

func timesGo(y, x, f []float32) {
	x, f = x[:len(y)], f[:len(y)]
	for i := range y {
		y[i] = x[i] * f[i]
	}
}

func sumTimesGo(y, a, x, f []float32) {
	a, x, f = a[:len(y)], x[:len(y)], f[:len(y)]
	for i := range y {
		y[i] = a[i] + x[i]*f[i]
	}
}
