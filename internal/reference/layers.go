package reference

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// layerNormEps is added to the variance of each row.
const layerNormEps = 1e-12

// keep returns what dropout multiplies element i with: 0 or 1/(1-rate).
func (d *device) keep(drop backend.Dropout, i int) float64 {
	if drop.Rate == 0 || !d.step.Train {
		return 1
	}
	word := philox.At(d.step.Seed, philox.Dropout, uint32(i/4), uint32(d.step.Step),
		uint32(d.step.Micro)<<16|uint32(drop.Site))[i%4]
	if philox.Unit32(word) >= drop.Rate {
		return 1 / (1 - float64(drop.Rate))
	}
	return 0
}

// rowsOf returns the rows of the word and the segment table that the tokens name.
func (d *device) rowsOf(op string, ids, segments backend.Buffer, word, typ backend.Param, t int) (id, segment []int32, ok bool) {
	if id, ok = d.integers(op, "ids", ids, t, 0, word.Spec().Out-1); ok {
		segment, ok = d.integers(op, "segments", segments, t, 0, typ.Spec().Out-1)
	}
	return id, segment, ok
}

// Embed gives z[t] = word[ids[t]] + pos[t mod seq] + typ[segments[t]].
func (d *device) Embed(z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) {
	id, segment, ok := d.rowsOf("Embed", ids, segments, word, typ, t)
	if !ok {
		return
	}
	zs, w, p, s, h := reals(z), values(word), values(pos), values(typ), word.Spec().In
	for token := range t {
		for j := range h {
			zs[token*h+j] = w[int(id[token])*h+j] + p[token%seq*h+j] + s[int(segment[token])*h+j]
		}
	}
}

// EmbedGrad adds each row of dz to the gradients of the rows that made it.
func (d *device) EmbedGrad(word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
	id, segment, ok := d.rowsOf("EmbedGrad", ids, segments, word, typ, t)
	if !ok {
		return
	}
	dzs, w, p, s, h := reals(dz), gradient(word), gradient(pos), gradient(typ), word.Spec().In
	for token := range t {
		for j := range h {
			g := dzs[token*h+j]
			w[int(id[token])*h+j] += g
			p[token%seq*h+j] += g
			s[int(segment[token])*h+j] += g
		}
	}
}

// AddNorm gives z = residual + dropout(sub) and y = gamma (z - mean) rstd + beta.
func (d *device) AddNorm(y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, drop backend.Dropout) {
	h, g, shift := gamma.Spec().In, values(gamma), values(beta)
	ys, zs, rs, subs := reals(y), reals(z), reals(residual), reals(sub)
	means, rstds := reals(mean), reals(rstd)
	for token := range t {
		sum := 0.0
		for k := token * h; k < (token+1)*h; k++ {
			v := rs[k]
			if sub != nil {
				v += subs[k] * d.keep(drop, k)
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
			ys[k] = g[j]*(zs[k]-mu)*r + shift[j]
		}
		means[token], rstds[token] = mu, r
	}
}

// AddNormGrad is the backward of AddNorm. With n = (z - mean) rstd and
// g = gamma dy, a row's gradient is dz = rstd (g - mean(g) - n mean(g n)).
func (d *device) AddNormGrad(dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, drop backend.Dropout) {
	h, scale, dscale, dshift := gamma.Spec().In, values(gamma), gradient(gamma), gradient(beta)
	drs, dsubs, dys, zs := reals(dresidual), reals(dsub), reals(dy), reals(z)
	means, rstds := reals(mean), reals(rstd)
	for token := range t {
		mu, r := means[token], rstds[token]
		meanG, meanGN := 0.0, 0.0
		for j := range h {
			k := token*h + j
			n := (zs[k] - mu) * r
			g := scale[j] * dys[k]
			meanG += g / float64(h)
			meanGN += g * n / float64(h)
			dscale[j] += dys[k] * n
			dshift[j] += dys[k]
		}
		for j := range h {
			k := token*h + j
			n := (zs[k] - mu) * r
			dz := r * (scale[j]*dys[k] - meanG - n*meanGN)
			drs[k] = dz
			if dsub != nil {
				dsubs[k] = dz * d.keep(drop, k)
			}
		}
	}
}

// DropoutApply gives y = dropout(x).
func (d *device) DropoutApply(y, x backend.Buffer, n int, drop backend.Dropout) {
	ys, xs := reals(y), reals(x)
	for i := range n {
		ys[i] = xs[i] * d.keep(drop, i)
	}
}

// Tanh gives y = tanh(x).
func (d *device) Tanh(y, x backend.Buffer, n int) {
	ys, xs := reals(y), reals(x)
	for i := range n {
		ys[i] = math.Tanh(xs[i])
	}
}

// TanhGrad gives dx = dy (1 - y^2).
func (d *device) TanhGrad(dx, dy, y backend.Buffer, n int) {
	dxs, dys, ys := reals(dx), reals(dy), reals(y)
	for i := range n {
		dxs[i] = dys[i] * (1 - ys[i]*ys[i])
	}
}

// GELUGrad gives dx = dy gelu'(pre).
func (d *device) GELUGrad(dx, dy, pre backend.Buffer, n int) {
	dxs, dys, pres := reals(dx), reals(dy), reals(pre)
	for i := range n {
		dxs[i] = dys[i] * geluGrad(pres[i])
	}
}
