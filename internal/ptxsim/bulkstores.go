package ptxsim

import "math/bits"

// A bulk copy from shared to global memory reads its source up to its thread's wait for its group: what it
// has read is read there as well as at the issue, so that a barrier between tells nobody that it has been.

// bulkStores are the bulk copies of a warp to global memory that have not been waited for.
type bulkStores struct {
	under     []bulkStore
	committed [warpSize]int // groups that each lane has closed
}

type bulkStore struct {
	lane, group int
	since       uint32   // the warp's time at the issue
	read        []uint64 // addresses of 16 bytes each
}

// reading notes that a copy of the lane reads 16 bytes of shared memory.
func (b *bulkStores) reading(w *warp, lane int, addr uint64) {
	if n := len(b.under); n == 0 || b.under[n-1].lane != lane || b.under[n-1].group != b.committed[lane] || b.under[n-1].since != w.order.now {
		b.under = append(b.under, bulkStore{lane: lane, group: b.committed[lane], since: w.order.now})
	}
	last := &b.under[len(b.under)-1]
	last.read = append(last.read, addr)
}

// waitStores completes the copies of the lanes of m but those of the latest keep groups.
func (w *warp) waitStores(m uint32, keep int) {
	left := w.stores.under[:0]
	for _, c := range w.stores.under {
		if m>>c.lane&1 == 0 || c.group >= w.stores.committed[c.lane]-keep {
			left = append(left, c)
			continue
		}
		for _, addr := range c.read {
			if !w.readAgain(addr, c.lane, c.since, "a bulk copy") {
				return
			}
		}
	}
	w.stores.under = left
}

// stillReading reports a copy from shared memory of a block that ends.
func (b *blockRun) stillReading() error {
	for _, w := range b.warps {
		for _, c := range w.stores.under {
			return w.newFault(min(w.pc, len(w.prog.code)-1), c.lane, ErrRace,
				"the block ends, and a bulk copy still reads shared memory at "+describe(b.shared.vars, c.read[0])+": a cp.async.bulk.wait_group is missing")
		}
	}
	return nil
}

// bulkGroup builds cp.async.bulk.commit_group and wait_group{.read}.
func (x *building) bulkGroup(what string) exec {
	if what == "commit_group" {
		x.nargs(0, 0)
		return func(w *warp, m uint32) {
			for ; m != 0; m &= m - 1 {
				w.stores.committed[bits.TrailingZeros32(m)&31]++
			}
		}
	}
	x.has("read")
	x.nargs(1, 1)
	o := x.in.args[0]
	if o.kind != opInt || o.imm > 1<<16 {
		x.bad("the number of groups is not a literal")
	}
	return func(w *warp, m uint32) { w.waitStores(m, int(o.imm)) }
}
