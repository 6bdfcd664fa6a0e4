package gpu

import "github.com/sparsebert/sparsebert-gpu/backend"

// checker looks at the arguments of one operation. The first thing that does
// not fit becomes the backend's error; from then on everything passes.
type checker struct {
	b  *Backend
	op string
}

func (b *Backend) check(op string) checker { return checker{b, op} }

// ok says whether the operation may run.
func (c checker) ok() bool { return c.b.ok() }

func (c checker) fail(format string, args ...any) { c.b.fail(c.op+": "+format, args...) }

// atLeast fails the operation unless n >= least.
func (c checker) atLeast(what string, n, least int) {
	if n < least {
		c.fail("%s: found %d, expected %d or more", what, n, least)
	}
}

// buffer returns the buffer behind x, which must be of this backend and dtype and
// have n elements at least; nil when it does not fit.
func (c checker) buffer(what string, x backend.Buffer, dt backend.DType, n int) *buffer {
	buf := c.own(what, x)
	switch {
	case buf == nil:
	case buf.dtype != dt:
		c.fail("%s (%s): found dtype %v, expected %v", what, buf.name, buf.dtype, dt)
	case n < 0 || buf.n < n:
		c.fail("%s (%s): found %d elements, expected at least %d", what, buf.name, buf.n, n)
	default:
		return buf
	}
	return nil
}

func (c checker) own(what string, x backend.Buffer) *buffer {
	if !c.ok() {
		return nil
	}
	buf, ok := x.(*buffer)
	if ok && buf != nil && buf.owner == c.b {
		return buf
	}
	found := "one of another kind of backend"
	switch {
	case x == nil || ok && buf == nil:
		found = "none"
	case ok:
		found = "one of another gpu backend"
	}
	c.fail("%s: found %s, expected a buffer of this backend", what, found)
	return nil
}

// floats is buffer for either float dtype.
func (c checker) floats(what string, x backend.Buffer, n int) *buffer {
	buf := c.own(what, x)
	if buf == nil {
		return nil
	}
	if buf.dtype == backend.I32 {
		c.fail("%s (%s): found dtype %v, expected float32 or bfloat16", what, buf.name, buf.dtype)
		return nil
	}
	return c.buffer(what, x, buf.dtype, n)
}

// act is buffer for an activation; nil for an x of nil that is optional.
func (c checker) act(what string, x backend.Buffer, n int) *buffer {
	return c.buffer(what, x, c.b.act, n)
}

func (c checker) optional(what string, x backend.Buffer, n int) *buffer {
	if x == nil {
		return nil
	}
	return c.act(what, x, n)
}

// window checks that n elements from off on lie within x.
func (c checker) window(x *buffer, off, n int) {
	if x != nil && (off < 0 || off > x.n || n > x.n-off) {
		c.fail("found elements %d to %d, expected a range within 0 to %d", off, off+n, x.n)
	}
}

// apart fails the operation when two buffers that must differ are the same.
func (c checker) apart(what string, x, y *buffer) {
	if x != nil && x == y && x.n > 0 {
		c.fail("%s: found the same buffer twice, expected two", what)
	}
}

// param returns the parameter behind p; nil when it is not one of this backend.
func (c checker) param(what string, p backend.Param) *param {
	if !c.ok() {
		return nil
	}
	q, ok := p.(*param)
	if !ok || q == nil || q.owner != c.b {
		c.fail("%s: found none or one of another backend, expected a parameter of this backend", what)
		return nil
	}
	return q
}

// dense returns the parameter behind p, which must be dense and out x in.
func (c checker) dense(what string, p backend.Param, out, in int) *param {
	q := c.param(what, p)
	switch {
	case q == nil:
	case q.Sparse():
		c.fail("%s (%s): found a block-sparse tensor, expected a dense one", what, q.spec.Name)
	case q.spec.Out != out || q.spec.In != in:
		c.fail("%s (%s): found shape [%d, %d], expected [%d, %d]", what, q.spec.Name, q.spec.Out, q.spec.In, out, in)
	default:
		return q
	}
	return nil
}

// sparse returns the parameter behind p, which must be block-sparse.
func (c checker) sparse(what string, p backend.Param) *param {
	q := c.param(what, p)
	if q != nil && !q.Sparse() {
		c.fail("%s (%s): found a dense tensor, expected a block-sparse one", what, q.spec.Name)
		return nil
	}
	return q
}
