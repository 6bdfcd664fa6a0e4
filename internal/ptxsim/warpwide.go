package ptxsim

import "math/bits"

// buildShfl: d|p = value of a in the lane that b and c choose. Reading from a
// lane that does not take part is an error.
func buildShfl(x *building) exec {
	x.class = WarpWide
	x.need("sync")
	mode := x.need("up", "down", "bfly", "idx")
	x.typ(func(t typ) bool { return t == b32 })
	x.nargs(5, 5)
	o, p := x.in.args[0], -1
	if o.kind == opPair {
		p, o = x.dstPred(o.sub[1]), o.sub[0]
	}
	d := x.dstOperand(o, b32, false)
	a, b, c, mask := x.src(1, b32), x.src(2, u32), x.src(3, u32), x.src(4, b32)
	x.shuffleRule(mode)
	return func(w *warp, _ uint32) {
		if w.active == fullMask && len(w.parked) == 0 && w.undef == nil && w.same(mask, fullMask) {
			if at, ok := w.shuffle(mode, b, c); ok {
				from := w.r[a]
				rd := &w.r[d]
				for l := range rd {
					rd[l] = from[at.lane[l]&31]
				}
				if p >= 0 {
					w.p[p] = at.inside
				}
				return
			}
		}
		w.members(mask, func(m uint32) {
			from := w.r[a]
			in := uint32(0)
			for k := m; k != 0; k &= k - 1 {
				l := bits.TrailingZeros32(k)
				j, inside := shuffleSource(mode, l, int(w.r[b][l]&31), int(w.r[c][l]))
				if inside {
					in |= 1 << l
				} else {
					j = l
				}
				if m>>j&1 == 0 {
					w.fail(l, ErrDivergent, "reads from lane %d, which is not in the membermask %#x", j, m)
					return
				}
				w.r[d][l] = from[j]
			}
			if p >= 0 {
				w.setPredicate(p, m, in)
			}
		})
	}
}

// shuffled is from which lane each lane of a full warp reads, itself where that would be outside.
type shuffled struct {
	lane   [warpSize]uint8
	inside uint32
}

// shuffleKey is what decides it.
type shuffleKey struct {
	mode             string
	b, last, segment uint8
}

// same says that all lanes have v in a register.
func (w *warp) same(reg int, v uint64) bool { return strided(&w.r[reg], v, 0) == fullMask }

// shuffle returns where the lanes read from if it is the same b and c for all of them.
func (w *warp) shuffle(mode string, b, c int) (*shuffled, bool) {
	vb, vc := w.r[b][0], w.r[c][0]
	if !w.same(b, vb) || !w.same(c, vc) {
		return nil, false
	}
	key := shuffleKey{mode, uint8(vb & 31), uint8(vc & 31), uint8(vc >> 8 & 31)}
	if s := w.shuffles[key]; s != nil {
		return s, true
	}
	s := new(shuffled)
	for l := range warpSize {
		j, inside := shuffleSource(mode, l, int(vb&31), int(vc))
		if !inside {
			j = l
		} else {
			s.inside |= 1 << l
		}
		s.lane[l] = uint8(j)
	}
	if w.shuffles == nil {
		w.shuffles = map[shuffleKey]*shuffled{}
	}
	w.shuffles[key] = s
	return s, true
}

// shuffleSource follows the PTX manual's pseudo code of shfl.
func shuffleSource(mode string, lane, b, c int) (j int, inside bool) {
	segment := c >> 8 & 31
	first, last := lane&segment, lane&segment|c&31&^segment
	switch mode {
	case "up":
		j = lane - b
		return j, j >= last
	case "down":
		j = lane + b
	case "bfly":
		j = lane ^ b
	case "idx":
		j = first | b&^segment
	}
	return j, j <= last
}

// buildVote: vote.sync.all|any|uni.pred p, {!}a, membermask and vote.sync.ballot.b32.
func buildVote(x *building) exec {
	x.class = WarpWide
	x.need("sync")
	mode := x.need("all", "any", "uni", "ballot")
	x.typ(func(t typ) bool { return (t == b32) == (mode == "ballot") && (t == b32 || t.kind == kindPred) })
	x.nargs(3, 3)
	a, neg := x.pred(x.in.args[1])
	mask := x.src(2, b32)
	if mode == "ballot" {
		d := x.dst(0, b32)
		x.voteRule(mode)
		return func(w *warp, _ uint32) {
			w.members(mask, func(m uint32) { w.setLanes(d, m, uint64(w.predicate(a, neg)&m)) })
		}
	}
	d := x.dstPred(x.in.args[0])
	x.voteRule(mode)
	return func(w *warp, _ uint32) {
		w.members(mask, func(m uint32) {
			yes := w.predicate(a, neg) & m
			if mode == "all" && yes == m || mode == "any" && yes != 0 || mode == "uni" && (yes == m || yes == 0) {
				w.setPredicate(d, m, m)
			} else {
				w.setPredicate(d, m, 0)
			}
		})
	}
}

func (w *warp) setLanes(reg int, m uint32, v uint64) {
	for ; m != 0; m &= m - 1 {
		w.r[reg][bits.TrailingZeros32(m)] = v
	}
}

// buildMatch: match.any: the lanes with the same value; match.all d|p: the
// membermask if all values are equal, else 0.
func buildMatch(x *building) exec {
	x.class = WarpWide
	t := x.typ(isBits32)
	mode := x.need("any", "all")
	x.need("sync")
	x.nargs(3, 3)
	o, p := x.in.args[0], -1
	if o.kind == opPair && mode == "all" {
		p, o = x.dstPred(o.sub[1]), o.sub[0]
	}
	d, a, mask := x.dstOperand(o, b32, false), x.src(1, t), x.src(2, b32)
	x.matchRule(mode)
	return func(w *warp, _ uint32) {
		w.members(mask, func(m uint32) {
			from := w.r[a]
			for k := m; k != 0; k &= k - 1 {
				l := bits.TrailingZeros32(k)
				same := uint32(0)
				for j := range warpSize {
					if m>>j&1 != 0 && from[j] == from[l] {
						same |= 1 << j
					}
				}
				if mode == "all" && same != m {
					same = 0
				}
				w.r[d][l] = uint64(same)
				if p >= 0 {
					in := uint32(0)
					if same != 0 {
						in = fullMask
					}
					w.setPredicate(p, 1<<l, in)
				}
			}
		})
	}
}

// buildRedux: every member gets the sum, smallest, largest, and, or, xor of all.
func buildRedux(x *building) exec {
	x.class = WarpWide
	x.need("sync")
	t := x.typ(func(t typ) bool { return t.integer() && t.bits == 32 })
	op := x.need("add", "min", "max", "and", "or", "xor")
	f := atomicOp(op, t)
	if f == nil {
		x.bad("operation .%s is not supported for type %v", op, t)
	}
	x.nargs(3, 3)
	d, a, mask := x.dst(0, t), x.src(1, t), x.src(2, b32)
	x.reduceRule(op, t, f)
	return func(w *warp, _ uint32) {
		w.members(mask, func(m uint32) {
			v := w.r[a][bits.TrailingZeros32(m)]
			for k := m & (m - 1); k != 0; k &= k - 1 {
				v = f(v, w.r[a][bits.TrailingZeros32(k)], 0)
			}
			w.setLanes(d, m, v)
		})
	}
}

// buildActivemask: the lanes that execute the instruction, which PTX leaves to
// the schedule.
func buildActivemask(x *building) exec {
	x.class = WarpWide
	t := x.typ(func(t typ) bool { return t == b32 })
	x.nargs(1, 1)
	d := x.dst(0, t)
	return func(w *warp, m uint32) { w.setLanes(d, m, uint64(m)) }
}
