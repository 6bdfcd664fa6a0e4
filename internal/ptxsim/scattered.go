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
		if e >= limit && (e^me)&entryThread != 0 && w.order.known[e>>entryWarp&31] < entryTime(e) || e == split {
			return false
		}
		r := reads[i]
		switch {
		case r < limit || (r^me)&(entryThread|kindMask) == 0:
			reads[i] = me
		case r&kindMask == byBlock:
			reads[i] |= readerOf(int(me>>entryWarp) & 31)
		case (r^me)&(31<<entryWarp) != 0:
			w.record(nil, &reads[i], int(me&31), plainRead)
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

// enter enters a plain access of n bytes at addr for a lane; false if it may race, and some may have been entered.
func (w *warp) enter(addr uint64, n int, write bool, lane int) bool {
	s := &w.blk.shared.shadow
	limit, me := w.order.limit, w.order.now<<entryStamp|uint32(w.id<<entryWarp|lane)
	word := int(addr / 4)
	if n < 4 {
		if s.writes[word] != split {
			s.split(word)
		}
		if n == 2 {
			writes, reads := (*[2]uint32)(s.byteWrites[addr:]), (*[2]uint32)(s.byteReads[addr:])
			if max(writes[0], writes[1], reads[0], reads[1]) < limit {
				if write {
					writes[0], writes[1] = me, me
				} else {
					reads[0], reads[1] = me, me
				}
				return true
			}
		}
		writes, reads := s.byteWrites[addr:addr+uint64(n)], s.byteReads[addr:addr+uint64(n)]
		if write {
			return w.enterWrites(writes, reads, me)
		}
		return w.enterReads(writes, reads, me)
	}
	for end := word + n/4; word < end; word++ {
		if s.writes[word] < limit && s.reads[word] < limit {
			if write {
				s.writes[word] = me
			} else {
				s.reads[word] = me
			}
			continue
		}
		if s.writes[word] == split {
			if !w.enterSplit(word, me, write) {
				return false
			}
			continue
		}
		writes, reads := s.writes[word:word+1], s.reads[word:word+1]
		if write && !w.enterWrites(writes, reads, me) || !write && !w.enterReads(writes, reads, me) {
			return false
		}
	}
	return true
}

// enterSplit is enter for a split word.
func (w *warp) enterSplit(word int, me uint32, write bool) bool {
	s := &w.blk.shared.shadow
	writes, reads := s.byteWrites[4*word:4*word+4], s.byteReads[4*word:4*word+4]
	if !write {
		if !w.enterReads(writes, reads, me) {
			return false
		}
		s.join(word)
		return true
	}
	if !w.enterWrites(writes, reads, me) {
		return false
	}
	// The reads come before this write: who races with them races with it too.
	s.writes[word], s.reads[word] = me, 0
	return true
}

// quickWrite enters a plain write of n bytes, 4 or more, of shared memory and returns the bytes and
// their states; nil where the long way must be taken.
func (w *warp) quickWrite(lane int, addr uint64, n int) (data, state []byte) {
	s := w.blk.shared
	if n != 16 || !w.wide(lane, addr) {
		if addr&uint64(n-1) != 0 || addr >= uint64(len(s.data)) || !fine(s.state[addr:], n, true) || !w.enter(addr, n, true, lane) {
			return nil, nil
		}
	}
	return s.data[addr : addr+uint64(n)], s.state[addr : addr+uint64(n)]
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
	if len(dst) == 1 && size == 4 {
		return w.loadScatteredWords(base, at.off-window, m, dst[0], shared)
	}
	if len(dst) == 1 && size == 2 {
		return w.loadScatteredHalves(base, at.off-window, m, dst[0], shared)
	}
	s := w.blk.shared
	n := len(dst) * size
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		addr := base[l] + at.off - window
		if addr&uint64(n-1) != 0 || addr >= uint64(len(s.data)) || !fine(s.state[addr:], n, false) || !w.enter(addr, n, false, l) {
			return m
		}
		for i, d := range dst {
			w.r[d][l] = load(s.data[addr+uint64(i*size):], size)
		}
		shared.put(addr)
	}
	return 0
}

// loadScatteredWords is loadScattered for a word a lane.
func (w *warp) loadScatteredWords(base *[warpSize]uint64, off uint64, m uint32, d int, shared *request) (left uint32) {
	const each = 0x01010101
	s := w.blk.shared
	data, state := s.data, s.state[:len(s.data)]
	writes := s.writes
	reads := s.reads[:len(writes)]
	limit, me := w.order.limit, w.order.now<<entryStamp|uint32(w.id<<entryWarp)
	rd := &w.r[d]
	n := shared.n
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		addr := base[l] + off
		if addr&3 != 0 || addr >= uint64(len(data)) || binary.LittleEndian.Uint32(state[addr:])&(each*(stateValid|statePending|stateWritten)) != each*(stateValid|stateWritten) {
			break
		}
		if word, mine := addr/4, me|uint32(l); ours(writes[word], mine, limit, entryThread) && ours(reads[word], mine, limit, entryThread|kindMask) {
			reads[word] = mine
		} else if !w.enter(addr, 4, false, l) {
			break
		}
		rd[l] = uint64(binary.LittleEndian.Uint32(data[addr:]))
		shared.addr[n&31] = addr
		n++
	}
	shared.n = n
	return m
}

// storeScattered stores for the lanes of m and returns those that are left for the long way.
func (w *warp) storeScattered(at place, m uint32, src []int, size int, shared *request) (left uint32) {
	window, ok := w.sharedSpace(at, m)
	if !ok {
		return m
	}
	if len(src) == 1 && size == 4 {
		return w.storeScatteredWords(at, window, m, src[0], shared)
	}
	if len(src) == 1 && size == 2 {
		return w.storeScatteredHalves(at, window, m, src[0], shared)
	}
	s := w.blk.shared
	n := len(src) * size
	base := &w.r[at.base]
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		addr := base[l] + at.off - window
		if n != 16 || !w.wide(l, addr) {
			if addr&uint64(n-1) != 0 || addr >= uint64(len(s.data)) || !fine(s.state[addr:], n, true) || !w.enter(addr, n, true, l) {
				return m
			}
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

// storeScatteredWords is storeScattered for a word a lane.
func (w *warp) storeScatteredWords(at place, window uint64, m uint32, src int, shared *request) (left uint32) {
	const each = 0x01010101
	s := w.blk.shared
	data, state := s.data, s.state[:len(s.data)]
	writes := s.writes
	reads := s.reads[:len(writes)]
	limit, me := w.order.limit, w.order.now<<entryStamp|uint32(w.id<<entryWarp)
	base, from := &w.r[at.base], &w.r[src]
	off := at.off - window
	n := shared.n
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		addr := base[l] + off
		if addr&3 != 0 || addr >= uint64(len(data)) || binary.LittleEndian.Uint32(state[addr:])&(each*(stateValid|statePending)) != each*stateValid {
			break
		}
		if word, mine := addr/4, me|uint32(l); ours(writes[word], mine, limit, entryThread) && ours(reads[word], mine, limit, entryThread|kindMask) {
			writes[word] = mine
		} else if !w.enter(addr, 4, true, l) {
			break
		}
		binary.LittleEndian.PutUint32(data[addr:], uint32(from[l]))
		binary.LittleEndian.PutUint32(state[addr:], each*(stateValid|stateWritten))
		shared.addr[n&31] = addr
		n++
	}
	shared.n = n
	return m
}

// ours says that what an entry stands for comes before the next access of a thread, or is its own. care is what makes an
// entry its own.
func ours(e, mine, limit, care uint32) bool {
	return e < limit || (e^mine)&care == 0 && e != split
}

// halfOurs is ours for all entries of two bytes of a split word.
func (s *shadow) halfOurs(addr uint64, mine, limit uint32) bool {
	if s.writes[addr/4] != split || addr+2 > uint64(len(s.byteWrites)) || addr+2 > uint64(len(s.byteReads)) {
		return false
	}
	writes, reads := (*[2]uint32)(s.byteWrites[addr:]), (*[2]uint32)(s.byteReads[addr:])
	return ours(writes[0], mine, limit, entryThread) && ours(writes[1], mine, limit, entryThread) &&
		ours(reads[0], mine, limit, entryThread|kindMask) && ours(reads[1], mine, limit, entryThread|kindMask)
}

// storeScatteredHalves is storeScattered for two bytes a lane.
func (w *warp) storeScatteredHalves(at place, window uint64, m uint32, src int, shared *request) (left uint32) {
	const each = 0x0101
	s := w.blk.shared
	data, state := s.data, s.state[:len(s.data)]
	limit, me := w.order.limit, w.order.now<<entryStamp|uint32(w.id<<entryWarp)
	base, from := &w.r[at.base], &w.r[src]
	off := at.off - window
	n := shared.n
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		addr := base[l] + off
		if addr&1 != 0 || addr >= uint64(len(data)) || binary.LittleEndian.Uint16(state[addr:])&(each*(stateValid|statePending)) != each*stateValid {
			break
		}
		if mine := me | uint32(l); s.halfOurs(addr, mine, limit) {
			writes := (*[2]uint32)(s.byteWrites[addr:])
			writes[0], writes[1] = mine, mine
		} else if !w.enter(addr, 2, true, l) {
			break
		}
		binary.LittleEndian.PutUint16(data[addr:], uint16(from[l]))
		binary.LittleEndian.PutUint16(state[addr:], each*(stateValid|stateWritten))
		shared.addr[n&31] = addr
		n++
	}
	shared.n = n
	return m
}

// loadScatteredHalves is loadScattered for two bytes a lane.
func (w *warp) loadScatteredHalves(base *[warpSize]uint64, off uint64, m uint32, d int, shared *request) (left uint32) {
	const each = 0x0101
	s := w.blk.shared
	data, state := s.data, s.state[:len(s.data)]
	limit, me := w.order.limit, w.order.now<<entryStamp|uint32(w.id<<entryWarp)
	rd := &w.r[d]
	n := shared.n
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		addr := base[l] + off
		if addr&1 != 0 || addr >= uint64(len(data)) || binary.LittleEndian.Uint16(state[addr:])&(each*(stateValid|statePending|stateWritten)) != each*(stateValid|stateWritten) {
			break
		}
		if mine := me | uint32(l); s.halfOurs(addr, mine, limit) {
			reads := (*[2]uint32)(s.byteReads[addr:])
			reads[0], reads[1] = mine, mine
		} else if !w.enter(addr, 2, false, l) {
			break
		}
		rd[l] = uint64(binary.LittleEndian.Uint16(data[addr:]))
		shared.addr[n&31] = addr
		n++
	}
	shared.n = n
	return m
}
