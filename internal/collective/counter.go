package collective

import "sync/atomic"

// Counter counts the bytes that this rank hands to others: what each of them gets counts,
// whatever the library does to bring it there, and nothing that a rank keeps for itself.
type Counter struct {
	Communicator
	sent atomic.Int64
}

// Sent is the number of bytes so far.
func (c *Counter) Sent() int64 { return c.sent.Load() }

// AllToAll implements Communicator.
func (c *Counter) AllToAll(send, recv [][]byte) error {
	n := 0
	for i, s := range send {
		if i != c.Rank() {
			n += len(s)
		}
	}
	c.sent.Add(int64(n))
	return c.Communicator.AllToAll(send, recv)
}

// AllGather implements Communicator.
func (c *Counter) AllGather(send []byte, recv [][]byte) error {
	c.sent.Add(int64(len(send) * (c.Size() - 1)))
	return c.Communicator.AllGather(send, recv)
}

// Broadcast implements Communicator.
func (c *Counter) Broadcast(root int, buf []byte) error {
	if root == c.Rank() {
		c.sent.Add(int64(len(buf) * (c.Size() - 1)))
	}
	return c.Communicator.Broadcast(root, buf)
}
