package ptxsim

import (
	"encoding/binary"
	"math/bits"
)

// asyncCopies are the cp.async of a warp that have not been waited for.
type asyncCopies struct {
	pending   []asyncCopy
	committed [warpSize]int // groups that each lane has closed
}

// asyncCopy is one lane's copy. Its bytes are read when it is issued and appear
// when its lane waits; until then the destination is out of reach for all.
type asyncCopy struct {
	lane, n, take uint8  // of n bytes take are read
	undefined     uint16 // bytes of data
	group         int
	dst, src      uint64
	data          [16]byte
}

// buildCp: cp.async.ca|cg.shared.global [d], [s], size{, bytes}, and the groups.
func buildCp(x *building) exec {
	x.class = Async
	x.need("async")
	if x.has("bulk") {
		return x.buildBulk()
	}
	if x.has("mbarrier") {
		return x.asyncArrive()
	}
	switch x.opt("commit_group", "wait_group", "wait_all") {
	case "commit_group":
		x.nargs(0, 0)
		return func(w *warp, m uint32) {
			for ; m != 0; m &= m - 1 {
				w.async.committed[bits.TrailingZeros32(m)]++
			}
		}
	case "wait_group":
		x.nargs(1, 1)
		o := x.in.args[0]
		if o.kind != opInt || o.imm > 1<<16 {
			x.bad("the number of groups is not a literal")
		}
		return func(w *warp, m uint32) { w.landCopies(m, int(o.imm), false) }
	case "wait_all":
		x.nargs(0, 0)
		return func(w *warp, m uint32) { w.landCopies(m, 0, true) }
	}
	if x.has("L2::cache_hint") {
		x.in.args = x.policy(x.nargs(4, 5) - 1)
	}
	x.opt("L2::64B", "L2::128B", "L2::256B")
	cached := x.need("ca", "cg")
	x.need("shared", "shared::cta")
	x.need("global")
	count := x.nargs(3, 4)
	o := x.in.args[2]
	if o.kind != opInt || !(o.imm == 16 || cached == "ca" && (o.imm == 4 || o.imm == 8)) {
		x.bad("the size is not 16, or with .ca 4 or 8")
	}
	n := int(o.imm)
	dst, src := x.place(0, spaceShared), x.place(1, spaceGlobal)
	used := x.constant(o.imm)
	if count == 4 {
		used = x.src(3, u32)
	}
	return func(w *warp, m uint32) {
		from, to := w.requests()
		window := w.window(spaceGlobal, w.r[src.base][bits.TrailingZeros32(m)&31]+src.off)
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			c := asyncCopy{lane: uint8(l), group: w.async.committed[l], dst: w.r[dst.base][l] + dst.off, n: uint8(n)}
			take := int(w.r[used][l])
			if take > n {
				w.fail(l, ErrOutOfBounds, "cp.async of %d bytes from a source of %d", n, take)
				return
			}
			addr := w.r[src.base][l] + src.off
			if addr&uint64(n-1) != 0 {
				w.fail(l, ErrMisaligned, "%d bytes at global address %#x", n, addr)
				return
			}
			if take > 0 {
				data, _ := window.bytes(addr, n, false)
				if data == nil || take < n {
					var bad *violation
					var state []byte
					if data, state, bad = w.global(l, addr, take, plainRead, nil); bad != nil {
						w.fail(l, bad.kind, "%s", bad.detail)
						return
					}
					c.undefined = unwrittenBytes(state)
				}
				copy(c.data[:], data)
				c.src, c.take = addr, uint8(take)
				from.put(addr)
				w.count.GlobalLoadBytes += int64(take)
			}
			_, state := w.quickWrite(l, c.dst, n)
			if state == nil {
				if _, state, _ = w.access(l, spaceShared, c.dst, n, plainWrite); state == nil {
					return
				}
			}
			for ; len(state) > 0; state = state[4:] {
				binary.LittleEndian.PutUint32(state, binary.LittleEndian.Uint32(state)|0x01010101*statePending)
			}
			to.put(c.dst)
			w.blk.sources.add(c.src, take)
			w.async.pending = append(w.async.pending, c)
		}
		w.count.GlobalLoadSectors += from.sectors()
		w.touchAll(from, n, false)
		w.count.SharedConflicts += to.conflicts(n)
	}
}

// landCopies completes the copies of the lanes of m but those of the latest
// keep groups; all includes those of no group yet.
func (w *warp) landCopies(m uint32, keep int, all bool) {
	left := w.async.pending[:0]
	for _, c := range w.async.pending {
		if m>>c.lane&1 == 0 || !all && c.group >= w.async.committed[c.lane]-keep {
			left = append(left, c)
			continue
		}
		w.blk.sources.done()
		lane, n := int(c.lane), int(c.n)
		s := w.blk.shared
		for state := s.state[c.dst : c.dst+uint64(n)]; len(state) > 0; state = state[4:] {
			binary.LittleEndian.PutUint32(state, binary.LittleEndian.Uint32(state)&^(0x01010101*statePending))
		}
		// Each wait is a new write, which others may see only after a barrier.
		if data, state := w.quickWrite(lane, c.dst, n); data != nil {
			copy(data, c.data[:n])
			fillBytes(state, stateValid|stateWritten)
			if c.undefined != 0 {
				setWritten(state, c.undefined)
			}
		} else if data, state, _ := w.access(lane, spaceShared, c.dst, n, plainWrite); data != nil {
			copy(data, c.data[:n])
			setWritten(state, c.undefined)
		}
	}
	w.async.pending = left
}
