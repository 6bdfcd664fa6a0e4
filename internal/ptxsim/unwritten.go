package ptxsim

import "slices"

// Registers and predicates that a thread may read before it has written them are known beforehand: the flow of
// control allows it. For these places a warp notes which lanes have not written them. A read by
// such a lane is one of an undefined value. Compilers move such registers about where nothing needs their values, so a
// copy of one is a place, too, and a move between them is no read.

// unwrittenPlace is the place of such a register or predicate.
type unwrittenPlace struct {
	place int
	pred  bool
}

// unwrittenUse is what an instruction or a straight line of them does with such places, by their indices.
type unwrittenUse struct {
	touch  unwrittenSet    // those that it touches
	guard  int             // that of an instruction; -1: none of them
	uses   []int           // read as they are before it
	writes []unwrittenMove // in any order, of what is before it
}

// unwrittenSet has a bit for each of some places, by index modulo 256.
type unwrittenSet [4]uint64

func (s *unwrittenSet) add(i int) { s[i>>6&3] |= 1 << (i & 63) }

func (s *unwrittenSet) meets(o *unwrittenSet) bool {
	return s[0]&o[0]|s[1]&o[1]|s[2]&o[2]|s[3]&o[3] != 0
}

// unwrittenMove says that place to is written as far as place from is, or, where that is -1, altogether.
type unwrittenMove struct{ to, from int }

// readFirst returns the registers that may be read before they are written, which have the fresh places alone.
func readFirst(places, fresh []int) (list []int) {
	for r, p := range places {
		if slices.Contains(fresh, p) {
			list = append(list, r)
		}
	}
	return list
}

// predicatesReadFirst returns the predicates that may be read before they are written.
func predicatesReadFirst(code []flow, preds int) (list []int) {
	entry, _ := stretches(conditions(code), preds)
	entry.each(func(p int) {
		if p >= firstPred {
			list = append(list, p)
		}
	})
	return list
}

// conditions returns the flow of predicates.
func conditions(code []flow) []flow {
	list := make([]flow, len(code))
	for i, f := range code {
		list[i] = flow{uses: f.predUses, defs: f.predDefs, targets: f.targets, falls: f.falls, keeps: f.keeps}
	}
	return list
}

// copiesOf returns the other ones of so many registers to which those of list are moved.
func copiesOf(code []flow, list []int, regs int) (copies []int) {
	is := make([]bool, regs)
	for _, r := range list {
		is[r] = true
	}
	for more := len(list) > 0; more; {
		more = false
		for _, f := range code {
			if f.copies && is[f.uses[0]] && !is[f.defs[0]] {
				is[f.defs[0]], more = true, true
				copies = append(copies, f.defs[0])
			}
		}
	}
	return copies
}

// neverWritten returns the registers that are read and never written. It is for programs with calls, whose flow is
// not known here.
func (d *decoder) neverWritten() []int {
	filled := d.filled()
	return slices.DeleteFunc(neverWritten(d.flows, d.named), func(r int) bool { return filled[r] })
}

func neverWritten(code []flow, regs int) (list []int) {
	written, read := make([]bool, regs), make([]bool, regs)
	for _, f := range code {
		for _, r := range f.defs {
			written[r] = true
		}
		for _, r := range f.uses {
			read[r] = true
		}
	}
	for r := range regs {
		if read[r] && !written[r] {
			list = append(list, r)
		}
	}
	return list
}

// findUnwritten notes the places of registers and predicates that may be unwritten, and what uses them
// in flows, where registers have no places yet. nil places are the registers themselves.
func (p *program) findUnwritten(flows []flow, regs, copies, preds, places []int) {
	index := map[unwrittenPlace]int{} // the key has the register
	add := func(list []int, pred bool, lanes uint32) {
		for _, r := range list {
			at := unwrittenPlace{r, pred}
			if _, ok := index[at]; !ok {
				index[at] = len(p.unwrittenPlaces)
				if !pred && places != nil {
					at.place = places[r]
				}
				p.unwrittenPlaces, p.unwritten = append(p.unwrittenPlaces, at), append(p.unwritten, lanes)
			}
		}
	}
	add(regs, false, fullMask)
	add(preds, true, fullMask)
	add(copies, false, 0)
	if len(index) == 0 {
		return
	}
	for i, f := range flows {
		u := unwrittenUse{guard: -1}
		at := func(r int, pred bool, f func(at int)) {
			if at, ok := index[unwrittenPlace{r, pred}]; ok {
				u.touch.add(at)
				f(at)
			}
		}
		read := func(at int) { u.uses = append(u.uses, at) }
		write := func(at int) { u.writes = append(u.writes, unwrittenMove{at, -1}) }
		at(p.code[i].guard, true, func(at int) { u.guard = at })
		if f.copies {
			from, isFrom := index[unwrittenPlace{f.uses[0], false}]
			if _, isTo := index[unwrittenPlace{f.defs[0], false}]; isFrom && isTo {
				read = func(int) {}
				write = func(at int) { u.writes = append(u.writes, unwrittenMove{at, from}) }
			}
		}
		for _, r := range f.uses {
			at(r, false, func(at int) { read(at) })
		}
		for _, r := range f.predUses {
			if r != p.code[i].guard {
				at(r, true, func(at int) { read(at) })
			}
		}
		for _, r := range f.defs {
			at(r, false, func(at int) { write(at) })
		}
		for _, r := range f.predDefs {
			at(r, true, func(at int) { write(at) })
		}
		if u.touch != (unwrittenSet{}) {
			p.code[i].unwritten = &u
		}
	}
}

// unwrittenOf is what a straight line of instructions without guards does; nil if it uses no such place.
func unwrittenOf(code []op) *unwrittenUse {
	u := unwrittenUse{guard: -1}
	now := map[int]int{} // of places that the line has written: as what they were before it
	was := func(at int) int {
		if from, ok := now[at]; ok {
			return from
		}
		return at
	}
	var order []int
	for i := range code {
		o := code[i].unwritten
		if o == nil {
			continue
		}
		for k, t := range o.touch {
			u.touch[k] |= t
		}
		for _, at := range o.uses {
			if from := was(at); from >= 0 && !slices.Contains(u.uses, from) {
				u.uses = append(u.uses, from)
			}
		}
		for _, m := range o.writes {
			from := m.from
			if from >= 0 {
				from = was(from)
			}
			if _, ok := now[m.to]; !ok {
				order = append(order, m.to)
			}
			now[m.to] = from
		}
	}
	if u.touch == (unwrittenSet{}) {
		return nil
	}
	for _, to := range order {
		u.writes = append(u.writes, unwrittenMove{to, now[to]})
	}
	return &u
}

// setUnwritten says which lanes have not written place i.
func (w *warp) setUnwritten(i int, lanes uint32) {
	old := w.unwritten[i]
	w.unwritten[i] = lanes
	if (old == 0) == (lanes == 0) {
		return
	}
	// A bit stands for several places where there are more than 256.
	w.open[i>>6&3] &^= 1 << (i & 63)
	for k := i & 255; k < len(w.unwritten); k += 256 {
		if w.unwritten[k] != 0 {
			w.open.add(i)
			return
		}
	}
}

// forgetWritten is for a new block.
func (w *warp) forgetWritten() {
	w.unwritten = append(w.unwritten[:0], w.prog.unwritten...)
	w.open = unwrittenSet{}
	for i, lanes := range w.unwritten {
		if lanes != 0 {
			w.open.add(i)
		}
	}
}

// useUnwritten makes the lanes of m undefined that have not written place i.
func (w *warp) useUnwritten(i int, m uint32) {
	bad := w.unwritten[i] & m
	if bad == 0 {
		return
	}
	w.setUnwritten(i, w.unwritten[i]&^bad)
	u, from := w.meetUndefined(), origin{pc: w.pc - 1, space: spaceReg}
	if p := w.prog.unwrittenPlaces[i]; p.pred {
		u.setPred(p.place, bad, bad, from)
	} else {
		u.setAll(p.place, bad, noMask, from)
	}
}

// moveUnwritten is what the lanes of m write.
func (w *warp) moveUnwritten(moves []unwrittenMove, m uint32) {
	was := w.moved[:0]
	for _, v := range moves {
		lanes := uint32(0)
		if v.from >= 0 {
			lanes = w.unwritten[v.from] & m
		}
		was = append(was, lanes)
	}
	for i, v := range moves {
		if now := w.unwritten[v.to]&^m | was[i]; now != w.unwritten[v.to] {
			w.setUnwritten(v.to, now)
		}
	}
	w.moved = was
}

// written says that a straight line reads nothing that some active lane has not written. It notes what the line writes.
func (w *warp) written(u *unwrittenUse) bool {
	for _, i := range u.uses {
		if w.unwritten[i]&w.active != 0 {
			return false
		}
	}
	w.moveUnwritten(u.writes, w.active)
	return true
}
