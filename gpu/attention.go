package gpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// The constants of kernels/include/attention_mma.cuh.
const (
	attnRows    = 64 // queries or keys of a thread block
	attnThreads = 128
)

// attention is a checked call of Attention or AttentionGrad.
type attention struct {
	count, seq, heads, head int32 // count: batch times heads
	scale, rate             float32
	site                    int32
	lengths                 ptrI32
	status                  ptrU64
	step                    ptrStepScalars
	lse                     ptrF32
	block                   Dim3
	width                   int // head size that the tensor-core kernel is made for; 0: none
}

// attention checks what both directions have. n is the elements of q.
func (c checker) attention(a backend.Attn, d backend.Dropout, lse, lengths backend.Buffer) (op attention, n int) {
	c.atLeast("batch", a.Batch, 0)
	c.atLeast("sequence length", a.Seq, 1)
	c.atLeast("heads", a.Heads, 1)
	c.atLeast("head size", a.Head, 1)
	// Kernels count rows and a head's width in 32 bits.
	if c.ok() && (a.Batch > math.MaxInt32/a.Heads || a.Batch*a.Heads > math.MaxInt32/a.Seq || a.Heads > math.MaxInt32/a.Head) {
		c.fail("shape: found %+v, expected at most %d rows of heads", a, math.MaxInt32)
	}
	if !c.ok() {
		return op, 0
	}
	rows := a.Batch * a.Heads * a.Seq
	rate, site := c.dropout(d, rows*a.Seq)
	lses, lens := c.buffer("lse", lse, backend.F32, rows), c.buffer("lengths", lengths, backend.I32, a.Batch)
	op = attention{
		count: int32(a.Batch * a.Heads), seq: int32(a.Seq), heads: int32(a.Heads), head: int32(a.Head),
		scale: float32(1 / math.Sqrt(float64(a.Head))), rate: rate, site: site,
		lengths: ptrI32(at(lens)), lse: ptrF32(at(lses)), step: c.b.scalars(), block: Dim3{X: attnThreads},
	}
	op.status = c.slot("lengths", upTo(a.Seq))
	if c.b.act == backend.BF16 && a.Head%8 == 0 && a.Seq <= math.MaxInt32/(a.Heads*a.Head) {
		switch {
		case a.Head <= 64:
			op.width = 64
		case a.Head <= 128:
			op.width = 128
		}
	}
	return op, rows * a.Head
}

// grid returns the launch shape of this call's kernels.
func (op *attention) grid() Dim3 {
	if op.width != 0 {
		return Dim3{X: int(op.count) * ((int(op.seq) + attnRows - 1) / attnRows)}
	}
	const warps, columns = attnThreads / 32, 128
	return Dim3{X: (int(op.count)*int(op.seq) + warps - 1) / warps, Y: (int(op.head) + columns - 1) / columns}
}

// tiles returns the bytes of so many tiles in shared memory.
func (op *attention) tiles(n int) int { return n * attnRows * (2*op.width + 16) }

// Attention implements backend.Layers.
func (b *Backend) Attention(ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	c := b.check("Attention")
	op, n := c.attention(a, d, lse, lengths)
	cs, qs, ks, vs := c.act("ctx", ctx, n), c.act("q", q, n), c.act("k", k, n), c.act("v", v, n)
	for _, x := range []*buffer{qs, ks, vs} {
		c.apart("ctx and an input", cs, x)
	}
	if !c.ok() || n == 0 {
		return
	}
	if op.width != 0 {
		launch := b.k.attentionD64
		if op.width > 64 {
			launch = b.k.attentionD128
		}
		launch(op.grid(), op.block, op.tiles(4), ptrBF16(cs.p), op.lse, ptrBF16(qs.p), ptrBF16(ks.p), ptrBF16(vs.p), op.lengths, op.status,
			op.step, op.seq, op.heads, op.head, op.scale, op.rate, op.site)
		return
	}
	if b.act == backend.BF16 {
		b.k.attentionPlainBf16(op.grid(), op.block, 0, ptrBF16(cs.p), op.lse, ptrBF16(qs.p), ptrBF16(ks.p), ptrBF16(vs.p), op.lengths, op.status,
			op.step, op.count, op.seq, op.heads, op.head, op.scale, op.rate, op.site)
		return
	}
	b.k.attentionPlainF32(op.grid(), op.block, 0, ptrF32(cs.p), op.lse, ptrF32(qs.p), ptrF32(ks.p), ptrF32(vs.p), op.lengths, op.status,
		op.step, op.count, op.seq, op.heads, op.head, op.scale, op.rate, op.site)
}

// AttentionGrad implements backend.Layers.
func (b *Backend) AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	c := b.check("AttentionGrad")
	op, n := c.attention(a, d, lse, lengths)
	dqs, dks, dvs := c.act("dq", dq, n), c.act("dk", dk, n), c.act("dv", dv, n)
	ds, qs, ks, vs, cs := c.act("dctx", dctx, n), c.act("q", q, n), c.act("k", k, n), c.act("v", v, n), c.act("ctx", ctx, n)
	for _, to := range []*buffer{dqs, dks, dvs} {
		for _, x := range []*buffer{ds, qs, ks, vs, cs} {
			c.apart("an output and an input", to, x)
		}
	}
	c.apart("dq and dk", dqs, dks)
	c.apart("dq and dv", dqs, dvs)
	c.apart("dk and dv", dks, dvs)
	if !c.ok() || n == 0 {
		return
	}
	delta := ptrF32(b.reserve(c.op, &b.scratch, "partial sums", 4*int64(op.count)*int64(op.seq)))
	if !c.ok() {
		return
	}
	if op.width != 0 {
		dqKernel, dkvKernel := b.k.attentionDqD64, b.k.attentionDkvD64
		if op.width > 64 {
			dqKernel, dkvKernel = b.k.attentionDqD128, b.k.attentionDkvD128
		}
		dqKernel(op.grid(), op.block, op.tiles(4), ptrBF16(dqs.p), delta, ptrBF16(ds.p), ptrBF16(qs.p), ptrBF16(ks.p), ptrBF16(vs.p), ptrBF16(cs.p),
			op.lse, op.lengths, op.status, op.step, op.seq, op.heads, op.head, op.scale, op.rate, op.site)
		// Beside the tiles: lse and delta of two stages.
		dkvKernel(op.grid(), op.block, op.tiles(6)+4*4*attnRows, ptrBF16(dks.p), ptrBF16(dvs.p), ptrBF16(ds.p), ptrBF16(qs.p), ptrBF16(ks.p), ptrBF16(vs.p),
			op.lse, delta, op.lengths, op.status, op.step, op.seq, op.heads, op.head, op.scale, op.rate, op.site)
		return
	}
	if b.act == backend.BF16 {
		b.k.attentionDqPlainBf16(op.grid(), op.block, 0, ptrBF16(dqs.p), delta, ptrBF16(ds.p), ptrBF16(qs.p), ptrBF16(ks.p), ptrBF16(vs.p), ptrBF16(cs.p),
			op.lse, op.lengths, op.status, op.step, op.count, op.seq, op.heads, op.head, op.scale, op.rate, op.site)
		b.k.attentionDkvPlainBf16(op.grid(), op.block, 0, ptrBF16(dks.p), ptrBF16(dvs.p), ptrBF16(ds.p), ptrBF16(qs.p), ptrBF16(ks.p), ptrBF16(vs.p),
			op.lse, delta, op.lengths, op.status, op.step, op.count, op.seq, op.heads, op.head, op.scale, op.rate, op.site)
		return
	}
	b.k.attentionDqPlainF32(op.grid(), op.block, 0, ptrF32(dqs.p), delta, ptrF32(ds.p), ptrF32(qs.p), ptrF32(ks.p), ptrF32(vs.p), ptrF32(cs.p),
		op.lse, op.lengths, op.status, op.step, op.count, op.seq, op.heads, op.head, op.scale, op.rate, op.site)
	b.k.attentionDkvPlainF32(op.grid(), op.block, 0, ptrF32(dks.p), ptrF32(dvs.p), ptrF32(ds.p), ptrF32(qs.p), ptrF32(ks.p), ptrF32(vs.p),
		op.lse, delta, op.lengths, op.status, op.step, op.count, op.seq, op.heads, op.head, op.scale, op.rate, op.site)
}
