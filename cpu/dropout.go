package cpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// dropper is a dropout site in the current step. The zero dropper drops nothing.
type dropper struct {
	on   bool
	site kernel.DropoutSite
}

// dropper returns the dropper of a site.
func (b *device) dropper(d backend.Dropout) dropper {
	s := &b.step
	if d.Rate == 0 || !s.Train {
		return dropper{}
	}
	return dropper{on: true, site: kernel.DropoutSite{
		Seed:    [2]uint32{uint32(s.Seed), uint32(s.Seed >> 32)},
		Step:    uint32(s.Step),
		Place:   uint32(s.Micro)<<16 | uint32(d.Site),
		Purpose: uint32(philox.Dropout),
		Rate:    d.Rate, Scale: 1 / (1 - d.Rate),
	}}
}

// factors sets f[i] to the factor, 0 or 1/(1-rate), of element first+i. scratch is
// used where first is not a multiple of 4. p is what is prefetched meanwhile.
func (d *dropper) factors(k *kernel.Set, f []float32, first int, scratch *[4]float32, p kernel.Prefetch) {
	if r := first % 4; r != 0 {
		k.Dropout(scratch[:], uint32(first/4), &d.site, kernel.Prefetch{})
		n := copy(f, scratch[r:])
		f, first = f[n:], first+n
	}
	k.Dropout(f, uint32(first/4), &d.site, p)
}

// apply gives y = dropout(x) where x[0] is element first of the site. y may be x.
func (d *dropper) apply(ws *workspace, k *kernel.Set, y, x []float32, first int, p kernel.Prefetch) {
	ws.factors = grow(ws.factors, len(y))
	d.factors(k, ws.factors, first, &ws.four, p)
	k.Times(y, x, ws.factors)
}
