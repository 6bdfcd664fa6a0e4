package ptxsim

// What comes before what: barriers of the block, acquire and release. Shared memory is judged by the
// clocks of the block's warps alone (shadow.go). Where races in global memory are looked for, a warp also
// knows what it has acquired of other blocks.

// times are, by warp of one block, up to which stamp accesses come before something.
type times [warpSize]uint32

func (t *times) join(o *times) {
	for i, v := range o {
		t[i] = max(t[i], v)
	}
}

// history is what comes before something, by linear block. It is not changed once it is shared.
type history map[int]*times

// joined returns both; it may be one of them.
func (h history) joined(o history) history {
	if len(o) == 0 {
		return h
	}
	if len(h) == 0 {
		return o
	}
	sum := make(history, len(h)+len(o))
	for b, t := range h {
		sum[b] = t
	}
	for b, t := range o {
		if old := sum[b]; old == nil {
			sum[b] = t
		} else if old != t {
			both := *old
			both.join(t)
			sum[b] = &both
		}
	}
	return sum
}

// orderAll makes all that the block did come before all that it does now.
func (b *blockRun) orderAll() {
	s := &b.shared.shadow
	if s.tick() {
		b.forget()
	}
	all := clock{now: s.time, limit: s.time << entryStamp}
	for i := range all.known {
		all.known[i] = s.time - 1
	}
	for _, w := range b.warps {
		w.order = all
	}
	if !b.launch.histories {
		return
	}
	var past history
	for _, w := range b.warps {
		past = past.joined(w.past)
	}
	for _, w := range b.warps {
		w.past = past
	}
}

// forget is for when time begins anew.
func (b *blockRun) forget() {
	s := &b.shared.shadow
	b.began = s.time
	for _, o := range b.warps {
		o.order, o.proxied = clock{now: s.time, limit: s.time << entryStamp}, times{}
	}
	if r := b.launch.races; r != nil {
		r.forget()
	}
	clear(b.launch.objects)
	clear(b.cluster.objects)
	for _, o := range b.cluster.blocks {
		o.forgetPhases()
		clear(o.shared.traces)
	}
}

// advance orders the accesses of a warp's threads: those of now come before the next ones.
func (b *blockRun) advance(w *warp) {
	b.release(w)
	w.order.known[w.id] = w.order.now - 1
}

// release ends what others learn of the warp's accesses: those after it are later.
func (b *blockRun) release(w *warp) {
	if b.shared.tick() {
		b.forget()
	}
	w.order.now = b.shared.time
}

// arrivedWith adds what comes before the arrival of warp w at a barrier.
func (r *barrier) arrivedWith(w *warp) {
	r.known.join((*times)(&w.order.known))
	r.known[w.id] = max(r.known[w.id], w.order.now)
	r.past = r.past.joined(w.past)
}

// meet orders what came before the arrivals at a barrier before what the warps that waited do now.
func (b *blockRun) meet(r *barrier) {
	if r.whole && len(r.warps)*warpSize == b.threads() {
		b.orderAll()
		return
	}
	for _, w := range r.warps { // they have done nothing since they arrived
		r.arrivedWith(w)
	}
	s := &b.shared.shadow
	if s.tick() {
		b.forget()
		return
	}
	for _, w := range r.warps {
		r.known[w.id] = s.time - 1 // it did nothing since
	}
	for _, w := range b.warps {
		if w.status == warpDone && r.whole { // it did nothing since either
			r.known[w.id] = s.time - 1
			r.past = r.past.joined(w.past)
		}
	}
	for _, w := range r.warps {
		(*times)(&w.order.known).join(&r.known)
		w.order.now, w.past = s.time, w.past.joined(r.past)
		least := s.time - 1
		for i := range b.warps {
			least = min(least, w.order.known[i])
		}
		if copies := w.order.known[asyncWriter]; copies < b.landed {
			least = min(least, copies)
		}
		w.order.limit = (least + 1) << entryStamp
	}
}
