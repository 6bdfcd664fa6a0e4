package group

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
)

// Comm is a rank among the processes of a run. It implements [collective.Communicator]. Its methods
// are called by one goroutine at a time, but for Note and Waiting, which any may call.
type Comm struct {
	g      *group
	engine string      // what moves the messages, for errors
	jobs   chan func() // run by the one thread that uses the port
	stuck  atomic.Bool // the port has not come back from a call
	left   bool
	// sharing is the number of ranks that have the same cores as this one, beside those on the same host.
	sharing, beside int
	local           int // ranks below this one on the same host
}

var _ collective.DeviceCommunicator = (*Comm)(nil)

// New returns a rank that is not yet one of a group, for Start. engine names what will move the
// messages, such as MPI. Every operation is bounded by the timeout, above 0.
func New(engine string, timeout time.Duration) *Comm {
	c := &Comm{g: &group{timeout: timeout}, engine: engine, jobs: make(chan func())}
	go func() {
		runtime.LockOSThread() // MPI wants to be ended by the thread that began it
		for job := range c.jobs {
			job()
		}
	}()
	return c
}

// Start makes c the rank of a group of so many. It is called on the thread of Run or before any other
// method, once.
func (c *Comm) Start(p Port, rank, size int) error {
	g, err := newGroup(p, rank, size, c.g.timeout)
	if err == nil {
		c.g = g
	}
	return err
}

// Started says whether c is one of a group.
func (c *Comm) Started() bool { return c.g.port != nil }

// Grace is how long past the timeout a port may take to come back from a call that should not wait.
const Grace = 10 * time.Second

// Rank is this process's number.
func (c *Comm) Rank() int { return c.g.rank }

// Size is the number of processes.
func (c *Comm) Size() int { return c.g.size }

// Sharing is the number of ranks, this one too, that run on this one's cores: on the same host, where
// the launcher has given none of them cores of its own.
func (c *Comm) Sharing() int { return max(1, c.sharing) }

// Local is the number of this rank among those on the same host, from 0.
func (c *Comm) Local() int { return c.local }

// Unused returns how many cores of this host the launcher has left to no rank, of how many that it
// has: 0 where that is not known. A launcher that binds each process to a core leaves most.
func (c *Comm) Unused() (unused, of int) {
	own, all := bound()
	return max(0, all-own*c.beside/c.Sharing()), all
}

// Note says what this process is doing, such as "step 12". Others name it if they wait for this one
// in vain. It takes effect with the next operation.
func (c *Comm) Note(text string) { c.g.note.Store(&text) }

// Waiting says which operation waits for whom, "" where none has waited for a moment.
func (c *Comm) Waiting() string {
	if text := c.g.waiting.Load(); text != nil {
		return *text
	}
	return ""
}

// TellWaiting calls tell with [Comm.Waiting]'s text, once, if there is one in the next second. It
// returns at once.
func (c *Comm) TellWaiting(tell func(text string)) {
	go func() {
		for range 20 {
			time.Sleep(50 * time.Millisecond)
			if text := c.Waiting(); text != "" {
				tell(text)
				return
			}
		}
	}()
}

// AllToAll implements [collective.Communicator].
func (c *Comm) AllToAll(send, recv [][]byte) error {
	return c.do(allToAll, func() error {
		if err := collective.CheckCall(c.g.rank, c.g.size, send, recv); err != nil {
			return c.misuse(allToAll, err)
		}
		copy(recv[c.g.rank], send[c.g.rank])
		return c.g.exchange(head{kind: allToAll}, onHost(send), onHost(recv))
	})
}

// AllGather implements [collective.Communicator].
func (c *Comm) AllGather(send []byte, recv [][]byte) error {
	return c.do(allGather, func() error {
		all := make([][]byte, c.g.size)
		for i := range all {
			all[i] = send
		}
		if err := collective.CheckCall(c.g.rank, c.g.size, all, recv); err != nil {
			return c.misuse(allGather, err)
		}
		copy(recv[c.g.rank], send)
		return c.g.exchange(head{kind: allGather}, onHost(all), onHost(recv))
	})
}

// Broadcast implements [collective.Communicator]. The root hands each rank a slice of a long buffer,
// and the ranks hand theirs to each other: so the root sends the buffer twice at most, not once to
// every rank.
func (c *Comm) Broadcast(root int, buf []byte) error {
	return c.do(broadcast, func() error {
		g := c.g
		if root < 0 || root >= g.size {
			return c.misuse(broadcast, fmt.Errorf("%w: root: found %d, expected 0 to %d", collective.ErrArguments, root, g.size-1))
		}
		h := head{kind: broadcast, root: uint32(root), whole: uint64(len(buf))}
		send, recv := make([][]byte, g.size), make([][]byte, g.size)
		if len(buf) <= inline || g.size == 2 {
			if g.rank != root {
				recv[root] = buf
			} else {
				for i := range send {
					send[i] = buf
				}
			}
			return g.exchange(h, onHost(send), onHost(recv))
		}
		slice := func(i int) []byte { return buf[part(len(buf), i, g.size):part(len(buf), i+1, g.size)] }
		if g.rank != root {
			recv[root] = slice(g.rank)
		} else {
			for i := range send {
				send[i] = slice(i)
			}
		}
		if err := g.exchange(h, onHost(send), onHost(recv)); err != nil {
			return err
		}
		for i := range send {
			send[i], recv[i] = slice(g.rank), slice(i)
			if i == root {
				send[i] = nil
			}
			if g.rank == root {
				recv[i] = nil
			}
		}
		return g.exchange(h, onHost(send), onHost(recv))
	})
}

// part is where part i of w parts of n bytes begins.
func part(n, i, w int) int { return n/w*i + min(i, n%w) }

// Barrier implements [collective.Communicator].
func (c *Comm) Barrier() error {
	return c.do(barrier, func() error { return c.g.exchange(head{kind: barrier}, nil, nil) })
}

// misuse breaks the group by a call that fits none.
func (c *Comm) misuse(k kind, err error) error {
	if c.g.broken != nil {
		return c.g.broken
	}
	c.g.fail(k, err)
	return err
}

// do lets the thread that uses the port run f, and gives up where that does not come back.
func (c *Comm) do(k kind, f func() error) error {
	err := c.Run(c.g.timeout+Grace, f)
	if err == nil {
		return nil
	}
	return &collective.Error{Rank: c.g.rank, Op: operations[k], Err: err}
}

// Run lets the one thread that uses the port run f, and gives up after limit, counted in time that
// this process has had.
func (c *Comm) Run(limit time.Duration, f func() error) error {
	if c.stuck.Load() {
		return fmt.Errorf("%w: %s has not come back from an earlier call", collective.ErrTimeout, c.engine)
	}
	result := make(chan error, 1)
	c.jobs <- func() { result <- f() }
	const tick = time.Second
	timer := time.NewTicker(tick)
	defer timer.Stop()
	for had := time.Duration(0); ; had += tick {
		select {
		case err := <-result:
			return err
		case <-timer.C:
			if had >= limit {
				c.stuck.Store(true)
				return fmt.Errorf("%w: %s has not come back from a call in %v", collective.ErrTimeout, c.engine, limit)
			}
		}
	}
}

// Close implements [collective.Communicator]. It tells the others and does not wait for them. A carrier
// ends with the process, or by [Comm.Depart].
func (c *Comm) Close() error {
	if c.left || c.stuck.Load() {
		return nil
	}
	c.left = true
	return c.Run(noticeTime+Grace, func() error {
		c.g.leave()
		return nil
	})
}
