package group

import (
	"errors"
	"fmt"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
)

// noticeTime is how long a rank tries to tell the others that it leaves or has failed.
const noticeTime = time.Second

// fail breaks the group for this rank, and tells the others. A rank that was told so itself tells
// nobody: whoever failed first does.
func (g *group) fail(k kind, err error) {
	g.broken = fmt.Errorf("an earlier operation failed: %w", err)
	defer g.drop() // after the others were told, who notice it
	g.patience = noticeTime
	for i := range g.peers {
		if gone := g.peers[i].gone; errors.Is(gone, collective.ErrClosed) {
			g.patience = 0 // it ends in order, and so can this one
			return
		} else if gone != nil {
			g.patience = 3 * noticeTime // it is to have the first word, and the last
			return
		}
	}
	g.tell(head{kind: failed, reason: reasonOf(err), body: []byte(operations[k] + ": " + err.Error())})
}

// leave tells the others that this rank leaves, where it has not told them that it failed.
func (g *group) leave() {
	if g.broken == nil {
		g.broken = fmt.Errorf("rank %d %w", g.rank, collective.ErrClosed)
	}
	if !g.noticed {
		g.tell(head{kind: left})
	}
}

// tell sends a notice to every rank. It gives up after noticeTime, and on the first error: there
// is nobody to tell it to.
func (g *group) tell(h head) {
	g.noticed = true
	h.body = h.body[:min(len(h.body), inline)]
	for i := range g.peers {
		if i != g.rank {
			if g.port.Send(i*slotsEach+noticeOut, i, HeadTag, h.put(g.peers[i].notice)) != nil {
				return
			}
		}
	}
	told := 1 // itself
	for begin := time.Now(); told < g.size && time.Since(begin) < noticeTime; time.Sleep(50 * time.Microsecond) {
		var err error
		if g.slots, err = g.port.Done(g.slots[:0]); err != nil {
			return
		}
		for _, slot := range g.slots {
			if slot%slotsEach == noticeOut {
				told++
			} else if slot%slotsEach == headIn {
				g.departed(slot / slotsEach)
			}
		}
	}
}

// departed takes note of a head that came while this rank leaves. One of an operation is from a rank
// that will learn that this one has left.
func (g *group) departed(i int) {
	q := &g.peers[i]
	h, err := parse(q.in)
	switch {
	case err != nil:
		q.gone = told{text: err.Error()}
	case h.kind == left:
		q.gone = fmt.Errorf("rank %d %w", i, collective.ErrClosed)
	case h.kind == failed:
		q.gone = told{text: string(h.body)}
	case h.kind == lost:
		q.gone = told{text: "it has ended without a word"}
	default:
		if err := g.awaitHead(i); err != nil {
			q.gone = told{text: err.Error()}
		}
	}
}

// Depart leaves the group at the end of the process, waits until all others have left, at most for the
// timeout, and says whether all have left in order. Where they have not it gives them a moment in which
// they can say what they know. An error: the port answers no more.
//
// The carrier ends last: in order where all come to this together, which some carriers wait for.
func (c *Comm) Depart() (inOrder bool, err error) {
	early := c.left
	_ = c.Close()
	begin := time.Now()
	err = c.Run(c.g.timeout+Grace, func() error {
		limit := c.g.patience
		if limit == 0 {
			limit = c.g.timeout
		}
		inOrder = c.g.awaitAll(limit)
		return nil
	})
	if err == nil {
		err = c.Run(Grace, func() error {
			if inOrder && !early {
				c.g.unload()
			}
			c.g.drop() // where it is still there
			return nil
		})
	}
	if err == nil && !inOrder {
		time.Sleep(time.Until(begin.Add(c.g.patience)))
	}
	return inOrder, err
}

// awaitAll waits until every other rank has left or failed, at most so long, and says whether all
// have left in order.
func (g *group) awaitAll(limit time.Duration) bool {
	for i := range g.peers {
		if q := &g.peers[i]; q.next != nil && q.gone == nil { // of an operation that this rank does not come to
			q.next = nil
			if err := g.awaitHead(i); err != nil {
				q.gone = told{text: err.Error()}
			}
		}
	}
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		gone, inOrder := 1, true
		for i := range g.peers {
			if err := g.peers[i].gone; i != g.rank && err != nil {
				gone++
				_, bad := err.(told)
				inOrder = inOrder && !bad
			}
		}
		if gone == g.size || time.Since(begin) > limit {
			return gone == g.size && inOrder
		}
		var err error
		if g.slots, err = g.port.Done(g.slots[:0]); err != nil {
			return false
		}
		for _, slot := range g.slots {
			if slot%slotsEach == headIn {
				g.departed(slot / slotsEach)
			}
		}
	}
}
