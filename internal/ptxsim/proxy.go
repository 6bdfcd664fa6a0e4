package ptxsim

// wgmma and bulk copies read shared memory by another way, the asynchronous proxy, which sees what
// other instructions wrote only after a fence.proxy.async. It does no harm who executes it: the
// writer behind its write, or the reader when it knows of the write.

// byAsync is set in the entry of a write that came by the asynchronous proxy.
const byAsync = 1 << (entryKind + 1)

// fenceProxy lets the asynchronous proxy see the warp's writes so far, and lets the warp's asynchronous
// reads see all writes that it knows of.
func (w *warp) fenceProxy() {
	w.proxied = w.order.known
	w.proxied[w.id] = w.order.now
	w.showBarriers()
	w.blk.release(w)
}

// readsAsync judges a read of the word at addr of shared memory by the asynchronous proxy.
func (w *warp) readsAsync(lane int, addr uint64) bool {
	s := w.blk.shared
	e := s.writes[addr/4]
	if e == split {
		e = s.byteWrites[addr&^3]
	}
	if e == split { // another block has touched it: not judged
		return true
	}
	by := int(e>>entryWarp) & 31
	t := entryTime(e)
	if e&byAsync != 0 || t < w.blk.began || t <= w.proxied[by] || by < len(w.blk.warps) && t <= w.blk.warps[by].proxied[by] {
		return true
	}
	w.fail(lane, ErrRace, "an asynchronous read of shared memory at %s, which %s wrote, without a fence.proxy.async between", describe(s.vars, addr), w.writer(e))
	return false
}
