package traffic

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// fused is how the products of weights that share a tensor run in one pass over it
// (backend.SharedInput), where the kernels can; else they go one by one.
func (m Machine) fused(op launch.Op, w []backend.Param, t int) (launch.Plan, bool) {
	var shapes []launch.Weight
	for _, p := range w {
		shapes = append(shapes, weightOf(p).shape())
	}
	return launch.QKV(m.device(), m.Activation, op, shapes, t)
}

// dsdShared: x once for all weights.
func (m Machine) dsdShared(w, b []backend.Param, t int) Call {
	c := product("DSD", t, w...)
	plan, shared := m.fused(launch.DSD, w, t)
	for i := range w {
		one := m.dsd(nil, w[i], b[i], t, false)
		if shared {
			one.drop("x")
		}
		c.Operands = append(c.Operands, one.Operands...)
	}
	if shared {
		c.reads("x", m.act(t*weightOf(w[0]).in), plan.Reads.X)
	}
	return c
}

// ddsShared: dx in and out once.
func (m Machine) ddsShared(w []backend.Param, t int) Call {
	c := product("DDS", t, w...)
	plan, shared := m.fused(launch.DDS, w, t)
	for i := range w {
		one := m.dds(nil, w[i], t, backend.Accumulate)
		if shared { // and by other kernels than one weight's
			v := weightOf(w[i])
			one = Call{}
			one.reads("dy", m.act(t*v.out), plan.Reads.Y)
			one.reads("weight", m.values(v)+v.view(v.in), plan.Reads.W)
		}
		c.Operands = append(c.Operands, one.Operands...)
	}
	if shared {
		dx := m.act(t * weightOf(w[0]).in)
		c.read("dx", dx)
		c.write("dx", dx)
	}
	return c
}

// sddShared: x once, and the tokens are split less, since the weights stand side by
// side.
func (m Machine) sddShared(w, b []backend.Param, t int) Call {
	c := product("SDD", t, w...)
	plan, shared := m.fused(launch.SDD, w, t)
	for i := range w {
		one := m.sdd(nil, w[i], b[i], t)
		if shared {
			one.drop("x")
			one.drop("dy")
			one.drop("partial")
			one.reads("dy", m.act(t*weightOf(w[i]).out), plan.Reads.Y)
			if v := weightOf(w[i]); plan.Splits > 1 {
				bias := one.Operand("grad", Write) - f32*int64(v.n)
				one.scratch("partial", f32*int64(v.n)*int64(plan.Partials())+bias*int64(plan.Splits))
			}
		}
		c.Operands = append(c.Operands, one.Operands...)
	}
	if shared {
		c.reads("x", m.act(t*weightOf(w[0]).in), plan.Reads.X)
	}
	return c
}

// drop takes an operand out.
func (c *Call) drop(name string) {
	kept := c.Operands[:0]
	for _, o := range c.Operands {
		if o.Name != name {
			kept = append(kept, o)
		}
	}
	c.Operands = kept
}
