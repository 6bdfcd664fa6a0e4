package ptxsim

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// buildLdmatrix loads 1, 2 or 4 matrices of 8 x 8 16-bit elements. Lane 8 i + r
// holds the address of row r of matrix i; lane 4 r + c receives the elements
// 2 c and 2 c + 1 of row r, or with .trans of column r.
func buildLdmatrix(x *building) exec {
	x.class = LdMatrix
	x.need("sync")
	x.need("aligned")
	x.need("m8n8")
	n := map[string]int{"x1": 1, "x2": 2, "x4": 4}[x.need("x1", "x2", "x4")]
	trans := x.has("trans")
	sp := spaces[x.opt("shared", "shared::cta")]
	x.typ(func(t typ) bool { return t == typ{kindBits, 16} })
	x.nargs(2, 2)
	var dst []int
	for _, o := range x.vector(0, n) {
		dst = append(dst, x.dstOperand(o, b32, false))
	}
	at := x.place(1, sp)
	return func(w *warp, _ uint32) {
		if !w.together() || !w.full() {
			return
		}
		if w.loadMatrices(at, dst, trans) {
			return
		}
		var tile, missing [4][8][8]uint64
		met, from := false, origin{}
		for i := range n {
			var rows request
			for r := range 8 {
				l := 8*i + r
				addr := w.r[at.base][l] + at.off
				data, state, got := w.reach(l, at.space, addr, 16)
				if data == nil {
					return
				}
				if got != spaceShared {
					w.fail(l, ErrOutOfBounds, "ldmatrix from %v memory, expected shared", got)
					return
				}
				rows.put(addr)
				for c := range 8 {
					tile[i][r][c] = load(data[2*c:], 2)
				}
				if !written(state) {
					met, from = true, origin{pc: w.pc - 1, space: got, addr: addr + uint64(firstUnwritten(state))}
					for c := range 8 {
						missing[i][r][c] = w.undefinedIn(state[2*c : 2*c+2])
					}
				}
			}
			w.count.SharedConflicts += rows.conflicts(16)
		}
		for i, d := range dst {
			for l := range warpSize {
				w.r[d][l] = fragment(&tile[i], l, trans)
				if met {
					w.meetUndefined().set(d, l, fragment(&missing[i], l, trans), false, from)
				}
			}
		}
	}
}

// fragment returns the two elements of a matrix that a lane gets.
func fragment(tile *[8][8]uint64, l int, trans bool) uint64 {
	r, c := l/4, 2*(l%4)
	if trans {
		return tile[c][r] | tile[c+1][r]<<16
	}
	return tile[r][c] | tile[r][c+1]<<16
}

// loadMatrices is ldmatrix where all rows are as they should be; else it returns false
// and may have set some of the registers, but not that of the addresses.
func (w *warp) loadMatrices(at place, dst []int, trans bool) bool {
	window, ok := w.sharedSpace(at, fullMask)
	if !ok || slices.Contains(dst, at.base) {
		return false
	}
	for i, d := range dst {
		var rows [8]uint64
		for r := range rows {
			rows[r] = w.r[at.base][8*i+r] + at.off - window
		}
		if !w.matrix(8*i, &rows, d, trans) && !w.loadMatrix(8*i, &rows, d, trans) {
			return false
		}
	}
	for i := range dst {
		var rows [8]uint64
		for r := range rows {
			rows[r] = w.r[at.base][8*i+r] + at.off
		}
		w.count.SharedConflicts += conflicts(rows[:], 16)
	}
	return true
}

// loadMatrix loads one matrix if all of its rows, whose addresses come from the lanes from first on, are as they should be.
func (w *warp) loadMatrix(first int, rows *[8]uint64, d int, trans bool) bool {
	s := w.blk.shared
	for r, addr := range rows {
		if addr&15 != 0 || addr >= uint64(len(s.data)) || !fine(s.state[addr:], 16, false) || !w.enter(addr, 16, false, first+r) {
			return false
		}
	}
	rd := &w.r[d]
	for r, addr := range rows {
		row := s.data[addr : addr+16]
		if !trans {
			a, b := binary.LittleEndian.Uint64(row), binary.LittleEndian.Uint64(row[8:])
			to := rd[4*r : 4*r+4]
			to[0], to[1], to[2], to[3] = a&fullMask, a>>32, b&fullMask, b>>32
			continue
		}
		// Element c of row r is half r%2 of lane 4 c + r/2.
		shift := 16 * (r % 2)
		for c := range 8 {
			v := uint64(binary.LittleEndian.Uint16(row[2*c:])) << shift
			if to := &rd[4*c+r/2]; shift == 0 {
				*to = v
			} else {
				*to |= v
			}
		}
	}
	return true
}

// full checks that the warp has all its lanes, as matrix instructions need.
func (w *warp) full() bool {
	if w.live != fullMask {
		w.fail(bits.TrailingZeros32(w.live), ErrDivergent, "a matrix instruction in a warp of %d threads, expected %d", bits.OnesCount32(w.live), warpSize)
		return false
	}
	return true
}
