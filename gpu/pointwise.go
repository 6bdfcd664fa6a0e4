package gpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
)

// maxDropout is the number of elements that the generator's counter can name.
const maxDropout = 4 << 32

// dropout checks a dropout over n elements and returns its rate and site for kernels.
func (c checker) dropout(d backend.Dropout, n int) (rate float32, site int32) {
	if !(d.Rate >= 0 && d.Rate < 1) {
		c.fail("dropout rate: found %v, expected 0 or more and less than 1", d.Rate)
	}
	if d.Rate > 0 && n > maxDropout {
		c.fail("dropout: found %d elements, expected at most %d", n, int64(maxDropout))
	}
	return d.Rate, int32(d.Site)
}

// elements checks the activations of an element by element operation, each of n
// elements, and returns its launch shape.
func (c checker) elements(n int, names []string, list ...backend.Buffer) (shape config, acts [3]ptrAct) {
	c.atLeast("elements", n, 0)
	for i, x := range list {
		acts[i] = ptrAct(at(c.act(names[i], x, n)))
	}
	return config{grid: grid((n+7)/8, 256, 32*c.b.prop.Multiprocessors), block: Dim3{X: 256}}, acts
}

// DropoutApply implements backend.Layers.
func (b *Backend) DropoutApply(y, x backend.Buffer, n int, d backend.Dropout) {
	c := b.check("DropoutApply")
	rate, site := c.dropout(d, n)
	shape, acts := c.elements(n, []string{"y", "x"}, y, x)
	if c.ok() && n > 0 {
		b.k.dropoutApply(shape, dropoutApplyArgs{y: acts[0], x: acts[1], step: b.scalars(), rate: rate, site: site, n: int64(n)})
	}
}

// Tanh implements backend.Layers.
func (b *Backend) Tanh(y, x backend.Buffer, n int) {
	c := b.check("Tanh")
	shape, acts := c.elements(n, []string{"y", "x"}, y, x)
	if c.ok() && n > 0 {
		b.k.tanh(shape, tanhArgs{y: acts[0], x: acts[1], n: int64(n)})
	}
}

// TanhGrad implements backend.Layers.
func (b *Backend) TanhGrad(dx, dy, y backend.Buffer, n int) {
	c := b.check("TanhGrad")
	shape, acts := c.elements(n, []string{"dx", "dy", "y"}, dx, dy, y)
	if c.ok() && n > 0 {
		b.k.tanhGrad(shape, tanhGradArgs{dx: acts[0], dy: acts[1], y: acts[2], n: int64(n)})
	}
}

// GELUGrad implements backend.Layers.
func (b *Backend) GELUGrad(dx, dy, pre backend.Buffer, n int) {
	c := b.check("GELUGrad")
	shape, acts := c.elements(n, []string{"dx", "dy", "pre"}, dx, dy, pre)
	if c.ok() && n > 0 {
		b.k.geluGrad(shape, geluGradArgs{dx: acts[0], dy: acts[1], pre: acts[2], n: int64(n)})
	}
}
