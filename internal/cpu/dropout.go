package cpu

import (
	"github.com/sparsebert/sparsebert-gpu/internal/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// dropper is a dropout site in the current step. The zero dropper drops nothing.
type dropper struct {
	on    bool
	rate  float32
	scale float32
	seed  uint64
	step  uint32
	place uint32 // micro-batch<<16 | site
}

func (c checker) dropper(d backend.Dropout) dropper {
	if !(d.Rate >= 0 && d.Rate < 1) {
		c.b.fail("cpu: %s: dropout rate: found %v, expected 0 or more and less than 1", c.op, d.Rate)
	}
	s := &c.b.step
	if d.Rate == 0 || !s.Train {
		return dropper{}
	}
	return dropper{
		on: true, rate: d.Rate, scale: 1 / (1 - d.Rate),
		seed: s.Seed, step: uint32(s.Step), place: uint32(s.Micro)<<16 | uint32(d.Site),
	}
}

// factors sets f[i] to the factor, 0 or 1/(1-rate), of element first+i.
func (d *dropper) factors(f []float32, first int) {
	var words [4]uint32
	for i := range f {
		at := first + i
		if i == 0 || at%4 == 0 {
			words = philox.At(d.seed, philox.Dropout, uint32(at/4), d.step, d.place)
		}
		f[i] = 0
		if philox.Unit32(words[at%4]) >= d.rate {
			f[i] = d.scale
		}
	}
}

// maxDropout is the number of elements that the generator's counter can name.
const maxDropout = 4 << 32

// apply gives y = dropout(x) where x[0] is element first of the site.
func (d *dropper) apply(y, x []float32, first int) {
	var f [64]float32
	for i := 0; i < len(y); i += len(f) {
		part := f[:min(len(f), len(y)-i)]
		d.factors(part, first+i)
		for j, v := range part {
			y[i+j] = x[i+j] * v
		}
	}
}
