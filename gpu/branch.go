package gpu

import "slices"

// branch lets a weight gradient run beside the input gradient of the same weight. Both read
// the gradient of the outputs, and neither fills the device to its end. It is opened while
// a sequence is captured only: the graph then has both behind what came before, and what
// comes after behind both. Run call by call, one follows the other.
type branch struct {
	side    Stream // the other stream; the first has all else
	allowed bool   // a sequence is captured
	open    bool   // the side has work that the first stream does not wait for yet
	within  bool   // what is queued belongs beside it
	reads   []Ptr  // what the side's work reads and the input gradient could write
}

// startBranch makes the other stream.
func (b *device) startBranch() error {
	s, err := b.drv.NewStream()
	b.keep("New", err)
	b.k.branch.side = s
	return b.err
}

// aside queues the launches of f, which read the buffers of reads and write what nothing
// but work that follows touches, on the branch.
func (l *launcher) aside(reads []Ptr, f func()) {
	r := &l.branch
	if !r.allowed {
		f()
		return
	}
	if !r.open && l.err == nil { // else the side goes on
		l.err = l.drv.Follow(r.side, l.stream)
		r.open, r.reads = true, nil
	}
	first := l.stream
	l.stream, r.within, r.reads = r.side, true, append(r.reads, reads...)
	f()
	l.stream, r.within = first, false
}

// beside queues the launches of f, which write a buffer, beside those of the branch where they
// may, and then waits for it.
func (l *launcher) beside(writes Ptr, f func()) {
	r := &l.branch
	r.within = r.open && !slices.Contains(r.reads, writes)
	f()
	r.within = false
	if l.err == nil {
		l.err = l.joined()
	}
}

// joined makes what is queued next wait for the branch, unless it belongs beside it.
func (l *launcher) joined() error {
	r := &l.branch
	if !r.open || r.within {
		return nil
	}
	r.open = false
	return l.drv.Follow(l.stream, r.side)
}

// join is joined for work that is no launch.
func (b *device) join(op string) { b.keep(op, b.k.joined()) }
