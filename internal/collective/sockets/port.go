package sockets

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
)

// Port is a [group.Port] over one connection to each other rank. A message is its tag, its length, each
// in four bytes, and the bytes.
type Port struct {
	rank  int
	peers []*peer // by rank; nil at this one's

	mu      sync.Mutex
	through []int
	broken  error // what a rank sent is no message
}

var _ group.Port = (*Port)(nil)

// peer is the connection to another rank.
type peer struct {
	conn   net.Conn
	out    chan message
	posted *sync.Cond // a receive was begun

	// Under the mutex of the port:
	arrived map[int][][]byte // by tag: not asked for yet
	wanted  map[int][]message
	waiting int  // bytes in arrived
	gone    bool // the rank has said that it leaves, or why
}

// message is one under way: b is sent or written to.
type message struct {
	slot, tag int
	b         []byte
}

const (
	headerBytes = 8
	// ahead is how many bytes may lie here that nobody has asked for: what more comes stays with its
	// sender.
	ahead = 4 << 20
)

// NewPort returns a port for a rank: conns has the connection to each other one, by rank. They are the
// port's from now on.
func NewPort(rank int, conns []net.Conn) *Port {
	p := &Port{rank: rank, peers: make([]*peer, len(conns))}
	for i, c := range conns {
		if i == rank {
			continue
		}
		// As many messages as there are slots are under way at most.
		q := &peer{conn: c, out: make(chan message, group.Slots(1)), posted: sync.NewCond(&p.mu), arrived: map[int][][]byte{}, wanted: map[int][]message{}}
		p.peers[i] = q
		go p.write(q)
		go p.read(i, q)
	}
	return p
}

// write sends what is begun. Where the connection has ended the messages count as sent: read tells it.
func (p *Port) write(q *peer) {
	var header [headerBytes]byte
	for m := range q.out {
		binary.LittleEndian.PutUint32(header[:], uint32(m.tag))
		binary.LittleEndian.PutUint32(header[4:], uint32(len(m.b)))
		parts := net.Buffers{header[:], m.b}
		_, _ = parts.WriteTo(q.conn)
		p.mu.Lock()
		p.through = append(p.through, m.slot)
		p.mu.Unlock()
	}
}

// read takes what comes from rank i until the connection ends.
func (p *Port) read(i int, q *peer) {
	err := p.readAll(q)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != io.EOF && err != io.ErrUnexpectedEOF && p.broken == nil {
		if _, ok := err.(net.Error); !ok {
			p.broken = fmt.Errorf("from rank %d: %w", i, err)
		}
	}
	if !q.gone {
		p.deliver(q, group.HeadTag, group.Lost())
	}
}

// readAll reads messages until an error.
func (p *Port) readAll(q *peer) error {
	var header [headerBytes]byte
	for {
		if _, err := io.ReadFull(q.conn, header[:]); err != nil {
			return err
		}
		tag, n := int(binary.LittleEndian.Uint32(header[:])), int(binary.LittleEndian.Uint32(header[4:]))
		if n > group.MaxMessage || tag != group.HeadTag && tag != group.BodyTag {
			return fmt.Errorf("found a message of tag %d and %d bytes, expected %d or %d and at most %d bytes", tag, n, group.HeadTag, group.BodyTag, group.MaxMessage)
		}
		p.mu.Lock()
		for tag == group.BodyTag && len(q.wanted[tag]) == 0 && q.waiting > ahead {
			q.posted.Wait()
		}
		var b []byte
		if w := q.wanted[tag]; len(w) > 0 && len(w[0].b) >= n {
			b = w[0].b[:n] // nobody looks at it before it is through
		} else {
			b = make([]byte, n)
		}
		p.mu.Unlock()
		if _, err := io.ReadFull(q.conn, b); err != nil {
			return err
		}
		p.mu.Lock()
		q.gone = q.gone || tag == group.HeadTag && group.IsFarewell(b)
		p.deliver(q, tag, b)
		p.mu.Unlock()
	}
}

// deliver hands a message to the receive that waits for it, or keeps it. p.mu is held.
func (p *Port) deliver(q *peer, tag int, b []byte) {
	w := q.wanted[tag]
	if len(w) == 0 {
		q.arrived[tag] = append(q.arrived[tag], b)
		q.waiting += len(b)
		return
	}
	q.wanted[tag] = w[1:]
	p.take(w[0], b)
}

// take copies a message to where it is wanted, unless it was read there. p.mu is held.
func (p *Port) take(w message, b []byte) {
	if len(b) > len(w.b) && p.broken == nil {
		p.broken = fmt.Errorf("found a message of %d bytes, expected at most %d", len(b), len(w.b))
	}
	if len(b) > 0 && len(w.b) > 0 && &b[0] != &w.b[0] {
		copy(w.b, b)
	}
	p.through = append(p.through, w.slot)
}

// Send implements [group.Port].
func (p *Port) Send(slot, to, tag int, b []byte) error {
	p.peers[to].out <- message{slot, tag, b}
	return nil
}

// Receive implements [group.Port].
func (p *Port) Receive(slot, from, tag int, b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.peers[from]
	w := message{slot, tag, b}
	if have := q.arrived[tag]; len(have) > 0 {
		q.arrived[tag] = have[1:]
		q.waiting -= len(have[0])
		p.take(w, have[0])
	} else {
		q.wanted[tag] = append(q.wanted[tag], w)
	}
	q.posted.Signal()
	return nil
}

// Done implements [group.Port].
func (p *Port) Done(slots []int) ([]int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	slots = append(slots, p.through...)
	p.through = p.through[:0]
	return slots, p.broken
}

// Memory implements [group.Port].
func (p *Port) Memory(n int) ([]byte, error) { return make([]byte, n), nil }
