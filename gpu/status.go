package gpu

import (
	"fmt"
	"math"
)

// Kernels cannot return errors. A kernel that reads integers gets the address of
// a slot, a word of 64 bits, for each list of them, in which it notes the first
// bad one (kernels/include/status.cuh); Sync looks at the slots. A slot belongs
// to what its message says, not to a launch, so launches can be recorded.

// problem is what is wrong when a slot is set: "op: what[index]: found N,
// expected ...".
type problem struct{ op, what, expected string }

// slotsOfChunk is the number of slots that are allocated together.
const slotsOfChunk = 256

// noProblem is the word of a slot while nothing is wrong.
const noProblem = math.MaxUint64

// deviceStatus holds the slots. Slot i is word i%slotsOfChunk of chunk i/slotsOfChunk.
type deviceStatus struct {
	chunks   []Ptr
	problems []problem
	slot     map[problem]ptrU64
}

// slot returns where a kernel reports p; the same for equal ones.
func (c operation) slot(what, expected string) ptrU64 {
	s, p := &c.b.status, problem{c.op, what, expected}
	if at, ok := s.slot[p]; ok || !c.ok() {
		return at
	}
	i := len(s.problems)
	if i%slotsOfChunk == 0 {
		const bytes = 8 * slotsOfChunk
		chunk := c.b.take(c.op, "status", bytes)
		if c.ok() {
			c.b.keep(c.op, c.b.drv.Memset(0, chunk, 0xff, bytes))
		}
		s.chunks = append(s.chunks, chunk)
	}
	if s.slot == nil {
		s.slot = map[problem]ptrU64{}
	}
	at := ptrU64(s.chunks[i/slotsOfChunk] + Ptr(8*(i%slotsOfChunk)))
	s.problems, s.slot[p] = append(s.problems, p), at
	return at
}

// upTo and lessThan say which integers a list may hold.
func upTo(last int) string    { return fmt.Sprintf("0 to %d", last) }
func lessThan(end int) string { return fmt.Sprintf("less than %d", end) }

// statusErrors fails the backend when a kernel met a bad integer: the one of the
// slot that was asked for first. It is called when all work is done.
func (b *device) statusErrors() {
	s := &b.status
	words := make([]uint64, slotsOfChunk)
	for k, chunk := range s.chunks {
		list := s.problems[k*slotsOfChunk : min(len(s.problems), (k+1)*slotsOfChunk)]
		b.keep("Sync", b.drv.CopyOut(0, bytesOf(words[:len(list)]), chunk))
		for i, p := range list {
			if w := words[i]; w != noProblem && b.ok() {
				b.fail("%s: %s[%d]: found %d, expected %s", p.op, p.what, w>>32, int32(w), p.expected)
			}
		}
	}
}
