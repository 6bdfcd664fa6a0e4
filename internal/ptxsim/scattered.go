package ptxsim

import (
	"encoding/binary"
	"math/bits"
)

// Accesses of shared memory of which each lane has its own place. As in span.go what is
// not as it should be takes the long way, from the lane on that shows it.

// fine says that the n bytes of state allow a read or a write.
func fine(state []byte, n int, write bool) bool {
	const each = 0x0101010101010101
	care, want := uint64(each*(stateValid|statePending|stateWritten)), uint64(each*(stateValid|stateWritten))
	if write {
		care, want = each*(stateValid|statePending), each*stateValid
	}
	switch n {
	case 1:
		return state[0]&byte(care) == byte(want)
	case 2:
		return binary.LittleEndian.Uint16(state)&uint16(care) == uint16(want)
	case 4:
		return binary.LittleEndian.Uint32(state)&uint32(care) == uint32(want)
	case 8:
		return binary.LittleEndian.Uint64(state)&care == want
	}
	return binary.LittleEndian.Uint64(state)&care == want && binary.LittleEndian.Uint64(state[8:])&care == want
}

// enterReads enters a plain read of a lane into entries of words or bytes; false if it may race, and
// some may have been entered.
func (w *warp) enterReads(writes, reads []uint32, me uint32) bool {
	limit := w.order.limit
	for i, e := range writes {
		if e >= limit && (e^me)&entryThread != 0 || e == split {
			return false
		}
		r := reads[i]
		switch {
		case r < limit || (r^me)&(entryThread|kindMask) == 0:
			reads[i] = me
		case r&kindMask == byBlock:
		case (r^me)&(31<<entryWarp) != 0:
			return false
		case w.order.known[w.id] < entryTime(r):
			reads[i] = me | byWarp
		default:
			reads[i] = me
		}
	}
	return true
}

// enterWrites is enterReads for a plain write.
func (w *warp) enterWrites(writes, reads []uint32, me uint32) bool {
	limit := w.order.limit
	for i, e := range writes {
		if e >= limit && (e^me)&entryThread != 0 || e == split {
			return false
		}
		if r := reads[i]; r >= limit && (r^me)&(entryThread|kindMask) != 0 {
			return false
		}
		writes[i] = me
	}
	return true
}

// entries returns those of the n bytes at addr, of its words or of single bytes.
func (s *shadow) entries(addr uint64, n int) (writes, reads []uint32) {
	word := addr / 4
	if n >= 4 {
		return s.writes[word : word+uint64(n/4)], s.reads[word : word+uint64(n/4)]
	}
	s.split(int(word))
	return s.byteWrites[addr : addr+uint64(n)], s.byteReads[addr : addr+uint64(n)]
}

// sharedSpace returns what must be taken from addresses on a space to have those in shared memory; it is not
// ok if that of the first lane of m is not there.
func (w *warp) sharedSpace(at place, m uint32) (window uint64, ok bool) {
	switch at.space {
	case spaceShared:
		return 0, true
	case spaceGeneric:
		addr := w.r[at.base][bits.TrailingZeros32(m)&31] + at.off
		return sharedWindow, addr&windowMask == sharedWindow
	}
	return 0, false
}

// loadScattered loads for the lanes of m and returns those that are left for the long way.
func (w *warp) loadScattered(base *[warpSize]uint64, at place, m uint32, dst []int, size int, shared *request) (left uint32) {
	window, ok := w.sharedSpace(at, m)
	if !ok {
		return m
	}
	s := w.blk.shared
	n := len(dst) * size
	me := w.order.now<<entryStamp | uint32(w.id<<entryWarp)
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		addr := base[l] + at.off - window
		if addr&uint64(n-1) != 0 || addr >= uint64(len(s.data)) || addr+uint64(n) > uint64(len(s.data)) || !fine(s.state[addr:], n, false) {
			return m
		}
		writes, reads := s.entries(addr, n)
		if !w.enterReads(writes, reads, me|uint32(l)) {
			return m
		}
		if size == 4 {
			for i, d := range dst {
				w.r[d][l] = uint64(binary.LittleEndian.Uint32(s.data[addr+uint64(4*i):]))
			}
		} else {
			for i, d := range dst {
				w.r[d][l] = load(s.data[addr+uint64(i*size):], size)
			}
		}
		shared.put(addr)
	}
	return 0
}

// storeScattered stores for the lanes of m and returns those that are left for the long way.
func (w *warp) storeScattered(at place, m uint32, src []int, size int, shared *request) (left uint32) {
	window, ok := w.sharedSpace(at, m)
	if !ok {
		return m
	}
	s := w.blk.shared
	n := len(src) * size
	me := w.order.now<<entryStamp | uint32(w.id<<entryWarp)
	base := &w.r[at.base]
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		addr := base[l] + at.off - window
		if addr&uint64(n-1) != 0 || addr >= uint64(len(s.data)) || addr+uint64(n) > uint64(len(s.data)) || !fine(s.state[addr:], n, true) {
			return m
		}
		writes, reads := s.entries(addr, n)
		if !w.enterWrites(writes, reads, me|uint32(l)) {
			return m
		}
		for i, r := range src {
			store(s.data[addr+uint64(i*size):], size, w.r[r][l])
		}
		for i := range n {
			s.state[addr+uint64(i)] = stateValid | stateWritten
		}
		shared.put(addr)
	}
	return 0
}
