package backend

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// arguments checks what one operation was given. The first thing that does not fit
// becomes the device's error; from then on everything passes, and the operation must
// not be handed over.
type arguments struct {
	c  *checked
	op string
	ok bool // the device has no error, and so far everything fits
}

// begin starts the check of an operation. After an error of the device ok is false.
func (c *checked) begin(op string) arguments {
	return arguments{c: c, op: op, ok: c.device.Err() == nil}
}

func (a *arguments) fail(format string, v ...any) {
	if a.ok {
		a.ok = false
		a.c.device.Fail(fmt.Errorf("%s: %s: %w", a.c.device.Name(), a.op, fmt.Errorf(format, v...)))
	}
}

// atLeast checks that a count is least or more.
func (a *arguments) atLeast(what string, n, least int) {
	if n < least {
		a.fail("%s: found %d, expected %d or more", what, n, least)
	}
}

// size is the product of counts, of which none is negative: the largest int where
// it is more than that, which no buffer has.
func size(counts ...int) int {
	n := uint64(1)
	for _, c := range counts {
		high, low := bits.Mul64(n, uint64(max(c, 0)))
		if high > 0 || low > math.MaxInt {
			return math.MaxInt
		}
		n = low
	}
	return int(n)
}

// own checks that x is a buffer of this device.
func (a *arguments) own(what string, x Buffer) {
	if !a.ok {
		return
	}
	if x == nil {
		a.fail("%s: found none, expected a buffer of this backend", what)
		return
	}
	switch owner := x.Owner(); owner {
	case a.c.device:
	case nil:
		a.fail("%s: found none, expected a buffer of this backend", what)
	default:
		a.fail("%s (%s): found one of another backend (%s), expected a buffer of this backend", what, x.Name(), owner.Name())
	}
}

// columnsOf is the length of a row of a RowBuffer, 0 of others.
func columnsOf(x Buffer) int {
	if r, ok := x.(RowBuffer); ok {
		return r.Columns()
	}
	return 0
}

// buffer checks owner and dtype, and that x has n elements or more and is no RowBuffer.
func (a *arguments) buffer(what string, x Buffer, dt DType, n int) {
	a.own(what, x)
	if !a.ok {
		return
	}
	if c := columnsOf(x); c > 0 {
		a.fail("%s (%s): found a buffer of rows of %d elements, expected one without", what, x.Name(), c)
	}
	a.elements(what, x, dt, n)
}

// elements checks the dtype of a buffer of this device, and that it has n elements or more.
func (a *arguments) elements(what string, x Buffer, dt DType, n int) {
	switch {
	case !a.ok:
	case x.DType() != dt:
		a.fail("%s (%s): found dtype %v, expected %v", what, x.Name(), x.DType(), dt)
	case x.Len() < n:
		a.fail("%s (%s): found %d elements, expected at least %d", what, x.Name(), x.Len(), n)
	}
}

// activation is buffer with the dtype of activations.
func (a *arguments) activation(what string, x Buffer, n int) {
	a.buffer(what, x, a.c.device.Activation(), n)
}

// activationRows is activation for an argument of t rows that may be a RowBuffer.
func (a *arguments) activationRows(what string, x Buffer, t, columns int) {
	a.own(what, x)
	if !a.ok {
		return
	}
	if c := columnsOf(x); c > 0 && c != columns {
		a.fail("%s (%s): found a buffer of rows of %d elements, expected %d", what, x.Name(), c, columns)
	}
	a.elements(what, x, a.c.device.Activation(), size(t, columns))
}

// outputs is activationRows for the side of a weight where its outputs are: a RowBuffer where the weight is dense.
func (a *arguments) outputs(what string, x Buffer, w Param, t, out int) {
	a.activationRows(what, x, t, out)
	if a.ok && columnsOf(x) > 0 && w.Sparse() {
		a.fail("%s (%s): found a buffer of rows beside a block-sparse weight, expected a dense one", what, x.Name())
	}
}

// optional is activation for an argument that may be left out.
func (a *arguments) optional(what string, x Buffer, n int) {
	if x != nil {
		a.activation(what, x, n)
	}
}

// part checks that x, a buffer of integers or of floating-point numbers, has n
// elements from off on.
func (a *arguments) part(what string, x Buffer, integers bool, off, n int) {
	a.own(what, x)
	if !a.ok {
		return
	}
	expected := "a floating-point dtype"
	if integers {
		expected = I32.String()
	}
	switch {
	case (x.DType() == I32) != integers:
		a.fail("%s (%s): found dtype %v, expected %s", what, x.Name(), x.DType(), expected)
	case off < 0 || off > x.Len() || n > x.Len()-off:
		a.fail("%s (%s): found elements %d to %d, expected a range within 0 to %d", what, x.Name(), off, off+n, x.Len())
	}
}

// operand is a buffer with its name in the operation.
type operand struct {
	what string
	x    Buffer
}

// apart checks that an output is neither another output nor an input. Buffers
// without elements may be the same.
func (a *arguments) apart(output operand, others ...operand) {
	if !a.ok || output.x == nil || output.x.Len() == 0 {
		return
	}
	for _, o := range others {
		if o.x == output.x {
			a.fail("%s and %s (%s): found the same buffer twice, expected two", output.what, o.what, output.x.Name())
			return
		}
	}
}

// param checks that p is a parameter of this device, and returns its shape.
func (a *arguments) param(what string, p Param) (out, in int) {
	if !a.ok {
		return 0, 0
	}
	if p == nil {
		a.fail("%s: found none, expected a parameter of this backend", what)
		return 0, 0
	}
	switch owner := p.Owner(); owner {
	case a.c.device:
		s := p.Spec()
		return s.Out, s.In
	case nil:
		a.fail("%s: found none, expected a parameter of this backend", what)
	default:
		a.fail("%s (%s): found one of another backend (%s), expected a parameter of this backend", what, p.Spec().Name, owner.Name())
	}
	return 0, 0
}

// dense checks that p is dense and of shape [out, in]; an out of 0 stands for any
// number of rows. It returns the number of rows.
func (a *arguments) dense(what string, p Param, out, in int) (rows int) {
	o, i := a.param(what, p)
	if !a.ok {
		return 0
	}
	if p.Sparse() {
		a.fail("%s (%s): found a block-sparse tensor, expected a dense one", what, p.Spec().Name)
	} else if i != in || out != 0 && o != out {
		expected := fmt.Sprintf("[%d, %d]", out, in)
		if out == 0 {
			expected = fmt.Sprintf("%d columns", in)
		}
		a.fail("%s (%s): found shape [%d, %d], expected %s", what, p.Spec().Name, o, i, expected)
	}
	return o
}

// bias checks an optional dense vector of n elements.
func (a *arguments) bias(what string, p Param, n int) {
	if p != nil {
		a.dense(what, p, 1, n)
	}
}

// blocks checks that p is block-sparse, and returns its shape.
func (a *arguments) blocks(what string, p Param) (out, in int) {
	out, in = a.param(what, p)
	if a.ok && !p.Sparse() {
		a.fail("%s (%s): found a dense tensor, expected a block-sparse one", what, p.Spec().Name)
	}
	return out, in
}

// once checks that no parameter is given twice where each is changed.
func (a *arguments) once(list ...Param) {
	for i, p := range list {
		for _, other := range list[:i] {
			if a.ok && p != nil && p == other {
				a.fail("%s: found the parameter twice, expected it once", p.Spec().Name)
			}
		}
	}
}

// params checks a list of parameters.
func (a *arguments) params(list []Param) {
	for i, p := range list {
		if !a.ok {
			return
		}
		if p == nil || p.Owner() != a.c.device {
			a.param(fmt.Sprintf("params[%d]", i), p)
		}
	}
}

// distinct is params of which none may be listed twice.
func (a *arguments) distinct(list []Param) {
	a.params(list)
	if !a.ok {
		return
	}
	clear(a.c.listed)
	for i, p := range list {
		if a.c.listed[p] = struct{}{}; len(a.c.listed) == i {
			a.fail("params[%d] (%s): found the parameter twice, expected it once", i, p.Spec().Name)
			return
		}
	}
}

// topology checks that t belongs to a tensor of shape [out, in].
func (a *arguments) topology(name string, t *sparse.Topology, out, in int) {
	switch {
	case !a.ok:
	case t == nil:
		a.fail("%s: found no topology, expected one", name)
	case t.Out != out || t.In != in:
		a.fail("%s: topology: found shape [%d, %d], expected [%d, %d]", name, t.Out, t.In, out, in)
	default:
		if err := t.Check(); err != nil {
			a.fail("%s: %w", name, err)
		}
	}
}

// mostDropout is the number of elements that the generator's counter can name.
const mostDropout = 4 << 32

// dropout checks a dropout over n elements.
func (a *arguments) dropout(d Dropout, n int) {
	switch {
	case !(d.Rate >= 0 && d.Rate < 1):
		a.fail("dropout rate: found %v, expected 0 or more and less than 1", d.Rate)
	case d.Rate > 0 && n > mostDropout:
		a.fail("dropout: found %d elements, expected at most %d", n, int64(mostDropout))
	}
}

// kept checks where a dropout keeps its mask of so many rows and columns, if anywhere.
func (a *arguments) kept(d Dropout, rows, columns int) {
	if d.Kept != nil && a.ok {
		a.buffer("kept", d.Kept, I32, size(rows, KeptWords(columns)))
	}
}
