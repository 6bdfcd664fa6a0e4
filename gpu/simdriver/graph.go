package simdriver

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// graph is captured work, in the order of the calls.
type graph struct {
	nodes    []node
	branches bool // some nodes are in no order
}

// node is a piece of work.
type node struct {
	name   string
	work   func() error
	before *big.Int // a bit for each node that comes before it
}

// capture is a graph in the making.
type capture struct {
	stream  gpu.Stream
	tails   map[gpu.Stream]*big.Int // of each captured stream: the nodes that come before its next one
	graph   *graph
	spoiled error // the first error since it began
}

// submit does work now, or makes it part of the graph if s is captured. name is for errors.
func (d *Driver) submit(s gpu.Stream, name string, work func() error) error {
	c := d.capture
	if c == nil || c.tails[s] == nil {
		return work()
	}
	g, i, before := c.graph, len(c.graph.nodes), c.tails[s]
	g.nodes = append(g.nodes, node{name, work, before})
	all := new(big.Int).Lsh(big.NewInt(1), uint(i))
	g.branches = g.branches || before.Cmp(new(big.Int).Sub(all, big.NewInt(1))) != 0
	c.tails[s] = new(big.Int).Or(before, all)
	return nil
}

// BeginCapture makes the following launches, copies within the device and
// memsets on s part of a graph. One stream of a driver can be captured at a time, with those
// that follow it.
func (d *Driver) BeginCapture(s gpu.Stream) error {
	return d.call("begin capture", "", true, func() error {
		if _, err := d.stream(s); err != nil {
			return err
		}
		d.capture = &capture{stream: s, tails: map[gpu.Stream]*big.Int{s: new(big.Int)}, graph: &graph{}}
		return nil
	})
}

// Follow orders what is captured. What is not is done when it is queued, so nothing is left
// to wait for.
func (d *Driver) Follow(s, other gpu.Stream) error {
	return d.call("follow stream", "", false, func() error {
		for _, x := range []gpu.Stream{s, other} {
			if _, err := d.stream(x); err != nil {
				return err
			}
		}
		c := d.capture
		switch {
		case c == nil || c.tails[s] == nil && c.tails[other] == nil:
			return nil
		case c.tails[other] == nil:
			return fmt.Errorf("stream %d is captured and would wait for stream %d, which is not", s, other)
		case c.tails[s] == nil:
			c.tails[s] = c.tails[other]
		default:
			c.tails[s] = new(big.Int).Or(c.tails[s], c.tails[other])
		}
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
		for other, tail := range c.tails {
			if new(big.Int).AndNot(tail, c.tails[s]).Sign() != 0 {
				return fmt.Errorf("stream %d is captured and was not followed by stream %d", other, s)
			}
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
		return d.run(gr)
	})
}

// run does the work of a graph. Of one with branches it looks for races between them.
func (d *Driver) run(g *graph) error {
	type done struct {
		node int
		what *ptxsim.Footprint
	}
	var before []done
	for _, i := range g.order(d.opt.Seed) {
		n := g.nodes[i]
		d.footprint = nil
		if err := n.work(); err != nil {
			return err
		}
		if !g.branches || !d.opt.BlockRaces {
			continue
		}
		for _, o := range before {
			if n.before.Bit(o.node) != 0 || g.nodes[o.node].before.Bit(i) != 0 {
				continue
			}
			if err := d.dev.Conflict(g.nodes[o.node].name, o.what, n.name, d.footprint); err != nil {
				return &gpu.Error{Op: "launch graph", What: n.name, Err: err}
			}
		}
		before = append(before, done{i, d.footprint})
	}
	return nil
}

// order returns an order of the nodes that the graph allows: that of the calls, or of those
// that are ready a random one each time.
func (g *graph) order(seed uint64) []int {
	var list []int
	if seed == 0 || !g.branches {
		for i := range g.nodes {
			list = append(list, i)
		}
		return list
	}
	random, finished := rand.New(rand.NewPCG(seed, 0)), new(big.Int)
	for len(list) < len(g.nodes) {
		var ready []int
		for i := range g.nodes {
			if finished.Bit(i) == 0 && new(big.Int).AndNot(g.nodes[i].before, finished).Sign() == 0 {
				ready = append(ready, i)
			}
		}
		next := ready[random.IntN(len(ready))]
		finished.SetBit(finished, next, 1)
		list = append(list, next)
	}
	return list
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
