package ptxsim

import "math/bits"

// buildBulk: cp.async.bulk between global and shared memory, to an mbarrier that counts
// the bytes or in a group. The bytes are copied when the copy is issued, as if by the
// thread that issues it: other threads that touch them before the mbarrier's phase has
// ended race with it.
func (x *building) buildBulk() exec {
	switch x.opt("commit_group", "wait_group") {
	case "commit_group":
		x.nargs(0, 0)
		return func(*warp, uint32) {}
	case "wait_group":
		x.has("read")
		x.nargs(1, 1)
		return func(*warp, uint32) {}
	}
	to := x.need("shared::cluster", "shared::cta", "global")
	from := x.need("global", "shared::cta")
	if (to == "global") == (from == "global") {
		x.bad("a copy from %s to %s is not supported", from, to)
	}
	src, dst := spaceGlobal, spaceShared
	args := 4
	if to == "global" {
		src, dst, args = spaceShared, spaceGlobal, 3
		x.need("bulk_group")
	} else {
		x.need("mbarrier::complete_tx::bytes")
	}
	if x.has("L2::cache_hint") {
		x.in.args = x.policy(args)
	}
	x.nargs(args, args)
	a, b, size := x.place(0, dst), x.place(1, src), x.src(2, u32)
	var bar place
	if args == 4 {
		bar = x.place(3, spaceShared)
	}
	return func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			n := int(w.r[size][l])
			if !w.bulkCopy(l, a.space, w.r[a.base][l]+a.off, b.space, w.r[b.base][l]+b.off, n) {
				return
			}
			if args == 4 {
				if _, ok := w.mbarrier(l, bar.space, w.r[bar.base][l]+bar.off, func(s *mbarrierState) { s.tx -= int64(n) }); !ok {
					return
				}
			}
		}
	}
}

// bulkCopy copies n bytes, a multiple of 16, for one lane.
func (w *warp) bulkCopy(lane int, to space, dst uint64, from space, src uint64, n int) bool {
	if n%16 != 0 {
		w.fail(lane, ErrMisaligned, "a bulk copy of %d bytes, expected a multiple of 16", n)
		return false
	}
	for i := uint64(0); i < uint64(n); i += 16 {
		data, _, at := w.access(lane, from, src+i, 16, plainRead)
		if data == nil {
			return false
		}
		for k := uint64(0); at == spaceShared && k < 16; k += 4 {
			if !w.readsAsync(lane, (src+i+k)&^windowMask) {
				return false
			}
		}
		out, state, at := w.accessValue(lane, to, dst+i, 16, plainWrite, data)
		if out == nil {
			return false
		}
		copy(out, data)
		markWritten(state)
		if at == spaceShared {
			w.blk.shared.writtenAsync((dst+i)&^windowMask, 16)
		}
	}
	if from == spaceGlobal {
		w.touch(src, n, false)
		w.count.GlobalLoadBytes += int64(n)
		w.count.GlobalLoadSectors += int64(n+31) / 32
	} else {
		w.touch(dst, n, true)
		w.count.GlobalStoreBytes += int64(n)
		w.count.GlobalStoreSectors += int64(n+31) / 32
	}
	return true
}

// asyncArrive: cp.async.mbarrier.arrive{.noinc} [a]: the thread's copies so far arrive. They
// are complete at once here.
func (x *building) asyncArrive() exec {
	x.need("arrive")
	noinc := x.has("noinc")
	sp := spaces[x.opt("shared", "shared::cta")]
	x.typ(func(t typ) bool { return t == b64 })
	x.nargs(1, 1)
	at := x.place(0, sp)
	return func(w *warp, m uint32) {
		w.landCopies(m, 0, true)
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			if _, ok := w.mbarrier(l, at.space, w.r[at.base][l]+at.off, func(s *mbarrierState) {
				if noinc {
					s.pending--
				}
			}); !ok {
				return
			}
		}
	}
}
