package backendtest

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
)

// bf16 is the reference backend with activations in bfloat16: it computes in
// float64 and rounds what it stores. It shows that the bfloat16 column of the
// tolerances accepts a backend that makes no other error.
type bf16 struct {
	*reference.Backend
	saved *int64 // bytes that its buffers are smaller than the reference's
}

// half is a bfloat16 buffer, kept in a float64 one.
type half struct{ inner backend.Buffer }

func (x half) Name() string          { return x.inner.Name() }
func (half) DType() backend.DType    { return backend.BF16 }
func (x half) Len() int              { return x.inner.Len() }
func (x half) Owner() backend.Device { return x.inner.Owner() }

func openBF16() backend.Backend { return bf16{reference.New(), new(int64)} }

func (b bf16) Activation() backend.DType { return backend.BF16 }
func (b bf16) MemoryBytes() int64        { return b.Backend.MemoryBytes() - *b.saved }

func (b bf16) Alloc(name string, dt backend.DType, n int) backend.Buffer {
	if dt != backend.BF16 {
		return b.Backend.Alloc(name, dt, n)
	}
	x := half{b.Backend.Alloc(name, backend.F64, n)}
	*b.saved += int64(x.Len()) * 6
	return x
}

func in(x backend.Buffer) backend.Buffer {
	if h, ok := x.(half); ok {
		return h.inner
	}
	return x
}

// round rounds the elements of the bfloat16 buffers among x.
func (b bf16) round(x ...backend.Buffer) {
	for _, x := range x {
		if h, ok := x.(half); ok && b.Sync() == nil {
			edit(b.Backend, h.inner, func(v []float32) {
				for i := range v {
					v[i] = roundBF16(v[i])
				}
			})
		}
	}
}

func (b bf16) WriteFloats(dst backend.Buffer, off int, src []float32) {
	b.Backend.WriteFloats(in(dst), off, src)
	b.round(dst)
}

func (b bf16) ReadFloats(dst []float32, src backend.Buffer, off int) error {
	return b.Backend.ReadFloats(dst, in(src), off)
}

func (b bf16) DSD(y, pre, x backend.Buffer, w, bias backend.Param, t int) {
	b.Backend.DSD(in(y), in(pre), in(x), w, bias, t)
	b.round(y, pre)
}

func (b bf16) DDS(dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
	b.Backend.DDS(in(dx), in(dy), w, t, mode, in(pre))
	b.round(dx)
}

func (b bf16) SDD(w, bias backend.Param, dy, x backend.Buffer, t int) {
	b.Backend.SDD(w, bias, in(dy), in(x), t)
}

func (b bf16) Embed(z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) {
	b.Backend.Embed(in(z), in(ids), in(segments), word, pos, typ, t, seq)
	b.round(z)
}

func (b bf16) EmbedGrad(word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
	b.Backend.EmbedGrad(word, pos, typ, in(dz), in(ids), in(segments), t, seq)
}

func (b bf16) AddNorm(y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	b.Backend.AddNorm(in(y), in(z), in(mean), in(rstd), in(residual), in(sub), gamma, beta, t, d)
	b.round(y, z)
}

func (b bf16) AddNormGrad(dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	b.Backend.AddNormGrad(in(dresidual), in(dsub), in(dy), in(z), in(mean), in(rstd), gamma, beta, t, d)
	b.round(dresidual, dsub)
}

func (b bf16) DropoutApply(y, x backend.Buffer, n int, d backend.Dropout) {
	b.Backend.DropoutApply(in(y), in(x), n, d)
	b.round(y)
}

func (b bf16) Attention(ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	b.Backend.Attention(in(ctx), in(lse), in(q), in(k), in(v), in(lengths), a, d)
	b.round(ctx)
}

func (b bf16) AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	b.Backend.AttentionGrad(in(dq), in(dk), in(dv), in(dctx), in(q), in(k), in(v), in(ctx), in(lse), in(lengths), a, d)
	b.round(dq, dk, dv)
}

func (b bf16) Gather(dst, src, index backend.Buffer, n, h int) {
	b.Backend.Gather(in(dst), in(src), in(index), n, h)
}

func (b bf16) ScatterAdd(dst, src, index backend.Buffer, n, h int) {
	b.Backend.ScatterAdd(in(dst), in(src), in(index), n, h)
	b.round(dst)
}

func (b bf16) Zero(x backend.Buffer, n int) { b.Backend.Zero(in(x), n) }

func (b bf16) Tanh(y, x backend.Buffer, n int) {
	b.Backend.Tanh(in(y), in(x), n)
	b.round(y)
}

func (b bf16) TanhGrad(dx, dy, y backend.Buffer, n int) {
	b.Backend.TanhGrad(in(dx), in(dy), in(y), n)
	b.round(dx)
}

func (b bf16) GELUGrad(dx, dy, pre backend.Buffer, n int) {
	b.Backend.GELUGrad(in(dx), in(dy), in(pre), n)
	b.round(dx)
}

func (b bf16) CrossEntropy(stats, logits, labels backend.Buffer, rows, c int, loss backend.Loss, grad bool) {
	b.Backend.CrossEntropy(in(stats), in(logits), in(labels), rows, c, loss, grad)
	b.round(logits)
}

func (b bf16) BlockGradL1(w backend.Param, dy, x backend.Buffer, t int) {
	b.Backend.BlockGradL1(w, in(dy), in(x), t)
}

func TestBFloat16Reference(t *testing.T) {
	Run(t, func(*testing.T) backend.Backend { return openBF16() }, Options{})
}
