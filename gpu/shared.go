package gpu

import "github.com/sparsebert/sparsebert-gpu/backend"

// The products of three weights that share a tensor, in one pass over it; see
// kernels/include/three.cuh. Other numbers of weights, and weights without
// fragments, go one by one.

// three is the number of weights that the kernels are made for.
const three = 3

// sharedShape is the launch of such a product.
type sharedShape struct {
	stream streamShape // dsd, dds
	outer  outerShape  // sdd: grid.X for the three together
	ok     bool        // false: one by one
}

// sharedFor chooses the shape of the product op of three weights. Forward it is
// that of one; for the input gradient the three contractions follow each other past
// sums that stay; for the weight gradients the thread blocks stand side by side.
func sharedFor(p Properties, op string, t, out, in, block, nnz int) (s sharedShape) {
	switch op {
	case "dsd":
		s.stream, s.ok = narrowFor(p, t, in, out, block)
		_, usual := streamFor(p, t, in, out, block, nnz)
		s.ok = s.ok && usual && in <= out
	case "dds":
		s.stream, s.ok = wideFor(p, t, three*out, in, block, three*nnz)
	default:
		s.outer, s.ok = outerFor(p, t, out, in, block, nnz), true
		s.outer.grid.X *= three
		s.outer.grid.Y = max(1, min(p.Multiprocessors/s.outer.grid.X, (t+63)/64))
	}
	return s
}

// SharedCut is CutOf for the product of several weights that share a tensor; false
// where they go one by one. W and Y are of each weight, X and Ranges of all.
func SharedCut(p Properties, act backend.DType, op string, weights, t, out, in, block, nnz int) (Cut, bool) {
	if weights != three || act != backend.BF16 || block < 16 || t == 0 {
		return Cut{}, false
	}
	s := sharedFor(p, op, t, out, in, block, nnz)
	switch {
	case !s.ok:
		return Cut{}, false
	case op == "dsd":
		return Cut{X: s.stream.grid.Y, W: s.stream.grid.X}, true
	case op == "dds":
		return Cut{Y: s.stream.grid.Y, W: s.stream.grid.X}, true
	case in > out: // about once by the blocks of each weight
		return Cut{X: three, Y: s.outer.grid.X / three, Ranges: s.outer.grid.Y}, true
	}
	return Cut{X: s.outer.grid.X, Y: 1, Ranges: s.outer.grid.Y}, true
}

// shared checks the weights and their lists, and tells whether the kernels for three
// can take them; biases may be nil, or each of them.
func (c checker) shared(w, biases []backend.Param, bufs []backend.Buffer) (ps, vs []*param, together bool) {
	if len(w) == 0 || len(bufs) != len(w) || biases != nil && len(biases) != len(w) {
		c.fail("found %d weights, %d biases and %d buffers, expected as many of each, and one at least", len(w), len(biases), len(bufs))
		return nil, nil, false
	}
	together = len(w) == three
	vs = make([]*param, len(w))
	for i := range w {
		p, out, in := c.weight(w[i])
		if !c.ok() {
			return nil, nil, false
		}
		ps = append(ps, p)
		if first := ps[0].spec; out != first.Out || in != first.In {
			c.fail("w[%d] (%s): found shape [%d, %d], expected [%d, %d] as of w[0]", i, p.spec.Name, out, in, first.Out, first.In)
			return nil, nil, false
		}
		if biases != nil {
			vs[i] = c.bias(biases[i], out)
		}
		together = together && p.path == pathFragments && p.topo.Block == ps[0].topo.Block && p.topo.nnz == ps[0].topo.nnz && (vs[i] == nil) == (vs[0] == nil)
	}
	return ps, vs, together && c.ok()
}

// at3 lists the addresses of three buffers' activations, or parameters' floats.
func at3(bufs []*buffer) (a [three]ptrBF16) {
	for i, x := range bufs {
		a[i] = ptrBF16(x.p)
	}
	return a
}

func floats3(ps []*param, of func(p *param) *buffer) (a [three]ptrF32) {
	for i, p := range ps {
		if p != nil {
			a[i] = ptrF32(of(p).p)
		}
	}
	return a
}

func ints3(ps []*param, of func(t *deviceTopology) ptrI32) (a [three]ptrI32) {
	for i, p := range ps {
		a[i] = of(p.topo)
	}
	return a
}

// The arrays of a topology, by name.
var (
	rowPtrs  = func(t *deviceTopology) ptrI32 { return t.rowPtr }
	rowSlots = func(t *deviceTopology) ptrI32 { return t.rowSlot }
	colPtrs  = func(t *deviceTopology) ptrI32 { return t.colPtr }
	colSlots = func(t *deviceTopology) ptrI32 { return t.colSlot }
	rowsOf   = func(t *deviceTopology) ptrI32 { return t.rows }
	colsOf   = func(t *deviceTopology) ptrI32 { return t.cols }
)

// DSDShared implements backend.SharedInput.
func (b *Backend) DSDShared(y []backend.Buffer, x backend.Buffer, w, biases []backend.Param, t int) {
	c := b.check("DSDShared")
	c.atLeast("t", t, 0)
	ps, vs, together := c.shared(w, biases, y)
	if !c.ok() {
		return
	}
	out, in := ps[0].spec.Out, ps[0].spec.In
	var s sharedShape
	if together && t > 0 {
		s = sharedFor(b.prop, "dsd", t, out, in, ps[0].topo.Block, ps[0].topo.nnz)
	}
	if !s.ok {
		for i := range w {
			b.DSD(y[i], nil, x, w[i], biasAt(biases, i), t)
		}
		return
	}
	xs, ys := c.act("x", x, t*in), make([]*buffer, three)
	for i := range ys {
		ys[i] = c.act("y", y[i], t*out)
		c.apart("y and x", ys[i], xs)
		for _, other := range ys[:i] {
			c.apart("two of y", ys[i], other)
		}
	}
	if !c.ok() {
		return
	}
	to, bias := at3(ys), floats3(vs, func(p *param) *buffer { return p.values })
	ptr, slot, col := ints3(ps, rowPtrs), ints3(ps, rowSlots), ints3(ps, colsOf)
	launch := map[int]func(grid, block Dim3, shared int, y0, y1, y2, x, weight0, weight1, weight2 ptrBF16, rowPtr0, rowPtr1, rowPtr2, rowSlot0, rowSlot1, rowSlot2, cols0, cols1, cols2 ptrI32, bias0, bias1, bias2 ptrF32, tokens, in, out, tile int32){
		16: b.k.dsdThreeB16, 32: b.k.dsdThreeB32, 64: b.k.dsdThreeB64}[ps[0].topo.Block]
	launch(s.stream.grid, s.stream.block, s.stream.shared, to[0], to[1], to[2], ptrBF16(xs.p), ps[0].forward, ps[1].forward, ps[2].forward,
		ptr[0], ptr[1], ptr[2], slot[0], slot[1], slot[2], col[0], col[1], col[2], bias[0], bias[1], bias[2], int32(t), int32(in), int32(out), int32(s.stream.tile))
}

// DDSShared implements backend.SharedInput.
func (b *Backend) DDSShared(dx backend.Buffer, dy []backend.Buffer, w []backend.Param, t int) {
	c := b.check("DDSShared")
	c.atLeast("t", t, 0)
	ps, _, together := c.shared(w, nil, dy)
	if !c.ok() {
		return
	}
	out, in := ps[0].spec.Out, ps[0].spec.In
	var s sharedShape
	if together && t > 0 {
		s = sharedFor(b.prop, "dds", t, out, in, ps[0].topo.Block, ps[0].topo.nnz)
	}
	if !s.ok {
		for i := range w {
			b.DDS(dx, dy[i], w[i], t, backend.Accumulate, nil)
		}
		return
	}
	dxs, dys := c.act("dx", dx, t*in), make([]*buffer, three)
	for i := range dys {
		dys[i] = c.act("dy", dy[i], t*out)
		c.apart("dx and dy", dxs, dys[i])
	}
	if !c.ok() {
		return
	}
	from, ptr, slot, row := at3(dys), ints3(ps, colPtrs), ints3(ps, colSlots), ints3(ps, rowsOf)
	launch := map[int]func(grid, block Dim3, shared int, dx, dy0, dy1, dy2, weight0, weight1, weight2 ptrBF16, colPtr0, colPtr1, colPtr2, colSlot0, colSlot1, colSlot2, rows0, rows1, rows2 ptrI32, tokens, in, out int32){
		16: b.k.ddsThreeB16, 32: b.k.ddsThreeB32, 64: b.k.ddsThreeB64}[ps[0].topo.Block]
	launch(s.stream.grid, s.stream.block, s.stream.shared, ptrBF16(dxs.p), from[0], from[1], from[2], ps[0].backward, ps[1].backward, ps[2].backward,
		ptr[0], ptr[1], ptr[2], slot[0], slot[1], slot[2], row[0], row[1], row[2], int32(t), int32(in), int32(out))
}

// SDDShared implements backend.SharedInput.
func (b *Backend) SDDShared(w, biases []backend.Param, dy []backend.Buffer, x backend.Buffer, t int) {
	c := b.check("SDDShared")
	c.atLeast("t", t, 0)
	ps, vs, together := c.shared(w, biases, dy)
	if !c.ok() {
		return
	}
	if !together || t == 0 {
		for i := range w {
			b.SDD(w[i], biasAt(biases, i), dy[i], x, t)
		}
		return
	}
	d := ps[0].topo
	s := sharedFor(b.prop, "sdd", t, d.Out, d.In, d.Block, d.nnz).outer
	xs, dys := c.act("x", x, t*d.In), make([]*buffer, three)
	for i := range dys {
		dys[i] = c.act("dy", dy[i], t*d.Out)
		for _, p := range ps[:i] {
			if p == ps[i] {
				c.fail("%s: found the weight twice, expected once", p.spec.Name)
			}
		}
	}
	var partial ptrF32
	n := ps[0].grad.n
	if ranges := s.grid.Y; ranges > 1 && c.ok() {
		partial = ptrF32(b.reserve(c.op, &b.scratch, "partial sums", 4*three*int64(ranges)*int64(n+d.Out)))
	}
	if !c.ok() {
		return
	}
	gradOf := func(p *param) *buffer { return p.grad }
	grad, bias, from := floats3(ps, gradOf), floats3(vs, gradOf), at3(dys)
	ptr, slot, row, col, swapped := ints3(ps, rowPtrs), ints3(ps, rowSlots), ints3(ps, rowsOf), ints3(ps, colsOf), d.In > d.Out
	if swapped {
		ptr, slot = ints3(ps, colPtrs), ints3(ps, colSlots)
	}
	launch := map[int]func(grid, block Dim3, shared int, grad0, grad1, grad2, bias0, bias1, bias2, partial ptrF32, dy0, dy1, dy2, x ptrBF16, ptr0, ptr1, ptr2, slots0, slots1, slots2, rows0, rows1, rows2, cols0, cols1, cols2 ptrI32, tokens, in, out, nnzb, bytes int32, swapped bool){
		16: b.k.sddThreeB16, 32: b.k.sddThreeB32, 64: b.k.sddThreeB64}[d.Block]
	launch(s.grid, Dim3{X: outerThreads}, s.shared, grad[0], grad[1], grad[2], bias[0], bias[1], bias[2], partial, from[0], from[1], from[2], ptrBF16(xs.p),
		ptr[0], ptr[1], ptr[2], slot[0], slot[1], slot[2], row[0], row[1], row[2], col[0], col[1], col[2],
		int32(t), int32(d.In), int32(d.Out), int32(d.nnz), int32(s.shared), swapped)
	if s.grid.Y > 1 {
		g := grid3(n+d.Out, b.prop)
		b.k.sddThreeReduce(g, Dim3{X: 256}, 0, grad[0], grad[1], grad[2], bias[0], bias[1], bias[2], partial, int32(n), int32(d.Out), int32(s.grid.Y))
	}
}

// grid3 is a grid for n elements of each of the three.
func grid3(n int, p Properties) Dim3 {
	g := grid(n, 256, 2*p.Multiprocessors)
	g.Y = three
	return g
}

// biasAt is the i-th of the biases, nil of none.
func biasAt(biases []backend.Param, i int) backend.Param {
	if biases == nil {
		return nil
	}
	return biases[i]
}

var _ backend.SharedInput = (*Backend)(nil)
