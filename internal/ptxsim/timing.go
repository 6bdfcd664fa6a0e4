package ptxsim

import (
	"math/bits"
	"slices"
	"sync/atomic"
)

// Latencies are the cycles from the issue of an instruction to the issue of one that needs its
// result, by what executes it.
type Latencies struct {
	Arithmetic int64 // integers, float32 and smaller, comparisons
	Double     int64 // float64
	Special    int64 // special functions
	Convert    int64 // conversions between types
	Warp       int64 // shuffles, votes
	Shared     int64 // loads of shared memory without conflicts, ldmatrix, atomics there
	Local      int64 // loads of local memory, from the L1 cache
	L2         int64 // atomics on global memory
	Global     int64 // loads of global memory
	Matrix     int64 // mma of 16 x 8 x 16
	Barrier    int64 // from the last arrival at a barrier on
}

// BlockTiming is what one thread block did.
type BlockTiming struct {
	Cycles int64         // its longest warp's time, as if it had the multiprocessor to itself
	Issued [Units]uint32 // machine instructions of its warps, about, by unit
	Passes uint32        // over shared memory
}

// Timing is what a launch of a device with Options.Latencies came to in time. Each warp has a clock.
// An instruction takes an issue slot of a cycle and is issued when its operands are ready; its result is
// ready after the latency of its class. One that waits for operands does not hold up those behind it, up to
// the next branch, barrier or wait, which all before it must have been issued for: so ptxas orders the
// instructions of a stretch by their data. Loads of shared memory take a cycle
// more for each conflict and each lane's atomic, those of global memory half a cycle for each sector. A barrier lets its
// warps go on when the last one has come; cp.async is complete at the wait for it, and an mbarrier's
// phase when its last arrival is. Warps do not hinder each other: what they share is for whoever
// reads Blocks to add up. Moves, parameters and conversions of addresses take no time.
type Timing struct {
	Blocks  []BlockTiming // by linear index
	Longest struct {      // the warp with the most cycles
		Cycles int64
		Warp   [classes]int64 // instructions by class
	}
	// GlobalChain and SharedChain are the most loads of global and of shared memory of a warp, each
	// of which needs the result of one before, directly, through arithmetic or for a branch.
	GlobalChain, SharedChain int64
	Flops                    [MatrixKinds]int64 // of matrix instructions, a multiply-add counted as 2

	// LoadedSectors and StoredSectors are the different 32-byte sectors that the launch read and
	// wrote, atomics included in both.
	LoadedSectors, StoredSectors int64
	// AtomicSectors are the lanes' atomics, each of which is an access of L2.
	AtomicSectors int64
}

// Timing returns the time of the latest launch that had no error, nil before one or without Options.Latencies.
func (d *Device) Timing() *Timing {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.timing
}

// touched are the sectors that a launch touches, a bit each, by the slot of the allocation.
type touched struct {
	loads, stores []atomic.Pointer[[]uint64]
	dev           *Device
}

func newTouched(d *Device) *touched {
	return &touched{make([]atomic.Pointer[[]uint64], len(d.slots)), make([]atomic.Pointer[[]uint64], len(d.slots)), d}
}

// mark notes an access of n bytes at addr.
func (t *touched) mark(list []atomic.Pointer[[]uint64], addr uint64, n int) {
	slot := addr >> slotBits
	if n <= 0 || slot >= uint64(len(list)) || t.dev.slots[slot] == nil {
		return
	}
	p := list[slot].Load()
	if p == nil {
		fresh := make([]uint64, len(t.dev.slots[slot].data)>>11+1)
		if list[slot].CompareAndSwap(nil, &fresh) {
			p = &fresh
		} else {
			p = list[slot].Load()
		}
	}
	set := *p
	for s, last := addr&slotMask>>5, (addr&slotMask+uint64(n)-1)>>5; s <= last && s>>6 < uint64(len(set)); s++ {
		if bit := uint64(1) << (s & 63); atomic.LoadUint64(&set[s>>6])&bit == 0 {
			atomic.OrUint64(&set[s>>6], bit)
		}
	}
}

// count returns how many sectors are marked.
func count(list []atomic.Pointer[[]uint64]) (n int64) {
	for i := range list {
		if p := list[i].Load(); p != nil {
			for _, w := range *p {
				n += int64(bits.OnesCount64(w))
			}
		}
	}
	return n
}

// touch notes an access of global memory, where the launch has time.
func (w *warp) touch(addr uint64, n int, write bool) {
	if t := w.blk.launch.touched; t != nil {
		if write {
			t.mark(t.stores, addr, n)
		} else {
			t.mark(t.loads, addr, n)
		}
	}
}

// touchAll is touch for each lane's n bytes.
func (w *warp) touchAll(q *request, n int, write bool) {
	if w.blk.launch.touched != nil {
		for _, addr := range q.addr[:q.n] {
			w.touch(addr, n, write)
		}
	}
}

// startTiming prepares the launch for time, if the device has it.
func (st *launchState) startTiming(blocks int) {
	if st.dev.opt.Latencies != nil {
		st.timing, st.touched = &Timing{Blocks: make([]BlockTiming, blocks)}, newTouched(st.dev)
	}
}

// endTiming keeps the time of a launch that ended well.
func (st *launchState) endTiming(total *Counters, err error) {
	if st.timing == nil || err != nil {
		return
	}
	st.timing.LoadedSectors, st.timing.StoredSectors = count(st.touched.loads), count(st.touched.stores)
	st.timing.AtomicSectors = total.GlobalAtomics
	st.dev.timing = st.timing
}

// timed notes the time of the block that has ended.
func (b *blockRun) timed() {
	tm := b.launch.timing
	if tm == nil {
		return
	}
	one := &tm.Blocks[b.index]
	for _, w := range b.warps {
		t := w.timer
		one.Cycles = max(one.Cycles, t.last)
		for u := range t.issued {
			one.Issued[u] += uint32(t.issued[u])
		}
		one.Passes += uint32(t.passes)
		b.times.merge(t, b.index)
	}
	clear(b.phases)
}

// blockTimes is what a goroutine's blocks came to.
type blockTimes struct {
	cycles       int64
	block        int
	warp         [classes]int64
	global, load int64
	flops        [MatrixKinds]int64
}

// merge adds a warp. Of equally long ones that of the first block counts, so that the goroutines change nothing.
func (s *blockTimes) merge(t *warpTimer, block int) {
	if t.last > s.cycles || t.last == s.cycles && block < s.block {
		s.cycles, s.block, s.warp = t.last, block, t.class
	}
	s.global, s.load = max(s.global, t.longest.global), max(s.load, t.longest.shared)
	for k, f := range t.flops {
		s.flops[k] += f
	}
}

// addTimes adds what the goroutine of b did to the launch's time.
func (st *launchState) addTimes(b *blockRun) {
	tm, s := st.timing, &b.times
	if tm == nil {
		return
	}
	if s.cycles > tm.Longest.Cycles || s.cycles == tm.Longest.Cycles && s.block < st.longestBlock {
		tm.Longest.Cycles, tm.Longest.Warp, st.longestBlock = s.cycles, s.warp, s.block
	}
	tm.GlobalChain, tm.SharedChain = max(tm.GlobalChain, s.global), max(tm.SharedChain, s.load)
	for k, f := range s.flops {
		tm.Flops[k] += f
	}
}

// timers gives the warps of b clocks, or takes them away.
func (b *blockRun) timers(prog *program) {
	b.phases = nil
	if b.launch.timing != nil {
		b.phases = map[uint64]*phaseTime{}
	}
	for _, w := range b.warps {
		if w.timer = nil; b.launch.timing != nil {
			w.timer = newWarpTimer(b.launch.dev.opt.Latencies, prog)
		}
	}
}

// phaseTime is when an mbarrier's latest arrival of this phase was, and when its last phase ended.
type phaseTime struct{ arrival, ended int64 }

// timePhase notes an arrival at the mbarrier at addr of a block's shared memory, after so many cycles; ended says that it ended the phase.
func (w *warp) timePhase(b *blockRun, addr uint64, ended bool) {
	if w.timer == nil {
		return
	}
	p := b.phases[addr]
	if p == nil {
		p = new(phaseTime)
		b.phases[addr] = p
	}
	at := w.timer.at
	if w.prog.code[w.pc-1].class == Async {
		at += w.timer.lat.Global
	}
	if p.arrival = max(p.arrival, at); ended {
		p.ended, p.arrival = p.arrival, 0
	}
}

// timeWaited lets the warp's time go on from the end of the last phase of the mbarrier at addr.
func (w *warp) timeWaited(addr uint64) {
	if w.timer != nil {
		if p := w.blk.phases[addr&^windowMask]; p != nil {
			w.timer.now = max(w.timer.now, p.ended)
		}
	}
}

// timeBarrier lets the warps that waited at a barrier go on together.
func (b *blockRun) timeBarrier(r *barrier) {
	if b.launch.timing == nil {
		return
	}
	at := int64(0)
	for _, v := range r.votes {
		at = max(at, v.w.timer.at)
	}
	for _, w := range r.warps {
		w.timer.now = max(w.timer.now, at+w.timer.lat.Barrier)
	}
}

// resize returns a slice of n zeros, in s's memory where there is enough.
func resize[T any](s []T, n int) []T {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}
