package traffic

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
)

// The products of several weights that share a tensor (backend.SharedInput), where
// the kernels can; else they go one by one.
func (m Machine) sharedCut(op string, w []backend.Param, t int) (gpu.Cut, bool) {
	v := weightOf(w[0])
	for _, p := range w[1:] {
		if o := weightOf(p); o.block != v.block || o.nnz != v.nnz {
			return gpu.Cut{}, false
		}
	}
	return gpu.SharedCut(m.Properties, m.Activation, op, len(w), t, v.out, v.in, v.block, v.nnz)
}

// dsdShared: x once for all weights.
func (m Machine) dsdShared(w, b []backend.Param, t int) Call {
	c := product("DSD", t, w...)
	cut, shared := m.sharedCut("dsd", w, t)
	for i := range w {
		one := m.dsd(w[i], b[i], t, false)
		if shared {
			one.drop("x")
		}
		c.Operands = append(c.Operands, one.Operands...)
	}
	if shared {
		c.reads("x", m.act(t*weightOf(w[0]).in), cut.X)
	}
	return c
}

// ddsShared: dx in and out once.
func (m Machine) ddsShared(w []backend.Param, t int) Call {
	c := product("DDS", t, w...)
	cut, shared := m.sharedCut("dds", w, t)
	for i := range w {
		one := m.dds(w[i], t, backend.Accumulate)
		if shared { // and by other kernels than one weight's
			v := weightOf(w[i])
			one = Call{}
			one.reads("dy", m.act(t*v.out), cut.Y)
			one.reads("weight", m.values(v)+v.view(v.in), cut.W)
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

// sddShared: x once, and fewer ranges of tokens, since the weights stand side by
// side.
func (m Machine) sddShared(w, b []backend.Param, t int) Call {
	c := product("SDD", t, w...)
	cut, shared := m.sharedCut("sdd", w, t)
	for i := range w {
		one := m.sdd(w[i], b[i], t)
		if shared {
			one.drop("x")
			one.drop("dy")
			one.drop("partial")
			one.reads("dy", m.act(t*weightOf(w[i]).out), cut.Y)
			if n := one.Operand("grad", Write); cut.Ranges > 1 {
				one.scratch("partial", n*int64(cut.Ranges))
			}
		}
		c.Operands = append(c.Operands, one.Operands...)
	}
	if shared {
		c.reads("x", m.act(t*weightOf(w[0]).in), cut.X)
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
