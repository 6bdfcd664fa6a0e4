package backendtest

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// tensors draws a set of parameters as a model has them: a matrix, large enough
// to be split into tiles, and a vector, both dense, and block-sparse weights of
// three block sizes.
func tensors(d *draws) []paramData {
	list := []paramData{
		d.dense("table", 137, 251, 1),
		d.dense("bias", 1, 41, 1),
		d.sparse("b1", sparse.Shape{Out: 9, In: 31, Block: 1}, 37, 1),
		d.sparse("b8", sparse.Shape{Out: 40, In: 24, Block: 8}, 5, 1),
		d.sparse("b32", sparse.Shape{Out: 64, In: 96, Block: 32}, 2, 1),
	}
	for i := range list {
		list[i].spec.Decay = i != 1 && i != 3
	}
	return list
}

func (r *harness) paramList(list []paramData, changes ...string) []backend.Param {
	out := make([]backend.Param, len(list))
	for i, p := range list {
		out[i] = r.param(p, changes...)
	}
	return out
}

func zeroGradChecks() []check {
	return []check{{name: "five tensors", prepare: func(d *draws) (script, bounds) {
		list := tensors(d)
		return func(r *harness) { r.b.ZeroGrad(r.paramList(list, "grad")) }, nil
	}}}
}

func gradNormChecks() []check {
	list := []check{}
	for _, scale := range []float64{1e-6, 1, 1e6} {
		list = append(list, check{name: fmt.Sprintf("gradients of %v", scale), prepare: func(d *draws) (script, bounds) {
			list := tensors(d)
			for _, p := range list {
				copy(p.grad, d.uniform(len(p.grad), scale))
			}
			run := func(r *harness) { r.b.GradNorm(r.rowOutput("norm", 1), r.paramList(list)) }
			return run, func(ref *harness) {
				norm := ref.value("norm")
				ref.allow("norm", func(i int) float64 { return d.limit("norm", 0, norm[i]) })
			}
		}})
	}
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		list = append(list, check{name: fmt.Sprintf("one gradient is %v", bad), whole: func(b, _ backend.Backend) error {
			list := tensors(newDraws("bad gradient", b.Activation()))
			// The last element of each tensor in turn.
			for i := range list {
				grad := list[i].grad
				grad[len(grad)-1] = bad
				r := newHarness(b)
				norm := b.Alloc("norm", backend.F32, 1)
				b.GradNorm(norm, r.paramList(list))
				var got [1]float32
				if err := b.ReadFloats(got[:], norm, 0); err != nil {
					return err
				}
				if v := float64(got[0]); !math.IsNaN(v) && !math.IsInf(v, 0) {
					return fmt.Errorf("%s: found the norm %v, expected one that is not finite", list[i].spec.Name, v)
				}
				grad[len(grad)-1] = 1
			}
			return nil
		}})
	}
	return list
}

// adamCase is a step of the optimizer.
type adamCase struct {
	norm   float32
	step   int64
	config backend.AdamConfig
}

func (c adamCase) String() string {
	return fmt.Sprintf("norm=%v/step=%d/%+v", c.norm, c.step, c.config)
}

func adamCases() []adamCase {
	base := backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6}
	decay, clip, lasso := base, base, base
	decay.WeightDecay = 0.01
	clip.MaxGradNorm = 1
	lasso.GroupLasso, lasso.GroupLassoStd = 4, 0.02
	all := backend.AdamConfig{Beta1: 0.8, Beta2: 0.98, Eps: 1e-8, WeightDecay: 0.1, GroupLasso: 2, GroupLassoStd: 0.05, MaxGradNorm: 3}
	slow, clock := all, base
	slow.SparseRate = 0.375
	clock.GlobalClock = true
	var list []adamCase
	for _, c := range []backend.AdamConfig{base, decay, clip, lasso, all, slow, clock} {
		for _, step := range []int64{0, 6, 100000} {
			list = append(list, adamCase{norm: 7.5, step: step, config: c}, adamCase{norm: 0.75, step: step, config: c})
		}
	}
	for _, norm := range []float32{0, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		list = append(list, adamCase{norm: norm, step: 6, config: all})
	}
	return list
}

// ages gives every second block of the sparse tensors a birth, the last one now:
// its moments are zero and its age is 1, while the others are older.
func (c adamCase) ages(list []paramData) {
	for _, p := range list {
		t := p.spec.Topology
		if t == nil || c.step == 0 {
			continue
		}
		for slot := 0; slot < t.NNZ(); slot += 2 {
			born := c.step
			if slot%4 == 2 {
				born = c.step/2 + 1
			}
			t.Born[slot], t.NewAt[slot] = int32(born), 1
			if born == c.step {
				size := t.BlockSize()
				clear(p.m[slot*size : (slot+1)*size])
				clear(p.v[slot*size : (slot+1)*size])
			}
		}
	}
}

func adamChecks() []check {
	var list []check
	for _, c := range adamCases() {
		finite := c.norm-c.norm == 0
		list = append(list, check{name: c.String(), prepare: func(d *draws) (script, bounds) {
			list := tensors(d)
			c.ages(list)
			for _, p := range list {
				p.grad[0], p.m[0], p.v[0] = 0, 0, 0 // 0/(0+eps)
			}
			run := func(r *harness) {
				s := defaultStep()
				s.Step = c.step
				r.b.BeginStep(s)
				changes := []string{"values", "m", "v"}
				if !finite {
					changes = nil
				}
				r.b.AdamW(r.paramList(list, changes...), r.rowInput("norm", []float32{c.norm}), c.config)
			}
			if !finite {
				return run, nil
			}
			return run, func(ref *harness) {
				for _, p := range list {
					boundAdam(ref, d.column, c, p)
				}
			}
		}})
	}
	return list
}

// boundAdam carries the errors of both moments into the step, and those of the
// stepped weights through Group Lasso.
func boundAdam(ref *harness, col column, c adamCase, p paramData) {
	name, n := p.spec.Name, len(p.values)
	w, m, v := ref.value(name+".values"), ref.value(name+".m"), ref.value(name+".v")
	b1, b2 := float64(c.config.Beta1), float64(c.config.Beta2)
	lr := float64(defaultStep().LR)
	if p.spec.Topology != nil && c.config.SparseRate != 0 {
		lr *= float64(c.config.SparseRate) // its rounding is within that of the weight
	}
	clip := 1.0
	if max := float64(c.config.MaxGradNorm); max > 0 && float64(c.norm) > max {
		clip = max / float64(c.norm)
	}
	decay := 0.0
	if p.spec.Decay {
		decay = float64(c.config.WeightDecay)
	}
	block := n // elements of one age
	if t := p.spec.Topology; t != nil {
		block = t.BlockSize()
	}
	em, ev, ew := make([]float64, n), make([]float64, n), make([]float64, n)
	for k := range n {
		age := float64(c.step + 1)
		if t := p.spec.Topology; t != nil && !c.config.GlobalClock {
			age -= float64(t.Born[k/block])
		}
		g, old := clip*float64(p.grad[k]), math.Abs(float64(p.values[k]))
		em[k] = col.limit("first moment", 0, b1*math.Abs(float64(p.m[k]))+(1-b1)*math.Abs(g))
		ev[k] = col.limit("second moment", 0, v[k])
		c1, c2 := 1-math.Pow(b1, age), 1-math.Pow(b2, age)
		below := math.Sqrt(v[k]/c2) + float64(c.config.Eps)
		step := math.Abs(m[k]) / c1 / below
		estep := em[k]/c1/below + col.limit("adam step", 0, step)
		ew[k] = lr*estep + col.limit("weight", 0, old+lr*(step+decay*old))
	}
	ref.allow(name+".m", func(i int) float64 { return em[i] })
	ref.allow(name+".v", func(i int) float64 { return ev[i] })
	if p.spec.Topology != nil && c.config.GroupLasso != 0 {
		for from := 0; from < n; from += block {
			boundLasso(col, c, w[from:from+block], ew[from:from+block])
		}
	}
	ref.allow(name+".values", func(i int) float64 { return ew[i] })
}

// boundLasso turns the errors e of one block's weights into those after the
// shrinkage w -> w (1 - f), given the shrunk weights. As f is below 1, the
// magnitude of the weight before is |w| / (1-f).
func boundLasso(col column, c adamCase, w, e []float64) {
	rate := 1.0
	if c.config.SparseRate != 0 {
		rate = float64(c.config.SparseRate)
	}
	lambda := float64(defaultStep().LR) * rate * float64(c.config.GroupLasso) * float64(c.config.GroupLassoStd) * math.Sqrt(float64(len(w)))
	after := 0.0
	for _, x := range w {
		after += x * x
	}
	// With S the squares before, sqrt(after) = sqrt(S) (1 - lambda/sqrt(S+1e-6)).
	// A few fixed-point rounds find S to far better than a bound needs.
	squares := after
	for range 50 {
		f := lambda / math.Sqrt(squares+1e-6)
		squares = math.Pow(math.Sqrt(after)+f*math.Sqrt(squares), 2)
	}
	f := lambda / math.Sqrt(squares+1e-6)
	carried := 0.0
	for i, x := range w {
		carried += math.Abs(x) / math.Abs(1-f) * e[i]
	}
	rel := carried/(squares+1e-6) + col.limit("lasso factor", len(w), 1)
	for i, x := range w {
		before := math.Abs(x) / math.Abs(1-f)
		e[i] += f*before*rel + col.limit("weight", 0, before)
	}
}
