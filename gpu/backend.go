package gpu

import (
	"errors"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// ErrClosed is returned by every call after Close.
var ErrClosed = errors.New("gpu backend: closed")

// Options are the settings of New.
type Options struct {
	// Activation is the dtype of activations: backend.F32 (the zero value) or
	// backend.BF16. Sums, masters, gradients and moments are float32 in both.
	Activation backend.DType
	// Debug waits after every launch, so that a fault names its kernel. It implies
	// NoGraphs.
	Debug bool
	// Sample makes launches of few tokens stand for those of many, for estimates.
	Sample Sample
	// Launched, if not nil, is told of each launch of a kernel before it is queued.
	Launched func(kernel string, grid, block Dim3, shared int)
	// PTX has the driver compile the kernels' PTX even where the program holds machine
	// code for the device.
	PTX bool
	// NoGraphs runs recorded sequences call by call, with the same results.
	NoGraphs bool
}

// Sample makes launches stand for larger ones: kernels, tiles and thread blocks are chosen as for Times as
// many tokens as there are, but tokens are split into Ranges ranges at the most. Zero: as it is.
type Sample struct {
	Times  float64
	Ranges int
}

// Backend is the GPU backend: the operations of backend.Backend, whose arguments are
// checked, and what only this device has. All else is in its Capabilities.
type Backend struct {
	backend.Backend
	device *device
}

// Driver returns the driver that the backend owns.
func (b *Backend) Driver() Driver { return b.device.drv }

// device implements the operations.
type device struct {
	drv  Driver
	prop Properties
	k    *launcher
	act  backend.DType
	err  error // the first error; it sticks
	step backend.StepScalars

	live      map[Ptr]allocation
	taken     int64  // bytes of live
	peak      int64  // the most that taken ever was
	mem       int64  // as MemoryBytes counts
	padding   int64  // bytes behind rows, not in mem
	scratch   region // partial sums
	weights   region // partial sums of weight gradients, which may run beside those
	staging   staging
	stepAt    Ptr // the step's scalars
	status    deviceStatus
	checked   int // launches before the last look at status
	topo      topologyManager
	lists     []*tensorList // of the optimizer
	copyLists []*copyList
	packing   packing
	laps      laps

	recorded  map[any]*recording
	recording bool // within Record
	direct    bool // without graphs
	takes     int  // allocations so far: a recording that is older may name memory that has moved
	options   Options
}

// allocation is device memory in use.
type allocation struct {
	label string
	bytes int64
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
	d := &device{
		drv: drv, prop: drv.Properties(), k: newLauncher(drv, 0, o.Activation), act: o.Activation, live: map[Ptr]allocation{},
		recorded: map[any]*recording{}, direct: o.Debug || o.NoGraphs, options: o,
	}
	d.k.debug, d.k.launched = o.Debug, o.Launched
	d.k.loading.compile = o.PTX
	err := d.startStaging()
	for _, start := range []func() error{d.startStep, d.startTopology, d.startBranch} {
		if err == nil {
			err = start()
		}
	}
	if err != nil {
		err = fmt.Errorf("gpu backend: %w", err)
		return nil, errors.Join(err, d.Close())
	}
	return &Backend{backend.New(d), d}, nil
}

// Name returns the driver's name, "cuda" or "sim".
func (b *device) Name() string { return b.drv.Name() }

// Describe names hardware, driver and activations.
func (b *device) Describe() string {
	return fmt.Sprintf("%s, activations %v", b.drv.Describe(), b.act)
}

// Activation returns the dtype of activations.
func (b *device) Activation() backend.DType { return b.act }

// Capabilities are what this device has besides.
func (b *device) Capabilities() backend.Capabilities {
	return backend.Capabilities{Recorder: b, SharedInput: b, Sharder: b, Packer: b, Planner: b, Rows: b, Clock: b, Profile: b, Loaded: b.k.loading.loaded, Peak: peakFLOPs(b.drv.Describe(), b.act), Criteria: criteria, KeepsDropout: b.act == backend.BF16}
}

// Threads implements backend.Profile; it means nothing here.
func (b *device) Threads() int { return 0 }

// Close frees everything and closes the driver.
func (b *device) Close() error {
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
func (b *device) Sync() error {
	if b.outside("Sync") {
		b.keep("Sync", b.drv.Sync(0))
		b.staging.released()
	}
	if b.ok() && b.checked != b.k.queued {
		b.checked = b.k.queued
		b.statusErrors()
	}
	if b.ok() {
		b.topologyErrors()
	}
	return b.err
}

// ok says whether operations may still run.
func (b *device) ok() bool {
	if b.err == nil && b.k.err != nil {
		b.err = fmt.Errorf("%s: %w", b.Name(), b.k.err)
	}
	return b.err == nil
}

// Err implements backend.Device.
func (b *device) Err() error {
	b.ok()
	return b.err
}

// Fail implements backend.Device.
func (b *device) Fail(err error) {
	if b.ok() {
		b.err = err
	}
}

// fail keeps the first error of the backend's life.
func (b *device) fail(format string, args ...any) {
	if b.ok() {
		b.err = fmt.Errorf(b.Name()+": "+format, args...)
	}
}

// keep fails op when a driver call did.
func (b *device) keep(op string, err error) {
	if err != nil {
		b.fail("%s: %w", op, err)
	}
}

// take allocates n bytes that live as long as the backend, zeroed.
func (b *device) take(op, label string, n int64) Ptr {
	if !b.ok() || n == 0 {
		return 0
	}
	p, err := b.drv.Alloc(n, label)
	if err != nil {
		b.keep(op, err)
		return 0
	}
	b.live[p] = allocation{label, n}
	b.taken += n
	b.peak = max(b.peak, b.taken)
	b.takes++
	b.keep(op, b.drv.Memset(0, p, 0, n))
	return p
}

// release frees what take returned, once the work that is queued is done.
func (b *device) release(op string, p Ptr) {
	b.keep(op, b.drv.Free(p))
	b.taken -= b.live[p].bytes
	delete(b.live, p)
}

// reserve makes r hold n bytes at least; their content is undefined.
func (b *device) reserve(op string, r *region, label string, n int64) Ptr {
	if n <= r.n || !b.ok() {
		return r.p
	}
	if r.p != 0 {
		b.release(op, r.p)
	}
	*r = region{b.take(op, label, n), n}
	return r.p
}
