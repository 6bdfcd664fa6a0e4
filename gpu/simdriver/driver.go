package simdriver

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// An H100's limits.
const (
	multiprocessors = 132
	sharedBytes     = 227 << 10 // of a block that opts in; 1 KiB of each multiprocessor is the system's
	sharedPerSM     = 228 << 10
	staticBytes     = 48 << 10 // of a kernel's static variables, as CUDA documents; ptxas takes more
	portableCluster = 8        // blocks of a cluster that needs no attribute of the kernel
	memoryBytes     = 4 << 30
)

// Options are the limits of the simulated device; zero values mean the defaults.
type Options struct {
	MemoryBytes     int64  // global memory; default 4 GiB
	SharedBytes     int    // shared memory of a block, static and dynamic; default 232448, as on an H100
	Multiprocessors int    // what launches are told of; default 132
	Threads         int    // goroutines that run the blocks of a launch; default GOMAXPROCS
	BlockRaces      bool   // find races in global memory, within a block and between blocks; slower, on one goroutine
	MaxInstructions int64  // warp instructions of one block before a launch fails; default 1 << 33
	Seed            uint64 // of a random order of blocks, warps and their turns; default 0: always the same order
	Perturb         uint64 // seed of errors as PTX allows them in approximations and sums of matrix products; default 0: none
	SharedPerSM     int    // shared memory of a multiprocessor; default 228 KiB
	Major           int    // compute capability, with 0 behind the point; default 9

	Latencies *Latencies // makes launches tell their time, see Launches; slower
}

// Driver is a simulated GPU with its memory. See the package's comment.
type Driver struct {
	opt  Options
	uuid [16]byte

	mu        sync.Mutex
	dev       *ptxsim.Device // nil once closed
	memory    map[gpu.Ptr]int64
	used      int64
	pinned    map[*byte]int
	modules   []*ptxsim.Module // a handle is its index + 1, here and below
	functions []*ptxsim.Kernel
	streams   []*stream // a handle is its index: 0 is the default stream
	events    []event
	graphs    map[gpu.Graph]*graph
	lastGraph gpu.Graph
	capture   *capture // nil if no stream is captured
	counters  map[string]Counters
	launches  []Launch          // with Options.Latencies
	footprint *ptxsim.Footprint // of the latest work, with Options.BlockRaces
}

var _ gpu.Driver = (*Driver)(nil)

// stream holds the copies with pinned memory that its next Sync finishes.
type stream struct {
	pending  []pending
	finished int // copies that are
}

// event is a moment in a stream: after so many of its copies with pinned memory.
type event struct {
	at     time.Time // zero: never recorded
	stream gpu.Stream
	copies int
}

// New returns a driver of a device with empty memory.
func New(opt Options) *Driver {
	opt.MemoryBytes = cmp.Or(opt.MemoryBytes, memoryBytes)
	opt.SharedBytes = cmp.Or(opt.SharedBytes, sharedBytes)
	opt.Multiprocessors = cmp.Or(opt.Multiprocessors, multiprocessors)
	opt.SharedPerSM = cmp.Or(opt.SharedPerSM, sharedPerSM)
	opt.Major = cmp.Or(opt.Major, 9)
	opt.Threads = cmp.Or(max(opt.Threads, 0), runtime.GOMAXPROCS(0))
	return &Driver{
		opt:  opt,
		uuid: newUUID(),
		dev: ptxsim.NewDevice(ptxsim.Options{
			MemoryBytes: opt.MemoryBytes, SharedBytes: opt.SharedBytes, Threads: opt.Threads,
			BlockRaces: opt.BlockRaces, MaxInstructions: opt.MaxInstructions, Seed: opt.Seed, Perturb: opt.Perturb,
			Latencies: (*ptxsim.Latencies)(opt.Latencies),
		}),
		memory:   map[gpu.Ptr]int64{},
		pinned:   map[*byte]int{},
		streams:  []*stream{{}},
		graphs:   map[gpu.Graph]*graph{},
		counters: map[string]Counters{},
	}
}

var (
	errClosed   = errors.New("the driver is closed")
	errCaptured = errors.New("not allowed while a stream is captured")
)

// call does f if the driver is open, and makes an *gpu.Error of its error. Any
// error spoils an open capture; forbidden calls are an error in one.
func (d *Driver) call(op, what string, forbidden bool, f func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var err error
	switch {
	case d.dev == nil:
		err = errClosed
	case forbidden && d.capture != nil:
		err = errCaptured
	default:
		err = f()
	}
	if err == nil {
		return nil
	}
	var e *gpu.Error
	if !errors.As(err, &e) {
		e = &gpu.Error{Op: op, What: what, Err: err}
	}
	if d.capture != nil && d.capture.spoiled == nil {
		d.capture.spoiled = e
	}
	return e
}

// Name returns "sim".
func (d *Driver) Name() string { return "sim" }

// Describe names the simulator and its limits.
func (d *Driver) Describe() string {
	return fmt.Sprintf("PTX simulator, %d MiB, %d threads", d.opt.MemoryBytes>>20, d.opt.Threads)
}

// Properties returns an H100's numbers, with what the options say.
func (d *Driver) Properties() gpu.Properties {
	return gpu.Properties{
		Major: d.opt.Major, Minor: 0, Multiprocessors: d.opt.Multiprocessors,
		SharedBytes: d.opt.SharedBytes, SharedPerSM: d.opt.SharedPerSM, MemoryBytes: d.opt.MemoryBytes,
		TensorMaps: d.opt.Major >= 9,
	}
}

// NewStream returns a new stream.
func (d *Driver) NewStream() (s gpu.Stream, err error) {
	err = d.call("create stream", "", true, func() error {
		d.streams = append(d.streams, &stream{})
		s = gpu.Stream(len(d.streams) - 1)
		return nil
	})
	return s, err
}

func (d *Driver) stream(s gpu.Stream) (*stream, error) {
	if s >= gpu.Stream(len(d.streams)) {
		return nil, fmt.Errorf("stream %d: no such stream", s)
	}
	return d.streams[s], nil
}

// Sync finishes the stream's copies with pinned memory. It is an error if the
// source of one was changed since.
func (d *Driver) Sync(s gpu.Stream) error {
	return d.call("synchronize", "", true, func() error {
		st, err := d.stream(s)
		if err != nil {
			return err
		}
		return st.finish(st.finished + len(st.pending))
	})
}

// NewEvent returns an event that is not recorded yet.
func (d *Driver) NewEvent() (e gpu.Event, err error) {
	err = d.call("create event", "", true, func() error {
		d.events = append(d.events, event{})
		e = gpu.Event(len(d.events))
		return nil
	})
	return e, err
}

// Record sets the event to the present time.
func (d *Driver) Record(e gpu.Event, s gpu.Stream) error {
	return d.call("record event", "", true, func() error {
		st, err := d.stream(s)
		if err != nil {
			return err
		}
		if e == 0 || e > gpu.Event(len(d.events)) {
			return fmt.Errorf("event %d: no such event", e)
		}
		d.events[e-1] = event{time.Now(), s, st.finished + len(st.pending)}
		return nil
	})
}

// recorded returns an event that was recorded.
func (d *Driver) recorded(e gpu.Event) (event, error) {
	switch {
	case e == 0 || e > gpu.Event(len(d.events)):
		return event{}, fmt.Errorf("event %d: no such event", e)
	case d.events[e-1].at.IsZero():
		return event{}, fmt.Errorf("event %d was never recorded", e)
	}
	return d.events[e-1], nil
}

// Wait finishes the copies with pinned memory that came before the event, as
// Sync does.
func (d *Driver) Wait(e gpu.Event) error {
	return d.call("wait for event", "", true, func() error {
		ev, err := d.recorded(e)
		if err != nil {
			return err
		}
		return d.streams[ev.stream].finish(ev.copies)
	})
}

// Elapsed returns the wall time from one event to the other; it is an error if
// one was never recorded.
func (d *Driver) Elapsed(from, to gpu.Event) (t time.Duration, err error) {
	err = d.call("measure time", "", true, func() error {
		var ev [2]event
		for i, e := range []gpu.Event{from, to} {
			var err error
			if ev[i], err = d.recorded(e); err != nil {
				return err
			}
		}
		t = ev[1].at.Sub(ev[0].at)
		return nil
	})
	return t, err
}

// Close drops the device's memory and everything else. Every later call is an
// error, a second Close too.
func (d *Driver) Close() error {
	return d.call("close", "", false, func() error {
		d.dev, d.capture = nil, nil
		d.memory, d.pinned, d.modules, d.functions, d.streams, d.events, d.graphs = nil, nil, nil, nil, nil, nil, nil
		return nil
	})
}
