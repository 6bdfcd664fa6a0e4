package cpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

// adamRange is the number of elements of an optimizer task. What a task computes depends on
// where it ends, in the last bits.
const adamRange = backend.ShardUnit

// paramRange is a range of a parameter's elements.
type paramRange struct {
	q      *param
	lo, hi int
}

// adamOp runs the optimizer over ranges of all parameters.
type adamOp struct {
	b      *device
	kind   adamKind
	ranges []paramRange
	sums   []float64 // of each range, for the norm
	config backend.AdamConfig
	factor float32 // of clipping
	step   int64
	lr     float32
}

type adamKind uint8

const (
	sumSquares adamKind = iota
	adamStep
)

// adamMemo caches the bias corrections of the ages that a thread met. There are few of them at a
// time, and a power costs more than the step of a block.
type adamMemo [64]struct {
	age          int64 // 0: empty
	beta1, beta2 float32
	c1, c2       float32
}

// split lists the ranges of the parameters, each of whole blocks.
func (o *adamOp) split(params []backend.Param) {
	o.ranges = o.ranges[:0]
	for _, p := range params {
		q := p.(*param)
		size := adamRange
		if q.topo != nil {
			size = max(1, adamRange/q.topo.BlockSize()) * q.topo.BlockSize()
		}
		n := q.values.n
		for lo := 0; lo < n; lo += size {
			o.ranges = append(o.ranges, paramRange{q, lo, min(n, lo+size)})
		}
	}
}

// ZeroGrad implements backend.Optimizer.
func (b *device) ZeroGrad(params []backend.Param) {
	for _, p := range params {
		b.zero(p.(*param).grad.f)
	}
}

// GradNorm implements backend.Optimizer.
func (b *device) GradNorm(norm backend.Buffer, params []backend.Param) {
	o := &b.ops.adam
	o.b, o.kind = b, sumSquares
	o.split(params)
	o.sums = grow(o.sums, len(o.ranges))
	b.pool.run(len(o.ranges), o)
	sum := 0.0
	for _, s := range o.sums {
		sum += s
	}
	floats(norm)[0] = float32(math.Sqrt(sum))
}

// AdamW implements backend.Optimizer. A block born after the current step is
// an error.
func (b *device) AdamW(params []backend.Param, norm backend.Buffer, cfg backend.AdamConfig) {
	o := &b.ops.adam
	o.b, o.kind, o.config, o.step, o.lr = b, adamStep, cfg, b.step.Step, b.step.LR
	o.split(params)
	for _, p := range params {
		if q := p.(*param); q.topo != nil {
			for s, born := range q.topo.Born {
				if int64(born) > o.step {
					b.fail("AdamW: %s: slot %d: found born after step %d, expected at most %d", q.spec.Name, s, born, o.step)
					return
				}
			}
		}
	}
	n := floats(norm)[0]
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return
	}
	o.factor = 1
	if m := cfg.MaxGradNorm; m > 0 && n > m {
		o.factor = m / n
	}
	b.pool.run(len(o.ranges), o)
}

func (o *adamOp) task(w, i int) {
	p := o.ranges[i]
	q := p.q
	if o.kind == sumSquares {
		if q.restricted {
			outside(q.trained, p.lo, p.hi, func(lo, hi int) { clear(q.grad.f[lo:hi]) })
		}
		o.sums[i] = o.b.k.SumSq(q.grad.f[p.lo:p.hi])
		return
	}
	if p.lo, p.hi = max(p.lo, q.own.lo), min(p.hi, q.own.hi); p.lo >= p.hi {
		return
	}
	memo, a := &o.b.work[w].memo, &o.b.work[w].adam
	*a = kernel.AdamStep{
		G: o.factor, B1: o.config.Beta1, R1: 1 - o.config.Beta1, B2: o.config.Beta2, R2: 1 - o.config.Beta2,
		Eps: o.config.Eps, LR: o.config.Rate(o.lr, q.topo != nil),
	}
	if q.spec.Decay {
		a.Decay = o.config.WeightDecay
	}
	if q.topo == nil {
		o.correct(memo, a, o.step+1)
		if q.restricted {
			inside(q.trained, p.lo, p.hi, func(lo, hi int) {
				o.adam(q, lo, hi, a)
			})
			return
		}
		o.adam(q, p.lo, p.hi, a)
		return
	}
	// Neighboring slots of one age go together.
	size := q.topo.BlockSize()
	born := q.topo.Born
	for lo := p.lo; lo < p.hi; {
		hi := lo + size
		for hi < p.hi && born[hi/size] == born[lo/size] {
			hi += size
		}
		age := o.step + 1
		if !o.config.GlobalClock {
			age -= int64(born[lo/size])
		}
		o.correct(memo, a, age)
		o.adam(q, lo, hi, a)
		lo = hi
	}
	if o.config.GroupLasso != 0 {
		shrink := float64(a.LR) * float64(o.config.GroupLasso) * float64(q.topo.Block) * float64(o.config.GroupLassoStd)
		for lo := p.lo; lo < p.hi; lo += size {
			block := q.values.f[lo : lo+size]
			f := float32(shrink / math.Sqrt(o.b.k.SumSq(block)+1e-6))
			o.b.k.Axpy(block, -f, block)
		}
	}
}

// adam does the elements [lo, hi) of a parameter, all of one age.
func (o *adamOp) adam(q *param, lo, hi int, a *kernel.AdamStep) {
	m, v := q.moments(lo, hi)
	o.b.k.Adam(q.values.f[lo:hi], q.grad.f[lo:hi], m, v, a)
}

// correct sets the bias corrections of an age.
func (o *adamOp) correct(memo *adamMemo, a *kernel.AdamStep, age int64) {
	m := &memo[age%int64(len(memo))]
	if c := &o.config; m.age != age || m.beta1 != c.Beta1 || m.beta2 != c.Beta2 {
		m.age, m.beta1, m.beta2 = age, c.Beta1, c.Beta2
		m.c1 = float32(1 / (1 - math.Pow(float64(o.config.Beta1), float64(age))))
		m.c2 = float32(1 / (1 - math.Pow(float64(o.config.Beta2), float64(age))))
	}
	a.C1, a.C2 = m.c1, m.c2
}
