package backendtest

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// normCase is the size of a LayerNorm, the offset of its inputs' mean, and
// which buffers coincide.
type normCase struct {
	tokens, h int
	offset    float32
	alias     string // forward: "", "residual" or "sub" is z; backward: "dy" is dresidual
	noSub     bool
	drop      dropCase
}

func (c normCase) String() string {
	return fmt.Sprintf("T=%d/H=%d/offset=%v/alias=%q/sub=%v/%v", c.tokens, c.h, c.offset, c.alias, !c.noSub, c.drop)
}

func normCases(aliases ...string) []normCase {
	var list []normCase
	drops := dropCases()
	for _, h := range []int{3, 8, 33, 40, 128, 770} {
		for k, tokens := range []int{1, 3, 7, 33, 130} {
			c := normCase{tokens: tokens, h: h, drop: drops[k%len(drops)]}
			for j, alias := range aliases {
				c.alias, c.noSub, c.offset = alias, alias != "sub" && (j+k)%3 == 0, 0
				if (j+k)%4 == 1 {
					c.offset = 100 // a variance taken as E[z^2]-E[z]^2 would be far off
				}
				list = append(list, c)
			}
		}
	}
	return list
}

// rows draws [tokens, h] numbers around the offset, in turn 1 to 2 above and
// below it, so that the variance of no short row is lost in the rounding of its
// elements. The first of several rows is zero: its variance is the epsilon alone.
func (c normCase) rows(d *draws, offset float32) []float32 {
	x := d.uniform(c.tokens*c.h, 0.5)
	for i := range x {
		if d.bf16 {
			offset = min(offset, 5)
		}
		x[i] += offset + 1.5 - 3*float32(i%c.h%2)
		if c.tokens > 1 && i < c.h {
			x[i] = 0
		}
	}
	return d.rounded(x)
}

func addNormChecks() []check {
	var list []check
	for _, c := range normCases("", "residual", "sub") {
		list = append(list, check{name: c.String(), prepare: func(d *draws) (script, bounds) {
			n := c.tokens * c.h
			residual, sub := c.rows(d, c.offset), d.reals(c.tokens*c.h, 0.5)
			if c.tokens > 1 {
				clear(sub[:c.h])
			}
			gamma, beta := d.dense("gamma", 1, c.h, 1), d.dense("beta", 1, c.h, 1)
			run := func(r *harness) {
				r.b.BeginStep(c.drop.step())
				g, b := r.param(gamma), r.param(beta)
				y, mean, rstd := r.output("y", n), r.rowOutput("mean", c.tokens), r.rowOutput("rstd", c.tokens)
				var z, res, s backend.Buffer
				if c.alias == "residual" {
					z = r.inout("z", residual)
					res = z
				} else {
					res = r.input("residual", residual)
				}
				switch {
				case c.noSub:
				case c.alias == "sub":
					z = r.inout("z", sub)
					s = z
				default:
					s = r.input("sub", sub)
				}
				if c.alias == "" {
					z = r.output("z", n)
				}
				r.b.AddNorm(y, z, mean, rstd, res, s, g, b, c.tokens, c.drop.Dropout)
			}
			return run, func(ref *harness) { boundAddNorm(ref, d.column, c, residual, gamma.values, beta.values) }
		}})
	}
	return list
}

// boundAddNorm carries the errors of z through mean, variance and scaling.
func boundAddNorm(ref *harness, col column, c normCase, residual, gamma, beta []float32) {
	z, y, mean, rstd := ref.value("z"), ref.value("y"), ref.value("mean"), ref.value("rstd")
	h := float64(c.h)
	ez, ey := make([]float64, len(z)), make([]float64, len(z))
	emean, erstd := make([]float64, c.tokens), make([]float64, c.tokens)
	for t := range c.tokens {
		row := z[t*c.h : (t+1)*c.h]
		sumError, sumAbs := 0.0, 0.0
		for j, v := range row {
			r := float64(residual[t*c.h+j])
			if !c.noSub {
				ez[t*c.h+j] = col.limit("add dropout", 0, math.Abs(r)+math.Abs(v-r))
			}
			ez[t*c.h+j] += col.stored(v)
			sumError += ez[t*c.h+j]
			sumAbs += math.Abs(v)
		}
		em := sumError/h + col.limit("mean", c.h, sumAbs/h)
		// ec bounds the error of a centred element, ev that of the variance.
		ec := make([]float64, c.h)
		variance, ev := 0.0, 0.0
		for j, v := range row {
			centred := math.Abs(v - mean[t])
			ec[j] = ez[t*c.h+j] + em + float32Unit*centred
			variance += centred * centred / h
			ev += (2*centred*ec[j] + ec[j]*ec[j]) / h
		}
		ev += col.limit("mean", c.h, variance)
		total := variance + 1e-12
		// The relative error of total^-1/2; infinite, which no check accepts, when
		// the variance is lost altogether.
		er := math.Inf(1)
		if ev < total {
			er = 1/math.Sqrt(1-ev/total) - 1 + col.limit("rsqrt", 0, 1)
		}
		for j, v := range row {
			k := t*c.h + j
			g := math.Abs(float64(gamma[j]))
			normal := math.Abs(v-mean[t]) * rstd[t]
			ey[k] = g*(ec[j]*rstd[t]*(1+er)+normal*er) +
				col.limit("affine", 0, g*normal+math.Abs(float64(beta[j]))) + col.stored(y[k])
		}
		emean[t] = em + float32Unit*math.Abs(mean[t])
		erstd[t] = rstd[t] * (er + float32Unit)
	}
	ref.allow("z", func(i int) float64 { return ez[i] })
	ref.allow("y", func(i int) float64 { return ey[i] })
	ref.allow("mean", func(i int) float64 { return emean[i] })
	ref.allow("rstd", func(i int) float64 { return erstd[i] })
}

func addNormGradChecks() []check {
	var list []check
	for _, c := range normCases("", "dy") {
		list = append(list, check{name: c.String(), prepare: func(d *draws) (script, bounds) {
			n := c.tokens * c.h
			dy, z := d.reals(n, 1), c.rows(d, c.offset)
			mean, rstd := rowStatistics(z, c.h)
			gamma, beta := d.dense("gamma", 1, c.h, 1), d.dense("beta", 1, c.h, 1)
			run := func(r *harness) {
				r.b.BeginStep(c.drop.step())
				g, b := r.param(gamma, "grad"), r.param(beta, "grad")
				var dres, dsub, dys backend.Buffer
				if c.alias == "dy" {
					dres = r.inout("dresidual", dy)
					dys = dres
				} else {
					dres, dys = r.output("dresidual", n), r.input("dy", dy)
				}
				if !c.noSub {
					dsub = r.output("dsub", n)
				}
				r.b.AddNormGrad(dres, dsub, dys, r.input("z", z), r.rowInput("mean", mean), r.rowInput("rstd", rstd), g, b, c.tokens, c.drop.Dropout)
			}
			return run, func(ref *harness) { boundAddNormGrad(ref, d.column, c, dy, z, mean, rstd, gamma, beta) }
		}})
	}
	return list
}

// rowStatistics returns mean and rstd of each row, rounded to float32.
func rowStatistics(z []float32, h int) (mean, rstd []float32) {
	for t := 0; t < len(z); t += h {
		mu, squares := 0.0, 0.0
		for _, v := range z[t : t+h] {
			mu += float64(v) / float64(h)
		}
		for _, v := range z[t : t+h] {
			squares += (float64(v) - mu) * (float64(v) - mu) / float64(h)
		}
		mean = append(mean, float32(mu))
		rstd = append(rstd, float32(1/math.Sqrt(squares+1e-12)))
	}
	return mean, rstd
}

// boundAddNormGrad carries the errors of n = (z - mean) rstd through the two row
// means into dz, and sums them over tokens for gamma.
func boundAddNormGrad(ref *harness, col column, c normCase, dy, z, mean, rstd []float32, gamma, beta paramData) {
	dres, h := ref.value("dresidual"), float64(c.h)
	edz := make([]float64, len(z))
	sizeGamma, errGamma, sizeBeta := make([]float64, c.h), make([]float64, c.h), make([]float64, c.h)
	for t := range c.tokens {
		mu, r := float64(mean[t]), float64(rstd[t])
		n, en, g := make([]float64, c.h), make([]float64, c.h), make([]float64, c.h)
		var s1, s2, abs1, abs2, carried float64
		for j := range c.h {
			v, up := float64(z[t*c.h+j]), float64(dy[t*c.h+j])
			n[j] = (v - mu) * r
			en[j] = col.limit("normal", 0, r*math.Abs(v-mu))
			g[j] = up * float64(gamma.values[j])
			s1 += g[j] / h
			s2 += g[j] * n[j] / h
			abs1 += math.Abs(g[j]) / h
			abs2 += math.Abs(g[j]*n[j]) / h
			carried += math.Abs(g[j]) * en[j] / h
			sizeGamma[j] += math.Abs(up * n[j])
			errGamma[j] += math.Abs(up) * en[j]
			sizeBeta[j] += math.Abs(up)
		}
		es1, es2 := col.limit("mean", c.h, abs1), carried+col.limit("mean", c.h, abs2)
		for j := range c.h {
			k := t*c.h + j
			edz[k] = r * (es1 + math.Abs(n[j])*es2 + en[j]*math.Abs(s2) +
				col.limit("row gradient", 0, math.Abs(g[j])+math.Abs(s1)+math.Abs(n[j]*s2)))
		}
	}
	ref.allow("dresidual", func(i int) float64 { return edz[i] + col.stored(dres[i]) })
	if !c.noSub {
		dsub := ref.value("dsub")
		ref.allow("dsub", func(i int) float64 {
			keep := c.drop.keep(i)
			return keep*(edz[i]+col.stored(dres[i])) + col.limit("dropout", 0, dsub[i]) + col.stored(dsub[i])
		})
	}
	ref.allow("gamma.grad", func(j int) float64 {
		return col.limit("product", c.tokens+1, sizeGamma[j]+math.Abs(float64(gamma.grad[j]))) + errGamma[j]
	})
	ref.allow("beta.grad", func(j int) float64 {
		return col.limit("product", c.tokens+1, sizeBeta[j]+math.Abs(float64(beta.grad[j])))
	})
}
