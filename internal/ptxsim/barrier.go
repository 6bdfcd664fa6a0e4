package ptxsim

import "math/bits"

// buildBar: bar.sync, bar.arrive, bar.red, bar.warp.sync and the same with
// barrier{.cta}. All threads of a warp must come together, also for barrier
// without .aligned, where the hardware is less strict.
func buildBar(x *building) exec {
	x.class = Barrier
	x.opt("cta")
	x.has("aligned")
	x.exited = true
	if x.in.op == "bar" && x.has("warp") {
		return x.warpBarrier()
	}
	if x.in.op == "barrier" && x.has("cluster") {
		return x.clusterBarrier()
	}
	switch x.need("sync", "arrive", "red") {
	case "arrive":
		x.nargs(2, 2)
		id, n := x.src(0, u32), x.src(1, u32)
		return func(w *warp, _ uint32) {
			if b, n, ok := w.barrierArgs(id, n); ok {
				w.blk.arrive(w, b, n, false, barrierSum{}, nil)
			}
		}
	case "red":
		return x.barrierRed()
	}
	x.nargs(1, 2)
	id, n := x.src(0, u32), x.constant(0)
	if len(x.in.args) == 2 {
		n = x.src(1, u32)
	}
	return func(w *warp, _ uint32) {
		if b, n, ok := w.barrierArgs(id, n); ok {
			w.blk.arrive(w, b, n, true, barrierSum{}, nil)
		}
	}
}

// barrierArgs waits for all lanes and reads the barrier and the thread count.
func (w *warp) barrierArgs(id, n int) (barrier, threads int, ok bool) {
	if !w.together() {
		return 0, 0, false
	}
	first := bits.TrailingZeros32(w.active)
	for l := range warpSize {
		if w.active>>l&1 != 0 && (w.r[id][l] != w.r[id][first] || w.r[n][l] != w.r[n][first]) {
			w.fail(l, ErrDivergent, "barrier %d for %d threads, but another lane came to barrier %d for %d", w.r[id][l], w.r[n][l], w.r[id][first], w.r[n][first])
			return 0, 0, false
		}
	}
	return int(w.r[id][first]), int(w.r[n][first]), true
}

// barrierRed: bar.red.popc.u32 d, a{, b}, {!}c and bar.red.and|or.pred p, a{, b}, {!}c.
func (x *building) barrierRed() exec {
	op := x.need("popc", "and", "or")
	t := x.typ(func(t typ) bool { return t == u32 && op == "popc" || t.kind == kindPred && op != "popc" })
	last := x.nargs(3, 4) - 1
	d := 0
	if t == u32 {
		d = x.dst(0, u32)
	} else {
		d = x.dstPred(x.in.args[0])
	}
	id, n := x.src(1, u32), x.constant(0)
	if last == 3 {
		n = x.src(2, u32)
	}
	c, neg := x.pred(x.in.args[last])
	finish := func(w *warp, s barrierSum) {
		switch {
		case op == "popc":
			w.setAll(d, uint64(s.yes))
		case op == "and" && s.yes == s.threads, op == "or" && s.yes > 0:
			w.p[d] = fullMask
		default:
			w.p[d] = 0
		}
	}
	return func(w *warp, _ uint32) {
		if b, n, ok := w.barrierArgs(id, n); ok {
			yes := bits.OnesCount32(w.predicate(c, neg) & w.active)
			w.blk.arrive(w, b, n, true, barrierSum{yes, bits.OnesCount32(w.active)}, finish)
		}
	}
}

// warpBarrier: bar.warp.sync membermask. It orders the accesses of the whole
// warp, though PTX promises that for the members only: a race between others
// of the warp can stay hidden.
func (x *building) warpBarrier() exec {
	x.need("sync")
	x.exited = false
	x.nargs(1, 1)
	mask := x.src(0, b32)
	return func(w *warp, _ uint32) {
		w.members(mask, func(uint32) { w.blk.advance(w) })
	}
}

// buildFence: memory is always in order here; but a kernel that orders its
// accesses to global memory communicates between blocks.
func buildFence(x *building) exec {
	x.class = Barrier
	if x.in.op == "fence" && x.has("proxy") { // all copies are complete when they are issued
		if x.has("tensormap::generic") {
			return x.fenceTensormap()
		}
		kind, sp := x.need("async", "alias"), x.opt("shared::cta", "shared::cluster", "global")
		x.nargs(0, 0)
		if kind == "alias" || sp == "global" {
			return func(*warp, uint32) {}
		}
		return func(w *warp, _ uint32) { w.fenceProxy() }
	}
	if x.in.op == "fence" && x.has("mbarrier_init") {
		x.need("release")
		x.need("cluster")
		x.nargs(0, 0)
		return func(w *warp, _ uint32) {
			w.showBarriers()
			w.fence(false)
		}
	}
	if x.in.op == "fence" {
		x.opt("sc", "acq_rel")
	}
	scope := x.need("cta", "gl", "gpu", "sys", "cluster")
	x.nargs(0, 0)
	if scope != "cta" {
		x.prog.ordered = true
	}
	return func(w *warp, _ uint32) { w.fence(scope == "cta") }
}
