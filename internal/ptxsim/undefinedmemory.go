package ptxsim

import "math/bits"

// Undefined values between registers and memory.

// loadUndefined notes what a lane has loaded of bytes that are not all written: elements of type t into dst,
// extended as extend says.
func (w *warp) loadUndefined(lane int, dst []int, state []byte, t typ, extend []uint64, from origin) {
	u, size := w.meetUndefined(), t.bytes()
	from.addr += uint64(firstUnwritten(state))
	for i, d := range dst {
		b := unwrittenBits(state[i*size : (i+1)*size])
		if t.signed() {
			b = uint64(sext(b, t.bits))
		}
		u.set(d, lane, b&extend[i], false, from)
	}
}

// unwrittenBits has the bits set of the bytes that are not written.
func unwrittenBits(state []byte) (b uint64) {
	for i, s := range state {
		if s&stateWritten == 0 {
			b |= 0xFF << (8 * i)
		}
	}
	return b
}

// setWritten says which bytes of memory have been written with something defined, after a write of all: not those
// with undefined bits in b.
func setWritten(state []byte, b uint64) {
	for i := range state {
		if b>>(8*i)&0xFF != 0 {
			state[i] &^= stateWritten
		} else {
			state[i] |= stateWritten
		}
	}
}

// storeUndefined is markWritten for what a lane has stored of registers with perhaps undefined bits, elements
// of size bytes each. In global memory it is an output, and a fault, if it replaces something defined: by
// a result of arithmetic, or an element of which nothing is defined. Other undefined bytes may be the padding of a
// structure; as where nothing defined was before, they are reported when something uses them or the host reads them.
func (w *warp) storeUndefined(lane int, src []int, state []byte, size int, sp space, addr uint64) {
	u := w.undef
	for i, r := range src {
		s := state[i*size : (i+1)*size]
		b := u.of(r, lane) & (noMask >> (64 - 8*size))
		if b != 0 && sp == spaceGlobal {
			w.output(lane, s, b, u.computed[r]>>lane&1 != 0, u.from[r], addr)
		}
		setWritten(s, b)
	}
}

// output judges a store of the undefined bits b to bytes of global memory with these states. What led to it may
// show later, and say more: it is reported when the block has ended without another fault.
func (w *warp) output(lane int, state []byte, b uint64, computed bool, from origin, addr uint64) {
	replaced, whole := false, true
	for i, s := range state {
		if b>>(8*i)&0xFF == 0 {
			whole = false
		} else if s&stateWritten != 0 {
			replaced = true
		}
	}
	if replaced && (whole || computed) && w.blk.output == nil {
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
		n := min(len(to), 8)
		b := unwrittenBits(from[:n])
		if b != 0 && out {
			w.output(lane, to[:n], b, false, src, addr)
		}
		setWritten(to[:n], b)
		to, from, addr = to[n:], from[n:], addr+uint64(n)
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

// takeWritten makes the bytes of m undefined.
func takeWritten(state []byte, m uint16) {
	for ; m != 0; m &= m - 1 {
		state[bits.TrailingZeros16(m)] &^= stateWritten
	}
}
