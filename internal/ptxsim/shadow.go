package ptxsim

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
)

// The shadow of shared memory tells who touched each word last and when. Time is a
// number that grows with everything that brings order: barriers of the block, phases of
// mbarriers, bar.warp.sync. A warp stamps its accesses with the time at which it came out
// of the last one, and knows up to which stamp the accesses of each warp come before its
// own. Two accesses are in order if they are one thread's or if the later warp knows of
// the earlier one's stamp (vector clocks, with what Flanagan and Freund, "FastTrack",
// 2009, keep of them).
//
// A word has an entry for the last write and one for the last read, 4 bytes each. A word
// of which something narrower was touched is split: its bytes have entries of their own.
type shadow struct {
	writes, reads         []uint32 // by word
	byteWrites, byteReads []uint32 // by byte, of split words; nil until there is one
	time                  uint32
	traces                []trace // by byte, whose entry is split: other blocks of the cluster have touched it; nil: none
}

// An entry is, from the lowest bits: lane, warp, who (of a read) or whether the write was
// strong, and the stamp. So entries of an earlier time are smaller numbers.
const (
	entryLane   = 0
	entryWarp   = 5
	entryKind   = 10
	entryStamp  = 12
	entryThread = 1<<entryKind - 1 // lane and warp
	lastTime    = math.MaxUint32>>entryStamp - 1
	split       = math.MaxUint32 // as the entry of a word's writes
)

// Kinds of entries.
const (
	byThread = iota << entryKind
	byWarp   // read by several threads of the warp
	byBlock  // read by several warps; the stamp is that of the first, and lane and warp are readers
	kindMask = 3 << entryKind

	strongly = 1 << entryKind // of a write
)

// clock is what a warp knows of time.
type clock struct {
	now   uint32           // stamp of its accesses
	known [warpSize]uint32 // up to which stamp the accesses of each warp come before its next one
	limit uint32           // entries below this one are in order whoever made them
}

func entryTime(e uint32) uint32 { return e >> entryStamp }

// resize makes the shadow that of n bytes. What an earlier launch has left is of its time.
func (s *shadow) resize(n int) {
	if cap(s.writes) < n/4 {
		*s = shadow{writes: make([]uint32, n/4), reads: make([]uint32, n/4)}
	}
	s.writes, s.reads = s.writes[:n/4], s.reads[:n/4]
	if s.byteWrites != nil && cap(s.byteWrites) < n {
		s.byteWrites, s.byteReads = nil, nil
		clear(s.writes[:cap(s.writes)]) // no word is split
	}
	if s.byteWrites != nil {
		s.byteWrites, s.byteReads = s.byteWrites[:n], s.byteReads[:n]
	}
}

// tick makes time go on; it says so when it begins anew.
func (s *shadow) tick() (anew bool) {
	s.time++
	if s.time < lastTime {
		return false
	}
	// All is forgotten: that can hide a race, once in a million barriers, and never invents one.
	clear(s.writes[:cap(s.writes)])
	clear(s.reads[:cap(s.reads)])
	s.time = 1
	return true
}

// before says whether all of what read entry e stands for comes before the next access of w's lane.
func (w *warp) before(e uint32, lane int) bool {
	if e < w.order.limit {
		return true
	}
	t, warp := entryTime(e), int(e>>entryWarp)&31
	switch e & kindMask {
	case byBlock:
		return allKnown(e, (*times)(&w.order.known), w.id)
	case byWarp:
		return w.order.known[warp] >= t
	}
	return w.order.known[warp] >= t || e&entryThread == uint32(w.id<<entryWarp|lane)
}

// readers is how many warps the entry of a read by several can tell apart: more share their bits.
const readers = entryKind

// readerOf is the bit of a warp in such an entry.
func readerOf(warp int) uint32 { return 1 << (warp % readers) }

// allKnown says whether the reads that entry e, byBlock, stands for come up to its stamp before something: of warps
// that share a bit one is enough, and itself a warp knows.
func allKnown(e uint32, known *times, self int) bool {
	for left := e & (1<<readers - 1); left != 0; left &= left - 1 {
		found := false
		for i := bits.TrailingZeros32(left); i < warpSize; i += readers {
			found = found || i == self || known[i] >= entryTime(e)
		}
		if !found {
			return false
		}
	}
	return true
}

// conflict names the earlier access with which an access races, if any.
func (w *warp) conflict(write, read uint32, lane int, k accessKind) (other, what string) {
	if write >= w.order.limit && !(k.strong() && write&strongly != 0) && !w.before(write&^kindMask, lane) {
		return w.writer(write), "wrote"
	}
	if !k.write() || w.before(read, lane) {
		return "", ""
	}
	switch read & kindMask {
	case byBlock:
		return "several threads", "read"
	case byWarp:
		return fmt.Sprintf("several threads of warp %d", read&entryThread>>entryWarp), "read"
	}
	return fmt.Sprintf("thread %d", read&entryThread), "read"
}

// writer names who made an entry of a write.
func (w *warp) writer(e uint32) string {
	if by := int(e>>entryWarp) & 31; by >= len(w.blk.warps) {
		return "an asynchronous copy"
	}
	return fmt.Sprintf("thread %d", e&entryThread)
}

// record enters an access that races with nothing.
func (w *warp) record(write, read *uint32, lane int, k accessKind) {
	me := w.order.now<<entryStamp | uint32(w.id<<entryWarp|lane)
	switch old := *read; {
	case k == strongWrite:
		*write = me | strongly
	case k == plainWrite:
		*write = me
	case k.strong(): // races with plain writes only: one before it is found, one after it is not
	case old&kindMask == byThread && old&entryThread == me&entryThread, old < w.order.limit:
		*read = me
	case old&kindMask == byBlock:
		*read |= readerOf(w.id)
	case int(old>>entryWarp)&31 == w.id:
		if w.order.known[w.id] < entryTime(old) {
			me |= byWarp
		}
		*read = me
	case w.before(old, lane):
		*read = me
	default:
		*read = min(old, me)>>entryStamp<<entryStamp | byBlock | readerOf(int(old>>entryWarp)&31) | readerOf(w.id)
	}
}

// touch judges an access of the bytes data at addr, and enters it. what is not empty
// where it races with what another did to the byte at.
func (s *shadow) touch(addr int, data []byte, by access) (at int, other, what string) {
	n := len(data)
	if n < 4 {
		s.split(addr / 4)
		return s.touchBytes(addr, data, by, 0)
	}
	for i := 0; i < n; i += 4 {
		word := (addr + i) / 4
		write, read := &s.writes[word], &s.reads[word]
		if *write == split {
			if at, other, what = s.touchBytes(addr+i, data[i:i+4], by, i); what != "" {
				return at, other, what
			}
			s.join(word)
			continue
		}
		if other, what = by.warp.conflict(*write, *read, by.lane, by.kind); what != "" {
			from := by.differs(data, i, i+4, what)
			if from >= 0 {
				return addr + from, other, what
			}
			continue
		}
		by.warp.record(write, read, by.lane, by.kind)
	}
	return 0, "", ""
}

// differs returns the first byte from lo to hi at which the access races with one that
// did what; -1 where both write the same.
func (by *access) differs(data []byte, lo, hi int, what string) int {
	if what != "wrote" || !by.kind.write() || by.value == nil {
		return lo
	}
	if bytes.Equal(by.value[lo:hi], data[lo:hi]) {
		return -1
	}
	for by.value[lo] == data[lo] {
		lo++
	}
	return lo
}

// touchBytes is touch for bytes of one split word; off is where data is in the access.
func (s *shadow) touchBytes(addr int, data []byte, by access, off int) (at int, other, what string) {
	if by.value != nil {
		by.value = by.value[off:]
	}
	var last judgment
	for i := range data {
		write, read := &s.byteWrites[addr+i], &s.byteReads[addr+i]
		if *write == split {
			same := by.kind.write() && by.value != nil && by.value[i] == data[i]
			if block, e, what := by.warp.judgeNext(&last, &s.traces[addr+i], by.lane, by.kind, same); what != "" {
				return addr + i, by.warp.who(block, e), what
			}
			continue
		}
		if other, what = by.warp.conflict(*write, *read, by.lane, by.kind); what != "" {
			if by.differs(data, i, i+1, what) >= 0 {
				return addr + i, other, what
			}
			continue
		}
		by.warp.record(write, read, by.lane, by.kind)
	}
	return 0, "", ""
}

// bytes returns the entries of n bytes from addr on, whose words it splits.
func (s *shadow) bytes(addr uint64, n int) (writes, reads []uint32) {
	end := addr + uint64(n)
	for word := addr / 4; word < (end+3)/4; word++ {
		s.split(int(word))
	}
	return s.byteWrites[addr:end], s.byteReads[addr:end]
}

// split gives the bytes of a word entries of their own.
func (s *shadow) split(word int) {
	if s.byteWrites == nil {
		n := 4 * len(s.writes)
		s.byteWrites, s.byteReads = make([]uint32, n), make([]uint32, n)
	}
	if s.writes[word] == split {
		return
	}
	for i := range 4 {
		s.byteWrites[4*word+i], s.byteReads[4*word+i] = s.writes[word], s.reads[word]
	}
	s.writes[word] = split
}

// join makes a word of four bytes that have the same entries.
func (s *shadow) join(word int) {
	w, r := s.byteWrites[4*word:4*word+4], s.byteReads[4*word:4*word+4]
	for i := range 3 {
		if w[i+1] != w[0] || r[i+1] != r[0] {
			return
		}
	}
	s.writes[word], s.reads[word] = w[0], r[0]
}
