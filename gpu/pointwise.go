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
func (c checker) elements(n int, names []string, list ...backend.Buffer) (shape Dim3, bufs [3]*buffer) {
	c.atLeast("elements", n, 0)
	for i, x := range list {
		bufs[i] = c.act(names[i], x, n)
	}
	return grid((n+7)/8, 256, 32*c.b.prop.Multiprocessors), bufs
}

// DropoutApply implements backend.Layers.
func (b *Backend) DropoutApply(y, x backend.Buffer, n int, d backend.Dropout) {
	c := b.check("DropoutApply")
	rate, site := c.dropout(d, n)
	g, bufs := c.elements(n, []string{"y", "x"}, y, x)
	if !c.ok() || n == 0 {
		return
	}
	ys, xs, block, count := bufs[0].p, bufs[1].p, Dim3{X: 256}, int64(n)
	if b.act == backend.BF16 {
		b.k.dropoutApplyBf16(g, block, 0, ptrBF16(ys), ptrBF16(xs), b.scalars(), rate, site, count)
		return
	}
	b.k.dropoutApplyF32(g, block, 0, ptrF32(ys), ptrF32(xs), b.scalars(), rate, site, count)
}

// Tanh implements backend.Layers.
func (b *Backend) Tanh(y, x backend.Buffer, n int) {
	c := b.check("Tanh")
	g, bufs := c.elements(n, []string{"y", "x"}, y, x)
	if !c.ok() || n == 0 {
		return
	}
	ys, xs, block, count := bufs[0].p, bufs[1].p, Dim3{X: 256}, int64(n)
	if b.act == backend.BF16 {
		b.k.tanhBf16(g, block, 0, ptrBF16(ys), ptrBF16(xs), count)
		return
	}
	b.k.tanhF32(g, block, 0, ptrF32(ys), ptrF32(xs), count)
}

// TanhGrad implements backend.Layers.
func (b *Backend) TanhGrad(dx, dy, y backend.Buffer, n int) {
	c := b.check("TanhGrad")
	g, bufs := c.elements(n, []string{"dx", "dy", "y"}, dx, dy, y)
	if !c.ok() || n == 0 {
		return
	}
	dxs, dys, ys, block, count := bufs[0].p, bufs[1].p, bufs[2].p, Dim3{X: 256}, int64(n)
	if b.act == backend.BF16 {
		b.k.tanhGradBf16(g, block, 0, ptrBF16(dxs), ptrBF16(dys), ptrBF16(ys), count)
		return
	}
	b.k.tanhGradF32(g, block, 0, ptrF32(dxs), ptrF32(dys), ptrF32(ys), count)
}

// GELUGrad implements backend.Layers.
func (b *Backend) GELUGrad(dx, dy, pre backend.Buffer, n int) {
	c := b.check("GELUGrad")
	g, bufs := c.elements(n, []string{"dx", "dy", "pre"}, dx, dy, pre)
	if !c.ok() || n == 0 {
		return
	}
	dxs, dys, pres, block, count := bufs[0].p, bufs[1].p, bufs[2].p, Dim3{X: 256}, int64(n)
	if b.act == backend.BF16 {
		b.k.geluGradBf16(g, block, 0, ptrBF16(dxs), ptrBF16(dys), ptrBF16(pres), count)
		return
	}
	b.k.geluGradF32(g, block, 0, ptrF32(dxs), ptrF32(dys), ptrF32(pres), count)
}
