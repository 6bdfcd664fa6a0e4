package backend

import (
	"reflect"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Capabilities gives those of the device, behind checks where they have arguments.
func (c *checked) Capabilities() Capabilities {
	have := c.optional
	if have.Recorder != nil {
		have.Recorder = c
	}
	if have.SharedInput != nil {
		have.SharedInput = c
	}
	if have.Restricter != nil {
		have.Restricter = c
	}
	if have.Sharder != nil {
		have.Sharder = c
	}
	if have.Packer != nil {
		have.Packer = c
	}
	if have.Rows != nil {
		have.Rows = c
	}
	return have
}

func (c *checked) Record(name any, work func()) {
	a := c.begin("Record")
	if !reflect.ValueOf(name).Comparable() {
		a.fail("name: found %T, expected one that is comparable", name)
	}
	if work == nil {
		a.fail("work: found none, expected a function")
	}
	if a.ok {
		c.optional.Recorder.Record(name, work)
	}
}

func (c *checked) Repeats(name any) bool {
	a := c.begin("Repeats")
	if !reflect.ValueOf(name).Comparable() {
		a.fail("name: found %T, expected one that is comparable", name)
	}
	return a.ok && c.optional.Recorder.Repeats(name)
}

func (c *checked) AllocRows(name string, dt DType, rows, columns int) Buffer {
	a := c.begin("AllocRows " + name)
	a.atLeast("rows", rows, 0)
	a.atLeast("columns", columns, 1)
	if dt != a.c.device.Activation() {
		a.fail("found %v, expected %v", dt, a.c.device.Activation())
	}
	if !a.ok {
		return &unusable{name: name, dt: dt, n: size(rows, columns)}
	}
	return c.optional.Rows.AllocRows(name, dt, rows, columns)
}

// shared checks weights of one shape [out, in], their biases, and a buffer [t, out] for
// each.
func (a *arguments) shared(w, b []Param, what string, bufs []Buffer, t int) (out, in int) {
	a.atLeast("tokens", t, 0)
	if len(w) == 0 || len(bufs) != len(w) || b != nil && len(b) != len(w) {
		a.fail("found %d weights, %d biases and %d buffers, expected as many of each, and one at least", len(w), len(b), len(bufs))
	}
	for i := range w {
		if !a.ok {
			return 0, 0
		}
		o, n := a.param("w", w[i])
		if i == 0 {
			out, in = o, n
		} else if a.ok && (o != out || n != in) {
			a.fail("w[%d] (%s): found shape [%d, %d], expected [%d, %d] as of w[0]", i, w[i].Spec().Name, o, n, out, in)
		}
		if b != nil {
			a.bias("b", b[i], out)
		}
		a.activation(what, bufs[i], size(t, out))
	}
	return out, in
}

func (c *checked) DSDShared(y []Buffer, x Buffer, w, b []Param, t int) {
	a := c.begin("DSDShared")
	_, in := a.shared(w, b, "y", y, t)
	a.activation("x", x, size(t, in))
	for i := range y {
		a.apart(operand{"y", y[i]}, operand{"x", x})
		for _, other := range y[:i] {
			a.apart(operand{"y", y[i]}, operand{"y", other})
		}
	}
	if a.ok {
		c.optional.SharedInput.DSDShared(y, x, w, b, t)
	}
}

func (c *checked) DDSShared(dx Buffer, dy []Buffer, w []Param, t int) {
	a := c.begin("DDSShared")
	_, in := a.shared(w, nil, "dy", dy, t)
	a.activation("dx", dx, size(t, in))
	for i := range dy {
		a.apart(operand{"dx", dx}, operand{"dy", dy[i]})
	}
	if a.ok {
		c.optional.SharedInput.DDSShared(dx, dy, w, t)
	}
}

func (c *checked) SDDShared(w, b []Param, dy []Buffer, x Buffer, t int) {
	a := c.begin("SDDShared")
	_, in := a.shared(w, b, "dy", dy, t)
	a.activation("x", x, size(t, in))
	a.once(w...)
	a.once(b...)
	if a.ok {
		c.optional.SharedInput.SDDShared(w, b, dy, x, t)
	}
}

// restricted checks a dense parameter and a topology of its shape.
func (a *arguments) restricted(p Param, t *sparse.Topology, optional bool) {
	out, in := a.param("p", p)
	if !a.ok {
		return
	}
	a.dense("p", p, out, in)
	if t != nil || !optional {
		a.topology(p.Spec().Name, t, out, in)
	}
}

func (c *checked) Restrict(p Param, t *sparse.Topology) {
	a := c.begin("Restrict")
	a.restricted(p, t, true)
	if a.ok {
		c.optional.Restricter.Restrict(p, t)
	}
}

func (c *checked) KeepOnly(p Param, t *sparse.Topology) {
	a := c.begin("KeepOnly")
	a.restricted(p, t, false)
	if a.ok {
		c.optional.Restricter.KeepOnly(p, t)
	}
}

func (c *checked) Shard(p Param, lo, hi int) {
	a := c.begin("Shard")
	a.param("p", p)
	if !a.ok {
		return
	}
	n := p.Values().Len()
	if lo < 0 || hi < lo || hi > n || lo%ShardUnit != 0 && lo < n || hi%ShardUnit != 0 && hi < n {
		a.fail("%s: found elements %d to %d, expected a part of %d in whole units of %d", p.Spec().Name, lo, hi, n, ShardUnit)
	}
	if a.ok {
		c.optional.Sharder.Shard(p, lo, hi)
	}
}
