package ptxsim

import "fmt"

// The sources of the cp.async that a block has not waited for: a GPU may read them as late as
// at the wait, so who writes them before changes what arrives.

// addresses are from lo up to hi.
type addresses struct{ lo, hi uint64 }

// copySources are the sources of pending copies: all of them, by allocation, with what lies between.
type copySources struct {
	pending int
	around  []addresses
}

// add enters the n bytes at addr.
func (s *copySources) add(addr uint64, n int) {
	s.pending++
	end := addr + uint64(n)
	for i := range s.around {
		if r := &s.around[i]; r.lo>>slotBits == addr>>slotBits {
			r.lo, r.hi = min(r.lo, addr), max(r.hi, end)
			return
		}
	}
	s.around = append(s.around, addresses{addr, end})
}

// done takes one away.
func (s *copySources) done() {
	if s.pending--; s.pending == 0 {
		s.around = s.around[:0]
	}
}

// near says that the n bytes at addr may be among them.
func (s *copySources) near(addr uint64, n int) bool {
	for _, r := range s.around {
		if addr < r.hi && addr+uint64(n) > r.lo {
			return true
		}
	}
	return false
}

// copied says what is wrong with a write of value, nil if it is not known, over the bytes data at addr.
func (b *blockRun) copied(addr uint64, data, value []byte) *violation {
	if !b.sources.near(addr, len(data)) || string(data) == string(value) {
		return nil
	}
	for _, w := range b.warps {
		for i := range w.async.pending {
			c := &w.async.pending[i]
			if addr < c.src+uint64(c.take) && addr+uint64(len(data)) > c.src {
				a, off := b.launch.dev.find(addr)
				return &violation{ErrRace, fmt.Sprintf("global memory at %s+%d, from which thread %d copies with a cp.async that it has not waited for", a.label, off, w.id*warpSize+int(c.lane))}
			}
		}
	}
	return nil
}
