package cpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
)

// checker looks at the arguments of one operation. The first thing that does
// not fit becomes the backend's error; from then on everything passes.
type checker struct {
	b  *Backend
	op string
}

func (b *Backend) check(op string) checker { return checker{b, op} }

// ok says whether the operation may run.
func (c checker) ok() bool { return c.b.err == nil }

// atLeast fails the operation unless n >= least.
func (c checker) atLeast(what string, n, least int) {
	if n < least && c.b.err == nil {
		c.b.fail("cpu: %s: %s: found %d, expected %d or more", c.op, what, n, least)
	}
}

func (c checker) buffer(what string, x backend.Buffer, dt backend.DType, n int) *buffer {
	if c.b.err != nil {
		return nil
	}
	buf, ok := x.(*buffer)
	switch {
	case !ok || buf == nil || buf.owner != c.b:
		c.b.fail("cpu: %s: %s: found %s, expected a buffer of this backend", c.op, what, describe(x))
	case buf.dtype != dt:
		c.b.fail("cpu: %s: %s (%s): found dtype %v, expected %v", c.op, what, buf.name, buf.dtype, dt)
	case n < 0 || buf.n < n:
		c.b.fail("cpu: %s: %s (%s): found %d elements, expected at least %d", c.op, what, buf.name, buf.n, n)
	default:
		return buf
	}
	return nil
}

func describe(x backend.Buffer) string {
	switch buf, ok := x.(*buffer); {
	case x == nil || ok && buf == nil:
		return "none"
	case ok:
		return "one of another cpu backend"
	}
	return "one of another kind of backend"
}

// floats returns the whole storage of a float32 buffer of at least n elements.
func (c checker) floats(what string, x backend.Buffer, n int) []float32 {
	if buf := c.buffer(what, x, backend.F32, n); buf != nil {
		return buf.f
	}
	return nil
}

// optional is floats for an argument that may be left out.
func (c checker) optional(what string, x backend.Buffer, n int) []float32 {
	if x == nil {
		return nil
	}
	return c.floats(what, x, n)
}

// ints returns the whole storage of an int32 buffer of at least n elements.
func (c checker) ints(what string, x backend.Buffer, n int) []int32 {
	if buf := c.buffer(what, x, backend.I32, n); buf != nil {
		return buf.i
	}
	return nil
}

// window checks that n elements from off on lie within a buffer of length have.
func (c checker) window(bad bool, have, off, n int) {
	if c.b.err == nil && !bad && (off < 0 || off > have || n > have-off) {
		c.b.fail("cpu: %s: found elements %d to %d, expected a range within 0 to %d", c.op, off, off+n, have)
	}
}

// apart fails the operation when two buffers that must differ are the same.
func (c checker) apart(what string, x, y []float32) {
	if c.b.err == nil && len(x) > 0 && len(y) > 0 && &x[0] == &y[0] {
		c.b.fail("cpu: %s: %s: found the same buffer twice, expected two", c.op, what)
	}
}

// param returns the parameter behind p.
func (c checker) param(what string, p backend.Param) *param {
	if c.b.err != nil {
		return nil
	}
	q, ok := p.(*param)
	if !ok || q == nil || q.owner != c.b {
		c.b.fail("cpu: %s: %s: found none or one of another backend, expected a parameter of this backend", c.op, what)
		return nil
	}
	return q
}

// dense returns the parameter behind p, which must be dense and out x in.
func (c checker) dense(what string, p backend.Param, out, in int) *param {
	q := c.param(what, p)
	if q == nil {
		return nil
	}
	switch {
	case q.topo != nil:
		c.b.fail("cpu: %s: %s (%s): found a block-sparse tensor, expected a dense one", c.op, what, q.spec.Name)
	case q.spec.Out != out || q.spec.In != in:
		c.b.fail("cpu: %s: %s (%s): found shape [%d, %d], expected [%d, %d]", c.op, what, q.spec.Name, q.spec.Out, q.spec.In, out, in)
	default:
		return q
	}
	return nil
}

// sparse returns the parameter behind p, which must be block-sparse.
func (c checker) sparse(what string, p backend.Param) *param {
	q := c.param(what, p)
	if q != nil && q.topo == nil {
		c.b.fail("cpu: %s: %s (%s): found a dense tensor, expected a block-sparse one", c.op, what, q.spec.Name)
		return nil
	}
	return q
}

// inRange checks that every index lies in [lo, hi).
func (c checker) inRange(what string, x []int32, lo, hi int) {
	if c.b.err != nil {
		return
	}
	for i, v := range x {
		if int(v) < lo || int(v) >= hi {
			c.b.fail("cpu: %s: %s[%d]: found %d, expected %d to %d", c.op, what, i, v, lo, hi-1)
			return
		}
	}
}
