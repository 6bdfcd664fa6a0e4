package ptxsim

// Acquire and release through global memory, where races in it are looked for. The unit is a
// warp: what one of its threads acquires all of them know. That can hide a race and never
// invents one.

// ordering is what an access that other threads may synchronize with does.
type ordering struct {
	acquire, release bool
	block            bool // in the scope of the block only
}

// syncObject is a place through which threads synchronize: what its present value tells of.
type syncObject struct {
	all    history // whoever acquires it
	narrow history // those of block only
	block  int
}

// ordering reads the scope and the order of an atomic, load or store.
func (x *building) ordering() ordering {
	order := x.opt("relaxed", "acquire", "release", "acq_rel")
	scope := x.opt("cta", "cluster", "gpu", "sys")
	return ordering{
		acquire: order == "acquire" || order == "acq_rel", release: order == "release" || order == "acq_rel", block: scope == "cta",
	}
}

// snapshot is what a release of the warp tells. Its accesses from now on are later.
func (w *warp) snapshot() history {
	t := times(w.order.known)
	t[w.id] = max(t[w.id], w.order.now)
	h := w.past.joined(history{w.blk.index: &t})
	w.blk.release(w)
	return h
}

// learn makes h come before what the warp does next.
func (w *warp) learn(h history, block bool) {
	if t := h[w.blk.index]; t != nil {
		(*times)(&w.order.known).join(t)
	}
	if !block {
		w.past = w.past.joined(h)
	}
}

// synchronize is what an access of the place at addr does beside reading and writing. A relaxed read
// acquires with the next fence, and a relaxed write releases what came before the last one.
func (w *warp) synchronize(sp space, addr uint64, o ordering, reads, writes bool) {
	objects, many := w.blk.launch.objects, len(w.blk.cluster.blocks) > 1
	switch {
	case many && (sp == spaceShared || sp == spaceCluster || sp == spaceGeneric && addr&windowMask == sharedWindow):
		b, at := w.blockOf(sp, addr)
		objects, addr = w.blk.cluster.objects, at|uint64(b.rank)<<rankShift
	case sp == spaceShared || sp == spaceCluster: // judged by barriers
		return
	}
	if objects == nil {
		return
	}
	at := objects[addr]
	if at == nil {
		at = new(syncObject)
		objects[addr] = at
	}
	if reads {
		h := at.all
		if at.block == w.blk.index {
			h = h.joined(at.narrow)
		}
		// Locks are often taken with a relaxed atomic and no fence behind it.
		if o.acquire || writes {
			w.learn(h, o.block)
		}
		w.heard = w.heard.joined(h)
	}
	if !writes {
		return
	}
	if !reads { // what the place told of is gone with its value
		*at = syncObject{}
	}
	told, narrow := w.fenced, w.fencedBlock
	if o.release {
		told, narrow = w.snapshot(), o.block
	}
	switch {
	case told == nil:
	case narrow && at.block == w.blk.index:
		at.narrow = at.narrow.joined(told)
	case narrow:
		at.narrow, at.block = told, w.blk.index
	default:
		at.all = at.all.joined(told)
	}
}

// fence orders what the warp has heard of so far before what it does next, and lets its next writes
// tell of what it did so far.
func (w *warp) fence(block bool) {
	if !w.blk.launch.histories {
		return
	}
	w.learn(w.heard, block)
	w.fenced, w.fencedBlock = w.snapshot(), block
}
