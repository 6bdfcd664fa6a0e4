package ptxsim

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Most accesses of a warp go to one allocation and are as they should be. This
// file has the short way for them; whatever is not as it should be takes the long
// one, which says why.

// window is an allocation that the lanes of an instruction access.
type window struct {
	slot        uint64
	data, state []byte
}

// window returns the allocation at addr for accesses of global memory by
// instructions on space sp; its data is nil when the long way must be taken.
func (w *warp) window(sp space, addr uint64) window {
	st := w.blk.launch
	if sp != spaceGlobal && (sp != spaceGeneric || addr&windowMask != 0) || st.objects != nil {
		return window{}
	}
	a, _ := st.dev.find(addr)
	if a == nil || a.freed || a.readOnly {
		return window{}
	}
	return window{addr >> slotBits, a.data, a.state}
}

// bytes returns the n bytes at addr and their states; nil for the long way.
func (v *window) bytes(addr uint64, n int, write bool) (data, state []byte) {
	off := addr & slotMask
	if addr>>slotBits != v.slot || off+uint64(n) > uint64(len(v.data)) || addr&uint64(n-1) != 0 {
		return nil, nil
	}
	data, state = v.data[off:off+uint64(n)], v.state[off:off+uint64(n)]
	if !write && !written(state) {
		return nil, nil
	}
	return data, state
}

// loadWords loads a word for each lane of m, up to one that is not as it should be, from which on it
// returns the lanes.
func (v *window) loadWords(base *[warpSize]uint64, off uint64, m uint32, rd *[warpSize]uint64, global *request) (left uint32) {
	data, state := v.data, v.state[:len(v.data)]
	n := global.n
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		addr := base[l] + off
		at := addr & slotMask
		if addr>>slotBits != v.slot || addr&3 != 0 || at+4 > uint64(len(data)) || binary.LittleEndian.Uint32(state[at:])&0x01010101 != 0x01010101 {
			break
		}
		rd[l] = uint64(binary.LittleEndian.Uint32(data[at:]))
		global.addr[n&31] = addr
		n++
	}
	global.n = n
	return m
}

// storeWords is loadWords for a store.
func (v *window) storeWords(base *[warpSize]uint64, off uint64, m uint32, from *[warpSize]uint64, global *request) (left uint32) {
	data, state := v.data, v.state[:len(v.data)]
	n := global.n
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		addr := base[l] + off
		at := addr & slotMask
		if addr>>slotBits != v.slot || addr&3 != 0 || at+4 > uint64(len(data)) {
			break
		}
		binary.LittleEndian.PutUint32(data[at:], uint32(from[l]))
		binary.LittleEndian.PutUint32(state[at:], 0x01010101)
		global.addr[n&31] = addr
		n++
	}
	global.n = n
	return m
}

// written reports that all bytes have been written with something defined.
func written(state []byte) bool {
	switch len(state) {
	case 0:
		return true
	case 1:
		return state[0]&1 != 0
	case 2:
		return binary.LittleEndian.Uint16(state)&0x0101 == 0x0101
	case 4:
		return binary.LittleEndian.Uint32(state)&0x01010101 == 0x01010101
	case 8:
		return binary.LittleEndian.Uint64(state)&allWritten == allWritten
	}
	return firstUnwritten(state) < 0
}

// The operations that kernels spend most of their time in, as loops without a
// call for each lane. Destination and source may be one register.

func addLoop(mask uint64) loop2 {
	return func(rd, ra, rb *[warpSize]uint64) {
		for l := range rd {
			rd[l] = (ra[l] + rb[l]) & mask
		}
	}
}

// logicLoops are and, or and xor.
var logicLoops = map[string]loop2{
	"and": func(rd, ra, rb *[warpSize]uint64) {
		for l := range rd {
			rd[l] = ra[l] & rb[l]
		}
	},
	"or": func(rd, ra, rb *[warpSize]uint64) {
		for l := range rd {
			rd[l] = ra[l] | rb[l]
		}
	},
	"xor": func(rd, ra, rb *[warpSize]uint64) {
		for l := range rd {
			rd[l] = ra[l] ^ rb[l]
		}
	},
}

func addFloatLoop(rd, ra, rb *[warpSize]uint64) {
	for l := range rd {
		rd[l] = bits32(fromF32(ra[l]) + fromF32(rb[l]))
	}
}

func mulFloatLoop(rd, ra, rb *[warpSize]uint64) {
	for l := range rd {
		rd[l] = bits32(fromF32(ra[l]) * fromF32(rb[l]))
	}
}

func madLoop(mask uint64) loop3 {
	return func(rd, ra, rb, rc *[warpSize]uint64) {
		for l := range rd {
			rd[l] = (ra[l]*rb[l] + rc[l]) & mask
		}
	}
}

func fmaLoop(rd, ra, rb, rc *[warpSize]uint64) {
	for l := range rd {
		rd[l] = fmaNearest(ra[l], rb[l], rc[l])
	}
}

// fmaNearest rounds a b + c once, to nearest.
func fmaNearest(a, b, c uint64) uint64 {
	p, q := float64(fromF32(a))*float64(fromF32(b)), float64(fromF32(c)) // exact
	s := p + q
	// Rounding s to float32 is a second rounding. It is wrong only where s lies
	// halfway between two of them, or where the result is subnormal.
	if u := math.Float64bits(s); u&(1<<29-1) == 1<<28 || u<<1>>53 < 1023-126 {
		return bits32(fma32(fromF32(a), fromF32(b), fromF32(c), "rn"))
	}
	return bits32(float32(s))
}

type (
	loop2 func(rd, ra, rb *[warpSize]uint64)
	loop3 func(rd, ra, rb, rc *[warpSize]uint64)
)

// loop2 runs f on whole registers and, where some lanes are off, keeps theirs.
func (x *building) loop2(t typ, f loop2) exec {
	x.nargs(3, 3)
	d, a, b := x.dst(0, t), x.src(1, t), x.src(2, t)
	x.last = [4]int{d, a, b}
	return func(w *warp, m uint32) {
		if m == fullMask {
			f(&w.r[d], &w.r[a], &w.r[b])
			return
		}
		var to [warpSize]uint64
		f(&to, &w.r[a], &w.r[b])
		w.merge(d, m, &to)
	}
}

func (x *building) loop3(t typ, f loop3) exec {
	x.nargs(4, 4)
	d, a, b, c := x.dst(0, t), x.src(1, t), x.src(2, t), x.src(3, t)
	x.last = [4]int{d, a, b, c}
	return func(w *warp, m uint32) {
		if m == fullMask {
			f(&w.r[d], &w.r[a], &w.r[b], &w.r[c])
			return
		}
		var to [warpSize]uint64
		f(&to, &w.r[a], &w.r[b], &w.r[c])
		w.merge(d, m, &to)
	}
}

// merge sets register d to the lanes of m of from.
func (w *warp) merge(d int, m uint32, from *[warpSize]uint64) {
	rd := &w.r[d]
	for ; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		rd[l] = from[l]
	}
}
