//go:build nvidia

package cudadriver

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"gorgonia.org/cu"
)

// module is a loaded module with the sizes of its kernels' parameters.
type module struct {
	mod        cu.Module
	signatures map[string][]int
}

// function is a kernel.
type function struct {
	fn     cu.Function
	name   string
	params []int // sizes in bytes
	shared int   // dynamic shared memory that it may have now

	attributes gpu.Attributes
}

// Load has the driver compile PTX text. The error holds the compiler's words.
func (d *Driver) Load(name string, ptx []byte) (h gpu.Module, err error) {
	err = d.call("load module", name, true, func() error {
		if len(ptx) == 0 || bytes.IndexByte(ptx, 0) >= 0 {
			return errors.New("no PTX: found nothing or a zero byte, expected text")
		}
		// The compiler comes first, for it says best what is wrong with the text.
		mod, err := loadModule(append(ptx[:len(ptx):len(ptx)], 0))
		if err != nil {
			return err
		}
		h, err = d.loaded(mod, ptx)
		return err
	})
	return h, err
}

// LoadMachineCode has the driver load a cubin, which it checks for this GPU. ptx is the text
// that it was assembled from.
func (d *Driver) LoadMachineCode(name string, code, ptx []byte) (h gpu.Module, err error) {
	err = d.call("load machine code", name, true, func() error {
		if !whole(code) { // cuModuleLoadDataEx is not told where it ends
			return errors.New("found no whole ELF file, expected a cubin")
		}
		mod, err := loadModule(code)
		if err != nil {
			return err
		}
		h, err = d.loaded(mod, ptx)
		return err
	})
	return h, err
}

// loaded notes a module with the signatures of its kernels, or unloads it.
func (d *Driver) loaded(mod cu.Module, ptx []byte) (gpu.Module, error) {
	sizes, err := signatures(string(ptx))
	if err != nil {
		if e := mod.Unload(); e != nil {
			return 0, fmt.Errorf("%w (and then, on the way back: %w)", err, own(e))
		}
		return 0, err
	}
	d.modules = append(d.modules, module{mod, sizes})
	return gpu.Module(len(d.modules)), nil
}

// Function returns the module's kernel called name, ready to launch.
func (d *Driver) Function(m gpu.Module, name string) (h gpu.Function, err error) {
	err = d.call("find kernel", name, true, func() error {
		if m == 0 || m > gpu.Module(len(d.modules)) {
			return fmt.Errorf("module %d: no such module", m)
		}
		mod := d.modules[m-1]
		params, found := mod.signatures[name]
		if !found {
			return errors.New("not in the module")
		}
		if len(params) > maxParams {
			return fmt.Errorf("%d parameters, expected at most %d", len(params), maxParams)
		}
		fn, err := mod.mod.Function(name)
		if err != nil {
			return own(err)
		}
		shared, err := dynamicShared(fn)
		if err != nil {
			return err
		}
		attributes, err := attributesOf(fn)
		if err != nil {
			return err
		}
		d.functions = append(d.functions, &function{fn, name, params, shared, attributes})
		h = gpu.Function(len(d.functions))
		return nil
	})
	return h, err
}

// Attributes returns what the driver said of a kernel when Function found it.
func (d *Driver) Attributes(f gpu.Function) gpu.Attributes {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f == 0 || f > gpu.Function(len(d.functions)) {
		return gpu.Attributes{}
	}
	return d.functions[f-1].attributes
}

// Launch queues a kernel, or makes it part of the graph if s is captured. Each
// argument is the low bytes of its words.
func (d *Driver) Launch(s gpu.Stream, f gpu.Function, grid, block gpu.Dim3, shared int, args []uint64) error {
	return d.call("launch", "", false, func() error {
		if f == 0 || f > gpu.Function(len(d.functions)) {
			return fmt.Errorf("function %d: no such function", f)
		}
		fn := d.functions[f-1]
		err := d.launch(s, fn, grid, block, shared, args)
		if err == nil {
			return nil
		}
		e := wrap("launch", fn.name, err).(*gpu.Error)
		e.Grid, e.Block = grid, block
		return e
	})
}

func (d *Driver) launch(s gpu.Stream, f *function, grid, block gpu.Dim3, shared int, args []uint64) error {
	st, err := d.stream(s)
	if err != nil {
		return err
	}
	first, words := firstWords(f.params)
	if len(args) != words {
		return fmt.Errorf("%d words of arguments, expected %d", len(args), words)
	}
	if err := checkSizes(grid, block); err != nil {
		return err
	}
	if shared < 0 || shared > d.properties.SharedBytes {
		return fmt.Errorf("%d bytes of dynamic shared memory, expected 0 to %d", shared, d.properties.SharedBytes)
	}
	if shared > f.shared {
		if err := allowDynamicShared(f.fn, shared); err != nil {
			return fmt.Errorf("%d bytes of dynamic shared memory, of at most %d a block, static included: %w", shared, d.properties.SharedBytes, err)
		}
		f.shared = shared
	}
	return launchKernel(f.fn, grid, block, shared, st, args, first)
}

// checkSizes compares with the limits of every GPU since compute capability 3.0.
// CUDA would, but takes unsigned numbers, and may not do so during a capture.
func checkSizes(grid, block gpu.Dim3) error {
	for _, v := range []struct {
		what    string
		d       gpu.Dim3
		x, y, z int
	}{{"grid", grid, 1<<31 - 1, 65535, 65535}, {"block", block, 1024, 1024, 64}} {
		if v.d.X < 1 || v.d.Y < 0 || v.d.Z < 0 || v.d.X > v.x || v.d.Y > v.y || v.d.Z > v.z {
			return fmt.Errorf("%s %v, expected 1 to (%d,%d,%d)", v.what, v.d, v.x, v.y, v.z)
		}
	}
	if n := block.X * max(block.Y, 1) * max(block.Z, 1); n > 1024 {
		return fmt.Errorf("%d threads in a block, expected at most 1024", n)
	}
	return nil
}

// NewStream returns a stream that waits for no other.
func (d *Driver) NewStream() (h gpu.Stream, err error) {
	err = d.call("create stream", "", true, func() error {
		s, err := cu.MakeStream(cu.NonBlocking)
		if err != nil {
			return own(err)
		}
		d.streams = append(d.streams, s)
		h = gpu.Stream(len(d.streams) - 1)
		return nil
	})
	return h, err
}

func (d *Driver) stream(s gpu.Stream) (cu.Stream, error) {
	if s >= gpu.Stream(len(d.streams)) {
		return cu.Stream{}, fmt.Errorf("stream %d: no such stream", s)
	}
	return d.streams[s], nil
}

// Sync waits for the stream's work. The error may be that of any kernel of the
// context that went wrong.
func (d *Driver) Sync(s gpu.Stream) error {
	return d.call("synchronize", "", true, func() error {
		st, err := d.stream(s)
		if err != nil {
			return err
		}
		return own(st.Synchronize())
	})
}

// NewEvent returns an event that is not recorded yet.
func (d *Driver) NewEvent() (h gpu.Event, err error) {
	err = d.call("create event", "", true, func() error {
		e, err := cu.MakeEvent(cu.DefaultEvent)
		if err != nil {
			return own(err)
		}
		d.events = append(d.events, e)
		h = gpu.Event(len(d.events))
		return nil
	})
	return h, err
}

func (d *Driver) event(e gpu.Event) (cu.Event, error) {
	if e == 0 || e > gpu.Event(len(d.events)) {
		return cu.Event{}, fmt.Errorf("event %d: no such event", e)
	}
	return d.events[e-1], nil
}

// Record queues the event after the stream's work so far.
func (d *Driver) Record(e gpu.Event, s gpu.Stream) error {
	return d.call("record event", "", true, func() error {
		st, err := d.stream(s)
		if err != nil {
			return err
		}
		ev, err := d.event(e)
		if err != nil {
			return err
		}
		if err := ev.Record(st); err != nil {
			return own(err)
		}
		d.recorded[e] = true
		return nil
	})
}

// Wait waits for the event. That one was recorded is checked here: CUDA would
// take it for done.
func (d *Driver) Wait(e gpu.Event) error {
	return d.call("wait for event", "", true, func() error {
		ev, err := d.event(e)
		if err != nil {
			return err
		}
		if !d.recorded[e] {
			return fmt.Errorf("event %d was never recorded", e)
		}
		return own(ev.Synchronize())
	})
}

// Elapsed waits for both events and returns the GPU's time between them, to half
// a microsecond or so. It is an error if one was never recorded.
func (d *Driver) Elapsed(from, to gpu.Event) (t time.Duration, err error) {
	err = d.call("measure time", "", true, func() error {
		var ev [2]cu.Event
		for i, e := range []gpu.Event{from, to} {
			var err error
			if ev[i], err = d.event(e); err != nil {
				return err
			}
			if err := ev[i].Synchronize(); err != nil {
				return own(err)
			}
		}
		ms, err := ev[0].Elapsed(ev[1])
		if err != nil {
			return own(err)
		}
		t = time.Duration(math.Round(ms * float64(time.Millisecond)))
		return nil
	})
	return t, err
}
