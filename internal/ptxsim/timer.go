package ptxsim

// chain counts loads of which each needs the one before.
type chain struct{ global, shared int64 }

func (c *chain) include(o chain) {
	c.global, c.shared = max(c.global, o.global), max(c.shared, o.shared)
}

// known is when a register or predicate has its value, and after which chain of loads.
type known struct {
	at    int64
	after chain
}

// warpTimer is the clock of a warp; see Timing. A register is ready for all lanes at once, and the
// paths of a branch that the warp takes both follow each other.
type warpTimer struct {
	lat         *Latencies
	prog        *program
	now         int64   // when the next instruction may be issued
	horizon     int64   // the latest issue since the last branch, barrier or wait
	at          int64   // when the present one was
	last        int64   // the latest result
	r, p        []known // registers and predicates
	behind      chain   // loads that decided the latest branch
	after       chain   // loads that the present instruction needs
	longest     chain
	issued      [Units]int64
	class       [classes]int64
	passes      int64
	flops       [MatrixKinds]int64
	copies      int64   // when the cp.async that are in no group yet are complete
	groups      []int64 // and those of each group
	conflicts   int64   // counters before the instruction
	sectors     int64
	sharedAtoms int64
}

func newWarpTimer(lat *Latencies, prog *program) *warpTimer {
	t := &warpTimer{lat: lat, prog: prog}
	t.reset()
	return t
}

// reset begins a block.
func (t *warpTimer) reset() {
	*t = warpTimer{lat: t.lat, prog: t.prog, r: resize(t.r, t.prog.regs), p: resize(t.p, t.prog.preds), groups: t.groups[:0]}
}

// begin finds when the instruction at pc can be issued.
func (t *warpTimer) begin(w *warp, o *op, pc int) {
	c := &t.prog.costs[pc]
	at, after := int64(0), t.behind
	need := func(k *known) {
		at = max(at, k.at)
		after.include(k.after)
	}
	for _, r := range c.uses {
		need(&t.r[r])
	}
	for _, p := range c.reads {
		need(&t.p[p])
	}
	if o.guard >= 0 {
		need(&t.p[o.guard])
	}
	if c.unit != NoUnit {
		at = max(at, t.now)
	}
	if c.ends() {
		at = max(at, t.horizon)
	}
	t.at, t.after = at, after
	t.conflicts, t.sectors = w.count.SharedConflicts, w.count.GlobalLoadSectors+w.count.GlobalStoreSectors
	t.sharedAtoms = w.count.SharedAtomics
}

// ends says that no instruction is moved across this one: that all before it have been issued.
func (c *opCost) ends() bool {
	return c.unit == ControlUnit || c.effect == waitCopies || c.effect == waitAllCopies
}

// issue takes so many issue slots for the present instruction. Within a stretch without branches, barriers and
// waits one that waits for its operands does not hold up the next: ptxas puts that first.
func (t *warpTimer) issue(c *opCost, slots int64) {
	if c.ends() {
		t.now = max(t.now, t.at+slots)
	} else {
		t.now += slots
	}
	t.horizon = max(t.horizon, t.at+slots)
	t.last = max(t.last, t.horizon)
}

// skipped is an instruction whose guard holds for no lane: it is issued and does nothing.
func (t *warpTimer) skipped(w *warp, o *op, pc int) {
	t.begin(w, o, pc)
	c := &t.prog.costs[pc]
	if c.unit == NoUnit {
		return
	}
	t.issue(c, 1)
	t.issued[c.unit]++
	if o.class == Control {
		t.behind.include(t.after)
	}
}

// end notes when the results of the instruction at pc are there.
func (t *warpTimer) end(w *warp, o *op, pc int) {
	c := &t.prog.costs[pc]
	t.class[o.class]++
	if c.unit == NoUnit {
		t.define(c, t.at, t.after)
		return
	}
	t.issue(c, c.issues)
	t.issued[c.unit] += c.issues
	conflicts := w.count.SharedConflicts - t.conflicts
	sectors := w.count.GlobalLoadSectors + w.count.GlobalStoreSectors - t.sectors
	atoms := w.count.SharedAtomics - t.sharedAtoms
	ready, after := t.at+t.latency(o, c, conflicts+atoms, sectors), t.after
	switch o.class {
	case Shared, Global, LdMatrix:
		if sectors == 0 {
			t.passes += conflicts + max(1, int64(c.bytes+3)/4)
			after.shared++
		} else {
			after.global++
		}
	case Atomic:
		if atoms > 0 {
			t.passes += atoms // a lane at a time, at the worst
			after.shared++
		} else {
			after.global++
		}
	case Async:
		t.passes += conflicts + 1
		t.copy(c, ready)
	case Control:
		t.behind.include(t.after)
	case Matrix:
		t.flops[c.kind] += c.flops
	}
	t.define(c, ready, after)
}

// define gives the results of an instruction their time.
func (t *warpTimer) define(c *opCost, ready int64, after chain) {
	for _, r := range c.defs {
		t.r[r] = known{ready, after}
	}
	for _, p := range c.writes {
		t.p[p] = known{ready, after}
	}
	if len(c.defs)+len(c.writes) > 0 && c.unit != NoUnit {
		t.last = max(t.last, ready)
		t.longest.include(after)
	}
}

// latency is how long the result of an instruction takes.
func (t *warpTimer) latency(o *op, c *opCost, conflicts, sectors int64) int64 {
	l := t.lat
	switch o.class {
	case Global, Async:
		if sectors == 0 && o.class == Global {
			return l.Shared + conflicts
		}
		return l.Global + sectors/2
	case Shared:
		return l.Shared + conflicts + max(0, int64(c.bytes)/4-1)
	case LdMatrix:
		return l.Shared + conflicts
	case Local:
		return l.Local
	case Atomic:
		if conflicts > 0 {
			return l.Shared + conflicts
		}
		return l.L2
	case WarpWide:
		return l.Warp
	case Matrix:
		if c.columns > 0 {
			return c.columns / 2
		}
		return l.Matrix
	}
	switch c.unit {
	case SpecialUnit:
		return l.Special + (c.issues-1)*l.Arithmetic
	case ConvertUnit:
		return l.Convert
	case DoubleUnit:
		return l.Double * c.issues
	}
	if c.issues > 2 {
		return l.Arithmetic * c.issues
	}
	return l.Arithmetic + c.issues - 1
}

// copy follows cp.async: results come in the order of their groups.
func (t *warpTimer) copy(c *opCost, ready int64) {
	switch c.effect {
	case copyAsync:
		t.copies = max(t.copies, ready)
	case commitCopies:
		if n := len(t.groups); n > 0 {
			t.copies = max(t.copies, t.groups[n-1])
		}
		t.groups, t.copies = append(t.groups, t.copies), 0
	case waitCopies:
		if n := len(t.groups) - c.groups; n > 0 {
			t.now = max(t.now, t.groups[n-1])
			t.groups = append(t.groups[:0], t.groups[n:]...)
		}
	case waitAllCopies:
		for _, at := range t.groups {
			t.now = max(t.now, at)
		}
		t.now, t.copies, t.groups = max(t.now, t.copies), 0, t.groups[:0]
	}
}

// execTimed executes an instruction and follows its time.
func (w *warp) execTimed(o *op, m uint32) {
	pc := w.pc - 1
	w.timer.begin(w, o, pc)
	o.exec(w, m)
	w.timer.end(w, o, pc)
}
