package backendtest

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

type (
	embedFault struct {
		backend.Backend
		f func(b backend.Backend, z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int)
	}
	embedGradFault struct {
		backend.Backend
		f func(b backend.Backend, word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int)
	}
	addNormFault struct {
		backend.Backend
		f func(b backend.Backend, y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout)
	}
	addNormGradFault struct {
		backend.Backend
		f func(b backend.Backend, dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout)
	}
	dropoutFault struct {
		backend.Backend
		f func(b backend.Backend, y, x backend.Buffer, n int, d backend.Dropout)
	}
)

func (f embedFault) Embed(z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) {
	f.f(f.Backend, z, ids, segments, word, pos, typ, t, seq)
}

func (f embedGradFault) EmbedGrad(word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
	f.f(f.Backend, word, pos, typ, dz, ids, segments, t, seq)
}

func (f addNormFault) AddNorm(y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	f.f(f.Backend, y, z, mean, rstd, residual, sub, gamma, beta, t, d)
}

func (f addNormGradFault) AddNormGrad(dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	f.f(f.Backend, dresidual, dsub, dy, z, mean, rstd, gamma, beta, t, d)
}

func (f dropoutFault) DropoutApply(y, x backend.Buffer, n int, d backend.Dropout) {
	f.f(f.Backend, y, x, n, d)
}

func layerFaults() []fault {
	embed := func(name string, f func(b backend.Backend, z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int)) fault {
		return fault{"Embed", name, func(b backend.Backend) backend.Backend { return embedFault{b, f} }}
	}
	embedGrad := func(name string, f func(b backend.Backend, word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int)) fault {
		return fault{"EmbedGrad", name, func(b backend.Backend) backend.Backend { return embedGradFault{b, f} }}
	}
	norm := func(name string, f func(b backend.Backend, y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout)) fault {
		return fault{"AddNorm", name, func(b backend.Backend) backend.Backend { return addNormFault{b, f} }}
	}
	normGrad := func(name string, f func(b backend.Backend, dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout)) fault {
		return fault{"AddNormGrad", name, func(b backend.Backend) backend.Backend { return addNormGradFault{b, f} }}
	}
	drop := func(name string, f func(b backend.Backend, y, x backend.Buffer, n int, d backend.Dropout)) fault {
		return fault{"DropoutApply", name, func(b backend.Backend) backend.Backend { return dropoutFault{b, f} }}
	}
	// restat runs AddNorm's arithmetic again with another variance.
	restat := func(name string, variance func(mean, meanSquare float32, centred float64, h int) float64) fault {
		return norm(name, func(b backend.Backend, y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
			b.AddNorm(y, z, mean, rstd, residual, sub, gamma, beta, t, d)
			zs, g, shift, h := floats(b, z), floats(b, gamma.Values()), floats(b, beta.Values()), gamma.Spec().In
			edit(b, y, func(v []float32) {
				for row := range t {
					var m, sq float32
					for _, x := range zs[row*h : (row+1)*h] {
						m += x / float32(h)
						sq += x * x / float32(h)
					}
					c := 0.0
					for _, x := range zs[row*h : (row+1)*h] {
						c += math.Pow(float64(x-m), 2) / float64(h)
					}
					r := float32(1 / math.Sqrt(variance(m, sq, c, h)))
					for j := range h {
						v[row*h+j] = g[j]*(zs[row*h+j]-m)*r + shift[j]
					}
				}
			})
		})
	}
	return []fault{
		embed("positions not repeated", func(b backend.Backend, z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) {
			b.Embed(z, ids, segments, word, pos, typ, t, pos.Spec().Out)
		}),
		embed("no segments", func(b backend.Backend, z, ids, _ backend.Buffer, word, pos, typ backend.Param, t, seq int) {
			b.Embed(z, ids, b.Alloc("none", backend.I32, t), word, pos, typ, t, seq)
		}),
		embedGrad("drops the last token", func(b backend.Backend, word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
			b.EmbedGrad(word, pos, typ, dz, ids, segments, t-1, seq)
		}),
		embedGrad("assigns", func(b backend.Backend, word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
			b.ZeroGrad([]backend.Param{pos})
			b.EmbedGrad(word, pos, typ, dz, ids, segments, t, seq)
		}),
		restat("epsilon of 1e-5", func(_, _ float32, c float64, _ int) float64 { return c + 1e-5 }),
		restat("unbiased variance", func(_, _ float32, c float64, h int) float64 { return c*float64(h)/float64(h-1) + 1e-12 }),
		restat("variance in one pass", func(m, sq float32, _ float64, _ int) float64 {
			return max(0, float64(sq-m*m)) + 1e-12
		}),
		norm("no statistics", func(b backend.Backend, y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
			b.AddNorm(y, z, b.Alloc("elsewhere", backend.F32, t), rstd, residual, sub, gamma, beta, t, d)
		}),
		norm("another dropout site", func(b backend.Backend, y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
			d.Site++
			b.AddNorm(y, z, mean, rstd, residual, sub, gamma, beta, t, d)
		}),
		norm("z not kept", func(b backend.Backend, y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
			b.AddNorm(y, b.Alloc("elsewhere", b.Activation(), z.Len()), mean, rstd, residual, sub, gamma, beta, t, d)
		}),
		{"Kept", "another site by bits", func(b backend.Backend) backend.Backend {
			return addNormGradFault{b, func(b backend.Backend, dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
				if d.Kept != nil {
					d.Site++
				}
				b.AddNormGrad(dresidual, dsub, dy, z, mean, rstd, gamma, beta, t, d)
			}}
		}},
		normGrad("dsub without the mask", func(b backend.Backend, dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
			b.AddNormGrad(dresidual, dsub, dy, z, mean, rstd, gamma, beta, t, backend.Dropout{})
		}),
		normGrad("assigns gamma", func(b backend.Backend, dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
			b.ZeroGrad([]backend.Param{gamma})
			b.AddNormGrad(dresidual, dsub, dy, z, mean, rstd, gamma, beta, t, d)
		}),
		normGrad("mean taken as zero", func(b backend.Backend, dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
			b.AddNormGrad(dresidual, dsub, dy, z, b.Alloc("zero", backend.F32, t), rstd, gamma, beta, t, d)
		}),
		drop("on in evaluation", func(b backend.Backend, y, x backend.Buffer, n int, d backend.Dropout) {
			b.BeginStep(defaultStep())
			b.DropoutApply(y, x, n, d)
		}),
		drop("not scaled", func(b backend.Backend, y, x backend.Buffer, n int, d backend.Dropout) {
			b.DropoutApply(y, x, n, d)
			edit(b, y, func(v []float32) {
				for i := range n {
					v[i] *= 1 - d.Rate
				}
			})
		}),
		drop("micro-batch ignored", func(b backend.Backend, y, x backend.Buffer, n int, d backend.Dropout) {
			s := defaultStep()
			s.Micro = 0
			b.BeginStep(s)
			b.DropoutApply(y, x, n, d)
		}),
	}
}
