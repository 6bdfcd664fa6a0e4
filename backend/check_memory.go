package backend

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// unusable stands for a buffer or a parameter that could not be made. It must not be
// used, and is not: its backend has an error.
type unusable struct {
	name string
	dt   DType
	n    int
	spec ParamSpec
}

func (u *unusable) Name() string    { return u.name }
func (u *unusable) DType() DType    { return u.dt }
func (u *unusable) Len() int        { return u.n }
func (u *unusable) Owner() Device   { return nil }
func (u *unusable) Spec() ParamSpec { return u.spec }
func (u *unusable) Sparse() bool    { return false }
func (u *unusable) NNZ() int        { return 0 }
func (u *unusable) Block() int      { return 0 }
func (u *unusable) Values() Buffer  { return u }
func (u *unusable) Grad() Buffer    { return u }
func (u *unusable) M() Buffer       { return u }
func (u *unusable) V() Buffer       { return u }

func (c *checked) Alloc(name string, dt DType, n int) Buffer {
	a := c.begin("Alloc " + name)
	a.atLeast("elements", n, 0)
	switch dt {
	case F32, BF16, I32, F64:
	default:
		a.fail("found %v, expected float32, bfloat16, int32 or float64", dt)
	}
	if !a.ok {
		return &unusable{name: name, dt: dt, n: max(n, 0)}
	}
	return c.device.Alloc(name, dt, n)
}

func (c *checked) NewParam(spec ParamSpec) Param {
	a := c.begin("NewParam " + spec.Name)
	a.atLeast("rows", spec.Out, 1)
	a.atLeast("columns", spec.In, 1)
	if a.ok && spec.Out > math.MaxInt32/spec.In {
		a.fail("shape: found [%d, %d], expected at most %d elements", spec.Out, spec.In, math.MaxInt32)
	}
	if t := spec.Topology; t != nil {
		a.topology("topology", t, spec.Out, spec.In)
	}
	if !a.ok {
		u := &unusable{name: spec.Name, dt: F32, spec: spec}
		u.spec.Topology = nil
		return u
	}
	return c.device.NewParam(spec)
}

func (c *checked) WriteFloats(dst Buffer, off int, src []float32) {
	a := c.begin("WriteFloats")
	a.part("dst", dst, false, off, len(src))
	if a.ok {
		c.device.WriteFloats(dst, off, src)
	}
}

func (c *checked) WriteInts(dst Buffer, off int, src []int32) {
	a := c.begin("WriteInts")
	a.part("dst", dst, true, off, len(src))
	if a.ok {
		c.device.WriteInts(dst, off, src)
	}
}

func (c *checked) ReadFloats(dst []float32, src Buffer, off int) error {
	a := c.begin("ReadFloats")
	a.part("src", src, false, off, len(dst))
	if !a.ok {
		return c.device.Err()
	}
	return c.device.ReadFloats(dst, src, off)
}

func (c *checked) SetTopology(p Param, t *sparse.Topology) {
	a := c.begin("SetTopology")
	out, in := a.blocks("p", p)
	if !a.ok {
		return
	}
	name := p.Spec().Name
	a.topology(name, t, out, in)
	if a.ok && (t.Block != p.Block() || t.NNZ() != p.NNZ()) {
		a.fail("%s: found %d blocks of size %d, expected %d of size %d", name, t.NNZ(), t.Block, p.NNZ(), p.Block())
	}
	if a.ok {
		c.device.SetTopology(p, t)
	}
}

func (c *checked) Topology(p Param) (*sparse.Topology, error) {
	a := c.begin("Topology")
	a.param("p", p)
	if !a.ok {
		return nil, c.device.Err()
	}
	return c.device.Topology(p)
}

func (c *checked) Refresh(params []Param) {
	a := c.begin("Refresh")
	a.params(params)
	if a.ok {
		c.device.Refresh(params)
	}
}
