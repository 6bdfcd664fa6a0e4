package reference

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// layerNormEps is added to the variance of each row.
const layerNormEps = 1e-12

// keep returns what dropout multiplies element i with: 0 or 1/(1-rate).
func (b *Backend) keep(d backend.Dropout, i int) float64 {
	if d.Rate == 0 || !b.step.Train {
		return 1
	}
	word := philox.At(b.step.Seed, philox.Dropout, uint32(i/4), uint32(b.step.Step),
		uint32(b.step.Micro)<<16|uint32(d.Site))[i%4]
	if philox.Unit32(word) >= d.Rate {
		return 1 / (1 - float64(d.Rate))
	}
	return 0
}

// tables checks the arguments that Embed and EmbedGrad share.
func (a *arguments) tables(z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) (
	zs []float64, id, segment []int32, tw, tp, tt *param, h int) {
	a.size("t", t, 0)
	a.size("seq", seq, 1)
	if tw = a.param("word", word); tw == nil {
		return
	}
	h = tw.spec.In
	tw = a.shaped("word", word, 0, h)
	tp = a.shaped("pos", pos, 0, h)
	tt = a.shaped("typ", typ, 0, h)
	if !a.ok {
		return
	}
	if seq > tp.spec.Out {
		a.failf("seq: found %d, expected at most the %d rows of pos", seq, tp.spec.Out)
	}
	zs = a.act("z", z, t*h)
	id = a.ints("ids", ids, t, 0, tw.spec.Out-1)
	segment = a.ints("segments", segments, t, 0, tt.spec.Out-1)
	return
}

// Embed gives z[t] = word[ids[t]] + pos[t mod seq] + typ[segments[t]].
func (b *Backend) Embed(z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) {
	a := b.begin("Embed")
	zs, id, segment, w, p, s, h := a.tables(z, ids, segments, word, pos, typ, t, seq)
	if !a.ok {
		return
	}
	for token := range t {
		for j := range h {
			zs[token*h+j] = w.val.real[int(id[token])*h+j] + p.val.real[token%seq*h+j] + s.val.real[int(segment[token])*h+j]
		}
	}
}

// EmbedGrad adds each row of dz to the gradients of the rows that made it.
func (b *Backend) EmbedGrad(word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
	a := b.begin("EmbedGrad")
	dzs, id, segment, w, p, s, h := a.tables(dz, ids, segments, word, pos, typ, t, seq)
	if !a.ok {
		return
	}
	for token := range t {
		for j := range h {
			g := dzs[token*h+j]
			w.grad.real[int(id[token])*h+j] += g
			p.grad.real[token%seq*h+j] += g
			s.grad.real[int(segment[token])*h+j] += g
		}
	}
}

// AddNorm gives z = residual + dropout(sub) and y = gamma (z - mean) rstd + beta.
func (b *Backend) AddNorm(y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	a := b.begin("AddNorm")
	a.size("t", t, 0)
	a.dropout(d)
	g := a.param("gamma", gamma)
	if !a.ok {
		return
	}
	h := g.spec.In
	g, shift := a.shaped("gamma", gamma, 1, h), a.shaped("beta", beta, 1, h)
	ys, zs, rs := a.act("y", y, t*h), a.act("z", z, t*h), a.act("residual", residual, t*h)
	means, rstds := a.row("mean", mean, t), a.row("rstd", rstd, t)
	var subs []float64
	if sub != nil {
		subs = a.act("sub", sub, t*h)
	}
	if !a.ok {
		return
	}
	for token := range t {
		sum := 0.0
		for k := token * h; k < (token+1)*h; k++ {
			v := rs[k]
			if sub != nil {
				v += subs[k] * b.keep(d, k)
			}
			zs[k] = v
			sum += v
		}
		mu := sum / float64(h)
		squares := 0.0
		for k := token * h; k < (token+1)*h; k++ {
			squares += (zs[k] - mu) * (zs[k] - mu)
		}
		r := 1 / math.Sqrt(squares/float64(h)+layerNormEps)
		for j := range h {
			k := token*h + j
			ys[k] = g.val.real[j]*(zs[k]-mu)*r + shift.val.real[j]
		}
		means[token], rstds[token] = mu, r
	}
}

// AddNormGrad is the backward of AddNorm. With n = (z - mean) rstd and
// g = gamma dy, a row's gradient is dz = rstd (g - mean(g) - n mean(g n)).
func (b *Backend) AddNormGrad(dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	a := b.begin("AddNormGrad")
	a.size("t", t, 0)
	a.dropout(d)
	scale := a.param("gamma", gamma)
	if !a.ok {
		return
	}
	h := scale.spec.In
	scale, shift := a.shaped("gamma", gamma, 1, h), a.shaped("beta", beta, 1, h)
	drs, dys, zs := a.act("dresidual", dresidual, t*h), a.act("dy", dy, t*h), a.act("z", z, t*h)
	means, rstds := a.row("mean", mean, t), a.row("rstd", rstd, t)
	var dsubs []float64
	if dsub != nil {
		dsubs = a.act("dsub", dsub, t*h)
	}
	if !a.ok {
		return
	}
	for token := range t {
		mu, r := means[token], rstds[token]
		meanG, meanGN := 0.0, 0.0
		for j := range h {
			k := token*h + j
			n := (zs[k] - mu) * r
			g := scale.val.real[j] * dys[k]
			meanG += g / float64(h)
			meanGN += g * n / float64(h)
			scale.grad.real[j] += dys[k] * n
			shift.grad.real[j] += dys[k]
		}
		for j := range h {
			k := token*h + j
			n := (zs[k] - mu) * r
			dz := r * (scale.val.real[j]*dys[k] - meanG - n*meanGN)
			drs[k] = dz
			if dsub != nil {
				dsubs[k] = dz * b.keep(d, k)
			}
		}
	}
}

// DropoutApply gives y = dropout(x).
func (b *Backend) DropoutApply(y, x backend.Buffer, n int, d backend.Dropout) {
	a := b.begin("DropoutApply")
	a.size("n", n, 0)
	a.dropout(d)
	ys, xs := a.act("y", y, n), a.act("x", x, n)
	if !a.ok {
		return
	}
	for i := range n {
		ys[i] = xs[i] * b.keep(d, i)
	}
}

// Tanh gives y = tanh(x).
func (b *Backend) Tanh(y, x backend.Buffer, n int) {
	a := b.begin("Tanh")
	a.size("n", n, 0)
	ys, xs := a.act("y", y, n), a.act("x", x, n)
	if !a.ok {
		return
	}
	for i := range n {
		ys[i] = math.Tanh(xs[i])
	}
}

// TanhGrad gives dx = dy (1 - y^2).
func (b *Backend) TanhGrad(dx, dy, y backend.Buffer, n int) {
	a := b.begin("TanhGrad")
	a.size("n", n, 0)
	dxs, dys, ys := a.act("dx", dx, n), a.act("dy", dy, n), a.act("y", y, n)
	if !a.ok {
		return
	}
	for i := range n {
		dxs[i] = dys[i] * (1 - ys[i]*ys[i])
	}
}

// GELUGrad gives dx = dy gelu'(pre).
func (b *Backend) GELUGrad(dx, dy, pre backend.Buffer, n int) {
	a := b.begin("GELUGrad")
	a.size("n", n, 0)
	dxs, dys, pres := a.act("dx", dx, n), a.act("dy", dy, n), a.act("pre", pre, n)
	if !a.ok {
		return
	}
	for i := range n {
		dxs[i] = dys[i] * geluGrad(pres[i])
	}
}
