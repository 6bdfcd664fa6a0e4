package backendtest

import (
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

type (
	attentionFault struct {
		backend.Backend
		f func(b backend.Backend, ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout)
	}
	attentionGradFault struct {
		backend.Backend
		f func(b backend.Backend, dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout)
	}
)

func (f attentionFault) Attention(ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	f.f(f.Backend, ctx, lse, q, k, v, lengths, a, d)
}

func (f attentionGradFault) AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	f.f(f.Backend, dq, dk, dv, dctx, q, k, v, ctx, lse, lengths, a, d)
}

// unpadded returns lengths that are all the full sequence.
func unpadded(b backend.Backend, a backend.Attn) backend.Buffer {
	x := b.Alloc("lengths", backend.I32, a.Batch)
	b.WriteInts(x, 0, slices.Repeat([]int32{int32(a.Seq)}, a.Batch))
	return x
}

func attentionFaults() []fault {
	forward := func(name string, f func(b backend.Backend, ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout)) fault {
		return fault{"Attention", name, func(b backend.Backend) backend.Backend { return attentionFault{b, f} }}
	}
	backward := func(name string, f func(b backend.Backend, dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout)) fault {
		return fault{"AttentionGrad", name, func(b backend.Backend) backend.Backend { return attentionGradFault{b, f} }}
	}
	return []fault{
		forward("padding ignored", func(b backend.Backend, ctx, lse, q, k, v, _ backend.Buffer, a backend.Attn, d backend.Dropout) {
			b.Attention(ctx, lse, q, k, v, unpadded(b, a), a, d)
		}),
		forward("no dropout", func(b backend.Backend, ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, _ backend.Dropout) {
			b.Attention(ctx, lse, q, k, v, lengths, a, backend.Dropout{})
		}),
		forward("no log sum exp", func(b backend.Backend, ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
			b.Attention(ctx, b.Alloc("elsewhere", backend.F32, lse.Len()), q, k, v, lengths, a, d)
		}),
		forward("zero lse for no keys", func(b backend.Backend, ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
			b.Attention(ctx, lse, q, k, v, lengths, a, d)
			edit(b, lse, func(x []float32) {
				for i, v := range x {
					if v < -1e30 {
						x[i] = 0
					}
				}
			})
		}),
		forward("heads mixed up", func(b backend.Backend, ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
			a.Heads, a.Head = 1, a.Heads*a.Head
			b.Attention(ctx, lse, q, k, v, lengths, a, d)
		}),
		{"Kept", "no dropout by bits", func(b backend.Backend) backend.Backend {
			return attentionGradFault{b, func(b backend.Backend, dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
				if d.Kept != nil {
					d = backend.Dropout{}
				}
				b.AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths, a, d)
			}}
		}},
		backward("padding ignored", func(b backend.Backend, dq, dk, dv, dctx, q, k, v, ctx, lse, _ backend.Buffer, a backend.Attn, d backend.Dropout) {
			b.AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, unpadded(b, a), a, d)
		}),
		backward("no dropout", func(b backend.Backend, dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, _ backend.Dropout) {
			b.AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths, a, backend.Dropout{})
		}),
		backward("gradients of k and v swapped", func(b backend.Backend, dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
			b.AttentionGrad(dq, dv, dk, dctx, q, k, v, ctx, lse, lengths, a, d)
		}),
		backward("delta left out", func(b backend.Backend, dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
			b.AttentionGrad(dq, dk, dv, dctx, q, k, v, b.Alloc("zero", b.Activation(), ctx.Len()), lse, lengths, a, d)
		}),
	}
}
