// Package faultdriver wraps a gpu.Driver and makes calls fail on purpose, so that
// tests can see what the layers above do about every failure there can be:
//
//	for n := 1; ; n++ {
//		d, _ := faultdriver.New(inner, faultdriver.Plan{At: n})
//		err := work(d) // must report the failure and leave nothing behind
//		if !d.Failed() {
//			break // work makes fewer than n calls
//		}
//	}
package faultdriver

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

// ErrInjected is what failures made by this package wrap, unless a Plan says otherwise.
var ErrInjected = errors.New("failure on purpose")

// Plan says which calls fail. The zero Plan lets all through and counts them.
type Plan struct {
	At       int    // the counted call that fails, from 1; 0 for none
	Op       string // count the calls of this method alone, as "Launch"; "" for all
	Sticky   bool   // every counted call from At on fails, as after a fault of a kernel
	Releases bool   // Free, FreePinned, FreeGraph and Close count too where Op is ""
	Err      error  // what the failure wraps; nil for ErrInjected

	Counted func(call int) // is told of each counted call, on its goroutine, before it is made or fails; nil: nobody is
}

// Driver passes calls on to another driver, but for those that are to fail. A
// failing call does not reach the other driver, but Close and EndCapture do. It
// spoils an open capture.
type Driver struct {
	inner gpu.Driver

	mu     sync.Mutex
	plan   Plan
	calls  int
	failed int
	spoils error // the last failure since BeginCapture
}

var _ gpu.Driver = (*Driver)(nil)

// releases are the methods that a Plan counts on request only: code that cleans
// up often has nobody to tell of their errors.
var releases = []string{"Free", "FreePinned", "FreeGraph", "Close"}

var ops = append([]string{
	"Memory", "Alloc", "AllocPinned", "CopyIn", "CopyOut", "Copy", "Memset", "Load", "LoadMachineCode", "Function", "EncodeTensorMap", "Launch",
	"NewStream", "Follow", "Sync", "NewEvent", "Record", "Wait", "Elapsed", "BeginCapture", "EndCapture", "LaunchGraph",
}, releases...)

// Ops returns the names that Plan.Op may have: the methods that return an error.
func Ops() []string { return slices.Clone(ops) }

// New returns a driver around inner. It is an error if the plan names no method
// that can fail, or a negative call.
func New(inner gpu.Driver, plan Plan) (*Driver, error) {
	d := &Driver{inner: inner}
	if err := d.Set(plan); err != nil {
		return nil, err
	}
	return d, nil
}

// Set replaces the plan and starts to count anew. Errors are those of New.
func (d *Driver) Set(plan Plan) error {
	if plan.Op != "" && !slices.Contains(ops, plan.Op) {
		return fmt.Errorf("faultdriver: method %q, expected one of %v", plan.Op, ops)
	}
	if plan.At < 0 {
		return fmt.Errorf("faultdriver: call %d, expected at least 0", plan.At)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan, d.calls, d.failed = plan, 0, 0
	return nil
}

// Calls returns the number of counted calls since New or Set, failed ones included.
func (d *Driver) Calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

// Failed reports whether a call was made to fail since New or Set.
func (d *Driver) Failed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed > 0
}

// fail counts a call, and returns its error if it is to fail.
func (d *Driver) fail(op, what string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.plan
	if p.Op != "" && p.Op != op || p.Op == "" && !p.Releases && slices.Contains(releases, op) {
		return nil
	}
	d.calls++
	if p.Counted != nil {
		p.Counted(d.calls)
	}
	if p.At == 0 || d.calls < p.At || d.calls > p.At && !p.Sticky {
		return nil
	}
	d.failed++
	err := p.Err
	if err == nil {
		err = ErrInjected
	}
	err = &gpu.Error{Op: op, What: what, Err: fmt.Errorf("counted call %d: %w", d.calls, err)}
	d.spoils = err
	return err
}

// Name returns the inner driver's name.
func (d *Driver) Name() string { return d.inner.Name() }

// Describe returns the inner driver's description.
func (d *Driver) Describe() string { return d.inner.Describe() }

// Properties returns the inner driver's properties.
func (d *Driver) Properties() gpu.Properties { return d.inner.Properties() }

// Alloc implements gpu.Driver.
func (d *Driver) Alloc(n int64, label string) (gpu.Ptr, error) {
	if err := d.fail("Alloc", label); err != nil {
		return 0, err
	}
	return d.inner.Alloc(n, label)
}

// Free implements gpu.Driver.
func (d *Driver) Free(p gpu.Ptr) error {
	if err := d.fail("Free", ""); err != nil {
		return err
	}
	return d.inner.Free(p)
}

// Memory implements gpu.Driver.
func (d *Driver) Memory() (free, total int64, err error) {
	if err := d.fail("Memory", ""); err != nil {
		return 0, 0, err
	}
	return d.inner.Memory()
}

// AllocPinned implements gpu.Driver.
func (d *Driver) AllocPinned(n int) ([]byte, error) {
	if err := d.fail("AllocPinned", ""); err != nil {
		return nil, err
	}
	return d.inner.AllocPinned(n)
}

// FreePinned implements gpu.Driver.
func (d *Driver) FreePinned(b []byte) error {
	if err := d.fail("FreePinned", ""); err != nil {
		return err
	}
	return d.inner.FreePinned(b)
}

// CopyIn implements gpu.Driver.
func (d *Driver) CopyIn(s gpu.Stream, dst gpu.Ptr, src []byte) error {
	if err := d.fail("CopyIn", ""); err != nil {
		return err
	}
	return d.inner.CopyIn(s, dst, src)
}

// CopyOut implements gpu.Driver.
func (d *Driver) CopyOut(s gpu.Stream, dst []byte, src gpu.Ptr) error {
	if err := d.fail("CopyOut", ""); err != nil {
		return err
	}
	return d.inner.CopyOut(s, dst, src)
}

// Copy implements gpu.Driver.
func (d *Driver) Copy(s gpu.Stream, dst, src gpu.Ptr, n int64) error {
	if err := d.fail("Copy", ""); err != nil {
		return err
	}
	return d.inner.Copy(s, dst, src, n)
}

// Memset implements gpu.Driver.
func (d *Driver) Memset(s gpu.Stream, dst gpu.Ptr, v byte, n int64) error {
	if err := d.fail("Memset", ""); err != nil {
		return err
	}
	return d.inner.Memset(s, dst, v, n)
}

// Load implements gpu.Driver.
func (d *Driver) Load(name string, ptx []byte) (gpu.Module, error) {
	if err := d.fail("Load", name); err != nil {
		return 0, err
	}
	return d.inner.Load(name, ptx)
}

// LoadMachineCode implements gpu.Driver.
func (d *Driver) LoadMachineCode(name string, code, ptx []byte) (gpu.Module, error) {
	if err := d.fail("LoadMachineCode", name); err != nil {
		return 0, err
	}
	return d.inner.LoadMachineCode(name, code, ptx)
}

// Attributes implements gpu.Driver.
func (d *Driver) Attributes(f gpu.Function) gpu.Attributes { return d.inner.Attributes(f) }

// Function implements gpu.Driver.
func (d *Driver) Function(m gpu.Module, name string) (gpu.Function, error) {
	if err := d.fail("Function", name); err != nil {
		return 0, err
	}
	return d.inner.Function(m, name)
}

// EncodeTensorMap implements gpu.Driver.
func (d *Driver) EncodeTensorMap(m gpu.Matrix) (gpu.TensorMap, error) {
	if err := d.fail("EncodeTensorMap", ""); err != nil {
		return gpu.TensorMap{}, err
	}
	return d.inner.EncodeTensorMap(m)
}

// Launch implements gpu.Driver.
func (d *Driver) Launch(s gpu.Stream, f gpu.Function, grid, block gpu.Dim3, shared int, args []uint64) error {
	if err := d.fail("Launch", ""); err != nil {
		return err
	}
	return d.inner.Launch(s, f, grid, block, shared, args)
}

// NewStream implements gpu.Driver.
func (d *Driver) NewStream() (gpu.Stream, error) {
	if err := d.fail("NewStream", ""); err != nil {
		return 0, err
	}
	return d.inner.NewStream()
}

// Sync implements gpu.Driver.
func (d *Driver) Sync(s gpu.Stream) error {
	if err := d.fail("Sync", ""); err != nil {
		return err
	}
	return d.inner.Sync(s)
}

// NewEvent implements gpu.Driver.
func (d *Driver) NewEvent() (gpu.Event, error) {
	if err := d.fail("NewEvent", ""); err != nil {
		return 0, err
	}
	return d.inner.NewEvent()
}

// Record implements gpu.Driver.
func (d *Driver) Record(e gpu.Event, s gpu.Stream) error {
	if err := d.fail("Record", ""); err != nil {
		return err
	}
	return d.inner.Record(e, s)
}

// Follow implements gpu.Driver.
func (d *Driver) Follow(s, other gpu.Stream) error {
	if err := d.fail("Follow", ""); err != nil {
		return err
	}
	return d.inner.Follow(s, other)
}

// Wait implements gpu.Driver.
func (d *Driver) Wait(e gpu.Event) error {
	if err := d.fail("Wait", ""); err != nil {
		return err
	}
	return d.inner.Wait(e)
}

// Elapsed implements gpu.Driver.
func (d *Driver) Elapsed(from, to gpu.Event) (time.Duration, error) {
	if err := d.fail("Elapsed", ""); err != nil {
		return 0, err
	}
	return d.inner.Elapsed(from, to)
}

// BeginCapture implements gpu.Driver.
func (d *Driver) BeginCapture(s gpu.Stream) error {
	if err := d.fail("BeginCapture", ""); err != nil {
		return err
	}
	err := d.inner.BeginCapture(s)
	if err == nil {
		d.mu.Lock()
		d.spoils = nil
		d.mu.Unlock()
	}
	return err
}

// EndCapture fails also if a call was made to fail since BeginCapture, since that
// spoils the capture of every driver. The inner driver's capture is over in any case.
func (d *Driver) EndCapture(s gpu.Stream) (gpu.Graph, error) {
	fault := d.fail("EndCapture", "")
	g, err := d.inner.EndCapture(s)
	if err != nil {
		return 0, err
	}
	d.mu.Lock()
	spoils := d.spoils
	d.spoils = nil
	d.mu.Unlock()
	if fault == nil && spoils != nil {
		fault = &gpu.Error{Op: "EndCapture", Err: fmt.Errorf("an earlier call failed: %w", spoils)}
	}
	if fault == nil {
		return g, nil
	}
	if err := d.inner.FreeGraph(g); err != nil {
		return 0, err
	}
	return 0, fault
}

// LaunchGraph implements gpu.Driver.
func (d *Driver) LaunchGraph(g gpu.Graph, s gpu.Stream) error {
	if err := d.fail("LaunchGraph", ""); err != nil {
		return err
	}
	return d.inner.LaunchGraph(g, s)
}

// FreeGraph implements gpu.Driver.
func (d *Driver) FreeGraph(g gpu.Graph) error {
	if err := d.fail("FreeGraph", ""); err != nil {
		return err
	}
	return d.inner.FreeGraph(g)
}

// Close closes the inner driver in any case.
func (d *Driver) Close() error {
	fault := d.fail("Close", "")
	if err := d.inner.Close(); err != nil {
		return err
	}
	return fault
}
