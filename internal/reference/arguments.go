package reference

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// arguments checks what one operation was given. After the first failure, or
// when the backend already has an error, ok is false, the methods return nil
// and the operation must do nothing.
type arguments struct {
	b  *Backend
	op string
	ok bool
}

func (b *Backend) begin(op string) *arguments {
	return &arguments{b: b, op: op, ok: b.err == nil}
}

func (a *arguments) failf(format string, v ...any) {
	a.b.fail(a.op, fmt.Errorf(format, v...))
	a.ok = false
}

// size checks that a count is at least min.
func (a *arguments) size(name string, n, min int) {
	if a.ok && n < min {
		a.failf("%s: found %d, expected at least %d", name, n, min)
	}
}

// buffer checks owner, dtype and length.
func (a *arguments) buffer(name string, x backend.Buffer, dt backend.DType, n int) *buffer {
	if !a.ok {
		return nil
	}
	own, mine := x.(*buffer)
	switch {
	case x == nil:
		a.failf("%s: found no buffer, expected %v of at least %d elements", name, dt, n)
	case !mine || own.owner != a.b:
		a.failf("%s: found a buffer of another backend, expected one of this", name)
	case own.dtype != dt || own.n < n:
		a.failf("%s: found %v of %d elements, expected %v of at least %d", name, own.dtype, own.n, dt, n)
	default:
		return own
	}
	return nil
}

// act returns the elements of an activation buffer of at least n elements.
func (a *arguments) act(name string, x backend.Buffer, n int) []float64 {
	return a.real(name, x, backend.F64, n)
}

// row returns the elements of a float32 buffer (row statistics, losses, norms).
func (a *arguments) row(name string, x backend.Buffer, n int) []float64 {
	return a.real(name, x, backend.F32, n)
}

func (a *arguments) real(name string, x backend.Buffer, dt backend.DType, n int) []float64 {
	if own := a.buffer(name, x, dt, n); own != nil {
		return own.real
	}
	return nil
}

// ints returns the elements of an I32 buffer of at least n elements, the first
// n of which must lie in [min, max].
func (a *arguments) ints(name string, x backend.Buffer, n, min, max int) []int32 {
	own := a.buffer(name, x, backend.I32, n)
	if own == nil {
		return nil
	}
	for i, v := range own.ints[:n] {
		if int(v) < min || int(v) > max {
			a.failf("%s[%d]: found %d, expected %d to %d", name, i, v, min, max)
			return nil
		}
	}
	return own.ints
}

// span checks a range of elements for a copy.
func (a *arguments) span(name string, x backend.Buffer, off, n int, ints bool) *buffer {
	if !a.ok {
		return nil
	}
	own, mine := x.(*buffer)
	switch {
	case !mine || own.owner != a.b:
		a.failf("%s: found a buffer of another backend or none, expected one of this", name)
	case (own.dtype == backend.I32) != ints:
		a.failf("%s: found %v, expected %s", name, own.dtype, map[bool]string{true: "int32", false: "a floating-point dtype"}[ints])
	case off < 0 || n > own.n-off:
		a.failf("%s: found elements %d to %d, expected a range in %d", name, off, off+n, own.n)
	default:
		return own
	}
	return nil
}

// param checks the owner.
func (a *arguments) param(name string, p backend.Param) *param {
	if !a.ok {
		return nil
	}
	own, mine := p.(*param)
	if !mine || own.owner != a.b {
		a.failf("%s: found a parameter of another backend or none, expected one of this", name)
		return nil
	}
	return own
}

// params checks the owner of each.
func (a *arguments) params(list []backend.Param) []*param {
	out := make([]*param, 0, len(list))
	for i, p := range list {
		if own := a.param(fmt.Sprintf("params[%d]", i), p); own != nil {
			out = append(out, own)
		}
	}
	return out
}

// shaped checks the owner, and that the tensor is dense with the given shape;
// 0 accepts any number of rows.
func (a *arguments) shaped(name string, p backend.Param, out, in int) *param {
	own := a.param(name, p)
	if own == nil {
		return nil
	}
	s := own.spec
	if own.topo != nil || s.In != in || out != 0 && s.Out != out {
		kind := "dense"
		if own.topo != nil {
			kind = "sparse"
		}
		rows := "any"
		if out != 0 {
			rows = fmt.Sprint(out)
		}
		a.failf("%s: found %s [%d, %d], expected dense [%s, %d]", name, kind, s.Out, s.In, rows, in)
		return nil
	}
	return own
}

// bias is shaped for an optional vector: nil stays nil.
func (a *arguments) bias(name string, p backend.Param, n int) *param {
	if p == nil {
		return nil
	}
	return a.shaped(name, p, 1, n)
}

// dropout checks the rate.
func (a *arguments) dropout(d backend.Dropout) {
	if a.ok && !(d.Rate >= 0 && d.Rate < 1) {
		a.failf("dropout rate: found %v, expected 0 <= rate < 1", d.Rate)
	}
}
