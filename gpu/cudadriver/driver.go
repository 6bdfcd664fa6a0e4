//go:build nvidia

package cudadriver

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/cudadriver/preflight" // ends the process where package cu would
	"gorgonia.org/cu"
)

// Options choose the GPU.
type Options struct {
	// Device is the index of the GPU among those that CUDA_VISIBLE_DEVICES leaves, from 0. Where that
	// leaves one only, it is this one: launchers that give each process a GPU of its own do so.
	Device int
}

const (
	reservedBytes = 512 << 20 // for kernels, graphs and printf buffers: a guess, not seen on hardware
	pageBytes     = 2 << 20   // of the GPU's memory
)

// Driver is one GPU in its primary context. See the package's comment.
type Driver struct {
	describe   string
	properties gpu.Properties
	work       chan func() // to the thread that owns the context

	mu        sync.Mutex // held for the length of a call
	closed    bool
	ctx       context
	uuid      [16]byte
	memory    ranges
	pinned    [][]byte
	modules   []module // a handle is its index + 1, here and below
	functions []*function
	streams   []cu.Stream // a handle is its index: 0 is the default stream
	events    []cu.Event
	recorded  map[gpu.Event]bool
	graphs    map[gpu.Graph]execGraph
	lastGraph gpu.Graph
	capture   *capture // nil if no stream is captured
	order     cu.Event // of Follow
}

var _ gpu.Driver = (*Driver)(nil)

// capture is a graph in the making.
type capture struct {
	stream  gpu.Stream
	spoiled error // the first error since it began
}

// New opens a GPU that the kernels can run on. The error says what is wrong with
// it, how many there are, or what CUDA said. (Where there is none, the process
// has exited before; see the package's comment.)
func New(opt Options) (*Driver, error) {
	d := &Driver{work: make(chan func()), recorded: map[gpu.Event]bool{}, graphs: map[gpu.Graph]execGraph{}}
	go d.thread()
	var err error
	d.do(func() { err = d.open(opt.Device) })
	if err != nil {
		err = wrap("open device", fmt.Sprint(opt.Device), err)
		close(d.work)
		return nil, err
	}
	return d, nil
}

// thread runs all calls. It ends locked, so that the OS thread ends with it and
// with whatever CUDA keeps for the thread.
func (d *Driver) thread() {
	runtime.LockOSThread()
	for f := range d.work {
		f()
	}
}

// do runs f on the driver's thread and waits for it.
func (d *Driver) do(f func()) {
	done := make(chan struct{})
	d.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

// Count returns the number of GPUs that CUDA_VISIBLE_DEVICES leaves.
func Count() (int, error) {
	n, err := cu.NumDevices()
	return n, own(err)
}

// open makes the context and the default stream.
func (d *Driver) open(index int) error {
	count, err := cu.NumDevices()
	if err != nil {
		return own(err)
	}
	if count == 0 {
		return hinted(noDevice)
	}
	if count == 1 && index > 0 {
		index = 0
	}
	if index < 0 || index >= count {
		return fmt.Errorf("found %d GPUs, expected more for process %d of this machine, counted from 0: one for each", count, index)
	}
	dev, err := cu.GetDevice(index)
	if err != nil {
		return own(err)
	}
	id, err := dev.UUID()
	if err != nil {
		return own(err)
	}
	d.uuid = id
	g, err := identify(dev)
	if err != nil {
		return own(err)
	}
	if preflight.OldGPU(g, nil) != "" {
		return errors.New(preflight.OldGPU(g, siblings(count, index)))
	}
	p := &d.properties
	p.Major, p.Minor = g.Major, g.Minor
	for _, a := range []struct {
		attribute cu.DeviceAttribute
		value     *int
	}{
		{cu.MultiprocessorCount, &p.Multiprocessors},
		{sharedPerBlockOptin, &p.SharedBytes},
		{cu.MaxSharedMemoryPerMultiprocessor, &p.SharedPerSM},
	} {
		if *a.value, err = dev.Attribute(a.attribute); err != nil {
			return own(err)
		}
	}
	if p.MemoryBytes, err = dev.TotalMem(); err != nil {
		return own(err)
	}
	p.ReservedBytes, p.PageBytes, p.TensorMaps = reservedBytes, pageBytes, p.Major >= 9 && hasTensorMaps()
	p.MachineCode = true
	v := cu.Version()
	d.describe = fmt.Sprintf("%s, compute capability %d.%d, driver for CUDA %d.%d", g.Name, p.Major, p.Minor, v/1000, v%1000/10)
	if err := d.ctx.retain(dev); err != nil {
		return hinted(err)
	}
	s, err := cu.MakeStream(cu.NonBlocking)
	if err != nil {
		if e := d.ctx.release(); e != nil {
			return fmt.Errorf("%w (and then, on the way back: %w)", own(err), e)
		}
		return own(err)
	}
	d.streams = []cu.Stream{s}
	if d.order, err = cu.MakeEvent(cu.DisableTiming); err != nil {
		err = own(err)
		for _, late := range []error{s.Destroy(), d.ctx.release()} {
			if late != nil {
				err = fmt.Errorf("%w (and then, on the way back: %w)", err, own(late))
			}
		}
		return err
	}
	return nil
}

// noDevice is CUDA_ERROR_NO_DEVICE.
const noDevice Result = 100

// identify asks a device who it is.
func identify(dev cu.Device) (g preflight.GPU, err error) {
	if g.Name, err = dev.Name(); err != nil {
		return g, err
	}
	g.Major, g.Minor, err = dev.ComputeCapability()
	return g, err
}

// siblings are the other GPUs that can be asked, for an error message.
func siblings(count, index int) []preflight.GPU {
	var all []preflight.GPU
	for i := range count {
		dev, err := cu.GetDevice(i)
		if err != nil || i == index {
			continue
		}
		g, err := identify(dev)
		if err != nil {
			continue
		}
		id, err := dev.UUID()
		if err != nil {
			continue
		}
		g.UUID = "GPU-" + id.String()
		all = append(all, g)
	}
	return all
}

// hinted adds what is behind an error of CUDA and what to do.
func hinted(err error) error {
	if r, ok := errors.AsType[Result](err); ok {
		if hint := preflight.Hint(int(r)); hint != "" {
			return fmt.Errorf("%s (%w)", hint, err)
		}
	}
	return err
}

var (
	errClosed   = errors.New("the driver is closed")
	errCaptured = errors.New("not allowed while a stream is captured")
)

// call runs f on the thread if the driver is open, and makes an *gpu.Error of
// its error. Any error spoils an open capture; forbidden calls are an error in one.
func (d *Driver) call(op, what string, forbidden bool, f func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var err error
	switch {
	case d.closed:
		err = errClosed
	case forbidden && d.capture != nil:
		err = errCaptured
	default:
		d.do(func() { err = f() })
	}
	if err == nil {
		return nil
	}
	err = wrap(op, what, err)
	if d.capture != nil && d.capture.spoiled == nil {
		d.capture.spoiled = err
	}
	return err
}

// wrap makes an *gpu.Error of err with CUDA's code, unless it is one.
func wrap(op, what string, err error) error {
	if e, ok := err.(*gpu.Error); ok {
		return e
	}
	e := &gpu.Error{Op: op, What: what, Err: err}
	if r, ok := errors.AsType[Result](err); ok {
		e.Code = int(r)
	}
	return e
}

// Name returns "cuda".
func (d *Driver) Name() string { return "cuda" }

// Describe names the GPU and the newest CUDA that the driver serves.
func (d *Driver) Describe() string { return d.describe }

// Properties returns what the GPU says of itself.
func (d *Driver) Properties() gpu.Properties { return d.properties }

// Close waits for all work and frees everything, pinned memory too: slices of
// it must not be touched any more. It goes on after an error and returns the
// first. Every later call is an error, a second Close too.
func (d *Driver) Close() error {
	return d.call("close", "", false, func() error {
		d.closed = true
		err := d.release()
		d.capture = nil
		close(d.work)
		return err
	})
}

// release gives back everything and returns the first error.
func (d *Driver) release() error {
	var first error
	note := func(err error) {
		if first == nil {
			first = own(err)
		}
	}
	if d.capture != nil {
		// A spoiled capture's end reports what spoiled it, which is known.
		_, err := endCapture(d.streams[d.capture.stream], false)
		if d.capture.spoiled == nil {
			note(err)
		}
	}
	for _, s := range d.streams {
		note(s.Synchronize())
	}
	for _, g := range d.graphs {
		note(g.destroy())
	}
	note(cu.DestroyEvent(&d.order))
	for i := range d.events {
		note(cu.DestroyEvent(&d.events[i]))
	}
	for i := range d.streams {
		note(d.streams[i].Destroy())
	}
	for _, m := range d.modules {
		note(m.mod.Unload())
	}
	for _, b := range d.pinned {
		note(freePinned(b))
	}
	for _, r := range d.memory {
		note(cu.MemFree(cu.DevicePtr(r.start)))
	}
	note(d.ctx.release())
	d.memory, d.pinned, d.modules, d.functions, d.streams, d.events, d.graphs = nil, nil, nil, nil, nil, nil, nil
	return first
}
