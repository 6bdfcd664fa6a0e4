package ptxsim

import "slices"

// Registers and predicates that a thread may read before it has written them are known beforehand: the flow of
// control allows it. For these few a warp notes which lanes have written them, until all have. A read by
// another lane is one of an undefined value.

// unwrittenPlace is such a register or predicate.
type unwrittenPlace struct {
	place int
	pred  bool
}

// unwrittenUse is what an instruction or a straight line of them does with such places, by their
// indices: uses are read before the line itself writes them.
type unwrittenUse struct {
	guard      int // that of an instruction; -1: none of them
	uses, defs []int
}

// findUnwritten finds the places of a program, and what uses them.
func (p *program) findUnwritten(d *decoder) {
	filled := make([]bool, max(p.regs, d.named))
	for _, c := range p.consts {
		filled[c.reg] = true
	}
	for _, s := range p.specials {
		filled[s.reg] = true
	}
	conditions := make([]flow, len(d.flows))
	for i, f := range d.flows {
		conditions[i] = flow{uses: f.predUses, defs: f.predDefs, targets: f.targets, falls: f.falls, keeps: f.keeps}
	}
	regs, preds := readFirst(d.flows, p.regs, len(d.entries) > 1), readFirst(conditions, p.preds, len(d.entries) > 1)
	regs = slices.DeleteFunc(regs, func(r int) bool { return filled[r] || slices.Contains(p.scratch, r) })
	preds = slices.DeleteFunc(preds, func(r int) bool { return r < firstPred })
	index := map[unwrittenPlace]int{}
	add := func(list []int, pred bool) {
		for _, r := range list {
			at := unwrittenPlace{r, pred}
			index[at] = len(p.unwrittenPlaces)
			p.unwrittenPlaces, p.unwritten = append(p.unwrittenPlaces, at), append(p.unwritten, fullMask)
		}
	}
	add(regs, false)
	add(preds, true)
	if len(index) == 0 {
		return
	}
	for i, f := range d.flows {
		u := unwrittenUse{guard: -1}
		of := func(list []int, pred bool, to *[]int) {
			for _, r := range list {
				if at, ok := index[unwrittenPlace{r, pred}]; ok && !slices.Contains(*to, at) {
					*to = append(*to, at)
				}
			}
		}
		if at, ok := index[unwrittenPlace{p.code[i].guard, true}]; ok {
			u.guard = at
		}
		of(f.uses, false, &u.uses)
		of(f.predUses, true, &u.uses)
		of(f.defs, false, &u.defs)
		of(f.predDefs, true, &u.defs)
		if u.guard >= 0 || u.uses != nil || u.defs != nil {
			p.code[i].unwritten = &u
		}
	}
}

// readFirst returns the registers that may be read before they are written. With calls, whose flow is not
// known here, they are those that nothing writes.
func readFirst(code []flow, regs int, calls bool) (list []int) {
	if !calls {
		entry, _ := stretches(code, regs)
		entry.each(func(r int) { list = append(list, r) })
		return list
	}
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

// unwrittenOf is what a straight line of instructions without guards does; nil if it uses no such place.
func unwrittenOf(code []op) *unwrittenUse {
	u := unwrittenUse{guard: -1}
	for i := range code {
		o := code[i].unwritten
		if o == nil {
			continue
		}
		for _, at := range o.uses {
			if !slices.Contains(u.defs, at) && !slices.Contains(u.uses, at) {
				u.uses = append(u.uses, at)
			}
		}
		for _, at := range o.defs {
			if !slices.Contains(u.defs, at) {
				u.defs = append(u.defs, at)
			}
		}
	}
	if u.uses == nil && u.defs == nil {
		return nil
	}
	return &u
}

// useUnwritten makes the lanes of m undefined that have not written place i.
func (w *warp) useUnwritten(i int, m uint32) {
	bad := w.unwritten[i] & m
	if bad == 0 {
		return
	}
	w.nowWritten(i, bad)
	u, from := w.meetUndefined(), origin{pc: w.pc - 1, space: spaceReg}
	if p := w.prog.unwrittenPlaces[i]; p.pred {
		u.setPred(p.place, bad, bad, from)
	} else {
		u.setAll(p.place, bad, noMask, from)
	}
}

// nowWritten notes that the lanes of m have written place i, or that it is known that they have not.
func (w *warp) nowWritten(i int, m uint32) {
	if old := w.unwritten[i]; old != 0 {
		if w.unwritten[i] = old &^ m; old&^m == 0 {
			w.unwrittenLeft--
		}
	}
}

// written says that a straight line reads nothing that some active lane has not written. It notes what the line writes.
func (w *warp) written(s *unwrittenUse) bool {
	for _, i := range s.uses {
		if w.unwritten[i]&w.active != 0 {
			return false
		}
	}
	for _, i := range s.defs {
		w.nowWritten(i, w.active)
	}
	return true
}
