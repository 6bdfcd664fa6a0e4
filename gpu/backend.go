package gpu

import (
	"errors"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/internal/backend"
)

// ErrClosed is returned by every call after Close.
var ErrClosed = errors.New("gpu backend: closed")

// Options are the settings of New.
type Options struct {
	// Activation is the dtype of activations: backend.F32 (the zero value) or
	// backend.BF16. Sums, masters, gradients and moments are float32 in both.
	Activation backend.DType
	// Debug waits after every launch, so that a fault names its kernel.
	Debug bool
}

// Backend is the GPU backend; see backend.Backend for the operations.
type Backend struct {
	drv  Driver
	prop Properties
	k    *launcher
	act  backend.DType
	err  error // the first error; it sticks
	step backend.StepScalars

	live    map[Ptr]struct{} // allocations
	mem     int64            // as MemoryBytes counts
	working int64            // bytes beyond it: working copies, scratch, tables
	scratch region           // partial sums
	steps   stepScalars
	status  deviceStatus
	topo    topologyManager
	lists   []*tensorList // of the optimiser
}

// region is device memory that grows when more is asked for.
type region struct {
	p Ptr
	n int64
}

// New starts a backend on a driver, which it owns from then on: Close closes it.
func New(drv Driver, o Options) (*Backend, error) {
	if o.Activation != backend.F32 && o.Activation != backend.BF16 {
		return nil, fmt.Errorf("gpu backend: activations: found %v, expected float32 or bfloat16", o.Activation)
	}
	b := &Backend{drv: drv, prop: drv.Properties(), k: newLauncher(drv, 0), act: o.Activation, live: map[Ptr]struct{}{}}
	b.k.debug = o.Debug
	err := b.startStep()
	if err == nil {
		err = b.startTopology()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("gpu backend: %w", err), drv.Close())
	}
	return b, nil
}

// Name returns the driver's name, "cuda" or "sim".
func (b *Backend) Name() string { return b.drv.Name() }

// Describe names hardware, driver and activations.
func (b *Backend) Describe() string {
	return fmt.Sprintf("%s, activations %v", b.drv.Describe(), b.act)
}

// Activation returns the dtype of activations.
func (b *Backend) Activation() backend.DType { return b.act }

// Close frees everything and closes the driver.
func (b *Backend) Close() error {
	if errors.Is(b.err, ErrClosed) {
		return nil
	}
	var errs []error
	for p := range b.live {
		errs = append(errs, b.drv.Free(p))
	}
	b.live = nil
	errs = append(errs, b.drv.Close())
	b.err = ErrClosed
	return errors.Join(errs...)
}

// Sync waits for all queued work and returns the first error.
func (b *Backend) Sync() error {
	if b.ok() {
		b.keep("Sync", b.drv.Sync(0))
		b.steps.used = 0
	}
	if b.ok() {
		b.statusErrors()
	}
	if b.ok() {
		b.topologyErrors()
	}
	return b.err
}

// ok says whether operations may still run.
func (b *Backend) ok() bool {
	if b.err == nil && b.k.err != nil {
		b.err = fmt.Errorf("%s: %w", b.Name(), b.k.err)
	}
	return b.err == nil
}

// fail keeps the first error of the backend's life.
func (b *Backend) fail(format string, args ...any) {
	if b.ok() {
		b.err = fmt.Errorf(b.Name()+": "+format, args...)
	}
}

// keep fails op when a driver call did.
func (b *Backend) keep(op string, err error) {
	if err != nil {
		b.fail("%s: %w", op, err)
	}
}

// take allocates n bytes that live as long as the backend, zeroed.
func (b *Backend) take(op, label string, n int64) Ptr {
	if !b.ok() || n == 0 {
		return 0
	}
	p, err := b.drv.Alloc(n, label)
	if err != nil {
		b.keep(op, err)
		return 0
	}
	b.live[p] = struct{}{}
	b.keep(op, b.drv.Memset(0, p, 0, n))
	return p
}

// reserve makes r hold n bytes at least; their content is undefined.
func (b *Backend) reserve(op string, r *region, label string, n int64) Ptr {
	if n <= r.n || !b.ok() {
		return r.p
	}
	if r.p != 0 {
		delete(b.live, r.p)
		b.keep(op, b.drv.Free(r.p))
		b.working -= r.n
	}
	*r = region{b.take(op, label, n), n}
	b.working += n
	return r.p
}
