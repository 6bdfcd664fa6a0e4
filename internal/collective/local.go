package collective

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Local returns the w communicators of a group within this process, one for each rank,
// each for a goroutine of its own. It is the definition of what a Communicator does, and
// what tests use.
func Local(w int, timeout time.Duration) []Communicator {
	g := &group{timeout: timeout, ranks: make([]member, w)}
	out := make([]Communicator, w)
	for i := range out {
		g.ranks[i].last = "nothing yet"
		out[i] = &local{g, i}
	}
	return out
}

// group is what the ranks of Local share.
type group struct {
	timeout time.Duration

	mu     sync.Mutex
	ranks  []member
	round  *round // the operation that some ranks wait in; nil: none does
	broken error  // why no operation will succeed any more
}

// member is a rank.
type member struct {
	last   string // what it did last
	closed bool
}

// round is one operation of all ranks.
type round struct {
	op    string
	calls []*call // by rank; nil: not there yet
	here  int
	done  chan struct{} // closed when err is set
	err   error
}

// call is what a rank brings to a round.
type call struct {
	op         string
	root       int // of a broadcast
	send, recv [][]byte
}

// local is one rank of a group.
type local struct {
	g    *group
	rank int
}

func (l *local) Rank() int { return l.rank }
func (l *local) Size() int { return len(l.g.ranks) }

func (l *local) AllToAll(send, recv [][]byte) error {
	return l.do(&call{op: OpAllToAll, send: send, recv: recv})
}

func (l *local) AllGather(send []byte, recv [][]byte) error {
	all := make([][]byte, l.Size())
	for i := range all {
		all[i] = send
	}
	return l.do(&call{op: OpAllGather, send: all, recv: recv})
}

func (l *local) Broadcast(root int, buf []byte) error {
	all := make([][]byte, l.Size())
	for i := range all {
		all[i] = buf
	}
	return l.do(&call{op: OpBroadcast, root: root, send: all})
}

func (l *local) Barrier() error {
	return l.do(&call{op: OpBarrier, send: make([][]byte, l.Size())})
}

func (l *local) Close() error {
	g := l.g
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ranks[l.rank].closed {
		return nil
	}
	g.ranks[l.rank].closed = true
	if g.broken == nil {
		g.broken = fmt.Errorf("rank %d %w", l.rank, ErrClosed)
	}
	if g.round != nil {
		g.end(g.broken)
	}
	return nil
}

// do takes part in an operation.
func (l *local) do(c *call) error {
	err := CheckCall(l.rank, l.Size(), c.send, c.recv)
	if err == nil && (c.root < 0 || c.root >= l.Size()) {
		err = fmt.Errorf("%w: root: found %d, expected 0 to %d", ErrArguments, c.root, l.Size()-1)
	}
	g := l.g
	g.mu.Lock()
	if g.broken == nil && err != nil {
		g.broken = fmt.Errorf("rank %d failed in %s: %w", l.rank, c.op, err)
		if g.round != nil {
			g.end(g.broken)
		}
	}
	if err == nil {
		err = g.broken
	}
	if err != nil {
		g.mu.Unlock()
		return &Error{l.rank, c.op, err}
	}
	if g.round == nil {
		g.round = &round{op: c.op, calls: make([]*call, l.Size()), done: make(chan struct{})}
	}
	r := g.round
	r.calls[l.rank] = c
	r.here++
	g.ranks[l.rank].last = c.op
	if r.here == l.Size() {
		g.end(r.exchange())
	}
	g.mu.Unlock()

	timer := time.NewTimer(g.timeout)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C:
		g.mu.Lock()
		if g.round == r { // else it has just ended
			g.end(fmt.Errorf("%w after %v waiting for %s", ErrTimeout, g.timeout, g.missing(r)))
		}
		g.mu.Unlock()
	}
	if r.err != nil {
		return &Error{l.rank, c.op, r.err}
	}
	return nil
}

// end ends the round. g.mu is held.
func (g *group) end(err error) {
	g.round.err = err
	if err != nil && g.broken == nil {
		g.broken = fmt.Errorf("an earlier operation failed: %w", err)
	}
	close(g.round.done)
	g.round = nil
}

// missing names the ranks that are not in a round, and what they did last.
func (g *group) missing(r *round) string {
	var out []string
	for i, c := range r.calls {
		if c == nil {
			out = append(out, fmt.Sprintf("rank %d (last: %s)", i, g.ranks[i].last))
		}
	}
	return strings.Join(out, ", ")
}

// exchange moves the bytes of a round in which all ranks are.
func (r *round) exchange() error {
	for i, c := range r.calls {
		if c.op != r.calls[0].op || c.root != r.calls[0].root {
			return fmt.Errorf("%w: rank %d called %s with root %d, rank 0 %s with root %d", ErrArguments, i, c.op, c.root, r.calls[0].op, r.calls[0].root)
		}
	}
	var wrong error
	move := func(from, to int, dst, src []byte) {
		if len(dst) != len(src) && wrong == nil {
			wrong = fmt.Errorf("%w: rank %d sends %d bytes, of which rank %d expects %d", ErrArguments, from, len(src), to, len(dst))
		}
		copy(dst, src)
	}
	for to, c := range r.calls {
		if r.op == OpBroadcast {
			move(c.root, to, c.send[to], r.calls[c.root].send[to])
		}
		for from := range c.recv {
			move(from, to, c.recv[from], r.calls[from].send[to])
		}
	}
	return wrong
}
