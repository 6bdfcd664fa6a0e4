package ptxsim

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// blockRun executes blocks of one launch, one after another.
type blockRun struct {
	launch    *launchState
	symbols   map[*symbol]Ptr
	ctaid     Dim3
	index     int // linear ctaid
	cluster   *cluster
	rank      int                // in its cluster
	over      bool               // has ended
	mbarriers map[uint64]*phases // by address
	landed    uint32             // when a copy last came to shared memory, in its time
	warps     []*warp
	shared    *shared
	memory    *blockMemory
	barriers  [16]barrier
	steps     int64 // instructions of its warps since its start
	count     Counters
	sources   copySources
	perturbed bool       // with Options.Perturb
	random    *rand.Rand // of the order of turns; nil: that of the warps
	began     uint32     // the time of shared memory when the block began
	shuffled  []*warp
	race      *Fault // in global memory; nil: none so far
	output    *Fault // the first undefined one; nil: none so far

	times  blockTimes // with Options.Latencies
	phases map[uint64]*phaseTime
}

// barrier is one of a block's 16.
type barrier struct {
	arrived  int  // threads, in whole warps
	whole    bool // expects all threads that have not exited
	expected int
	warps    []*warp // that wait
	thread   int     // one that waits, for errors
	pc       int
	votes    []vote
	known    times   // what comes before the arrivals, in the block
	past     history // and in others
}

// vote is what a warp brings to bar.red.
type vote struct {
	w      *warp
	finish func(w *warp, total barrierSum)
	sum    barrierSum
}

// barrierSum counts the predicates of the threads at a bar.red.
type barrierSum struct{ yes, threads int }

// sliceInstructions is how long a warp runs before the next one has a turn, so
// that a warp that spins on another's flag does not spin for ever.
const sliceInstructions = 1 << 14

// spinInstructions is the same for a warp of which some lanes may spin on a flag of others.
const spinInstructions = 1 << 8

// newBlockRun returns what a goroutine needs for the blocks of a launch, made of
// the memory of an earlier one where there is enough.
func newBlockRun(st *launchState) *blockRun {
	prog := st.kernel.prog
	b := &blockRun{launch: st, symbols: st.symbols, perturbed: st.dev.opt.Perturb != 0}
	m := st.dev.takeMemory()
	b.shared = m.forShared(st.sharedVars)
	b.memory = m
	threads := st.block.count()
	for id := 0; id*warpSize < threads; id++ {
		w := m.warp(id, prog)
		again := w.prog == prog
		same := again && w.shape == st.shape()
		w.blk, w.id, w.all, w.prog, w.count, w.shape = b, id, fullMask, prog, &b.count, st.shape()
		if left := threads - id*warpSize; left < warpSize {
			w.all = 1<<left - 1
		}
		if !same {
			w.fill(again)
		}
		b.warps = append(b.warps, w)
	}
	b.timers(prog)
	return b
}

// blockMemory is the large memory of a blockRun, kept from launch to launch: a
// launch of a few small blocks would spend its time on making it.
type blockMemory struct {
	shared *shared
	warps  []*warp
}

// takeMemory returns memory that no one uses; giveMemory gives it back. Several
// goroutines of a launch may call them, which holds d.mu.
func (d *Device) takeMemory() *blockMemory {
	d.memoryMu.Lock()
	defer d.memoryMu.Unlock()
	if n := len(d.memory); n > 0 {
		m := d.memory[n-1]
		d.memory = d.memory[:n-1]
		return m
	}
	return new(blockMemory)
}

func (d *Device) giveMemory(m *blockMemory) {
	d.memoryMu.Lock()
	defer d.memoryMu.Unlock()
	d.memory = append(d.memory, m)
}

// warp returns warp id with memory for a program, with what an earlier launch has left in it.
func (m *blockMemory) warp(id int, prog *program) *warp {
	for len(m.warps) <= id {
		m.warps = append(m.warps, new(warp))
	}
	w := m.warps[id]
	if cap(w.r) < prog.regs {
		w.r, w.prog = make([][warpSize]uint64, prog.regs), nil
	}
	w.r = w.r[:prog.regs]
	w.p = slices.Grow(w.p[:0], prog.preds)[:prog.preds]
	n := warpSize * prog.localSize
	w.local, w.state = slices.Grow(w.local[:0], n)[:n], slices.Grow(w.state[:0], n)[:n]
	return w
}

// tid returns the coordinates of a linear thread.
func (b *blockRun) tid(i int) Dim3 { return b.launch.block.at(i) }

// start makes b the block with linear index i, at its beginning.
func (b *blockRun) start(i int) {
	ctaid := b.launch.grid.at(i)
	b.ctaid, b.index, b.over = ctaid, i, false
	clear(b.mbarriers)
	b.landed = 0
	b.shared.uncross()
	copy(b.shared.state, b.shared.initial)
	b.barriers = [16]barrier{}
	for _, w := range b.warps {
		w.reset(ctaid)
	}
	b.orderAll()
	b.began = b.shared.time
	b.steps, b.race, b.output = 0, nil, nil
	b.sources = copySources{around: b.sources.around[:0]}
}

// resume executes about so many instructions more; done says that the block has ended. A block of a
// cluster stops where all its warps wait for an mbarrier: another block has to go on.
func (b *blockRun) resume(budget int64) (done bool, err error) {
	for until := b.steps + min(budget, math.MaxInt64-b.steps); b.steps < until; {
		ran, ended, waits := false, 0, len(b.cluster.blocks) > 1
		for _, w := range b.turns() {
			if w.status == warpReady {
				ran = true
				before := w.steps
				w.run(w.slice())
				b.steps += w.steps - before
				waits = waits && w.polls
				if w.fault != nil {
					return false, w.fault
				}
			}
			if w.status == warpDone {
				ended++
				if ran {
					b.exited()
					b.cluster.complete()
				}
			}
		}
		if ended == len(b.warps) {
			if b.race != nil {
				return true, b.race
			}
			if err := b.ended(); err != nil || b.output == nil {
				return true, err
			}
			return true, b.output
		}
		if !ran && b.atCluster() {
			return false, nil
		}
		if !ran {
			return false, b.stuck()
		}
		if err := b.launch.ctx.Err(); err != nil {
			return false, fmt.Errorf("ptxsim: kernel %s, block %v: %w", b.launch.kernel.name, b.ctaid, err)
		}
		if b.steps > b.launch.dev.opt.MaxInstructions {
			w := b.warps[0]
			for _, o := range b.warps {
				if o.status == warpReady {
					w = o
					break
				}
			}
			w.failAt(min(w.pc, len(w.prog.code)-1), 0, ErrDeadlock, "the block has executed %d instructions and goes on", b.steps)
			return false, w.fault
		}
		if waits {
			return false, nil
		}
	}
	return false, nil
}

// ended finds barriers that some threads still expect others at.
func (b *blockRun) ended() error {
	b.timed()
	for i, r := range b.barriers {
		if r.arrived > 0 {
			w := b.warps[0]
			w.failAt(r.pc, r.thread, ErrDivergent, "%d threads arrived at barrier %d, expected %d", r.arrived, i, r.expected)
			return w.fault
		}
	}
	if err := cmp.Or(b.underWay(), b.warpgroups(), b.stillReading()); err != nil {
		return err
	}
	return b.leave()
}

// atCluster says that a warp waits at the cluster's barrier.
func (b *blockRun) atCluster() bool {
	return slices.ContainsFunc(b.warps, func(w *warp) bool { return w.status == warpAtCluster })
}

// stuck reports a barrier that cannot complete.
func (b *blockRun) stuck() error {
	for i, r := range b.barriers {
		if len(r.warps) > 0 {
			w := r.warps[0]
			w.failAt(r.pc, 0, ErrDivergent, "%d threads arrived at barrier %d, expected %d: the others have ended or wait elsewhere", r.arrived, i, r.expected)
			return w.fault
		}
	}
	return fmt.Errorf("ptxsim: kernel %s, block %v: %w", b.launch.kernel.name, b.ctaid, ErrDeadlock)
}

// arrive counts warp w in at barrier id; expected is a number of threads, 0 for
// the whole block. If wait is set the warp stops until the barrier completes,
// and finish, if not nil, is then called with the sum of all votes.
func (b *blockRun) arrive(w *warp, id, expected int, wait bool, sum barrierSum, finish func(*warp, barrierSum)) {
	if id < 0 || id >= len(b.barriers) {
		w.fail(0, ErrDivergent, "barrier %d, expected 0 to %d", id, len(b.barriers)-1)
		return
	}
	whole := expected == 0
	if whole {
		expected = b.threads()
	}
	r := &b.barriers[id]
	switch {
	case expected%warpSize != 0 || expected > len(b.warps)*warpSize || expected < 0:
		w.fail(0, ErrDivergent, "barrier %d for %d threads, expected a multiple of %d up to the block's", id, expected, warpSize)
		return
	case r.arrived > 0 && r.expected != expected && !(r.whole && whole):
		w.fail(0, ErrDivergent, "barrier %d for %d threads, but others came to it for %d", id, expected, r.expected)
		return
	}
	r.arrived += warpSize
	r.expected, r.whole, r.pc, r.thread = expected, whole, w.pc-1, w.id*warpSize
	r.votes = append(r.votes, vote{w, finish, sum})
	if !wait {
		r.arrivedWith(w)
		b.release(w)
	}
	if wait {
		w.status = warpAtBarrier
		r.warps = append(r.warps, w)
	}
	if r.arrived >= expected {
		b.complete(id)
	}
}

// threads returns how many threads a barrier of the whole block waits for: those of warps that have not ended.
func (b *blockRun) threads() int {
	n := 0
	for _, w := range b.warps {
		if w.status != warpDone {
			n += warpSize
		}
	}
	return n
}

// exited completes barriers that waited for a warp that has ended now.
func (b *blockRun) exited() {
	for i := range b.barriers {
		if r := &b.barriers[i]; r.whole && len(r.warps) > 0 && r.arrived >= b.threads() {
			b.complete(i)
		}
	}
}

// complete lets the warps at barrier id go on.
func (b *blockRun) complete(id int) {
	r := &b.barriers[id]
	var total barrierSum
	for _, v := range r.votes {
		total.yes += v.sum.yes
		total.threads += v.sum.threads
	}
	for _, v := range r.votes {
		if v.finish != nil {
			v.finish(v.w, total)
		}
	}
	b.timeBarrier(r)
	b.meet(r)
	for _, o := range r.warps {
		o.status = warpReady
	}
	b.barriers[id] = barrier{warps: r.warps[:0], votes: r.votes[:0]}
}
