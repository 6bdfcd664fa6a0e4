package reference

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// groupLassoEps keeps the Group Lasso of a block of zeros finite (paper,
// appendix on regularization).
const groupLassoEps = 1e-6

// paramsOf returns the parameters behind a list.
func paramsOf(list []backend.Param) []*param {
	out := make([]*param, len(list))
	for i, p := range list {
		out[i] = p.(*param)
	}
	return out
}

// ZeroGrad sets the gradients to zero.
func (d *device) ZeroGrad(params []backend.Param) {
	for _, p := range params {
		clear(gradient(p))
	}
}

// GradNorm gives norm[0] = sqrt of the sum of all squared gradients.
func (d *device) GradNorm(norm backend.Buffer, params []backend.Param) {
	sum := 0.0
	for _, p := range paramsOf(params) {
		for k, g := range p.grad.real {
			if !p.trains(k) {
				p.grad.real[k] = 0
				continue
			}
			sum += g * g
		}
	}
	reals(norm)[0] = math.Sqrt(sum)
}

// AdamW does one optimizer step; the formulas are in backend.Optimizer.
func (d *device) AdamW(params []backend.Param, norm backend.Buffer, c backend.AdamConfig) {
	list, total := paramsOf(params), reals(norm)[0]
	if math.IsNaN(total) || math.IsInf(total, 0) {
		return
	}
	for _, p := range list {
		if p.topo == nil {
			continue
		}
		for slot, born := range p.topo.Born {
			if int64(born) > d.step.Step {
				d.fail("AdamW", "%s: slot %d: found a block born after step %d, expected at most %d", p.spec.Name, slot, born, d.step.Step)
				return
			}
		}
	}
	clip := 1.0
	if c.MaxGradNorm > 0 {
		clip = min(1, float64(c.MaxGradNorm)/total)
	}
	for _, p := range list {
		slot := 0
		for r := range p.tiles() {
			if p.topo != nil && (r.at < p.first || r.at >= p.end) {
				slot++
				continue
			}
			age := d.step.Step + 1
			if p.topo != nil && !c.GlobalClock {
				age -= int64(p.topo.Born[slot])
			}
			d.adam(p, r.at, r.at+r.rows*r.cols, float64(age), clip, c)
			if p.topo != nil && c.GroupLasso != 0 {
				d.groupLasso(p.val.real[r.at:r.at+r.rows*r.cols], p.topo.Block, c)
			}
			slot++
		}
	}
}

// adam updates elements from to to of one tensor, all of the same age.
func (d *device) adam(p *param, from, to int, age, clip float64, c backend.AdamConfig) {
	beta1, beta2 := float64(c.Beta1), float64(c.Beta2)
	unbias1, unbias2 := 1-math.Pow(beta1, age), 1-math.Pow(beta2, age)
	decay := 0.0
	if p.spec.Decay {
		decay = float64(c.WeightDecay)
	}
	lr := d.rate(p.topo != nil, c)
	for k := from; k < to; k++ {
		at, own := p.moment(k)
		if !own || !p.trains(k) {
			continue
		}
		g, m, v := p.grad.real[k]*clip, &p.m.real[at], &p.v.real[at]
		*m = beta1**m + (1-beta1)*g
		*v = beta2**v + (1-beta2)*g*g
		step := *m / unbias1 / (math.Sqrt(*v/unbias2) + float64(c.Eps))
		p.val.real[k] -= lr * (step + decay*p.val.real[k])
	}
}

// rate is the learning rate of a tensor.
func (d *device) rate(sparse bool, c backend.AdamConfig) float64 {
	lr := float64(d.step.LR)
	if sparse && c.SparseRate != 0 {
		lr *= float64(c.SparseRate)
	}
	return lr
}

// groupLasso shrinks one block of size x size weights towards zero.
func (d *device) groupLasso(w []float64, size int, c backend.AdamConfig) {
	squares := 0.0
	for _, v := range w {
		squares += v * v
	}
	shrink := d.rate(true, c) * float64(c.GroupLasso) * float64(size) * float64(c.GroupLassoStd) / math.Sqrt(squares+groupLassoEps)
	for k := range w {
		w[k] -= shrink * w[k]
	}
}
