package reference

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// DSD gives y = x W^T + b and, with pre, pre = x W^T + b and y = gelu(pre).
func (d *device) DSD(y, pre, x backend.Buffer, w, bias backend.Param, t int) {
	weight := w.(*param)
	outs, ins := weight.spec.Out, weight.spec.In
	ys, pres, xs, vec := reals(y), reals(pre), reals(x), values(bias)
	for token := range t {
		for o := range outs {
			ys[token*outs+o] = 0
			if vec != nil {
				ys[token*outs+o] = vec[o]
			}
		}
	}
	for r := range weight.tiles() {
		for token := range t {
			y, x := ys[token*outs+r.row:], xs[token*ins+r.col:]
			for o := range r.rows {
				for i, v := range r.of(weight.val.real, o) {
					y[o] += x[i] * v
				}
			}
		}
	}
	if pre != nil {
		for k := range t * outs {
			pres[k] = ys[k]
			ys[k] = gelu(pres[k])
		}
	}
}

// DDS gives r = dy W and assigns, adds or multiplies it as mode says.
func (d *device) DDS(dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
	weight := w.(*param)
	outs, ins := weight.spec.Out, weight.spec.In
	dxs, dys, pres := reals(dx), reals(dy), reals(pre)
	result := make([]float64, t*ins)
	for r := range weight.tiles() {
		for token := range t {
			dx, dy := result[token*ins+r.col:], dys[token*outs+r.row:]
			for o := range r.rows {
				for i, v := range r.of(weight.val.real, o) {
					dx[i] += dy[o] * v
				}
			}
		}
	}
	for k, v := range result {
		switch mode {
		case backend.Assign:
			dxs[k] = v
		case backend.Accumulate:
			dxs[k] += v
		case backend.TimesGELU:
			dxs[k] = v * geluGrad(pres[k])
		}
	}
}

// SDD gives w.Grad += dy^T x on the stored blocks and b.Grad += column sums of dy.
func (d *device) SDD(w, bias backend.Param, dy, x backend.Buffer, t int) {
	weight := w.(*param)
	outs, ins := weight.spec.Out, weight.spec.In
	dys, xs, vec := reals(dy), reals(x), gradient(bias)
	for r := range weight.tiles() {
		for token := range t {
			dy, x := dys[token*outs+r.row:], xs[token*ins+r.col:]
			for o := range r.rows {
				grad := r.of(weight.grad.real, o)
				for i := range grad {
					grad[i] += dy[o] * x[i]
				}
			}
		}
	}
	if vec != nil {
		for token := range t {
			for o := range outs {
				vec[o] += dys[token*outs+o]
			}
		}
	}
}

// gelu is a/2 (1 + erf(a/sqrt 2)).
func gelu(a float64) float64 { return a / 2 * (1 + math.Erf(a/math.Sqrt2)) }

// geluGrad is its derivative, the normal distribution function of a plus a
// times the normal density.
func geluGrad(a float64) float64 {
	return 0.5*(1+math.Erf(a/math.Sqrt2)) + a*math.Exp(-a*a/2)/math.Sqrt(2*math.Pi)
}
