package group

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
)

// Port is what moves messages: an MPI library, sockets, or a test's stand-in. It is used by one
// goroutine. A message that was begun occupies a slot until Done reports it. Two messages between the
// same ranks with the same tag arrive in the order in which they were begun.
type Port interface {
	// Send begins to send b, which stays as it is until the slot is done.
	Send(slot, to, tag int, b []byte) error
	// Receive begins to wait for a message of at most len(b) bytes.
	Receive(slot, from, tag int, b []byte) error
	// Done appends the slots whose messages are through since the last call.
	Done(slots []int) ([]int, error)
	// Memory returns n bytes that are never given back to the system.
	Memory(n int) ([]byte, error)
}

// Slots is how many slots a rank of so many has: the numbers from 0 to that.
func Slots(size int) int { return size * slotsEach }

// The slots of each rank.
const (
	headOut = iota
	headIn
	noticeOut // a head that says that this rank left or failed
	bodyOut
	bodyOut2
	bodyIn
	bodyIn2
	slotsEach
)

// Tags of messages.
const (
	HeadTag = 1
	BodyTag = 2
)

// MaxMessage is the length of the longest message in bytes.
const MaxMessage = 1 << 20

// piece is how many bytes travel at once: two such pieces are under way to and from each rank.
// So no count comes near 2^31, and the buffers, which MPI keeps hold of, stay small. Tests set
// less.
var piece = MaxMessage

// group is the state of one rank: what is under way to and from each other one.
type group struct {
	port       Port
	rank, size int
	timeout    time.Duration
	peers      []peer
	names      []string // of the processes, for messages; "" where not known
	seq        uint64   // operations so far
	note       atomic.Pointer[string]
	waiting    atomic.Pointer[string] // what the present operation waits for; nil: none does
	broken     error                  // why no operation will succeed any more
	patience   time.Duration          // how long the others may take to end after a failure; 0: as long as in an operation
	noticed    bool                   // the others were told that this rank leaves or has failed
	slots      []int                  // scratch
	carriage
}

// peer is another rank as this one sees it.
type peer struct {
	head, in, notice []byte    // buffers of headSize
	pieces           [4][]byte // buffers of piece bytes, two out and two in; nil: not needed so far
	next             *head     // arrived, not used
	last             string    // what it did last
	gone             error     // it left or failed

	// Of the present operation:
	send, recv      Message
	expected        *head // nil: has not come
	headSent        bool
	sent, sending   int     // bytes begun, pieces under way
	posted, arrived int     // bytes waited for, bytes here
	ready           [2]bool // pieces that are through, not copied
}

// newGroup makes the buffers and begins to wait for heads.
func newGroup(p Port, rank, size int, timeout time.Duration) (*group, error) {
	g := &group{port: p, rank: rank, size: size, timeout: timeout, peers: make([]peer, size), names: make([]string, size)}
	for i := range g.peers {
		if i == rank {
			continue
		}
		b, err := p.Memory(3 * headSize)
		if err != nil {
			return nil, err
		}
		q := &g.peers[i]
		q.head, q.in, q.notice = b[:headSize:headSize], b[headSize:2*headSize:2*headSize], b[2*headSize:]
		q.last = "nothing yet"
		if err := g.awaitHead(i); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *group) awaitHead(i int) error {
	return g.port.Receive(i*slotsEach+headIn, i, HeadTag, g.peers[i].in)
}

// exchange is one operation, or a half of one: every rank hands send[i] to rank i. h is what its
// heads say. The own part is the caller's.
func (g *group) exchange(h head, send, recv []Message) error {
	if g.broken != nil {
		return g.broken
	}
	g.seq++
	h.seq = g.seq
	if note := g.note.Load(); note != nil {
		h.note = *note
	}
	h.device = g.board()
	err := g.begin(h, send, recv)
	if err == nil {
		err = g.wait(h)
	}
	if err != nil {
		g.fail(h.kind, err)
		return err
	}
	g.look(h.device)
	return nil
}

// begin sends the heads and the first pieces.
func (g *group) begin(h head, send, recv []Message) error {
	for i := range g.peers {
		q := &g.peers[i]
		if i == g.rank {
			continue
		}
		q.send, q.recv = at(send, i), at(recv, i)
		q.expected, q.headSent = nil, false
		q.sent, q.sending, q.posted, q.arrived = 0, 0, 0, 0
		q.ready = [2]bool{}
		own := h
		own.length = uint64(q.send.Len())
		if len(q.send.Host) <= inline {
			own.body = q.send.Host
			q.sent = len(q.send.Host)
		}
		if err := g.port.Send(i*slotsEach+headOut, i, HeadTag, own.put(q.head)); err != nil {
			return err
		}
		if err := g.sendPieces(i); err != nil {
			return err
		}
		if err := g.useHead(h, i); err != nil { // it may have come before
			return err
		}
	}
	return nil
}

func at(list []Message, i int) Message {
	if list == nil {
		return Message{}
	}
	return list[i]
}

// useHead takes the head that has come from rank i as that of the operation h.
func (g *group) useHead(h head, i int) error {
	q := &g.peers[i]
	if q.next == nil || q.expected != nil {
		return nil
	}
	found := q.next
	q.next = nil
	q.last = found.last()
	q.expected = found
	switch {
	case found.kind != h.kind || found.root != h.root || found.seq != h.seq:
		return fmt.Errorf("%w: rank %d called %s, rank %d %s", collective.ErrArguments, g.rank, call(h), i, call(*found))
	case found.whole != h.whole:
		return fmt.Errorf("%w: rank %d broadcasts %d bytes, rank %d %d", collective.ErrArguments, g.rank, h.whole, i, found.whole)
	case found.length != uint64(q.recv.Len()):
		return fmt.Errorf("%w: rank %d sends %d bytes, of which rank %d expects %d", collective.ErrArguments, i, found.length, g.rank, q.recv.Len())
	case !h.kind.onDevice() && found.length <= inline && len(found.body) != len(q.recv.Host):
		return fmt.Errorf("rank %d: found %d bytes in a message, expected %d", i, len(found.body), len(q.recv.Host))
	}
	if err := g.awaitHead(i); err != nil { // the next one, or that it left
		return err
	}
	if !h.kind.onDevice() && len(q.recv.Host) <= inline {
		q.arrived = copy(q.recv.Host, found.body)
		q.posted = q.arrived
		found.body = nil
		return nil
	}
	return g.receivePieces(i)
}

// call words an operation that ranks disagree on.
func call(h head) string {
	if h.kind == broadcast {
		return fmt.Sprintf("operation %d as %s with root %d", h.seq, operations[h.kind], h.root)
	}
	return fmt.Sprintf("operation %d as %s", h.seq, operations[h.kind])
}

// step takes note of what is through. It says whether anything was.
func (g *group) step(h head) (bool, error) {
	var err error
	if g.slots, err = g.port.Done(g.slots[:0]); err != nil {
		return false, err
	}
	for _, slot := range g.slots {
		if err := g.through(h, slot/slotsEach, slot%slotsEach); err != nil {
			return true, err
		}
	}
	return len(g.slots) > 0, nil
}

// through takes note that one message to or from rank i is through.
func (g *group) through(h head, i, slot int) error {
	q := &g.peers[i]
	switch slot {
	case headOut:
		q.headSent = true
	case headIn:
		next, err := parse(q.in)
		if err != nil {
			return fmt.Errorf("from rank %d: %w", i, err)
		}
		switch next.kind {
		case left:
			q.gone = fmt.Errorf("%s %w (last: %s)", g.name(i), collective.ErrClosed, q.last)
		case failed:
			q.gone = told{fmt.Sprintf("%s failed in %s", g.name(i), OneLine(string(next.body))), reasons[next.reason]}
		case lost:
			q.gone = fmt.Errorf("%s has ended without a word, or its connection has (last: %s)", g.name(i), q.last)
		default:
			q.next = &next
			return g.useHead(h, i)
		}
	case bodyOut, bodyOut2:
		q.sending--
		if q.sent < q.send.Len() {
			return g.sendPiece(i, slot-bodyOut)
		}
	case bodyIn, bodyIn2:
		q.ready[slot-bodyIn] = true
		return g.takePieces(i)
	}
	return nil
}

// finished says whether the operation has no more to do with a rank.
func (q *peer) finished() bool {
	return q.headSent && q.expected != nil && q.sent == q.send.Len() && q.sending == 0 && q.arrived == q.recv.Len()
}

// wait goes on until every rank has its part and this one has all. It looks again and again, since
// MPI's own waiting has no bound; and the oftener the shorter ago the last message was, since a core
// that only waits is missed elsewhere.
func (g *group) wait(h head) error {
	defer g.waiting.Store(nil)
	var had, idle time.Duration // time that this process has had
	last := time.Now()
	for {
		some, err := g.step(h)
		if err != nil {
			return err
		}
		if err := g.carry(h); err != nil {
			return g.hear(h, err)
		}
		all := !g.held && !g.carrying
		for i := range g.peers {
			if i == g.rank || g.peers[i].finished() {
				continue
			}
			all = false
			// One that left after its part may be heard of before the part has come.
			if err := g.peers[i].gone; err != nil && (g.peers[i].expected == nil || !errors.Is(err, collective.ErrClosed)) {
				return err
			}
		}
		if all {
			return nil
		}
		now := time.Now()
		// While the whole job is suspended no time passes for it.
		passed := min(now.Sub(last), time.Second)
		last = now
		had += passed
		idle += passed
		if some {
			idle = 0
		}
		if had >= g.timeout {
			return fmt.Errorf("%w after %v waiting for %s", collective.ErrTimeout, g.timeout, g.missing())
		}
		if idle < 50*time.Microsecond {
			runtime.Gosched()
			continue
		}
		if idle > 100*time.Millisecond && g.waiting.Load() == nil {
			text := fmt.Sprintf("%s: waiting for %s", h.last(), g.missing())
			g.waiting.Store(&text)
		}
		sleep(min(max(idle/8, 20*time.Microsecond), time.Millisecond))
	}
}

// missing names the ranks that the operation waits for, and what they did last.
func (g *group) missing() string {
	var out []string
	for i := range g.peers {
		q := &g.peers[i]
		switch {
		case i == g.rank || q.finished():
		case len(out) == 4:
			return strings.Join(out, ", ") + " and others"
		case q.expected == nil:
			out = append(out, fmt.Sprintf("%s (last: %s)", g.name(i), q.last))
		default:
			out = append(out, fmt.Sprintf("%s (last: %s, %d of %d bytes received from it, %d of %d sent)",
				g.name(i), q.last, q.arrived, q.recv.Len(), max(0, q.sent-q.sending*piece), q.send.Len()))
		}
	}
	return strings.Join(out, ", ")
}

// name is rank i for messages.
func (g *group) name(i int) string {
	if g.names[i] == "" {
		return fmt.Sprintf("rank %d", i)
	}
	return fmt.Sprintf("rank %d on %s", i, g.names[i])
}
