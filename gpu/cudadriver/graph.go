//go:build nvidia

package cudadriver

import (
	"errors"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

// BeginCapture makes the following launches, copies within the device and
// memsets on s part of a graph. One stream of a driver can be captured at a time.
func (d *Driver) BeginCapture(s gpu.Stream) error {
	return d.call("begin capture", "", true, func() error {
		st, err := d.stream(s)
		if err != nil {
			return err
		}
		if err := beginCapture(st); err != nil {
			return err
		}
		d.capture = &capture{stream: s}
		return nil
	})
}

// Follow makes what is queued on s from now on wait for what is queued on other now, or
// for what of it is captured.
func (d *Driver) Follow(s, other gpu.Stream) error {
	return d.call("follow stream", "", false, func() error {
		from, err := d.stream(other)
		if err != nil {
			return err
		}
		to, err := d.stream(s)
		if err != nil {
			return err
		}
		if err := d.order.Record(from); err != nil {
			return own(err)
		}
		return own(to.Wait(d.order, 0))
	})
}

// EndCapture returns the graph. It fails, and the capture is over, if any call
// failed since BeginCapture.
func (d *Driver) EndCapture(s gpu.Stream) (h gpu.Graph, err error) {
	err = d.call("end capture", "", false, func() error {
		c := d.capture
		if c == nil || c.stream != s {
			return fmt.Errorf("stream %d is not captured", s)
		}
		d.capture = nil
		g, err := endCapture(d.streams[s], c.spoiled == nil)
		if c.spoiled != nil {
			return fmt.Errorf("an earlier call failed: %w", c.spoiled)
		}
		if err != nil {
			return err
		}
		d.lastGraph++
		h = d.lastGraph
		d.graphs[h] = g
		return nil
	})
	return h, err
}

var errNoGraph = errors.New("no such graph, or freed before")

// LaunchGraph queues the graph's work.
func (d *Driver) LaunchGraph(g gpu.Graph, s gpu.Stream) error {
	return d.call("launch graph", "", true, func() error {
		st, err := d.stream(s)
		if err != nil {
			return err
		}
		gr, found := d.graphs[g]
		if !found {
			return errNoGraph
		}
		return gr.launch(st)
	})
}

// FreeGraph gives the graph back.
func (d *Driver) FreeGraph(g gpu.Graph) error {
	return d.call("free graph", "", true, func() error {
		gr, found := d.graphs[g]
		if !found {
			return errNoGraph
		}
		if err := gr.destroy(); err != nil {
			return err
		}
		delete(d.graphs, g)
		return nil
	})
}
