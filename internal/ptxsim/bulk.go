package ptxsim

import "math/bits"

// buildBulk: cp.async.bulk between global and shared memory, to an mbarrier that counts
// the bytes or in a group. The bytes are copied when the copy is issued; in shared memory they are
// out of reach until a wait for the mbarrier's phase.
func (x *building) buildBulk() exec {
	if what := x.opt("commit_group", "wait_group"); what != "" {
		return x.bulkGroup(what)
	}
	if x.has("tensor") {
		return x.buildTensor()
	}
	to := x.need("shared::cluster", "shared::cta", "global")
	from := x.need("global", "shared::cta")
	if to == "global" && from == "global" || from == "shared::cta" && to == "shared::cta" {
		x.bad("a copy from %s to %s is not supported", from, to)
	}
	src, dst := spaces[from], spaces[to]
	args := 4
	if to == "global" {
		args = 3
		x.need("bulk_group")
	} else {
		x.need("mbarrier::complete_tx::bytes")
	}
	many := to == "shared::cluster" && from == "global" && x.has("multicast::cluster")
	if x.has("L2::cache_hint") {
		x.in.args = x.policy(len(x.in.args) - 1)
	}
	x.nargs(args+toInt(many), args+toInt(many))
	a, b, size := x.place(0, dst), x.place(1, src), x.src(2, u32)
	var bar place
	if args == 4 {
		bar = x.place(3, dst)
	}
	ranks := 0
	if many {
		ranks = x.src(4, types["b16"])
	}
	return func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			c := bulkCopy{a.space, w.r[a.base][l] + a.off, b.space, w.r[b.base][l] + b.off, int(w.r[size][l])}
			var ok bool
			if args == 3 {
				ok = w.bulkCopy(l, c)
			} else if done := w.r[bar.base][l] + bar.off; many {
				ok = w.eachRank(l, w.r[ranks][l], func(at func(addr uint64) uint64) bool {
					to := c
					to.dst = at(c.dst)
					return w.bulkCopy(l, to) && w.completed(l, spaceCluster, at(done), to.dst, c.n)
				})
			} else {
				ok = w.bulkCopy(l, c) && w.completed(l, bar.space, done, c.dst, c.n)
			}
			if !ok {
				return
			}
			w.countBulk(c)
		}
	}
}

// completed tells the mbarrier at addr that n bytes have come to dst.
func (w *warp) completed(lane int, sp space, addr, dst uint64, n int) bool {
	if !w.counted(lane, sp, addr, dst, n, true) {
		return false
	}
	_, ok := w.mbarrier(lane, sp, addr, false, func(s *mbarrierState) { s.tx -= int64(n) })
	return ok
}

// eachRank calls f for the blocks of the cluster that a mask names, with what makes an address of the block's
// shared memory that in the other's.
func (w *warp) eachRank(lane int, mask uint64, f func(at func(addr uint64) uint64) bool) bool {
	if n := len(w.blk.cluster.blocks); mask>>n != 0 || mask == 0 {
		w.fail(lane, ErrOutOfBounds, "a multicast to the ranks of mask %#x in a cluster of %d blocks", mask, n)
		return false
	}
	for ; mask != 0; mask &= mask - 1 {
		rank := uint64(bits.TrailingZeros64(mask)) + 1
		if !f(func(addr uint64) uint64 { return addr&(1<<rankShift-1) | rank<<rankShift }) {
			return false
		}
	}
	return true
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// bulkCopy is a copy of n bytes.
type bulkCopy struct {
	to   space
	dst  uint64
	from space
	src  uint64
	n    int
}

// bulkCopy copies a multiple of 16 bytes for one lane.
func (w *warp) bulkCopy(lane int, c bulkCopy) bool {
	src, dst, n := c.src, c.dst, c.n
	if n%16 != 0 {
		w.fail(lane, ErrMisaligned, "a bulk copy of %d bytes, expected a multiple of 16", n)
		return false
	}
	for i := uint64(0); i < uint64(n); i += 16 {
		data, defined, at := w.reach(lane, c.from, src+i, 16)
		if data == nil {
			return false
		}
		for k := uint64(0); at == spaceShared && k < 16; k += 4 {
			if !w.readsAsync(lane, (src+i+k)&(1<<rankShift-1)) {
				return false
			}
		}
		if at == spaceShared && c.to == spaceGlobal {
			w.stores.reading(w, lane, (src+i)&(1<<rankShift-1))
		}
		came := origin{pc: w.pc - 1, space: at, addr: src + i}
		out, state, at := w.accessValue(lane, c.to, dst+i, 16, plainWrite, data)
		if out == nil {
			return false
		}
		copy(out, data)
		w.copyStates(lane, state, defined, at == spaceGlobal, came, dst+i)
	}
	return true
}

// countBulk counts what a copy asks of global memory: once, for however many blocks it is.
func (w *warp) countBulk(c bulkCopy) {
	switch n := int64(c.n); {
	case c.from == spaceGlobal:
		w.touch(c.src, c.n, false)
		w.count.GlobalLoadBytes += n
		w.count.GlobalLoadSectors += (n + 31) / 32
	case c.to == spaceGlobal:
		w.touch(c.dst, c.n, true)
		w.count.GlobalStoreBytes += n
		w.count.GlobalStoreSectors += (n + 31) / 32
	}
}

// asyncArrive: cp.async.mbarrier.arrive{.noinc} [a]: the thread's copies so far arrive. They
// are complete at once here, and out of reach until a wait for the mbarrier's phase.
func (x *building) asyncArrive() exec {
	x.need("arrive")
	noinc := x.has("noinc")
	sp := spaces[x.opt("shared", "shared::cta")]
	x.typ(func(t typ) bool { return t == b64 })
	x.nargs(1, 1)
	at := x.place(0, sp)
	return func(w *warp, m uint32) {
		var landed []asyncCopy
		for _, c := range w.async.pending {
			if m>>c.lane&1 != 0 {
				landed = append(landed, c)
			}
		}
		w.landCopies(m, 0, true)
		for _, c := range landed {
			l := int(c.lane)
			if !w.counted(l, spaceShared, (w.r[at.base][l]+at.off)&^windowMask, c.dst&^windowMask, int(c.n), false) {
				return
			}
		}
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			if _, ok := w.mbarrier(l, at.space, w.r[at.base][l]+at.off, true, func(s *mbarrierState) {
				if noinc {
					s.pending--
				}
			}); !ok {
				return
			}
		}
	}
}
