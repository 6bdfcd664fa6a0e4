// Package reference is the backend that every other one is measured against:
// each operation of package backend as the plain nested loops of its formula,
// on one thread, stored and computed in float64.
//
// It is slow on purpose. Nothing here is blocked, fused or reordered, so that a
// reader can hold each function against the doc comment of the operation. Two
// conventions differ from a training backend:
//
//   - Every floating-point buffer holds float64, whatever dtype it was allocated
//     with: a row statistic declared float32 keeps its full precision, so that
//     finite differences and comparisons with other float64 programs see no
//     rounding. DType reports the declared dtype, and MemoryBytes counts it.
//   - Values, gradients and moments of a Param are F64.
//
// ReadFloats and WriteFloats convert from and to float32; ReadDoubles and
// WriteDoubles do not round.
package reference

import (
	"errors"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// ErrClosed is the sticky error of a backend that is used after Close.
var ErrClosed = errors.New("backend is closed")

// Backend is the reference implementation of backend.Backend. Use it from one
// goroutine at a time.
type Backend struct {
	backend.Backend // the operations, their arguments checked
	device          *device
}

// New returns a reference backend with nothing allocated. Before the first
// BeginStep the step's scalars are zero: evaluation, with dropout off.
func New() *Backend {
	d := new(device)
	return &Backend{Backend: backend.New(d), device: d}
}

// WriteDoubles is WriteFloats for float64 data, without rounding.
func (b *Backend) WriteDoubles(dst backend.Buffer, off int, src []float64) {
	b.WriteFloats(dst, off, singles(src)) // it checks the arguments
	if b.device.err == nil {
		copy(dst.(*buffer).real[off:], src)
	}
}

// ReadDoubles is ReadFloats without rounding.
func (b *Backend) ReadDoubles(dst []float64, src backend.Buffer, off int) error {
	if err := b.ReadFloats(make([]float32, len(dst)), src, off); err != nil { // it checks them
		return err
	}
	copy(dst, src.(*buffer).real[off:])
	return nil
}

// device implements the operations.
type device struct {
	err   error // the first error; while set, no operation is called
	step  backend.StepScalars
	bytes int64
}

// Name returns "reference".
func (d *device) Name() string { return "reference" }

// Describe returns "reference, float64".
func (d *device) Describe() string { return "reference, float64" }

// Activation returns F64.
func (d *device) Activation() backend.DType { return backend.F64 }

// Capabilities are those that need no device of a kind.
func (d *device) Capabilities() backend.Capabilities {
	return backend.Capabilities{Restricter: d, Sharder: d}
}

// Close makes every later operation fail with ErrClosed.
func (d *device) Close() error {
	d.Fail(fmt.Errorf("reference: Close: %w", ErrClosed))
	return nil
}

// MemoryBytes counts each buffer at the size of its declared dtype, and the
// index arrays of each topology.
func (d *device) MemoryBytes() int64 { return d.bytes }

// Sync returns the first error. Work is done when it is called for, so there is
// nothing to wait for.
func (d *device) Sync() error { return d.err }

// Err implements backend.Device.
func (d *device) Err() error { return d.err }

// Fail implements backend.Device.
func (d *device) Fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// BeginStep keeps the scalars for the operations that follow.
func (d *device) BeginStep(s backend.StepScalars) { d.step = s }

// fail is Fail for what an operation found in the device's memory.
func (d *device) fail(op, format string, v ...any) {
	d.Fail(fmt.Errorf("reference: %s: %w", op, fmt.Errorf(format, v...)))
}

// reals returns the elements of a floating-point buffer, nil where there is none.
func reals(x backend.Buffer) []float64 {
	if x == nil {
		return nil
	}
	return x.(*buffer).real
}

// values returns the values of a parameter, nil where there is none.
func values(p backend.Param) []float64 {
	if p == nil {
		return nil
	}
	return p.(*param).val.real
}

// gradient returns the gradient of a parameter, nil where there is none.
func gradient(p backend.Param) []float64 {
	if p == nil {
		return nil
	}
	return p.(*param).grad.real
}

// integers returns the first n elements of an I32 buffer. One outside [least, most]
// is an error of the operation, and the answer nil and false.
func (d *device) integers(op, what string, x backend.Buffer, n, least, most int) ([]int32, bool) {
	list := x.(*buffer).ints[:n]
	for i, v := range list {
		if int(v) < least || int(v) > most {
			d.fail(op, "%s[%d]: found %d, expected %d to %d", what, i, v, least, most)
			return nil, false
		}
	}
	return list, true
}

// noRow is the least row index or label: any negative one means none.
const noRow = -1 << 31
