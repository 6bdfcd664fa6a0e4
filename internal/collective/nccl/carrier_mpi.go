//go:build mpi && unix

package nccl

import (
	"fmt"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
)

// bufferBytes is the memory on the GPU for what is sent, and as much for what is received. Longer messages
// travel in several rounds. Tests set less.
var bufferBytes = 32 << 20

// typeBytes is ncclInt8.
const typeBytes = 0

// Carrier moves messages of the GPU from where they are, and those of the host by way of the GPU's memory.
type Carrier struct {
	l    *Library
	m    Memory
	p    Place
	log  func(devices []group.Device)
	comm uintptr
	// On the GPU: the share of rank i begins at i*share.
	out, in gpu.Ptr
	share   int
	stream  gpu.Stream
	event   gpu.Event

	state      state
	send, recv []group.Message
	at         int  // where the present round begins in each message of the host
	direct     bool // the messages are of the GPU: one round moves them
}

var _ group.Carrier = (*Carrier)(nil)

// state is what a carrier waits for.
type state int

const (
	idle     state = iota
	starting       // the communicator
	queueing       // that a round is on the stream
	moving         // the event after it
)

// NewCarrier returns a carrier over the GPU m for a place. log is told the GPUs of all ranks when they
// join.
func (l *Library) NewCarrier(m Memory, p Place, log func(devices []group.Device)) (group.Carrier, error) {
	share := bufferBytes / p.Size &^ 255
	c := &Carrier{l: l, m: m, p: p, log: log, share: share}
	var err error
	for _, b := range []struct {
		to    *gpu.Ptr
		label string
	}{{&c.out, "messages to other processes"}, {&c.in, "messages of other processes"}} {
		if *b.to, err = m.Alloc(int64(share*p.Size), b.label); err != nil {
			return nil, err
		}
	}
	if c.stream, err = m.NewStream(); err != nil {
		return nil, err
	}
	if c.event, err = m.NewEvent(); err != nil {
		return nil, err
	}
	return c, nil
}

// Start implements [group.Carrier].
func (c *Carrier) Start(devices []group.Device) error {
	if c.log != nil {
		c.log(devices)
	}
	if err := c.m.Enter(); err != nil {
		return err
	}
	var err error
	c.comm, err = c.l.init(c.p)
	c.state = starting
	return err
}

// Begin implements [group.Carrier].
func (c *Carrier) Begin(send, recv []group.Message) error {
	c.send, c.recv, c.at, c.direct = send, recv, 0, false
	for i := range send {
		c.direct = c.direct || send[i].Device.Bytes > 0 || recv[i].Device.Bytes > 0
	}
	if c.state == starting {
		return nil // the first round begins when the communicator is there
	}
	return c.round()
}

// part is what a round moves of a message.
func (c *Carrier) part(b []byte) []byte {
	return b[min(c.at, len(b)):min(c.at+c.share, len(b))]
}

// fill brings what the next round moves to its place on the GPU, and says whether there is anything.
func (c *Carrier) fill() (some bool, err error) {
	if c.direct {
		if c.at > 0 {
			return false, nil
		}
		return true, c.follow()
	}
	for i, m := range c.send {
		some = some || len(c.part(m.Host)) > 0 || len(c.part(c.recv[i].Host)) > 0
		if err := c.m.CopyIn(c.stream, c.slot(c.out, i), c.part(m.Host)); err != nil {
			return some, fmt.Errorf("messages to the GPU: %w", err)
		}
	}
	return some, nil
}

// follow has messages of the GPU wait for the work on it that they are to come after.
func (c *Carrier) follow() error {
	followed := map[uint64]bool{}
	for _, m := range slices.Concat(c.send, c.recv) {
		if after := m.Device.After; m.Device.Bytes > 0 && !followed[after] {
			followed[after] = true
			if err := c.m.Follow(c.stream, gpu.Stream(after)); err != nil {
				return err
			}
		}
	}
	return nil
}

// round begins the next round, if there is one.
func (c *Carrier) round() error {
	some, err := c.fill()
	if err != nil {
		return err
	}
	if !some {
		c.state, c.send, c.recv = idle, nil, nil
		return nil
	}
	stream, err := c.m.StreamHandle(c.stream)
	if err != nil {
		return err
	}
	if err := c.l.call("ncclGroupStart", c.l.groupStart, c.comm); err != nil {
		return err
	}
	err = c.calls(stream)
	if e := c.l.call("ncclGroupEnd", c.l.groupEnd, c.comm); err == nil {
		err = e
	}
	c.state = queueing
	return err
}

// place is what a round moves of a message: where on the GPU it is, and how many bytes.
func (c *Carrier) place(m group.Message, buffer gpu.Ptr, rank int) (gpu.Ptr, int) {
	if c.direct {
		return gpu.Ptr(m.Device.Address), m.Device.Bytes
	}
	return c.slot(buffer, rank), len(c.part(m.Host))
}

// slot is the share of a rank in a buffer.
func (c *Carrier) slot(buffer gpu.Ptr, rank int) gpu.Ptr { return buffer + gpu.Ptr(rank*c.share) }

// calls are those within the group of a round.
func (c *Carrier) calls(stream uintptr) error {
	for i := range c.send {
		for _, way := range []struct {
			name   string
			f      uintptr
			m      group.Message
			buffer gpu.Ptr
			write  bool
		}{
			{"ncclSend", c.l.send, c.send[i], c.out, false},
			{"ncclRecv", c.l.recv, c.recv[i], c.in, true},
		} {
			p, n := c.place(way.m, way.buffer, i)
			if n == 0 {
				continue
			}
			at, err := c.m.Address(p, int64(n), way.write)
			if err != nil {
				return err
			}
			if err := c.l.call(way.name, way.f, c.comm, at, uintptr(n), typeBytes, uintptr(i), c.comm, stream); err != nil {
				return fmt.Errorf("rank %d: %w", i, err)
			}
		}
	}
	return nil
}

// Done implements [group.Carrier].
func (c *Carrier) Done() (bool, error) {
	if c.state == idle {
		return true, nil
	}
	if ready, err := c.l.ready(c.comm); err != nil || !ready {
		return false, err
	}
	switch c.state {
	case starting:
		if err := c.round(); err != nil {
			return false, err
		}
	case queueing:
		if err := c.m.Record(c.event, c.stream); err != nil {
			return false, err
		}
		c.state = moving
	case moving:
		passed, err := c.m.Passed(c.event)
		if err != nil || !passed {
			return false, err
		}
		for i, m := range c.recv {
			if c.direct {
				break // they are where they belong
			}
			if err := c.m.CopyOut(c.stream, c.part(m.Host), c.slot(c.in, i)); err != nil {
				return false, fmt.Errorf("messages from the GPU: %w", err)
			}
		}
		c.at += c.share
		if err := c.round(); err != nil {
			return false, err
		}
	}
	return c.state == idle, nil
}

// Abort implements [group.Carrier].
func (c *Carrier) Abort() { c.end("ncclCommAbort", c.l.abort) }

// Close implements [group.Carrier].
func (c *Carrier) Close() { c.end("ncclCommDestroy", c.l.destroy) }

// end ends the communicator. What fails then has no effect any more; the memory is freed with the GPU's.
func (c *Carrier) end(name string, f uintptr) {
	if c.comm != 0 {
		_ = c.l.call(name, f, 0, c.comm)
		c.comm = 0
	}
}
