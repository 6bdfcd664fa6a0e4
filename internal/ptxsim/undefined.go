package ptxsim

import (
	"fmt"
	"math/bits"
)

// Undefined values are bits of memory that nothing wrote, and registers and predicates that a thread has not written. They
// may be copied, and computed with. They are a fault where they decide something: an address, a branch,
// whether a store is executed, the operand of an atomic or of a barrier, or an output (see storeUndefined).
//
// A warp keeps account of them only while it has some: from the first instruction that meets one on, it
// executes one instruction after the other, and before each says which bits of the results are undefined
// (undefinedRule), as Valgrind's Memcheck does (Seward and Nethercote, "Using Valgrind to detect undefined
// value errors with bit-precision", 2005). In memory an undefined byte is one that is not written; of those
// with defined bits, too, partialBytes knows.

// undefined is what a warp knows of its undefined values.
type undefined struct {
	n        int                // registers and predicates that have some
	bits     [][warpSize]uint64 // by register and lane, of the lanes that have some
	lanes    []uint32           // by register
	computed []uint32           // by register: lanes whose bits are a result of arithmetic, not of moves
	from     []origin           // by register, of its lowest such lane
	preds    []uint32           // by predicate: lanes
	predFrom []origin
	carry    uint32 // lanes

	carryFrom origin
}

// origin is where an undefined value came from: a load at pc from memory, or, at no space, a register.
type origin struct {
	pc    int
	space space
	addr  uint64
}

// meetUndefined makes the warp keep account of undefined values.
func (w *warp) meetUndefined() *undefined {
	if w.undef != nil {
		return w.undef
	}
	if s := w.spare; s != nil && len(s.lanes) == w.prog.regs && len(s.preds) == w.prog.preds {
		w.undef = s
		return s
	}
	n, p := w.prog.regs, w.prog.preds
	w.undef = &undefined{
		bits: make([][warpSize]uint64, n), lanes: make([]uint32, n), computed: make([]uint32, n), from: make([]origin, n),
		preds: make([]uint32, p), predFrom: make([]origin, p),
	}
	w.spare = w.undef
	return w.undef
}

// forgetUndefined is for a new block.
func (w *warp) forgetUndefined() {
	if u := w.undef; u != nil {
		clear(u.lanes)
		clear(u.preds)
		u.n, u.carry = 0, 0
		w.undef = nil
	}
}

// set makes the bits b of one lane of a register undefined; 0: none.
func (u *undefined) set(reg, lane int, b uint64, computed bool, from origin) {
	one := uint32(1) << lane
	if b == 0 {
		u.clear(reg, one)
		return
	}
	if u.lanes[reg] == 0 {
		u.n++
	}
	u.bits[reg][lane&31] = b
	u.lanes[reg] |= one
	u.computed[reg] &^= one
	if computed {
		u.computed[reg] |= one
	}
	if u.lanes[reg]&(one-1) == 0 {
		u.from[reg] = from
	}
}

// setAll makes whole lanes of a register undefined.
func (u *undefined) setAll(reg int, m uint32, mask uint64, from origin) {
	for ; m != 0; m &= m - 1 {
		u.set(reg, bits.TrailingZeros32(m), mask, true, from)
	}
}

// clear makes the lanes of m of a register defined.
func (u *undefined) clear(reg int, m uint32) {
	if old := u.lanes[reg]; old != 0 {
		if u.lanes[reg] = old &^ m; old&^m == 0 {
			u.n--
		}
	}
}

// setPred makes the lanes of m of a predicate undefined where v says so, and the others defined.
func (u *undefined) setPred(p int, m, v uint32, from origin) {
	old := u.preds[p]
	now := old&^m | v&m
	u.preds[p] = now
	if v&m != 0 {
		u.predFrom[p] = from
	}
	u.n += toInt(now != 0) - toInt(old != 0)
}

// setCarry is setPred for the carry flag.
func (u *undefined) setCarry(m, v uint32, from origin) {
	if v&m != 0 {
		u.carryFrom = from
	}
	now := u.carry&^m | v&m
	u.n += toInt(now != 0) - toInt(u.carry != 0)
	u.carry = now
}

// of returns which bits of a lane of a register are undefined.
func (u *undefined) of(reg, lane int) uint64 {
	if u.lanes[reg]>>lane&1 == 0 {
		return 0
	}
	return u.bits[reg][lane&31]
}

// watch says which results of the instruction at hand will be undefined for the active lanes, before it is
// executed; false after a fault.
func (w *warp) watch(o *op) bool {
	m := w.active
	on := m
	f := o.unwritten
	if f != nil && f.guard >= 0 {
		w.useUnwritten(f.guard, m)
	}
	if o.guard >= 0 {
		on &= w.predicate(o.guard, o.neg)
	}
	if f != nil {
		for _, i := range f.uses {
			w.useUnwritten(i, on)
		}
		if w.undef != nil {
			for _, v := range f.writes {
				if v.from >= 0 {
					w.useUnwritten(v.from, on)
				}
			}
		}
	}
	if u := w.undef; u != nil {
		if u.n == 0 {
			w.undef = nil
		} else if !w.watchUndefined(o, m, on) {
			return false
		}
	}
	if f != nil {
		w.moveUnwritten(f.writes, on)
	}
	return true
}

// watchUndefined is watch for the lanes on of m, which execute the instruction; the guard of some may be undefined.
func (w *warp) watchUndefined(o *op, m, on uint32) bool {
	r, u := w.prog.rules[w.pc-1], w.undef
	unknown := uint32(0)
	if o.guard >= 0 {
		unknown = u.preds[o.guard] & m
	}
	switch {
	case r == nil:
		return true
	case unknown != 0 && r.decides:
		what := "whether the instruction is executed"
		if o.class == Control {
			what = "a branch"
		}
		w.dependsOn(unknown, what, u.predFrom[o.guard])
		return false
	case !r.wide:
		r.apply(w, on&^unknown)
	}
	for i, d := range r.defs {
		if unknown != 0 {
			u.setAll(d, unknown, r.masks[i], u.predFrom[o.guard])
		}
	}
	for _, d := range r.predDefs {
		if unknown != 0 {
			u.setPred(d, unknown, unknown, u.predFrom[o.guard])
		}
	}
	return w.fault == nil
}

// watchWide is watch for an instruction that all lanes of m execute together, when all have come.
func (w *warp) watchWide(m uint32) bool {
	if w.undef != nil {
		if r := w.prog.rules[w.pc-1]; r != nil && r.wide {
			r.apply(w, m)
		}
	}
	return w.fault == nil
}

// dependsOn reports an undefined value that decides something.
func (w *warp) dependsOn(m uint32, what string, from origin) {
	w.fail(bits.TrailingZeros32(m), ErrUninitialized, "%s depends on %s", what, w.describeOrigin(from))
}

func (w *warp) describeOrigin(from origin) string {
	line := w.prog.code[from.pc].line
	if from.space == spaceReg {
		return fmt.Sprintf("a register that nothing writes in this thread before line %d", line)
	}
	return fmt.Sprintf("%s, which nothing wrote, loaded in line %d", w.describeByte(from.space, from.addr), line)
}

// describeByte names a byte of memory.
func (w *warp) describeByte(sp space, addr uint64) string {
	switch sp {
	case spaceShared:
		return "shared memory at " + describe(w.blk.shared.vars, addr&(1<<rankShift-1))
	case spaceCluster:
		b, at := w.blockOf(sp, addr)
		return fmt.Sprintf("shared memory of block %v at %s", b.ctaid, describe(b.shared.vars, at))
	case spaceLocal:
		return "local memory at " + describe(w.prog.localVars, addr&^windowMask)
	}
	if a, off := w.blk.launch.dev.find(addr); a != nil {
		return fmt.Sprintf("byte %s+%d", a.label, off)
	}
	return fmt.Sprintf("%v address %#x", sp, addr)
}
