package ptxsim

import (
	"math/bits"
	"sync"
)

// Undefined values between registers and memory.

// loadUndefined notes what a lane has loaded of bytes that are not all written: elements of type t into dst,
// extended as extend says.
func (w *warp) loadUndefined(lane int, dst []int, state []byte, t typ, extend []uint64, from origin) {
	u, size := w.meetUndefined(), t.bytes()
	from.addr += uint64(firstUnwritten(state))
	for i, d := range dst {
		b := w.undefinedIn(state[i*size : (i+1)*size])
		if t.signed() {
			b = uint64(sext(b, t.bits))
		}
		u.set(d, lane, b&extend[i], false, from)
	}
}

// setWritten says which of up to 16 bytes of memory have been written with something defined, after a write of
// all: not those of m.
func setWritten(state []byte, m uint16) {
	markWritten(state)
	for ; m != 0; m &= m - 1 {
		state[bits.TrailingZeros16(m)] &^= stateWritten | statePartial
	}
}

// unwrittenBytes has a bit set for each of up to 16 bytes that is not written.
func unwrittenBytes(state []byte) (m uint16) {
	if written(state) {
		return 0
	}
	for i, s := range state {
		if s&stateWritten == 0 {
			m |= 1 << i
		}
	}
	return m
}

// bytesOf has a bit set for each of n bytes that has some in b.
func bytesOf(b uint64, n int) (m uint16) {
	for i := range n {
		if b>>(8*i)&0xFF != 0 {
			m |= 1 << i
		}
	}
	return m
}

// storeUndefined is markWritten for what a lane has stored of registers with perhaps undefined bits, elements
// of size bytes each.
func (w *warp) storeUndefined(lane int, src []int, state []byte, size int, sp space, addr uint64) {
	u := w.undef
	m, computed, from := uint16(0), false, origin{}
	for i, r := range src {
		if b := bytesOf(u.of(r, lane), size); b != 0 {
			m |= b << (i * size)
			computed = computed || u.computed[r]>>lane&1 != 0
			from = u.from[r]
		}
	}
	if sp == spaceGlobal {
		w.output(lane, state, m, computed, from, addr)
	}
	setWritten(state, m)
	for i, r := range src {
		w.blk.launch.partial.put(state[i*size:(i+1)*size], u.of(r, lane))
	}
}

// partialBytes are the undefined bits of bytes of memory that have defined ones, too, by their states. Fields of
// bits make such bytes. They are forgotten when the launch ends, or the byte is copied otherwise than through
// registers: it is then undefined as a whole.
type partialBytes struct {
	mu   sync.Mutex
	bits map[*byte]byte
}

// put notes the undefined bits b of bytes that have been written.
func (p *partialBytes) put(state []byte, b uint64) {
	for i := range state {
		if v := byte(b >> (8 * i)); v != 0 && v != 0xFF {
			p.mu.Lock()
			if p.bits == nil {
				p.bits = map[*byte]byte{}
			}
			p.bits[&state[i]] = v
			p.mu.Unlock()
			state[i] |= statePartial
		}
	}
}

// get returns the undefined bits of a byte that is not written.
func (p *partialBytes) get(state *byte) byte {
	if *state&statePartial == 0 {
		return 0xFF
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if v, ok := p.bits[state]; ok {
		return v
	}
	return 0xFF
}

// undefinedIn has the bits set of bytes of memory that are undefined.
func (w *warp) undefinedIn(state []byte) (b uint64) {
	for i := range state {
		if state[i]&stateWritten == 0 {
			b |= uint64(w.blk.launch.partial.get(&state[i])) << (8 * i)
		}
	}
	return b
}

// output judges a store to global memory with these states, of which the bytes of m are undefined. It is a fault if
// it replaces something defined by a result of arithmetic, or by nothing that is defined. Other undefined
// bytes may be the padding of a structure: they are reported when something uses them, or the host reads them.
//
// What led to it may show later, and say more: it is reported when the block has ended without another fault.
func (w *warp) output(lane int, state []byte, m uint16, computed bool, from origin, addr uint64) {
	if m == 0 {
		return
	}
	whole := m == uint16(1<<len(state)-1)
	if replaced := m&^unwrittenBytes(state) != 0; replaced && (whole || computed) && w.blk.output == nil {
		w.blk.output = w.newFault(w.pc-1, lane, ErrUninitialized, "a value for global memory depends on "+w.describeOrigin(from))
	}
	w.noteUndefined(addr)
}

// undefinedStore is an instruction that has written undefined values.
type undefinedStore struct {
	file, kernel string
	line         int
}

// noteUndefined keeps, for errors, who has written undefined values to an allocation.
func (w *warp) noteUndefined(addr uint64) {
	a, _ := w.blk.launch.dev.find(addr)
	if a == nil {
		return
	}
	by := undefinedStore{w.prog.file, w.prog.kernel, w.prog.code[w.pc-1].line}
	if last := a.undefinedBy.Load(); last == nil || *last != by {
		a.undefinedBy.Store(&by)
	}
}

// copyStates makes the bytes of a copy undefined that are so in its source. An output is judged by pieces.
func (w *warp) copyStates(lane int, to, from []byte, out bool, src origin, addr uint64) {
	if written(from) {
		markWritten(to)
		return
	}
	for len(to) > 0 {
		n := min(len(to), 16)
		m := unwrittenBytes(from[:n])
		if out {
			w.output(lane, to[:n], m, false, src, addr)
		}
		setWritten(to[:n], m)
		to, from, addr = to[n:], from[n:], addr+uint64(n)
	}
}
