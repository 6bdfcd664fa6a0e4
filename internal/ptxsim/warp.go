package ptxsim

import (
	"fmt"
	"math"
	"math/bits"
)

const (
	warpSize = 32
	fullMask = 0xFFFFFFFF
)

// group is a set of lanes that stand at the same instruction.
type group struct {
	pc   int
	mask uint32
}

type warpState uint8

const (
	warpReady warpState = iota
	warpAtBarrier
	warpAtCluster
	warpDone
)

// warp executes 32 threads. One group of lanes is active; others wait with
// their own program counters, and the group with the smallest one always goes
// first, so that groups merge where their paths meet. Since every lane has its
// own counter this is right for any control flow, irreducible too. Lanes that
// come to a warp-wide instruction before the lanes that it names are parked
// until those arrive.
type warp struct {
	blk   *blockRun
	id    int
	all   uint32 // lanes that the block has
	prog  *program
	shape shape              // of the launch
	r     [][warpSize]uint64 // register, lane
	p     []uint32           // predicate: a bit per lane
	local []byte             // lane-major
	state []byte             // of local
	count *Counters

	pc, nextPC  int // nextPC: smallest pc of waiting
	active      uint32
	live        uint32
	waiting     []group
	parked      []group
	status      warpState
	order       clock   // of its accesses
	past        history // what it has acquired of other blocks
	heard       history // what it will have acquired with a fence
	fenced      history // what its relaxed writes tell of; nil: nothing
	fencedBlock bool    // in the scope of the block only
	arrived     bool    // at the cluster's barrier, and has not waited
	phase       int64   // of that barrier, in which it arrived
	proxied     times   // which writes to shared memory its last fence.proxy.async covers
	spins       bool    // has used up its turn while some lanes waited for theirs
	swaps       bool    // executes a compare and swap
	constant    bool    // executes a load of what the kernel does not write (.nc)
	yielded     bool    // gives the other warps a turn
	polls       bool    // its last turn ended so
	carry       uint32  // condition code flag of each lane
	async       asyncCopies
	products    *products // nil: the program has none
	stores      bulkStores
	steps       int64
	fault       *Fault
	timer       *warpTimer // nil without Options.Latencies

	shuffles map[shuffleKey]*shuffled // that were needed so far

	undef     *undefined   // nil: all values are defined
	spare     *undefined   // its memory
	fetched   uint64       // undefined bits of what the latest atomic found
	unwritten []uint32     // of each of the program's places: lanes that have not written it
	open      unwrittenSet // places that some lane has not written
	moved     []uint32     // memory of moveUnwritten

	toGlobal, toShared request // of the present instruction
}

// fill sets the registers that are the same in all blocks of a launch. What is the same in all
// launches has its value already where the last one in this memory was of the same kernel.
func (w *warp) fill(again bool) {
	if !again {
		for _, c := range w.prog.consts {
			v := c.value
			if c.sym != nil {
				v += uint64(w.blk.symbols[c.sym])
			}
			w.setAll(c.reg, v)
		}
	}
	for _, s := range w.prog.specials {
		for l := range warpSize {
			w.r[s.reg][l] = s.value(w, Dim3{}, l)
		}
	}
}

// reset prepares the warp for a new block.
func (w *warp) reset(ctaid Dim3) {
	for _, r := range w.prog.fresh {
		w.r[r] = [warpSize]uint64{}
	}
	clear(w.p)
	w.p[predTrue] = fullMask
	for _, s := range w.prog.specials {
		if s.ofBlock {
			w.setAll(s.reg, s.value(w, ctaid, 0))
		}
	}
	clear(w.state)
	w.pc, w.nextPC = w.prog.entry, math.MaxInt
	w.active, w.live = w.all, w.all
	w.waiting, w.parked = w.waiting[:0], w.parked[:0]
	w.status, w.fault, w.carry, w.arrived = warpReady, nil, 0, false
	w.spins, w.yielded, w.steps = false, false, 0
	w.past, w.heard, w.fenced, w.proxied = nil, nil, nil, times{}
	w.async = asyncCopies{pending: w.async.pending[:0]}
	w.resetProducts()
	w.stores = bulkStores{under: w.stores.under[:0]}
	w.forgetUndefined()
	w.forgetWritten()
	if w.timer != nil {
		w.timer.reset()
	}
}

func (w *warp) setAll(reg int, v uint64) {
	for l := range warpSize {
		w.r[reg][l] = v
	}
}

// run executes up to budget instructions, or until the warp waits, ends or faults.
func (w *warp) run(budget int) {
	code := w.prog.code
	for ; budget > 0; budget-- {
		w.steps++
		if w.pc >= w.nextPC || w.active == 0 {
			if !w.reschedule() {
				return
			}
		}
		o := &code[w.pc]
		if s := o.straight; s != nil && w.timer == nil && !w.blk.perturbed && budget >= s.n && w.pc+s.n <= w.nextPC && w.undef == nil &&
			(s.unwritten == nil || !s.unwritten.touch.meets(&w.open) || w.written(s.unwritten)) && (s.products == nil || len(w.products.groups) == 0) {
			if s.products != nil {
				w.touchProducts(s.products)
			}
			w.follow(s)
			w.steps += int64(s.n - 1)
			budget -= s.n - 1
			continue
		}
		w.pc++
		m := w.active
		if (w.undef != nil || o.unwritten != nil && o.unwritten.touch.meets(&w.open)) && !w.watch(o) {
			return
		}
		if o.guard >= 0 {
			g := w.p[o.guard]
			if o.neg {
				g = ^g
			}
			m &= g
			if m == 0 {
				if w.timer != nil {
					w.timer.skipped(w, o, w.pc-1)
				}
				continue
			}
		}
		if o.products != nil && !w.touchProducts(o.products) {
			return
		}
		w.count.Warp[o.class]++
		w.count.Thread[o.class] += lanes(m)
		if w.blk.perturbed && o.other != nil {
			o.other(w, m)
		} else if w.timer == nil {
			o.exec(w, m)
		} else {
			w.execTimed(o, m)
		}
		if w.status != warpReady || w.fault != nil || w.yielded {
			w.polls, w.yielded = w.yielded, false
			return
		}
	}
	w.polls = false
	w.rotate()
}

// slice returns how many instructions the warp may execute in its turn.
func (w *warp) slice() int {
	if r := w.blk.random; r != nil {
		return 1 + r.IntN(shuffledSlice)
	}
	if w.spins {
		return spinInstructions
	}
	return sliceInstructions
}

// rotate lets the lanes go on that have waited longest, up to the end of the next turn,
// since those that went on may wait for them.
func (w *warp) rotate() {
	w.spins = w.active != 0 && len(w.waiting) > 0
	if !w.spins {
		return
	}
	first := w.waiting[0]
	w.waiting = append(w.waiting[:0], w.waiting[1:]...)
	w.waiting = append(w.waiting, group{w.pc, w.active})
	w.pc, w.active, w.nextPC = first.pc, first.mask, math.MaxInt
}

// reschedule makes the group with the smallest program counter active, merged
// with all others that stand there. False: no lane can go on.
func (w *warp) reschedule() bool {
	if w.active != 0 {
		w.waiting = append(w.waiting, group{w.pc, w.active})
	}
	if len(w.waiting) == 0 {
		w.active = 0
		if w.live == 0 {
			w.status = warpDone
		} else if w.unpark() {
			return true
		} else {
			w.faultParked()
		}
		return false
	}
	w.pc = math.MaxInt
	for _, g := range w.waiting {
		w.pc = min(w.pc, g.pc)
	}
	w.active, w.nextPC = 0, math.MaxInt
	keep := w.waiting[:0]
	for _, g := range w.waiting {
		if g.pc == w.pc {
			w.active |= g.mask
		} else {
			w.nextPC = min(w.nextPC, g.pc)
			keep = append(keep, g)
		}
	}
	w.waiting = keep
	return true
}

// wait takes the lanes of m from the active group and lets them go on at pc later.
func (w *warp) wait(pc int, m uint32) {
	w.active &^= m
	w.waiting = append(w.waiting, group{pc, m})
	w.nextPC = min(w.nextPC, pc)
}

// branch sends the lanes of m to target.
func (w *warp) branch(target int, m uint32) {
	if m == w.active {
		w.pc = target
	} else if m != 0 {
		w.wait(target, m)
	}
}

// gather brings the lanes that are parked at the current instruction back into
// the active group. The instruction is unguarded.
func (w *warp) gather() {
	keep := w.parked[:0]
	for _, g := range w.parked {
		if g.pc == w.pc-1 {
			w.active |= g.mask
		} else {
			keep = append(keep, g)
		}
	}
	w.parked = keep
}

// park takes the lanes of m from the active group until others arrive.
func (w *warp) park(m uint32) {
	w.active &^= m
	w.parked = append(w.parked, group{w.pc - 1, m})
}

// unpark makes lanes active that wait for others which have exited, where the
// instruction does without them.
func (w *warp) unpark() bool {
	at, all := w.parked[0].pc, uint32(0)
	for _, g := range w.parked {
		if g.pc != at {
			return false
		}
		all |= g.mask
	}
	if all != w.live || !w.prog.code[at].exited {
		return false
	}
	w.parked = w.parked[:0]
	w.pc, w.active, w.nextPC = at, all, math.MaxInt
	return true
}

// together is for instructions that all threads of the warp that have not exited
// must execute at once: it reports whether they are all here, and parks those that
// are not the last.
func (w *warp) together() bool {
	w.gather()
	if w.active != w.live {
		w.park(w.active)
		return false
	}
	return w.undef == nil || w.watchWide(w.active)
}

// members runs f for each set of active lanes that give the same membermask
// and are all here; the others are parked. Lanes may come in several disjoint sets.
func (w *warp) members(mask int, f func(m uint32)) {
	w.gather()
	if u := w.undef; u != nil && u.lanes[mask]&w.active != 0 {
		w.dependsOn(u.lanes[mask]&w.active, "a membermask", u.from[mask])
		return
	}
	for left := w.active; left != 0; {
		l := bits.TrailingZeros32(left)
		want := uint32(w.r[mask][l])
		have := uint32(0)
		for k := range warpSize {
			if left>>k&1 != 0 && uint32(w.r[mask][k]) == want {
				have |= 1 << k
			}
		}
		left &^= have
		switch {
		case have&^want != 0:
			w.fail(bits.TrailingZeros32(have&^want), ErrDivergent, "the thread's lane is not in its own membermask %#x", want)
			return
		case want&^w.live != 0:
			w.fail(l, ErrDivergent, "membermask %#x names lanes %#x, which have exited or do not exist", want, want&^w.live)
			return
		case have != want:
			w.park(have)
		default:
			if w.undef == nil || w.watchWide(have) {
				f(have)
			}
			if w.fault != nil {
				return
			}
		}
	}
}

// faultParked reports that the parked groups wait for lanes that cannot come.
func (w *warp) faultParked() {
	g := w.parked[0]
	detail := ""
	for _, o := range w.parked[1:] {
		detail += fmt.Sprintf(", lanes %#x at line %d (%s)", o.mask, w.prog.code[o.pc].line, w.prog.code[o.pc].text)
	}
	if gone := w.all &^ w.live; gone != 0 {
		detail += fmt.Sprintf(", lanes %#x have exited", gone)
	}
	w.failAt(g.pc, bits.TrailingZeros32(g.mask), ErrDivergent, "lanes %#x wait at %s%s", g.mask, w.prog.code[g.pc].text, detail)
}

// fail records a fault of the current instruction.
func (w *warp) fail(lane int, kind error, format string, args ...any) {
	w.failAt(w.pc-1, lane, kind, format, args...)
}

func (w *warp) failAt(pc, lane int, kind error, format string, args ...any) {
	if w.fault == nil {
		w.fault = w.newFault(pc, lane, kind, fmt.Sprintf(format, args...))
	}
}

func (w *warp) newFault(pc, lane int, kind error, detail string) *Fault {
	return &Fault{
		Kind: kind, Kernel: w.prog.kernel, File: w.prog.file, Line: w.prog.code[pc].line,
		Block: w.blk.ctaid, Thread: w.blk.tid(w.id*warpSize + lane), Detail: detail,
	}
}
