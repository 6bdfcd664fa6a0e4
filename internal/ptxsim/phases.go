package ptxsim

import "fmt"

// What the phases of an mbarrier order: what came before the arrivals of a phase comes before what a warp
// does that has seen its end, as long as it has looked. The copies that a phase counts are complete then
// too. Until a warp of the block has seen the end, nobody may touch their target, and who touches it later
// must be in order with such a wait.

// asyncWriter stands for the copies in the shadow, as the last warp of the block, if there is no such warp.
const asyncWriter = warpSize - 1

// phases is what is known of an mbarrier of a block's shared memory.
type phases struct {
	open, ended         times    // in the block: what comes before the arrivals of the present phase, and of all before it
	openPast, endedPast history  // and in other blocks
	under, came         []target // of the copies that the present phase counts, and of those of earlier phases for which nobody has waited
	visible             bool     // to copies of other blocks: behind a fence
}

// target is the shared memory to which a copy is under way.
type target struct {
	addr uint64
	n    int
	bulk bool // by the asynchronous proxy
}

func (b *blockRun) phasesOf(addr uint64) *phases {
	p := b.mbarriers[addr]
	if p == nil {
		if b.mbarriers == nil {
			b.mbarriers = map[uint64]*phases{}
		}
		p = new(phases)
		b.mbarriers[addr] = p
	}
	return p
}

// arrive adds what comes before an arrival of warp w at an mbarrier of block b.
func (p *phases) arrive(w *warp, b *blockRun) {
	if b == w.blk && !b.launch.histories {
		p.open.join((*times)(&w.order.known))
		p.open[w.id] = max(p.open[w.id], w.order.now)
		b.release(w)
		return
	}
	h := w.snapshot()
	p.openPast = p.openPast.joined(h)
	if t := h[b.index]; t != nil {
		p.open.join(t)
	}
}

// end ends the phase.
func (p *phases) end() {
	p.ended.join(&p.open)
	p.endedPast = p.endedPast.joined(p.openPast)
	p.open, p.openPast = times{}, nil
	p.came, p.under = append(p.came, p.under...), p.under[:0]
}

// hasSeen is for a warp that has seen the end of a phase of the mbarrier at addr.
func (w *warp) hasSeen(addr uint64) {
	p := w.blk.mbarriers[addr]
	if p == nil {
		return
	}
	if len(p.came) > 0 {
		w.land(p)
	}
	(*times)(&w.order.known).join(&p.ended)
	w.past = w.past.joined(p.endedPast)
}

// land lets the threads that see the end of a phase touch what came with it.
func (w *warp) land(p *phases) {
	b, by := w.blk, asyncWriter
	b.release(w)
	if by < len(b.warps) {
		by = w.id
	}
	s := b.shared
	p.ended[by] = s.time
	if by == asyncWriter {
		b.landed = s.time
	}
	for _, t := range p.came {
		e := s.time<<entryStamp | uint32(by)<<entryWarp
		if t.bulk {
			e |= byAsync
		}
		for word := t.addr / 4; word < (t.addr+uint64(t.n))/4; word++ {
			s.writes[word], s.reads[word] = e, 0
		}
		for i := t.addr; i < t.addr+uint64(t.n); i++ {
			s.state[i] &^= statePending
		}
		if s.traces != nil {
			clear(s.traces[t.addr : t.addr+uint64(t.n)])
		}
	}
	p.came = p.came[:0]
	b.release(w) // what it does now is later
}

// counted makes a copy to dst one that the mbarrier at addr counts, in the block that both are in.
func (w *warp) counted(lane int, sp space, addr, dst uint64, n int, bulk bool) bool {
	b, at := w.blockOf(sp, addr)
	to, from := w.blockOf(sp, dst)
	if b != to {
		w.fail(lane, ErrOutOfBounds, "a copy to shared memory of rank %d with an mbarrier of rank %d, expected both in one block", to.rank, b.rank)
		return false
	}
	p := b.phasesOf(at)
	if b != w.blk && !p.visible {
		w.fail(lane, ErrRace, "a bulk copy with the mbarrier at %s of block %v, which was initialized without a fence.mbarrier_init or fence.proxy.async since", describe(b.shared.vars, at), b.ctaid)
		return false
	}
	if n > 0 {
		p.under = append(p.under, target{from, n, bulk})
		for i := from; i < from+uint64(n); i++ {
			b.shared.state[i] |= statePending
		}
	}
	return true
}

// initialized forgets what the mbarrier at addr was before; an uninitialized one stays none.
func (b *blockRun) initialized(addr uint64) {
	if p := b.mbarriers[addr]; p == nil || len(p.under)+len(p.came) == 0 {
		*b.phasesOf(addr) = phases{}
	}
}

// showBarriers lets copies see the mbarriers of the cluster that are initialized.
func (w *warp) showBarriers() {
	for _, b := range w.blk.cluster.blocks {
		for _, p := range b.mbarriers {
			p.visible = true
		}
	}
}

// forgetPhases is forget for mbarriers.
func (b *blockRun) forgetPhases() {
	for _, p := range b.mbarriers {
		p.open, p.ended, p.openPast, p.endedPast = times{}, times{}, nil, nil
	}
	b.landed = 0
}

// underWay reports a copy to the shared memory of a block that has ended.
func (b *blockRun) underWay() error {
	w := b.warps[0]
	for at, p := range b.mbarriers {
		for _, t := range append(p.under, p.came...) {
			return w.newFault(min(w.pc, len(w.prog.code)-1), 0, ErrRace, fmt.Sprintf(
				"the block ends, and nobody has waited for the copy to shared memory at %s that the mbarrier at %s counts",
				describe(b.shared.vars, t.addr), describe(b.shared.vars, at)))
		}
	}
	return nil
}
