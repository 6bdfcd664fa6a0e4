package cpu

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

// ErrClosed is returned by every call after Close.
var ErrClosed = errors.New("cpu backend: closed")

// Options are the settings of New. Neither changes what an operation means; Path changes the last
// bits of results.
type Options struct {
	Threads int  // 0: as many as GOMAXPROCS allows
	Path    Path // Auto, the zero value: the fastest
}

// Backend is the CPU device: the operations of backend.Backend, whose arguments are checked, and
// what only this device has. Operations are finished when they return. One goroutine at a
// time may use a Backend; the threads are its own.
type Backend struct {
	backend.Backend
	device *device
}

// device implements the operations.
type device struct {
	k      *kernel.Set
	pool   *pool
	err    error // the first one of all calls
	mem    int64
	allocs int // how many there have been
	step   backend.StepScalars
	work   []workspace // of each thread

	splitKFrom      int // chunks of tokens from which on a weight gradient has split-K partials
	nonTemporalFrom int // bytes of a result from which on it has non-temporal stores
	partFrom        int // bytes of a weight from which on it is multiplied in parts

	ops opStates
}

// opStates holds the arguments of each running operation. Tasks are methods of
// these, so that starting an operation allocates nothing.
type opStates struct {
	tiles     tileOp
	lanes     laneOp
	pack      packOp
	grad      gradOp
	score     scoreOp
	embed     embedOp
	rows      rowCopyOp
	norm      normOp
	pointwise pointwiseOp
	attn      attnOp
	loss      lossOp
	adam      adamOp
	topo      topoOp
}

// New starts a device with its threads, which Close stops. It is an error if the machine or the
// build lacks the path, or if Threads is negative.
func New(o Options) (*Backend, error) {
	if o.Threads < 0 {
		return nil, fmt.Errorf("cpu backend: threads: found %d, expected 0 (automatic) or more", o.Threads)
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	k, err := kernel.ForPath(kernel.Path(o.Path))
	if err != nil {
		return nil, fmt.Errorf("cpu backend: %w", err)
	}
	workers := newPool(o.Threads)
	workers.portable = k.Path == kernel.Go // the same bits in every build and on every machine
	d := &device{k: k, pool: workers, work: make([]workspace, o.Threads),
		splitKFrom: splitKChunks, nonTemporalFrom: max(nonTemporalBytes, lastLevelCache()/2), partFrom: max(partBytes, lastLevelCache()/4)}
	return &Backend{backend.New(d), d}, nil
}

// Path returns the instruction path in use, never Auto.
func (b *Backend) Path() Path { return Path(b.device.k.Path) }

// Threads returns the number of threads in use.
func (b *Backend) Threads() int { return b.device.pool.threads }

// Name returns "cpu".
func (b *device) Name() string { return "cpu" }

// Describe returns the instruction path and the number of threads. Results depend on the path.
func (b *device) Describe() string {
	return fmt.Sprintf("cpu, instructions %s, threads %d", b.k.Path, b.pool.threads)
}

// Capabilities are the optional ones that this device has.
func (b *device) Capabilities() backend.Capabilities {
	return backend.Capabilities{Restricter: b, Sharder: b, Profile: b, Bits: "instructions " + b.k.Path.String()}
}

// Activation returns backend.F32.
func (b *device) Activation() backend.DType { return backend.F32 }

// Close stops the threads and drops the scratch memory.
func (b *device) Close() error {
	if errors.Is(b.err, ErrClosed) {
		return nil
	}
	b.pool.close()
	b.err, b.work, b.ops = ErrClosed, nil, opStates{}
	return nil
}

// Sync returns the first error. Operations of this backend are finished when
// they return.
func (b *device) Sync() error { return b.err }

// BeginStep sets the scalars of the operations that follow.
func (b *device) BeginStep(s backend.StepScalars) { b.step = s }

// Err implements backend.Device.
func (b *device) Err() error { return b.err }

// Fail implements backend.Device.
func (b *device) Fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// fail is Fail for what an operation found.
func (b *device) fail(format string, args ...any) { b.Fail(fmt.Errorf("cpu: "+format, args...)) }

// chunks returns how many chunks of a size n items make, the last one short.
func chunks(n, size int) int { return (n + size - 1) / size }

// grow returns s with length n, reusing its memory when it suffices. The
// content is undefined.
func grow[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}
