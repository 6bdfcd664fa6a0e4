package reference

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// groupLassoEps keeps the Group Lasso of a block of zeros finite (paper,
// appendix on regularization).
const groupLassoEps = 1e-6

// ZeroGrad sets the gradients to zero.
func (b *Backend) ZeroGrad(params []backend.Param) {
	a := b.begin("ZeroGrad")
	list := a.params(params)
	if !a.ok {
		return
	}
	for _, p := range list {
		clear(p.grad.real)
	}
}

// GradNorm gives norm[0] = sqrt of the sum of all squared gradients.
func (b *Backend) GradNorm(norm backend.Buffer, params []backend.Param) {
	a := b.begin("GradNorm")
	out := a.row("norm", norm, 1)
	list := a.params(params)
	if !a.ok {
		return
	}
	sum := 0.0
	for _, p := range list {
		for k, g := range p.grad.real {
			if !p.trains(k) {
				p.grad.real[k] = 0
				continue
			}
			sum += g * g
		}
	}
	out[0] = math.Sqrt(sum)
}

// AdamW does one optimizer step; the formulas are in backend.Optimizer.
func (b *Backend) AdamW(params []backend.Param, norm backend.Buffer, c backend.AdamConfig) {
	a := b.begin("AdamW")
	list := a.params(params)
	total := a.row("norm", norm, 1)
	if !a.ok || math.IsNaN(total[0]) || math.IsInf(total[0], 0) {
		return
	}
	for _, p := range list {
		if p.topo == nil {
			continue
		}
		for slot, born := range p.topo.Born {
			if int64(born) > b.step.Step {
				a.failf("%s: slot %d: found a block born after step %d, expected at most %d", p.spec.Name, slot, born, b.step.Step)
				return
			}
		}
	}
	clip := 1.0
	if c.MaxGradNorm > 0 {
		clip = min(1, float64(c.MaxGradNorm)/total[0])
	}
	for _, p := range list {
		slot := 0
		for r := range p.tiles() {
			age := b.step.Step + 1
			if p.topo != nil {
				age -= int64(p.topo.Born[slot])
			}
			b.adam(p, r.at, r.at+r.rows*r.cols, float64(age), clip, c)
			if p.topo != nil && c.GroupLasso != 0 {
				b.groupLasso(p.val.real[r.at:r.at+r.rows*r.cols], p.topo.Block, c)
			}
			slot++
		}
	}
}

// adam updates elements from to to of one tensor, all of the same age.
func (b *Backend) adam(p *param, from, to int, age, clip float64, c backend.AdamConfig) {
	beta1, beta2 := float64(c.Beta1), float64(c.Beta2)
	unbias1, unbias2 := 1-math.Pow(beta1, age), 1-math.Pow(beta2, age)
	decay := 0.0
	if p.spec.Decay {
		decay = float64(c.WeightDecay)
	}
	for k := from; k < to; k++ {
		if !p.trains(k) {
			continue
		}
		g := p.grad.real[k] * clip
		p.m.real[k] = beta1*p.m.real[k] + (1-beta1)*g
		p.v.real[k] = beta2*p.v.real[k] + (1-beta2)*g*g
		step := p.m.real[k] / unbias1 / (math.Sqrt(p.v.real[k]/unbias2) + float64(c.Eps))
		p.val.real[k] -= float64(b.step.LR) * (step + decay*p.val.real[k])
	}
}

// groupLasso shrinks one block of size x size weights towards zero.
func (b *Backend) groupLasso(w []float64, size int, c backend.AdamConfig) {
	squares := 0.0
	for _, v := range w {
		squares += v * v
	}
	shrink := float64(b.step.LR) * float64(c.GroupLasso) * float64(size) * float64(c.GroupLassoStd) / math.Sqrt(squares+groupLassoEps)
	for k := range w {
		w[k] -= shrink * w[k]
	}
}
