package ptxsim

import "math/bits"

// The special registers that change while a thread runs. Time is counted in the
// instructions that the thread's warp has executed since the block began: a cycle and a nanosecond each.
var clocks = map[string]typ{
	"%clock": u32, "%clock_hi": u32, "%clock64": types["u64"],
	"%globaltimer": types["u64"], "%globaltimer_lo": u32, "%globaltimer_hi": u32,
}

// readClock builds mov d, clock; nil for other operands.
func (x *building) readClock(t typ) exec {
	o := x.in.args[1]
	want, ok := clocks[o.name]
	if o.kind != opSpecial || !ok {
		return nil
	}
	if want.bits != t.bits {
		x.bad("special register %s has %d bits", o.name, want.bits)
	}
	high := o.name == "%clock_hi" || o.name == "%globaltimer_hi"
	d := x.dst(0, t)
	return func(w *warp, m uint32) {
		now := uint64(w.steps)
		if high {
			now >>= 32
		}
		w.setLanes(d, m, now&t.mask())
	}
}

// buildNanosleep lets the other warps go on.
func buildNanosleep(x *building) exec {
	x.class = Control
	x.typ(func(t typ) bool { return t == u32 })
	x.nargs(1, 1)
	x.src(0, u32)
	return func(w *warp, _ uint32) { w.yielded = true }
}

// buildCreatepolicy gives a cache policy, which has no effect here.
func buildCreatepolicy(x *building) exec {
	x.class = Move
	x.typ(func(t typ) bool { return t == b64 })
	x.need("fractional")
	x.need("L2::evict_last", "L2::evict_first", "L2::evict_normal", "L2::evict_unchanged")
	x.opt("L2::evict_first", "L2::evict_unchanged")
	n := x.nargs(1, 2)
	d := x.dst(0, b64)
	if n == 2 {
		x.src(1, f32)
	}
	return func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			w.r[d][bits.TrailingZeros32(m)] = 0
		}
	}
}

// noEffect builds hints: their operands are read and nothing else.
func noEffect(x *building) exec {
	x.class = Move
	x.mods = nil
	return func(*warp, uint32) {}
}
