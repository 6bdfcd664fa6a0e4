package ptxsim

import (
	"math/bits"
	"slices"
)

// Which predicates are undefined, and what follows where one chooses.

// condition is a predicate operand.
type condition struct {
	p   int
	neg bool
}

// may returns what the operand may be for a lane.
func (c condition) may(w *warp, u *undefined, lane int) maybe {
	if u.preds[c.p]>>lane&1 != 0 {
		return mayBeBoth
	}
	return certain(w.predicate(c.p, c.neg)>>lane&1 != 0)
}

// predicateRule is for and, or, xor, not and mov of predicates.
func (x *building) predicateRule(op string) func(w *warp, u *undefined, m uint32) {
	cs, d := slices.Clone(x.conditions), x.predDefs
	return func(w *warp, u *undefined, m uint32) {
		any, from := uint32(0), origin{}
		for _, c := range cs {
			if bad := u.preds[c.p] & m; bad != 0 {
				any, from = any|bad, u.predFrom[c.p]
			}
		}
		now := uint32(0)
		for left := any; left != 0; left &= left - 1 {
			l := bits.TrailingZeros32(left)
			r := cs[0].may(w, u, l)
			if len(cs) > 1 {
				r = r.joined(op, cs[1].may(w, u, l))
			}
			if r == mayBeBoth {
				now |= 1 << l
			}
		}
		for _, p := range d {
			u.setPred(p, m, now, from)
		}
	}
}

// compareRule is for setp and set with an operator, of operands of type t, and perhaps a join with a predicate.
func (x *building) compareRule(operator string, t typ, join string, f func(a, b uint64) bool) {
	a, b, cs := x.sources[0], x.sources[1], slices.Clone(x.conditions)
	answers, defs, masks := x.answers, x.flow.defs, x.defMasks
	pair := isHalf(t) && t.bits == 32
	may := func(p, q partly) maybe {
		switch {
		case t.integer():
			return compared(operator, t, p, q)
		case p.u|q.u != 0 || pair:
			return mayBeBoth
		}
		return certain(f(p.v, q.v))
	}
	x.own = func(w *warp, u *undefined, m uint32) {
		any, from := u.lanes[a]&m, u.from[a]
		if bad := u.lanes[b] & m; bad != 0 {
			any, from = any|bad, u.from[b]
		}
		for _, c := range cs {
			if bad := u.preds[c.p] & m; bad != 0 {
				any, from = any|bad, u.predFrom[c.p]
			}
		}
		var first, second uint32 // of the result and of that of the opposite
		for left := any; left != 0; left &= left - 1 {
			l := bits.TrailingZeros32(left)
			yes := may(w.partly(a, l), w.partly(b, l))
			no := yes.not()
			if len(cs) > 0 {
				c := cs[0].may(w, u, l)
				yes, no = yes.joined(join, c), no.joined(join, c)
			}
			if yes == mayBeBoth {
				first |= 1 << l
			}
			if no == mayBeBoth {
				second |= 1 << l
			}
		}
		for i, p := range answers {
			if p >= firstPred {
				u.setPred(p, m, [2]uint32{first, second}[i], from)
			}
		}
		for i, d := range defs {
			u.clear(d, m&^first)
			u.setAll(d, first, masks[i], from)
		}
	}
}

// chooseRule is for selp and slct: one of the first two operands.
func (x *building) chooseRule(choice func(w *warp, u *undefined, lane int) maybe) {
	a, b, d, mask := x.sources[0], x.sources[1], x.flow.defs[0], x.defMasks[0]
	sources, preds := slices.Clone(x.sources), slices.Clone(x.predUses)
	x.own = func(w *warp, u *undefined, m uint32) {
		any, from := uint32(0), origin{}
		for _, p := range preds {
			if bad := u.preds[p] & m; bad != 0 {
				any, from = any|bad, u.predFrom[p]
			}
		}
		for _, s := range sources {
			if bad := u.lanes[s] & m; bad != 0 {
				any, from = any|bad, u.from[s]
			}
		}
		ca, cb := u.computed[a], u.computed[b]
		for left := any; left != 0; left &= left - 1 {
			l := bits.TrailingZeros32(left)
			p, q := w.partly(a, l), w.partly(b, l)
			switch choice(w, u, l) {
			case mayBeTrue:
				u.set(d, l, p.u, ca>>l&1 != 0, from)
			case mayBeFalse:
				u.set(d, l, q.u, cb>>l&1 != 0, from)
			default:
				u.set(d, l, (p.u|q.u|(p.v^q.v))&mask, true, from)
			}
		}
		u.clear(d, m&^any)
	}
}

// carryRule is for extended-precision arithmetic: an undefined operand or flag makes result and flag undefined.
func (x *building) carryRule(carryIn, write bool) {
	sources, d, mask := slices.Clone(x.sources), x.flow.defs[0], x.defMasks[0]
	x.own = func(w *warp, u *undefined, m uint32) {
		any, from := uint32(0), origin{}
		if carryIn && u.carry&m != 0 {
			any, from = u.carry&m, u.carryFrom
		}
		for _, s := range sources {
			if bad := u.lanes[s] & m; bad != 0 {
				any, from = any|bad, u.from[s]
			}
		}
		u.clear(d, m&^any)
		u.setAll(d, any, mask, from)
		if write {
			u.setCarry(m, any, from)
		}
	}
}
