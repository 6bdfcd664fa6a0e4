package gpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
)

// blockSize returns the block size for kernels: 0 when dense.
func (p *param) blockSize() int32 {
	if p.topo == nil {
		return 0
	}
	return int32(p.topo.Block)
}

// views returns the topology's arrays, all 0 for a dense weight.
func (p *param) views() deviceTopology {
	if p.topo == nil {
		return deviceTopology{}
	}
	return *p.topo
}

// at returns the address of an optional buffer.
func at(x *buffer) Ptr {
	if x == nil {
		return 0
	}
	return x.p
}

// weight returns the parameter behind w and its shape, O x I.
func (c checker) weight(w backend.Param) (p *param, out, in int) {
	if p = c.param("w", w); p == nil {
		return nil, 0, 0
	}
	return p, p.spec.Out, p.spec.In
}

// bias returns an optional dense vector of n elements.
func (c checker) bias(p backend.Param, n int) *param {
	if p == nil {
		return nil
	}
	return c.dense("b", p, 1, n)
}

// DSD implements backend.Products.
func (b *Backend) DSD(y, pre, x backend.Buffer, w, bias backend.Param, t int) {
	c := b.check("DSD")
	c.atLeast("t", t, 0)
	p, out, in := c.weight(w)
	v := c.bias(bias, out)
	ys, pres, xs := c.act("y", y, t*out), c.optional("pre", pre, t*out), c.act("x", x, t*in)
	c.apart("y and x", ys, xs)
	c.apart("pre and x", pres, xs)
	c.apart("y and pre", ys, pres)
	if !c.ok() || t == 0 {
		return
	}
	var vec ptrF32
	if v != nil {
		vec = ptrF32(v.values.p)
	}
	d := p.views()
	switch p.path {
	case pathRows:
		b.dsdRows(c, p, ptrBF16(ys.p), ptrBF16(at(pres)), ptrBF16(xs.p), vec, t)
		return
	case pathGathered:
		if b.dsdGathered(p, ptrBF16(ys.p), ptrBF16(at(pres)), ptrBF16(xs.p), vec, t) {
			return
		}
	case pathFragments:
		s := b.stream(c, t, in, out, d.Block, d.nnz)
		if !c.ok() {
			return
		}
		y, pre, x, size := ptrBF16(ys.p), ptrBF16(at(pres)), ptrBF16(xs.p), [3]int32{int32(t), int32(in), int32(out)}
		if s.wide {
			launch := map[int]func(grid, block Dim3, shared int, y, pre, x, weight ptrBF16, rowPtr, rowSlot, cols ptrI32, bias ptrF32, tokens, in, out int32){
				16: b.k.dsdWideB16, 32: b.k.dsdWideB32, 64: b.k.dsdWideB64}[d.Block]
			launch(s.grid, s.block, s.shared, y, pre, x, p.forward, d.rowPtr, d.rowSlot, d.cols, vec, size[0], size[1], size[2])
			return
		}
		launch := map[int]func(grid, block Dim3, shared int, y, pre, x, weight ptrBF16, rowPtr, rowSlot, cols ptrI32, bias ptrF32, tokens, in, out, tile int32){
			16: b.k.dsdB16, 32: b.k.dsdB32, 64: b.k.dsdB64}[d.Block]
		launch(s.grid, s.block, s.shared, y, pre, x, p.forward, d.rowPtr, d.rowSlot, d.cols, vec, size[0], size[1], size[2], int32(s.tile))
		return
	}
	values, g := ptrF32(p.values.p), grid(t*out, 256, 1<<20)
	if b.act == backend.BF16 {
		b.k.dsdPlainBf16(g, Dim3{X: 256}, 0, ptrBF16(ys.p), ptrBF16(at(pres)), ptrBF16(xs.p), values, d.rowPtr, d.rowSlot, d.cols, vec, int32(t), int32(in), int32(out), p.blockSize())
		return
	}
	b.k.dsdPlainF32(g, Dim3{X: 256}, 0, ptrF32(ys.p), ptrF32(at(pres)), ptrF32(xs.p), values, d.rowPtr, d.rowSlot, d.cols, vec, int32(t), int32(in), int32(out), p.blockSize())
}

// DDS implements backend.Products.
func (b *Backend) DDS(dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
	c := b.check("DDS")
	c.atLeast("t", t, 0)
	if mode > backend.TimesGELU {
		c.fail("mode: found %d, expected 0 to %d", mode, backend.TimesGELU)
	}
	p, out, in := c.weight(w)
	dxs, dys := c.act("dx", dx, t*in), c.act("dy", dy, t*out)
	var pres *buffer
	if mode == backend.TimesGELU {
		pres = c.act("pre", pre, t*in)
	}
	c.apart("dx and dy", dxs, dys)
	if !c.ok() || t == 0 {
		return
	}
	d := p.views()
	switch p.path {
	case pathRows:
		b.ddsRows(c, p, ptrBF16(dxs.p), ptrBF16(dys.p), ptrBF16(at(pres)), int32(mode), t)
		return
	case pathGathered:
		if b.ddsGathered(p, ptrBF16(dxs.p), ptrBF16(dys.p), ptrBF16(at(pres)), int32(mode), t) {
			return
		}
	case pathFragments:
		s := b.stream(c, t, out, in, d.Block, d.nnz)
		if !c.ok() {
			return
		}
		dx, dy, pre, size := ptrBF16(dxs.p), ptrBF16(dys.p), ptrBF16(at(pres)), [3]int32{int32(t), int32(in), int32(out)}
		if s.wide {
			launch := map[int]func(grid, block Dim3, shared int, dx, dy, weight ptrBF16, colPtr, colSlot, rows ptrI32, pre ptrBF16, mode, tokens, in, out int32){
				16: b.k.ddsWideB16, 32: b.k.ddsWideB32, 64: b.k.ddsWideB64}[d.Block]
			launch(s.grid, s.block, s.shared, dx, dy, p.backward, d.colPtr, d.colSlot, d.rows, pre, int32(mode), size[0], size[1], size[2])
			return
		}
		launch := map[int]func(grid, block Dim3, shared int, dx, dy, weight ptrBF16, colPtr, colSlot, rows ptrI32, pre ptrBF16, mode, tokens, in, out, tile int32){
			16: b.k.ddsB16, 32: b.k.ddsB32, 64: b.k.ddsB64}[d.Block]
		launch(s.grid, s.block, s.shared, dx, dy, p.backward, d.colPtr, d.colSlot, d.rows, pre, int32(mode), size[0], size[1], size[2], int32(s.tile))
		return
	}
	values, g := ptrF32(p.values.p), grid(t*in, 256, 1<<20)
	if b.act == backend.BF16 {
		b.k.ddsPlainBf16(g, Dim3{X: 256}, 0, ptrBF16(dxs.p), ptrBF16(dys.p), values, d.colPtr, d.colSlot, d.rows, ptrBF16(at(pres)), int32(mode), int32(t), int32(in), int32(out), p.blockSize())
		return
	}
	b.k.ddsPlainF32(g, Dim3{X: 256}, 0, ptrF32(dxs.p), ptrF32(dys.p), values, d.colPtr, d.colSlot, d.rows, ptrF32(at(pres)), int32(mode), int32(t), int32(in), int32(out), p.blockSize())
}

// SDD implements backend.Products.
func (b *Backend) SDD(w, bias backend.Param, dy, x backend.Buffer, t int) {
	c := b.check("SDD")
	c.atLeast("t", t, 0)
	p, out, in := c.weight(w)
	v := c.bias(bias, out)
	dys, xs := c.act("dy", dy, t*out), c.act("x", x, t*in)
	if !c.ok() || t == 0 {
		return
	}
	switch p.path {
	case pathRows:
		b.sddRows(c, p, v, ptrBF16(dys.p), ptrBF16(xs.p), t)
		return
	case pathGathered:
		b.sddGathered(c, p, v, ptrBF16(dys.p), ptrBF16(xs.p), t)
		return
	case pathFragments:
		b.outer(c, p, v, ptrBF16(dys.p), ptrBF16(xs.p), t)
		return
	}
	d, n := p.views(), p.grad.n
	g, cols := grid(n, 256, 1<<20), grid(out, 256, 1<<20)
	b.k.sddPlainF32(g, Dim3{X: 256}, 0, ptrF32(p.grad.p), ptrF32(dys.p), ptrF32(xs.p), d.rows, d.cols, int32(t), int32(in), int32(out), p.blockSize(), int64(n))
	if v != nil {
		b.k.columnSumsF32(cols, Dim3{X: 256}, 0, ptrF32(v.grad.p), ptrF32(dys.p), int32(t), int32(out))
	}
}
