package simdriver

import (
	"errors"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

// graph is captured work, in the order of the calls.
type graph struct{ work []func() error }

// capture is a graph in the making.
type capture struct {
	stream  gpu.Stream
	graph   *graph
	spoiled error // the first error since it began
}

// submit does work now, or makes it part of the graph if s is captured.
func (d *Driver) submit(s gpu.Stream, work func() error) error {
	if d.capture != nil && d.capture.stream == s {
		d.capture.graph.work = append(d.capture.graph.work, work)
		return nil
	}
	return work()
}

// BeginCapture makes the following launches, copies within the device and
// memsets on s part of a graph. One stream of a driver can be captured at a time.
func (d *Driver) BeginCapture(s gpu.Stream) error {
	return d.call("begin capture", "", true, func() error {
		if _, err := d.stream(s); err != nil {
			return err
		}
		d.capture = &capture{stream: s, graph: &graph{}}
		return nil
	})
}

// EndCapture returns the graph. It fails, and the capture is over, if any call
// failed since BeginCapture.
func (d *Driver) EndCapture(s gpu.Stream) (g gpu.Graph, err error) {
	err = d.call("end capture", "", false, func() error {
		c := d.capture
		if c == nil || c.stream != s {
			return fmt.Errorf("stream %d is not captured", s)
		}
		d.capture = nil
		if c.spoiled != nil {
			return &gpu.Error{Op: "end capture", Err: fmt.Errorf("an earlier call failed: %w", c.spoiled)}
		}
		d.lastGraph++
		g = d.lastGraph
		d.graphs[g] = c.graph
		return nil
	})
	return g, err
}

// LaunchGraph does the graph's work, up to the first error.
func (d *Driver) LaunchGraph(g gpu.Graph, s gpu.Stream) error {
	return d.call("launch graph", "", true, func() error {
		if _, err := d.stream(s); err != nil {
			return err
		}
		gr := d.graphs[g]
		if gr == nil {
			return errNoGraph
		}
		for _, work := range gr.work {
			if err := work(); err != nil {
				return err
			}
		}
		return nil
	})
}

var errNoGraph = errors.New("no such graph, or freed before")

// FreeGraph gives the graph back.
func (d *Driver) FreeGraph(g gpu.Graph) error {
	return d.call("free graph", "", true, func() error {
		if d.graphs[g] == nil {
			return errNoGraph
		}
		delete(d.graphs, g)
		return nil
	})
}
