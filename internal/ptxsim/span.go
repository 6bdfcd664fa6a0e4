package ptxsim

import (
	"encoding/binary"
	"math/bits"
)

// Most memory instructions of a warp touch bytes that lie one behind the other, or the
// same bytes in all lanes, and that are as they should be. This file judges them at once.
// Whatever is otherwise goes the long way lane by lane, which says what is wrong.

// span is the bytes that the lanes of an instruction touch.
type span struct {
	data, state []byte // from the first lane's to the last one's
	stride      int    // from lane to lane; 0: all have the same
	shared      bool   // else global or constant memory
	counted     bool   // as an access of global or shared memory
	addr        uint64 // of the first byte
}

// neighbors says whether the lanes of m, from first on without a gap, have addresses one stride apart.
func neighbors(base *[warpSize]uint64, m uint32, stride uint64) bool {
	first := bits.TrailingZeros32(m) & 31
	if run := m >> first; run&(run+1) != 0 {
		return false
	}
	return strided(base, base[first]-uint64(first)*stride, stride)&m == m
}

// span returns what the lanes of m touch, size bytes each. It is not ok where the long way must be taken.
// The shadow of shared memory is not looked at.
func (w *warp) span(at place, base *[warpSize]uint64, m uint32, size int, write bool) (s span, ok bool) {
	first := bits.TrailingZeros32(m) & 31
	addr := base[first] + at.off
	lanes := bits.OnesCount32(m)
	switch {
	case addr&uint64(size-1) != 0:
		return s, false
	case lanes == 1 || neighbors(base, m, uint64(size)):
		s.stride = size
	case !write && strided(base, base[first], 0)&m == m:
		lanes = 1
	default:
		return s, false
	}
	n := uint64(lanes * size)
	sp := at.space
	if sp == spaceGeneric {
		switch addr & windowMask {
		case 0:
		case sharedWindow:
			sp, addr = spaceShared, addr&^windowMask
		default:
			return s, false
		}
	}
	s.addr = addr
	switch sp {
	case spaceShared:
		b := w.blk.shared
		if addr+n > uint64(len(b.data)) || addr > addr+n {
			return s, false
		}
		s.data, s.state, s.shared, s.counted = b.data[addr:addr+n], b.state[addr:addr+n], true, true
		if write {
			return s, uniformBytes(s.state, stateValid|statePending, stateValid)
		}
		return s, uniformBytes(s.state, stateValid|statePending|stateWritten, stateValid|stateWritten)
	case spaceLocal, spaceParam, spaceCluster:
		return s, false
	}
	st := w.blk.launch
	a, off := st.dev.find(addr)
	if st.races != nil || a == nil || a.freed || off+n > uint64(len(a.data)) || a.readOnly && write || sp == spaceConst && !a.readOnly {
		return s, false
	}
	s.data, s.state = a.data[off:off+n], a.state[off:off+n]
	s.counted = !(a.readOnly && sp != spaceGlobal)
	if write && w.blk.sources.near(addr, int(n)) {
		return s, false
	}
	return s, write || uniformBytes(s.state, 1, 1)
}

// sectors counts the 32-byte sectors of the span.
func (s *span) sectors() int64 {
	return int64((s.addr+uint64(len(s.data))-1)>>5 - s.addr>>5 + 1)
}

// loadSpan is a load of elements of size bytes into dst, if the lanes of m allow it.
func (w *warp) loadSpan(at place, m uint32, dst []int, size int, k accessKind) bool {
	n := len(dst) * size
	base := &w.r[at.base]
	s, ok := w.span(at, base, m, n, false)
	if !ok || s.shared && !w.readSpan(&s, m, n, k) || k.strong() && w.blk.launch.objects != nil {
		return false
	}
	if s.counted && !s.shared {
		w.count.GlobalLoadBytes += int64(bits.OnesCount32(m) * n)
		w.count.GlobalLoadSectors += s.sectors()
		w.touch(s.addr, len(s.data), false)
	}
	if s.stride == 0 {
		for i, d := range dst {
			w.setLanes(d, m, load(s.data[i*size:], size))
		}
		return true
	}
	if m == fullMask && spread(w, dst, s.data, size) {
		return true
	}
	first := bits.TrailingZeros32(m)
	for i, d := range dst {
		rd := w.r[d][first : first+len(s.data)/n]
		from := s.data[i*size:]
		switch size {
		case 4:
			for l := range rd {
				rd[l] = uint64(binary.LittleEndian.Uint32(from[l*n:]))
			}
		default:
			for l := range rd {
				rd[l] = load(from[l*n:], size)
			}
		}
	}
	return true
}

// storeSpan is a store of elements of size bytes from src, if the lanes of m allow it.
func (w *warp) storeSpan(at place, m uint32, src []int, size int, k accessKind) bool {
	n := len(src) * size
	s, ok := w.span(at, &w.r[at.base], m, n, true)
	if !ok || s.shared && !w.writeSpan(&s, m, n, k) || k.strong() && w.blk.launch.objects != nil {
		return false
	}
	if s.shared {
		fillBytes(s.state, stateValid|stateWritten)
	} else {
		fillBytes(s.state, stateWritten)
		w.count.GlobalStoreBytes += int64(len(s.data))
		w.count.GlobalStoreSectors += s.sectors()
		w.touch(s.addr, len(s.data), true)
	}
	if m == fullMask && gathered(w, src, s.data, size) {
		return true
	}
	first := bits.TrailingZeros32(m)
	for i, r := range src {
		from := w.r[r][first : first+len(s.data)/n]
		to := s.data[i*size:]
		for l, v := range from {
			store(to[l*n:], size, v)
		}
	}
	return true
}

// readSpan enters a read of shared memory into the shadow; false where the long way must
// be taken. Nothing has changed then.
func (w *warp) readSpan(s *span, m uint32, n int, k accessKind) bool {
	if k != plainRead {
		return false
	}
	b := w.blk.shared
	if n < 4 {
		if s.stride == 0 {
			return false
		}
		writes, reads := b.bytes(s.addr, len(s.data))
		if !below(writes, w.order.limit) || !below(reads, w.order.limit) {
			return false
		}
		number(reads, w.order.now<<entryStamp|uint32(w.id<<entryWarp|bits.TrailingZeros32(m)), n)
		return true
	}
	word := s.addr / 4
	writes, reads := b.writes[word:word+uint64(len(s.data)/4)], b.reads[word:word+uint64(len(s.data)/4)]
	first := bits.TrailingZeros32(m)
	if s.stride == 0 {
		me := w.order.now<<entryStamp | uint32(w.id<<entryWarp)
		for i, e := range writes {
			if e >= w.order.limit || reads[i] >= w.order.limit && reads[i]&kindMask != byBlock && reads[i]>>entryWarp != (me|byWarp)>>entryWarp {
				return false
			}
		}
		for i, r := range reads {
			if r < w.order.limit || r&kindMask != byBlock {
				reads[i] = me | byWarp
			} else {
				reads[i] |= readerOf(w.id)
			}
		}
		return true
	}
	me := w.order.now<<entryStamp | uint32(w.id<<entryWarp|first)
	if below(writes, w.order.limit) {
		if below(reads, w.order.limit) {
			number(reads, me, n/4)
			return true
		}
	} else if !w.own(writes, me, n/4, entryThread) {
		return false
	}
	for i := 0; i < len(reads); i += n / 4 {
		mine := me + uint32(i/(n/4))
		for j := range n / 4 {
			if r := reads[i+j]; r >= w.order.limit && r&kindMask != byBlock && r != mine && r>>entryWarp != (mine|byWarp)>>entryWarp {
				return false
			}
		}
	}
	for i := 0; i < len(reads); i += n / 4 {
		mine := me + uint32(i/(n/4))
		for j := range n / 4 {
			if r := reads[i+j]; r < w.order.limit {
				reads[i+j] = mine
			} else if r&kindMask == byBlock {
				reads[i+j] |= readerOf(w.id)
			}
		}
	}
	return true
}

// writeSpan enters a write of shared memory into the shadow; see readSpan.
func (w *warp) writeSpan(s *span, m uint32, n int, k accessKind) bool {
	if k != plainWrite {
		return false
	}
	b := w.blk.shared
	if n < 4 {
		writes, reads := b.bytes(s.addr, len(s.data))
		if !below(writes, w.order.limit) || !below(reads, w.order.limit) {
			return false
		}
		number(writes, w.order.now<<entryStamp|uint32(w.id<<entryWarp|bits.TrailingZeros32(m)), n)
		return true
	}
	word := s.addr / 4
	writes, reads := b.writes[word:word+uint64(len(s.data)/4)], b.reads[word:word+uint64(len(s.data)/4)]
	me := w.order.now<<entryStamp | uint32(w.id<<entryWarp|bits.TrailingZeros32(m))
	if !below(writes, w.order.limit) && !w.own(writes, me, n/4, entryThread) || !below(reads, w.order.limit) && !w.own(reads, me, n/4, entryThread|kindMask) {
		return false
	}
	number(writes, me, n/4)
	return true
}

// own says that all entries come before the accesses of their lanes or are those lanes' own, each lane having so
// many. care is what makes an entry one's own.
func (w *warp) own(entries []uint32, me uint32, each int, care uint32) bool {
	for i := 0; i < len(entries); i += each {
		mine := (me + uint32(i/each)) & care
		for _, e := range entries[i : i+each] {
			if e >= w.order.limit && e&care != mine || e == split {
				return false
			}
		}
	}
	return true
}
