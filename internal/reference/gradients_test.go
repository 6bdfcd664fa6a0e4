package reference_test

import (
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// The gradient of each differentiable operation is compared with central
// differences of L = sum of c * output, for random c: (L(x+h) - L(x-h)) / 2h
// with h = 1e-5 is off by about h^2 = 1e-10 of the third derivative, and by
// 1e-16/h = 1e-11 from rounding.
const (
	differenceStep = 1e-5
	differenceTol  = 1e-6 // relative to the largest element of the gradient
)

// slopes compares grad with the differences of loss in every element of x.
func (b *bench) slopes(name string, x backend.Buffer, grad []float64, loss func() float64) {
	b.t.Helper()
	start, scale := b.read(x), 0.0
	for _, g := range grad {
		scale = max(scale, math.Abs(g))
	}
	if scale == 0 {
		b.t.Fatalf("%s: the gradient is all zero, so nothing is tested", name)
	}
	for i, v := range start {
		b.WriteDoubles(x, i, []float64{v + differenceStep})
		up := loss()
		b.WriteDoubles(x, i, []float64{v - differenceStep})
		down := loss()
		b.WriteDoubles(x, i, []float64{v})
		slope := (up - down) / (2 * differenceStep)
		if !(math.Abs(slope-grad[i]) <= differenceTol*scale) {
			b.t.Errorf("%s[%d]: found the gradient %v, expected %v by differences", name, i, grad[i], slope)
			return
		}
	}
}

// weigh returns L for one output.
func (b *bench) weigh(output, c backend.Buffer) float64 {
	b.t.Helper()
	sum := 0.0
	weights := b.read(c)
	for i, v := range b.read(output)[:len(weights)] {
		sum += weights[i] * v
	}
	return sum
}

func TestProductGradients(t *testing.T) {
	for _, block := range []int{0, 1, 4, 8} {
		const tokens, outs, ins = 3, 8, 16
		b := newBench(t)
		w, bias := b.param(outs, ins, block, 2), b.param(1, outs, 0, 0)
		x, y, pre, c := b.fresh(tokens*ins), b.fresh(tokens*outs), b.fresh(tokens*outs), b.fresh(tokens*outs)
		loss := func() float64 {
			b.DSD(y, pre, x, w, bias, tokens)
			return b.weigh(y, c)
		}
		loss()
		dpre, dx := b.fresh(tokens*outs), b.fresh(tokens*ins)
		b.GELUGrad(dpre, c, pre, tokens*outs)
		b.DDS(dx, dpre, w, tokens, backend.Assign, nil)
		b.ZeroGrad([]backend.Param{w, bias})
		b.SDD(w, bias, dpre, x, tokens)
		b.slopes("x", x, b.read(dx), loss)
		b.slopes("w", w.Values(), b.read(w.Grad()), loss)
		b.slopes("bias", bias.Values(), b.read(bias.Grad()), loss)
	}
}

// The slope of GELU inside DDS: x -> gelu(x) -> W.
func TestGELUBeforeProductGradient(t *testing.T) {
	const tokens, outs, ins = 4, 8, 8
	b := newBench(t)
	up, w := b.param(ins, ins, 0, 0), b.param(outs, ins, 4, 3)
	x, pre, a, y, c := b.fresh(tokens*ins), b.fresh(tokens*ins), b.fresh(tokens*ins), b.fresh(tokens*outs), b.fresh(tokens*outs)
	loss := func() float64 {
		b.DSD(a, pre, x, up, nil, tokens)
		b.DSD(y, nil, a, w, nil, tokens)
		return b.weigh(y, c)
	}
	loss()
	dpre, dx := b.fresh(tokens*ins), b.fresh(tokens*ins)
	b.DDS(dpre, c, w, tokens, backend.TimesGELU, pre)
	b.DDS(dx, dpre, up, tokens, backend.Assign, nil)
	b.slopes("x", x, b.read(dx), loss)
}

func TestEmbedGradient(t *testing.T) {
	const tokens, seq, h = 7, 3, 5
	b := newBench(t)
	word, pos, typ := b.param(6, h, 0, 0), b.param(4, h, 0, 0), b.param(2, h, 0, 0)
	ids, segments := b.ints(0, 5, 5, 2, 0, 0, 3), b.ints(0, 0, 1, 0, 1, 1, 0)
	z, c := b.fresh(tokens*h), b.fresh(tokens*h)
	loss := func() float64 {
		b.Embed(z, ids, segments, word, pos, typ, tokens, seq)
		return b.weigh(z, c)
	}
	b.ZeroGrad([]backend.Param{word, pos, typ})
	b.EmbedGrad(word, pos, typ, c, ids, segments, tokens, seq)
	for _, p := range []backend.Param{word, pos, typ} {
		b.slopes(p.Spec().Name, p.Values(), b.read(p.Grad()), loss)
	}
}

func TestAddNormGradient(t *testing.T) {
	for _, rate := range []float32{0, 0.3} {
		const tokens, h = 4, 6
		b := newBench(t)
		gamma, beta := b.param(1, h, 0, 0), b.param(1, h, 0, 0)
		residual, sub, y, z := b.fresh(tokens*h), b.fresh(tokens*h), b.fresh(tokens*h), b.fresh(tokens*h)
		mean, rstd, c := b.rows(tokens), b.rows(tokens), b.fresh(tokens*h)
		d := backend.Dropout{Rate: rate, Site: 2}
		loss := func() float64 {
			b.AddNorm(y, z, mean, rstd, residual, sub, gamma, beta, tokens, d)
			return b.weigh(y, c)
		}
		loss()
		dres, dsub := b.fresh(tokens*h), b.fresh(tokens*h)
		b.ZeroGrad([]backend.Param{gamma, beta})
		b.AddNormGrad(dres, dsub, c, z, mean, rstd, gamma, beta, tokens, d)
		b.slopes("residual", residual, b.read(dres), loss)
		b.slopes("sub", sub, b.read(dsub), loss)
		b.slopes("gamma", gamma.Values(), b.read(gamma.Grad()), loss)
		b.slopes("beta", beta.Values(), b.read(beta.Grad()), loss)
	}
}

func TestAttentionGradient(t *testing.T) {
	for _, rate := range []float32{0, 0.3} {
		s := backend.Attn{Batch: 3, Seq: 4, Heads: 2, Head: 3}
		n := s.Batch * s.Seq * s.Heads * s.Head
		b := newBench(t)
		lengths := b.ints(4, 0, 3)
		q, k, v, ctx, c := b.fresh(n), b.fresh(n), b.fresh(n), b.fresh(n), b.fresh(n)
		lse := b.rows(s.Batch * s.Heads * s.Seq)
		d := backend.Dropout{Rate: rate, Site: 4}
		loss := func() float64 {
			b.Attention(ctx, lse, q, k, v, lengths, s, d)
			return b.weigh(ctx, c)
		}
		loss()
		dq, dk, dv := b.fresh(n), b.fresh(n), b.fresh(n)
		b.AttentionGrad(dq, dk, dv, c, q, k, v, ctx, lse, lengths, s, d)
		b.slopes("q", q, b.read(dq), loss)
		b.slopes("k", k, b.read(dk), loss)
		b.slopes("v", v, b.read(dv), loss)
	}
}

func TestElementGradients(t *testing.T) {
	const n = 9
	b := newBench(t)
	x, y, c, dx := b.fresh(n), b.fresh(n), b.fresh(n), b.fresh(n)
	tanh := func() float64 {
		b.Tanh(y, x, n)
		return b.weigh(y, c)
	}
	tanh()
	b.TanhGrad(dx, c, y, n)
	b.slopes("tanh", x, b.read(dx), tanh)

	d := backend.Dropout{Rate: 0.4, Site: 1}
	drop := func() float64 {
		b.DropoutApply(y, x, n, d)
		return b.weigh(y, c)
	}
	b.DropoutApply(dx, c, n, d)
	b.slopes("dropout", x, b.read(dx), drop)
}

func TestRowMovesGradients(t *testing.T) {
	const rows, n, h = 4, 5, 3
	b := newBench(t)
	index := b.ints(2, -1, 0, 2, 3)
	src, dst, c := b.fresh(rows*h), b.fresh(n*h), b.fresh(n*h)
	gather := func() float64 {
		b.Gather(dst, src, index, n, h)
		return b.weigh(dst, c)
	}
	dsrc := b.Alloc("dsrc", backend.F64, rows*h)
	b.ScatterAdd(dsrc, c, index, n, h)
	b.slopes("gather", src, b.read(dsrc), gather)
}

func TestCrossEntropyGradient(t *testing.T) {
	for loss, scale := range map[backend.Loss]float64{backend.MLM: 0.5, backend.NSP: 0.25} {
		const rows, classes = 4, 5
		b := newBench(t)
		logits, stats := b.fresh(rows*classes), b.rows(3)
		labels := b.ints(4, -1, 0, 2)
		f := func() float64 {
			b.Zero(stats, 3)
			b.CrossEntropy(stats, logits, labels, rows, classes, loss, false)
			return scale * b.read(stats)[0]
		}
		grad := b.fresh(rows * classes)
		b.WriteDoubles(grad, 0, b.read(logits))
		b.CrossEntropy(stats, grad, labels, rows, classes, loss, true)
		b.slopes("logits", logits, b.read(grad), f)
	}
}
