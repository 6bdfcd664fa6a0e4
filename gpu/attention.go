package gpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// The thread blocks of kernels/include/attention_mma.cuh and attention_mma_whole.cuh.
const (
	attnThreads  = 128
	wholeThreads = 256
)

// attention is a call of Attention or AttentionGrad.
type attention struct {
	count, seq, heads, head int32 // count: batch times heads
	scale, rate             float32
	lengths                 ptrI32
	status                  ptrU64
	step                    ptrStepScalars
	lse                     ptrF32
	width                   int // head size that the tensor-core kernel is made for; 0: none
}

// attention gives what both directions have. n is the elements of q.
func (c operation) attention(a backend.Attn, d backend.Dropout, lse, lengths backend.Buffer) (op attention, n int) {
	// Kernels count rows and a head's width in 32 bits.
	if a.Batch > math.MaxInt32/a.Heads || a.Batch*a.Heads > math.MaxInt32/a.Seq || a.Heads > math.MaxInt32/a.Head {
		c.fail("shape: found %+v, expected at most %d rows of heads", a, math.MaxInt32)
		return op, 0
	}
	op = attention{
		count: int32(a.Batch * a.Heads), seq: int32(a.Seq), heads: int32(a.Heads), head: int32(a.Head),
		scale: float32(1 / math.Sqrt(float64(a.Head))), rate: d.Rate,
		lengths: ptrI32(address(lengths)), lse: ptrF32(address(lse)), step: c.b.scalars(),
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
	return op, a.Batch * a.Heads * a.Seq * a.Head
}

// onTensorCores returns the launch of a kernel that has so many bytes in shared memory.
func (op *attention) onTensorCores(shared int) config {
	const rows = launch.AttentionTile
	return config{grid: Dim3{X: int(op.count) * ((int(op.seq) + rows - 1) / rows)}, block: Dim3{X: attnThreads}, shared: shared}
}

// plain returns the launch of a kernel without tensor cores.
func (op *attention) plain() config {
	const warps, columns = attnThreads / 32, 128
	g := Dim3{X: (int(op.count)*int(op.seq) + warps - 1) / warps, Y: (int(op.head) + columns - 1) / columns}
	return config{grid: g, block: Dim3{X: attnThreads}}
}

// Attention implements backend.Layers.
func (b *device) Attention(ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	c := b.begin("Attention")
	op, n := c.attention(a, d, lse, lengths)
	cs, qs, ks, vs, kept := own(ctx), own(q), own(k), own(v), ptrU32(address(d.Kept))
	if !c.ok() || n == 0 {
		return
	}
	if op.width == 0 {
		b.k.attentionPlain(op.plain(), attentionPlainArgs{
			ctx: ptrAct(cs.p), lse: op.lse, kept: kept, q: ptrAct(qs.p), k: ptrAct(ks.p), v: ptrAct(vs.p), lengths: op.lengths, status: op.status,
			step: op.step, count: op.count, seq: op.seq, heads: op.heads, head: op.head, scale: op.scale, rate: op.rate, site: int32(d.Site),
		})
		return
	}
	forward := b.k.attentionD64
	if op.width > 64 {
		forward = b.k.attentionD128
	}
	forward(op.onTensorCores(launch.AttentionShared(op.width, 4, 0)), attentionD128Args{
		ctx: bf16Of(cs), lse: op.lse, kept: kept, q: bf16Of(qs), k: bf16Of(ks), v: bf16Of(vs), lengths: op.lengths, status: op.status,
		step: op.step, seq: op.seq, heads: op.heads, head: op.head, scale: op.scale, rate: op.rate, site: int32(d.Site),
	})
}

// AttentionGrad implements backend.Layers.
func (b *device) AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	c := b.begin("AttentionGrad")
	op, n := c.attention(a, d, lse, lengths)
	dqs, dks, dvs := own(dq), own(dk), own(dv)
	ds, qs, ks, vs, cs := own(dctx), own(q), own(k), own(v), own(ctx)
	if !c.ok() || n == 0 {
		return
	}
	whole := op.width != 0 && launch.WholeAttention(b.traits(), a.Seq, a.Head)
	rows := a.Batch * a.Heads * a.Seq
	var numbers int64 // of delta
	if !whole {
		numbers = 4 * int64(rows)
	}
	scratch, kept := c.kept(d, rows, a.Seq, numbers)
	delta := ptrF32(scratch)
	if !c.ok() {
		return
	}
	switch {
	case op.width == 0:
		b.k.attentionDqPlain(op.plain(), attentionDqPlainArgs{
			dq: ptrAct(dqs.p), delta: delta, dctx: ptrAct(ds.p), q: ptrAct(qs.p), k: ptrAct(ks.p), v: ptrAct(vs.p), ctx: ptrAct(cs.p),
			lse: op.lse, kept: kept, lengths: op.lengths, status: op.status, step: op.step, count: op.count,
			seq: op.seq, heads: op.heads, head: op.head, scale: op.scale, rate: op.rate,
		})
		b.k.attentionDkvPlain(op.plain(), attentionDkvPlainArgs{
			dk: ptrAct(dks.p), dv: ptrAct(dvs.p), dctx: ptrAct(ds.p), q: ptrAct(qs.p), k: ptrAct(ks.p), v: ptrAct(vs.p),
			lse: op.lse, delta: delta, kept: kept, lengths: op.lengths, status: op.status, step: op.step, count: op.count,
			seq: op.seq, heads: op.heads, head: op.head, scale: op.scale, rate: op.rate,
		})
	case whole:
		l := config{grid: Dim3{X: int(op.count)}, block: Dim3{X: wholeThreads}, shared: launch.WholeShared(op.width)}
		b.k.attentionGradD64(l, attentionGradD64Args{
			dq: bf16Of(dqs), dk: bf16Of(dks), dv: bf16Of(dvs), dctx: bf16Of(ds), q: bf16Of(qs), k: bf16Of(ks), v: bf16Of(vs), ctx: bf16Of(cs),
			lse: op.lse, kept: kept, lengths: op.lengths, status: op.status, step: op.step,
			seq: op.seq, heads: op.heads, head: op.head, scale: op.scale, rate: op.rate,
		})
	default:
		dqKernel, dkvKernel := b.k.attentionDqD64, b.k.attentionDkvD64
		if op.width > 64 {
			dqKernel, dkvKernel = b.k.attentionDqD128, b.k.attentionDkvD128
		}
		dqKernel(op.onTensorCores(launch.AttentionShared(op.width, 4, 0)), attentionDqD128Args{
			dq: bf16Of(dqs), delta: delta, dctx: bf16Of(ds), q: bf16Of(qs), k: bf16Of(ks), v: bf16Of(vs), ctx: bf16Of(cs),
			lse: op.lse, kept: kept, lengths: op.lengths, status: op.status, step: op.step,
			seq: op.seq, heads: op.heads, head: op.head, scale: op.scale, rate: op.rate,
		})
		stages, shared := launch.KeyGradients(b.traits(), op.width)
		dkvKernel(op.onTensorCores(shared), attentionDkvD128Args{
			dk: bf16Of(dks), dv: bf16Of(dvs), dctx: bf16Of(ds), q: bf16Of(qs), k: bf16Of(ks), v: bf16Of(vs),
			lse: op.lse, delta: delta, kept: kept, lengths: op.lengths, status: op.status, step: op.step,
			seq: op.seq, heads: op.heads, head: op.head, scale: op.scale, rate: op.rate, stages: int32(stages),
		})
	}
}
