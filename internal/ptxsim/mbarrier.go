package ptxsim

import "math/bits"

// An mbarrier is 64 bits of shared memory. PTX leaves their meaning open; here they are,
// from the lowest: arrivals that are missing in this phase, arrivals of each phase (20
// bits each), bytes that asynchronous copies have yet to bring (22 bits, which may pass
// through negative numbers), and at the top the parity of the phase.
// What they order is in phases.go.
const (
	mbarrierCount = 1<<20 - 1
	mbarrierTx    = 1<<22 - 1
)

// mbarrierState is an mbarrier taken apart.
type mbarrierState struct {
	pending, expected int64
	tx                int64
	phase             uint64
}

func unpackMbarrier(v uint64) mbarrierState {
	return mbarrierState{
		pending: int64(v & mbarrierCount), expected: int64(v >> 20 & mbarrierCount),
		tx: sext(v>>40, 22), phase: v >> 63,
	}
}

func (s mbarrierState) pack() uint64 {
	return uint64(s.pending) | uint64(s.expected)<<20 | uint64(s.tx)&mbarrierTx<<40 | s.phase<<63
}

// mbarrier changes the mbarrier at addr for one lane, as an arrival or not, and returns what it was before.
func (w *warp) mbarrier(lane int, sp space, addr uint64, arrives bool, f func(s *mbarrierState)) (before uint64, ok bool) {
	valid, ended, tx := true, false, int64(0)
	target, at := w.blockOf(sp, addr)
	before, ok = w.atomic(lane, sp, addr, b64, true, func(old uint64) uint64 {
		s := unpackMbarrier(old)
		valid = s.expected > 0
		f(&s)
		p := target.phasesOf(at)
		if arrives {
			p.arrive(w, target)
		}
		if s.pending == 0 && s.tx == 0 {
			s.pending, s.phase = s.expected, s.phase^1
			p.end()
			ended = true
		}
		valid = valid && s.pending >= 0
		tx = s.tx
		return s.pack()
	})
	w.timePhase(target, at, ended)
	if ok && !valid {
		w.fail(lane, ErrDivergent, "the mbarrier at %#x is not initialized or has more arrivals in a phase than it expects", addr)
	} else if ok && (tx > mbarrierCount || tx < -mbarrierCount) {
		w.fail(lane, ErrDivergent, "the mbarrier at %#x waits for %d bytes, expected -%d to %d", addr, tx, mbarrierCount, mbarrierCount)
		return before, false
	}
	return before, ok && valid
}

// buildMbarrier: init, inval, arrive{.expect_tx}, arrive_drop, expect_tx, test_wait and try_wait.
func buildMbarrier(x *building) exec {
	x.class = Barrier
	x.typ(func(t typ) bool { return t == b64 })
	sp := spaces[x.opt("shared", "shared::cta", "shared::cluster")]
	switch x.need("init", "inval", "arrive", "arrive_drop", "expect_tx", "test_wait", "try_wait") {
	case "init":
		return x.mbarrierInit(sp)
	case "inval":
		x.nargs(1, 1)
		at := x.place(0, sp)
		return x.mbarrierSet(at, func(*warp, int) uint64 { return 0 })
	case "arrive":
		return x.mbarrierArrive(sp, false)
	case "arrive_drop":
		return x.mbarrierArrive(sp, true)
	case "expect_tx":
		x.opt("relaxed")
		x.opt("cta", "cluster")
		x.nargs(2, 2)
		at, n := x.place(0, sp), x.src(1, u32)
		return func(w *warp, m uint32) {
			for ; m != 0; m &= m - 1 {
				l := bits.TrailingZeros32(m)
				if _, ok := w.mbarrier(l, at.space, w.r[at.base][l]+at.off, false, func(s *mbarrierState) { s.tx += int64(w.r[n][l]) }); !ok {
					return
				}
			}
		}
	}
	return x.mbarrierWait(sp)
}

func (x *building) mbarrierInit(sp space) exec {
	x.nargs(2, 2)
	at, n := x.place(0, sp), x.src(1, u32)
	return x.mbarrierSet(at, func(w *warp, l int) uint64 {
		c := int64(w.r[n][l])
		if c < 1 || c > mbarrierCount {
			w.fail(l, ErrDivergent, "an mbarrier for %d arrivals, expected 1 to %d", c, mbarrierCount)
		}
		return mbarrierState{pending: c, expected: c}.pack()
	})
}

// mbarrierSet writes value to the mbarrier of each lane.
func (x *building) mbarrierSet(at place, value func(w *warp, lane int) uint64) exec {
	return func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			v := value(w, l)
			data, state, _ := w.access(l, at.space, w.r[at.base][l]+at.off, 8, strongWrite)
			if data == nil {
				return
			}
			store(data, 8, v)
			markWritten(state)
			b, addr := w.blockOf(at.space, w.r[at.base][l]+at.off)
			b.initialized(addr)
		}
	}
}

// mbarrierArrive: arrive{.expect_tx} state, [a]{, count or bytes}; drop leaves later phases, too.
func (x *building) mbarrierArrive(sp space, drop bool) exec {
	expect := x.has("expect_tx")
	x.opt("release", "relaxed")
	x.opt("cta", "cluster")
	x.has("noComplete")
	lo := 2
	if expect {
		lo = 3
	}
	n := x.nargs(lo, 3)
	if sp == spaceCluster && x.in.args[0].kind != opSink {
		x.bad("the mbarrier of another block gives no state, expected _")
	}
	d, at := x.dst(0, b64), x.place(1, sp)
	count := x.constant(1)
	if n == 3 {
		count = x.src(2, u32)
	}
	return func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			v := int64(w.r[count][l])
			before, ok := w.mbarrier(l, at.space, w.r[at.base][l]+at.off, true, func(s *mbarrierState) {
				if expect {
					s.tx += v
					v = 1
				}
				s.pending -= v
				if drop {
					s.expected -= v
				}
			})
			if !ok {
				return
			}
			w.r[d][l] = before
		}
	}
}

// mbarrierWait: p = the phase of the state, or of the parity, has ended. try_wait may
// wait for a while: the other warps have their turn.
func (x *building) mbarrierWait(sp space) exec {
	parity := x.has("parity")
	try := x.in.mods[0] == "try_wait"
	if sp == spaceCluster {
		x.bad("only an mbarrier of the block can be waited for")
	}
	x.opt("acquire", "relaxed")
	x.opt("cta", "cluster")
	hi := 3
	if try {
		hi = 4 // a limit of time
	}
	x.nargs(3, hi)
	p, at := x.dstPred(x.in.args[0]), x.place(1, sp)
	t, shift := b64, 63
	if parity {
		t, shift = u32, 0
	}
	state := x.src(2, t)
	return func(w *warp, m uint32) {
		done, seen := uint32(0), uint64(0)
		for left := m; left != 0; left &= left - 1 {
			l := bits.TrailingZeros32(left)
			data, _, _ := w.access(l, at.space, w.r[at.base][l]+at.off, 8, strongRead)
			if data == nil {
				return
			}
			if load(data, 8)>>63 != w.r[state][l]>>shift&1 {
				done |= 1 << l
				w.timeWaited(w.r[at.base][l] + at.off)
				if _, addr := w.blockOf(at.space, w.r[at.base][l]+at.off); addr != seen {
					w.hasSeen(addr)
					seen = addr
				}
			}
		}
		w.setPredicate(p, m, done)
		w.yielded = done != m
	}
}
