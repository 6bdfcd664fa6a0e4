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
	err   error // the first error; while set, operations are ignored
	step  backend.StepScalars
	bytes int64
}

var _ backend.Backend = (*Backend)(nil)

// New returns a reference backend with nothing allocated. Before the first
// BeginStep the step's scalars are zero: evaluation, with dropout off.
func New() *Backend { return &Backend{} }

// Name returns "reference".
func (b *Backend) Name() string { return "reference" }

// Describe returns "reference, float64".
func (b *Backend) Describe() string { return "reference, float64" }

// Activation returns F64.
func (b *Backend) Activation() backend.DType { return backend.F64 }

// Close makes every later operation fail with ErrClosed.
func (b *Backend) Close() error {
	b.fail("Close", ErrClosed)
	return nil
}

// MemoryBytes counts each buffer at the size of its declared dtype, and the
// index arrays of each topology.
func (b *Backend) MemoryBytes() int64 { return b.bytes }

// Sync returns the first error. Work is done when it is called for, so there is
// nothing to wait for.
func (b *Backend) Sync() error { return b.err }

// BeginStep keeps the scalars for the operations that follow.
func (b *Backend) BeginStep(s backend.StepScalars) {
	if b.err == nil {
		b.step = s
	}
}

// fail keeps the first error.
func (b *Backend) fail(op string, err error) {
	if b.err == nil {
		b.err = fmt.Errorf("%s: %w", op, err)
	}
}
