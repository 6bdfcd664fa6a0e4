//go:build nvidia

package main

import "C"

import (
	"time"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
)

// event is a point in a stream. Recorded while a stream is captured it has no time.
type event struct {
	at       gpu.Event
	stream   gpu.Stream
	recorded bool
}

// onStream is use with a stream.
func onStream(h unsafe.Pointer, f func(d *simdriver.Driver, s gpu.Stream) error) C.int {
	return use(func(d *simdriver.Driver) error {
		s, found := device.streams[uintptr(h)]
		if !found {
			return coded(invalidHandle)
		}
		return f(d, s)
	})
}

// queue is onStream for a call that gives the stream work.
func queue(h unsafe.Pointer, f func(d *simdriver.Driver, s gpu.Stream) error) C.int {
	return onStream(h, func(d *simdriver.Driver, s gpu.Stream) error {
		device.queued[s] = true
		return f(d, s)
	})
}

//export cuStreamCreate
func cuStreamCreate(to *unsafe.Pointer, _ C.uint) C.int {
	return use(func(d *simdriver.Driver) error {
		s, err := d.NewStream()
		if err != nil {
			return err
		}
		h := handle()
		device.streams[h] = s
		put(to, h)
		return nil
	})
}

//export cuStreamDestroy_v2
func cuStreamDestroy_v2(h unsafe.Pointer) C.int {
	return onStream(h, func(*simdriver.Driver, gpu.Stream) error {
		delete(device.streams, uintptr(h))
		return nil
	})
}

//export cuStreamSynchronize
func cuStreamSynchronize(h unsafe.Pointer) C.int {
	return onStream(h, func(d *simdriver.Driver, s gpu.Stream) error {
		delete(device.queued, s)
		return d.Sync(s)
	})
}

//export cuCtxSynchronize
func cuCtxSynchronize() C.int {
	return use(func(d *simdriver.Driver) error {
		for _, s := range device.streams {
			if err := d.Sync(s); err != nil {
				return err
			}
		}
		clear(device.queued)
		return nil
	})
}

//export cuEventCreate
func cuEventCreate(to *unsafe.Pointer, _ C.uint) C.int {
	return use(func(d *simdriver.Driver) error {
		e, err := d.NewEvent()
		if err != nil {
			return err
		}
		h := handle()
		device.events[h] = &event{at: e}
		put(to, h)
		return nil
	})
}

// onEvent is use with an event.
func onEvent(h unsafe.Pointer, f func(d *simdriver.Driver, e *event) error) C.int {
	return use(func(d *simdriver.Driver) error {
		e := device.events[uintptr(h)]
		if e == nil {
			return coded(invalidHandle)
		}
		return f(d, e)
	})
}

//export cuEventDestroy_v2
func cuEventDestroy_v2(h unsafe.Pointer) C.int {
	return onEvent(h, func(*simdriver.Driver, *event) error {
		delete(device.events, uintptr(h))
		return nil
	})
}

//export cuEventRecord
func cuEventRecord(h, on unsafe.Pointer) C.int {
	return onEvent(h, func(d *simdriver.Driver, e *event) error {
		s, found := device.streams[uintptr(on)]
		if !found {
			return coded(invalidHandle)
		}
		e.stream, e.recorded = s, true
		if device.capturing {
			return nil
		}
		return d.Record(e.at, s)
	})
}

// What was queued before the event is what is queued now: the program waits for an event at once.
//
//export cuStreamWaitEvent
func cuStreamWaitEvent(on, h unsafe.Pointer, _ C.uint) C.int {
	return onStream(on, func(d *simdriver.Driver, s gpu.Stream) error {
		e := device.events[uintptr(h)]
		switch {
		case e == nil:
			return coded(invalidHandle)
		case !e.recorded:
			return nil
		}
		return d.Follow(s, e.stream)
	})
}

//export cuEventSynchronize
func cuEventSynchronize(h unsafe.Pointer) C.int {
	return onEvent(h, func(d *simdriver.Driver, e *event) error {
		if !e.recorded {
			return nil // as CUDA has it
		}
		return d.Wait(e.at)
	})
}

//export cuEventQuery
func cuEventQuery(h unsafe.Pointer) C.int { return cuEventSynchronize(h) }

//export cuEventElapsedTime
func cuEventElapsedTime(to *C.float, from, until unsafe.Pointer) C.int {
	return onEvent(from, func(d *simdriver.Driver, a *event) error {
		b := device.events[uintptr(until)]
		if b == nil || !a.recorded || !b.recorded {
			return coded(invalidHandle)
		}
		t, err := d.Elapsed(a.at, b.at)
		*to = C.float(float64(t) / float64(time.Millisecond))
		return err
	})
}

//export cuStreamBeginCapture_v2
func cuStreamBeginCapture_v2(h unsafe.Pointer, _ C.int) C.int {
	return onStream(h, func(d *simdriver.Driver, s gpu.Stream) error {
		device.capturing = true
		return d.BeginCapture(s)
	})
}

//export cuStreamEndCapture
func cuStreamEndCapture(h unsafe.Pointer, to *unsafe.Pointer) C.int {
	return onStream(h, func(d *simdriver.Driver, s gpu.Stream) error {
		device.capturing = false
		g, err := d.EndCapture(s)
		if err != nil {
			return err
		}
		at := handle()
		device.graphs[at] = g
		put(to, at)
		return nil
	})
}

// The executable graph is the captured one, under a handle of its own.
//
//export cuGraphInstantiateWithFlags
func cuGraphInstantiateWithFlags(to *unsafe.Pointer, h unsafe.Pointer, _ C.ulonglong) C.int {
	return onGraph(h, func(_ *simdriver.Driver, g gpu.Graph) error {
		at := handle()
		device.graphs[at] = g
		put(to, at)
		return nil
	})
}

func onGraph(h unsafe.Pointer, f func(d *simdriver.Driver, g gpu.Graph) error) C.int {
	return use(func(d *simdriver.Driver) error {
		g, found := device.graphs[uintptr(h)]
		if !found {
			return coded(invalidHandle)
		}
		return f(d, g)
	})
}

//export cuGraphDestroy
func cuGraphDestroy(h unsafe.Pointer) C.int { return dropGraph(h) }

//export cuGraphExecDestroy
func cuGraphExecDestroy(h unsafe.Pointer) C.int { return dropGraph(h) }

// dropGraph frees the graph with its last handle.
func dropGraph(h unsafe.Pointer) C.int {
	return onGraph(h, func(d *simdriver.Driver, g gpu.Graph) error {
		delete(device.graphs, uintptr(h))
		for _, other := range device.graphs {
			if other == g {
				return nil
			}
		}
		return d.FreeGraph(g)
	})
}

//export cuGraphLaunch
func cuGraphLaunch(h, on unsafe.Pointer) C.int {
	return onGraph(h, func(d *simdriver.Driver, g gpu.Graph) error {
		s, found := device.streams[uintptr(on)]
		if !found {
			return coded(invalidHandle)
		}
		device.queued[s] = true
		return faulty(d.LaunchGraph(g, s))
	})
}
