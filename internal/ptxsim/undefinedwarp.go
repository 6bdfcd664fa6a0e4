package ptxsim

import "math/bits"

// What warp-wide and matrix instructions make of undefined values.

// shuffleRule is for shfl: a lane gets the bits of the one that it reads.
func (x *building) shuffleRule(mode string) {
	a, b, c := x.sources[0], x.sources[1], x.sources[2]
	d, predDefs := x.flow.defs[0], x.predDefs
	x.own = func(w *warp, u *undefined, m uint32) {
		var now [warpSize]uint64
		lanes, computed, from := u.lanes[a], u.computed[a], u.from[a]
		free := (u.lanes[b] | u.lanes[c]) & m // may read any lane
		moved := uint32(0)
		for left := m; left != 0; left &= left - 1 {
			l := bits.TrailingZeros32(left)
			j, inside := shuffleSource(mode, l, int(w.r[b][l]&31), int(w.r[c][l]))
			if !inside {
				j = l
			}
			if free>>l&1 != 0 {
				now[l], moved = b32.mask(), moved|1<<l
			} else if lanes>>(j&31)&1 != 0 {
				now[l] = u.bits[a][j&31]
				moved |= computed >> (j & 31) & 1 << l
			}
		}
		if lanes == 0 && free != 0 {
			from = u.from[b]
			if u.lanes[b]&free == 0 {
				from = u.from[c]
			}
		}
		for left := m; left != 0; left &= left - 1 {
			l := bits.TrailingZeros32(left)
			u.set(d, l, now[l], moved>>l&1 != 0, from)
		}
		for _, p := range predDefs {
			u.setPred(p, m, free, from)
		}
	}
}

// voteRule is for vote: one lane may decide alone.
func (x *building) voteRule(mode string) {
	cond := x.conditions[0]
	defs, predDefs := x.flow.defs, x.predDefs
	x.own = func(w *warp, u *undefined, m uint32) {
		bad, from := u.preds[cond.p]&m, u.predFrom[cond.p]
		yes := w.predicate(cond.p, cond.neg) & m &^ bad
		no := m &^ bad &^ yes
		all := uint32(0)
		if bad != 0 && !(mode == "all" && no != 0 || mode == "any" && yes != 0 || mode == "uni" && yes != 0 && no != 0) {
			all = m
		}
		for _, p := range predDefs {
			u.setPred(p, m, all, from)
		}
		for _, d := range defs {
			u.clear(d, m)
			if bad != 0 {
				u.setAll(d, m, uint64(bad), from)
			}
		}
	}
}

// matchRule is for match: the bit of an undefined lane is undefined for all, and all bits are for it.
func (x *building) matchRule(mode string) {
	a, d, predDefs := x.sources[0], x.flow.defs[0], x.predDefs
	x.own = func(w *warp, u *undefined, m uint32) {
		bad, from := u.lanes[a]&m, u.from[a]
		u.clear(d, m)
		if bad != 0 && mode == "any" {
			u.setAll(d, m&^bad, uint64(bad), from)
			u.setAll(d, bad, uint64(m), from)
		} else if bad != 0 {
			u.setAll(d, m, uint64(m), from)
		}
		for _, p := range predDefs {
			u.setPred(p, m, toMask(bad != 0), from)
		}
	}
}

func toMask(b bool) uint32 { return -uint32(toInt(b)) }

// reduceRule is for redux, with the operation f on values.
func (x *building) reduceRule(op string, t typ, f func(a, b, c uint64) uint64) {
	a, d := x.sources[0], x.flow.defs[0]
	x.own = func(w *warp, u *undefined, m uint32) {
		bad, from := u.lanes[a]&m, u.from[a]
		if bad == 0 {
			u.clear(d, m)
			return
		}
		sum := w.partly(a, bits.TrailingZeros32(m))
		for left := m & (m - 1); left != 0; left &= left - 1 {
			p := w.partly(a, bits.TrailingZeros32(left))
			next := partly{v: f(sum.v, p.v, 0)}
			switch op {
			case "add":
				next.u = undefinedSum(sum, p) & t.mask()
			case "min", "max":
				next.u = undefinedExtreme(t, op == "max", sum, p)
			default:
				next.u = undefinedLogic(logicTables[op], sum, p, partly{})
			}
			sum = next
		}
		u.setAll(d, m, sum.u, from)
	}
}

// undefinedTiles are the rows of A and the columns of B of a matrix product that hold something undefined.
type undefinedTiles struct {
	rows, columns uint32
	from          origin
}

// add enters registers of A and of B; care are the bits that the product reads.
func (t *undefinedTiles) add(u *undefined, a, b []int, care uint64) {
	for i, r := range a {
		for left := u.lanes[r]; left != 0; left &= left - 1 {
			if l := bits.TrailingZeros32(left); u.bits[r][l]&care != 0 {
				t.rows, t.from = t.rows|1<<(l/4+8*(i%2)), u.from[r]
			}
		}
	}
	for _, r := range b {
		for left := u.lanes[r]; left != 0; left &= left - 1 {
			if l := bits.TrailingZeros32(left); u.bits[r][l]&care != 0 {
				t.columns, t.from = t.columns|1<<(l/4), u.from[r]
			}
		}
	}
}

// at says whether the element of lane l of a register of the result is undefined: row and col say which of its
// two rows and columns.
func (t *undefinedTiles) at(l, row, col int) bool {
	return t.rows>>(l/4+8*row)&1 != 0 || t.columns>>(2*(l%4)+col)&1 != 0
}

// mmaRule is for mma: an element of D is undefined where its row of A, its column of B or it in C is.
func (x *building) mmaRule(s mmaShape, d, a, b, c []int) {
	care := uint64(noMask)
	if s.in == f32 {
		care = 0xFFFFE000
	}
	x.own = func(w *warp, u *undefined, m uint32) {
		var t undefinedTiles
		t.add(u, a, b, care)
		var now [4][warpSize]uint64
		for i, r := range c {
			for l := range warpSize {
				of := u.of(r, l)
				if of != 0 {
					t.from = u.from[r]
				}
				if s.half {
					for k, half := range [2]uint64{0xFFFF, 0xFFFF0000} {
						if of&half != 0 || t.at(l, i, k) {
							now[i][l] |= half
						}
					}
				} else if of != 0 || t.at(l, i/2, i%2) {
					now[i][l] = b32.mask()
				}
			}
		}
		for i, r := range d {
			for l, v := range now[i] {
				u.set(r, l, v, true, t.from)
			}
		}
	}
}

// results says which elements of a part of wgmma's D are undefined; keep: those that it is added to count.
func (t *undefinedTiles) results(w *warp, d []int, keep bool) {
	if w.undef == nil && t.rows|t.columns == 0 {
		return
	}
	u := w.meetUndefined()
	for i, r := range d {
		for l := range warpSize {
			b := uint64(0)
			if t.at(l, i/2, i%2) || keep && u.of(r, l) != 0 {
				b = b32.mask()
			}
			from := t.from
			if t.rows|t.columns == 0 {
				from = u.from[r]
			}
			u.set(r, l, b, true, from)
		}
	}
}
