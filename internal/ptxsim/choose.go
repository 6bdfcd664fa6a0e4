package ptxsim

import (
	"math/bits"
	"slices"
)

func isValue(t typ) bool {
	return t.kind <= kindInt && t.bits >= 16 || isFloating(t)
}

// comparison returns the test that an operator names for type t; nil if there is none.
func comparison(op string, t typ, ftz bool) func(a, b uint64) bool {
	if !t.integer() {
		get := func(v uint64) float64 {
			switch {
			case ftz && t.bits == 16:
				v = flush16(v)
			case ftz:
				v = flush(v)
			}
			return decodeFloat(v, t)
		}
		ordered := map[string]func(a, b float64) bool{
			"eq": func(a, b float64) bool { return a == b }, "ne": func(a, b float64) bool { return a < b || a > b },
			"lt": func(a, b float64) bool { return a < b }, "le": func(a, b float64) bool { return a <= b },
			"gt": func(a, b float64) bool { return a > b }, "ge": func(a, b float64) bool { return a >= b },
			"equ": func(a, b float64) bool { return !(a < b || a > b) }, "neu": func(a, b float64) bool { return a != b },
			"ltu": func(a, b float64) bool { return !(a >= b) }, "leu": func(a, b float64) bool { return !(a > b) },
			"gtu": func(a, b float64) bool { return !(a <= b) }, "geu": func(a, b float64) bool { return !(a < b) },
			"num": func(a, b float64) bool { return a == a && b == b }, "nan": func(a, b float64) bool { return a != a || b != b },
		}
		f := ordered[op]
		if f == nil {
			return nil
		}
		return func(a, b uint64) bool { return f(get(a), get(b)) }
	}
	equal := map[string]func(a, b uint64) bool{
		"eq": func(a, b uint64) bool { return a == b }, "ne": func(a, b uint64) bool { return a != b },
	}
	if f := equal[op]; f != nil || t.kind == kindBits {
		return f
	}
	if t.signed() {
		n := t.bits
		return map[string]func(a, b uint64) bool{
			"lt": func(a, b uint64) bool { return sext(a, n) < sext(b, n) }, "le": func(a, b uint64) bool { return sext(a, n) <= sext(b, n) },
			"gt": func(a, b uint64) bool { return sext(a, n) > sext(b, n) }, "ge": func(a, b uint64) bool { return sext(a, n) >= sext(b, n) },
		}[op]
	}
	lt, le := func(a, b uint64) bool { return a < b }, func(a, b uint64) bool { return a <= b }
	gt, ge := func(a, b uint64) bool { return a > b }, func(a, b uint64) bool { return a >= b }
	return map[string]func(a, b uint64) bool{"lt": lt, "le": le, "gt": gt, "ge": ge, "lo": lt, "ls": le, "hi": gt, "hs": ge}[op]
}

// compare reads the operator of setp or set, and the predicate that is
// combined with the result, and returns how to compute the lanes' answers.
// shift chooses the low or high number of a pair.
func (x *building) compare(t typ, extra, shift int) func(w *warp, m uint32) (yes, no uint32) {
	x.class = Move
	ftz := (t == f32 || isF16(t)) && x.has("ftz")
	join := x.opt("and", "or", "xor")
	if len(x.mods) == 0 {
		x.bad("expected a comparison")
	}
	operator := x.mods[0]
	f := comparison(operator, half(t), ftz)
	if f == nil {
		x.bad("comparison .%s is not supported for type %v", x.mods[0], t)
	}
	x.mods = x.mods[1:]
	a, b := x.src(1, t), x.src(2, t)
	c, neg := predTrue, false
	if join == "" {
		x.nargs(3, 3)
		join = "and"
	} else {
		x.nargs(4, 4)
		c, neg = x.pred(x.in.args[extra])
	}
	if !ftz && !isHalf(t) {
		x.compared, x.joined = comparisonLanes(operator, t, a, b), join
	}
	x.compareRule(operator, t, join, f)
	if isHalf(t) {
		whole := f
		f = func(a, b uint64) bool { return whole(a>>shift&0xFFFF, b>>shift&0xFFFF) }
	}
	return func(w *warp, m uint32) (yes, no uint32) {
		ra, rb := &w.r[a], &w.r[b]
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			if f(ra[l], rb[l]) {
				yes |= 1 << l
			}
		}
		with := w.predicate(c, neg)
		switch no = ^yes; join {
		case "and":
			return yes & with, no & with
		case "or":
			return yes | with, no | with
		}
		return yes ^ with, no ^ with
	}
}

// comparisonLanes returns the record of a comparison of registers a and b, without its predicate.
func comparisonLanes(operator string, t typ, a, b int) *lanesOp {
	const negated = fullMask
	if t.integer() {
		o := map[string]struct {
			op   uint32
			swap bool
		}{
			"eq": {lanesEqual, false}, "ne": {lanesNotEqual, false},
			"lt": {lanesLess, false}, "le": {lanesLessEqual, false}, "gt": {lanesLess, true}, "ge": {lanesLessEqual, true},
			"lo": {lanesLess, false}, "ls": {lanesLessEqual, false}, "hi": {lanesLess, true}, "hs": {lanesLessEqual, true},
		}[operator]
		if o.swap {
			a, b = b, a
		}
		r := lane(o.op, 0, a, b, 0, 0, signOf(t))
		return &r
	}
	o := map[string]struct {
		op, double uint32
		swap       bool
		invert     uint64
	}{
		"eq": {lanesFloatEqual, lanesDoubleEqual, false, 0}, "neu": {lanesFloatEqual, lanesDoubleEqual, false, negated},
		"ne": {lanesFloatNotEqual, lanesDoubleNotEqual, false, 0}, "equ": {lanesFloatNotEqual, lanesDoubleNotEqual, false, negated},
		"lt": {lanesFloatLess, lanesDoubleLess, false, 0}, "geu": {lanesFloatLess, lanesDoubleLess, false, negated},
		"gt": {lanesFloatLess, lanesDoubleLess, true, 0}, "leu": {lanesFloatLess, lanesDoubleLess, true, negated},
		"le": {lanesFloatLessEqual, lanesDoubleLessEqual, false, 0}, "gtu": {lanesFloatLessEqual, lanesDoubleLessEqual, false, negated},
		"ge": {lanesFloatLessEqual, lanesDoubleLessEqual, true, 0}, "ltu": {lanesFloatLessEqual, lanesDoubleLessEqual, true, negated},
		"num": {lanesFloatOrdered, lanesDoubleOrdered, false, 0}, "nan": {lanesFloatOrdered, lanesDoubleOrdered, false, negated},
	}[operator]
	if o.swap {
		a, b = b, a
	}
	if t == f64 {
		o.op = o.double
	}
	r := lane(o.op, 0, a, b, 0, o.invert)
	return &r
}

// both returns compare for the low and the high number of a pair; high is nil for other types.
func (x *building) both(t typ, extra int) (low, high func(w *warp, m uint32) (yes, no uint32)) {
	if t.bits == 16 || !isHalf(t) {
		return x.compare(t, extra, 0), nil
	}
	mods := slices.Clone(x.mods)
	low = x.compare(t, extra, 0)
	x.mods = mods
	return low, x.compare(t, extra, 16)
}

// buildSetp: p = (a op b) join c, q = !(a op b) join c; for pairs p and q are of the low and high numbers.
func buildSetp(x *building) exec {
	t := x.typ(func(t typ) bool { return isValue(t) || isHalf(t) })
	x.nargs(3, 4)
	o := x.in.args[0]
	q := -1
	if o.kind == opPair {
		q, o = x.dstPred(o.sub[1]), o.sub[0]
	}
	p := x.dstPred(o)
	x.answers = [2]int{p, max(q, 0)}
	f, high := x.both(t, 3)
	if o := x.compared; o != nil && q < 0 {
		by := x.conditions // that it is joined with
		o.d = uint32(4 * p)
		switch {
		case len(by) == 0:
			x.whole(*o)
		case by[0].p != p:
			x.whole(*o, predicateLane(x.joined, p, condition{p: p}, by[0]))
		}
	}
	return func(w *warp, m uint32) {
		yes, no := f(w, m)
		if high != nil {
			no, _ = high(w, m)
		}
		w.setPredicate(p, m, yes)
		if q >= 0 {
			w.setPredicate(q, m, no)
		}
	}
}

// buildSet: all ones or 1.0 where the comparison holds, else 0; for pairs in each half.
func buildSet(x *building) exec {
	t := x.typ(func(t typ) bool { return isValue(t) || isHalf(t) })
	to := x.typ(func(to typ) bool {
		switch {
		case isHalf(to):
			return to == t
		case isHalf(t) && t.bits == 16 && to.bits == 16:
			return isInt(to)
		}
		return to == u32 || to == types["s32"] || to == f32 && !isHalf(t)
	})
	x.nargs(3, 4)
	d := x.dst(0, to)
	f, high := x.both(t, 3)
	one := to.mask()
	switch {
	case to == f32:
		one = 0x3F800000
	case isHalf(to):
		one = encodeFloat(1, half(to), "rn")
	case high != nil:
		one = 0xFFFF
	}
	return func(w *warp, m uint32) {
		yes, _ := f(w, m)
		up := uint32(0)
		if high != nil {
			up, _ = high(w, m)
		}
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			w.r[d][l] = one*uint64(yes>>l&1) | one<<16*uint64(up>>l&1)
		}
	}
}

func buildSelp(x *building) exec {
	x.class = Move
	t := x.typ(isValue)
	x.nargs(4, 4)
	d, a, b := x.dst(0, t), x.src(1, t), x.src(2, t)
	p, neg := x.pred(x.in.args[3])
	by := condition{p, neg}
	x.chooseRule(by.may)
	choose := lane(lanesChoose, d, a, b, 0, ones(neg))
	choose.c = uint32(4 * p)
	x.whole(choose)
	return func(w *warp, m uint32) {
		rd, ra, rb := &w.r[d], &w.r[a], &w.r[b]
		for yes := w.predicate(p, neg); m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			if yes>>l&1 != 0 {
				rd[l] = ra[l]
			} else {
				rd[l] = rb[l]
			}
		}
	}
}

// ones is the number that inverts a predicate where neg is set.
func ones(neg bool) uint64 {
	if neg {
		return fullMask
	}
	return 0
}

// buildSlct: a where c >= 0, else b.
func buildSlct(x *building) exec {
	x.class = Move
	by := x.typ(func(t typ) bool { return t == types["s32"] || t == f32 })
	t := x.typ(isValue)
	ftz := by == f32 && x.has("ftz")
	x.nargs(4, 4)
	d, a, b, c := x.dst(0, t), x.src(1, t), x.src(2, t), x.src(3, by)
	x.chooseRule(func(w *warp, _ *undefined, lane int) maybe {
		v := w.partly(c, lane)
		switch {
		case v.u&sign32 != 0 || by == f32 && v.u != 0:
			return mayBeBoth
		case by == f32:
			return certain(fromF32(v.v) >= 0)
		}
		return certain(v.v&sign32 == 0)
	})
	return x.map3(d, a, b, c, func(a, b, c uint64) uint64 {
		if ftz {
			c = flush(c)
		}
		if by == f32 && fromF32(c) >= 0 || by != f32 && sext(c, 32) >= 0 {
			return a
		}
		return b
	})
}

// buildMov copies, takes addresses, packs and unpacks.
func buildMov(x *building) exec {
	x.class = Move
	t := x.typ(func(t typ) bool { return t.kind == kindPred || isValue(t) })
	x.nargs(2, 2)
	to, from := x.in.args[0], x.in.args[1]
	switch {
	case t.kind == kindPred:
		d := x.dstPred(to)
		a, neg := x.pred(from)
		x.whole(predicateLane("and", d, condition{a, neg}, condition{p: predTrue}))
		return func(w *warp, m uint32) { w.setPredicate(d, m, w.predicate(a, neg)) }
	case to.kind == opVector:
		part := x.part(t, to)
		a := x.src(1, t)
		var dst []int
		for _, o := range to.sub {
			dst = append(dst, x.dstOperand(o, part, false))
		}
		if !slices.Contains(dst, a) {
			for i, d := range dst {
				x.whole(lane(lanesPart, d, a, 0, 0, uint64(i*part.bits), part.mask()))
			}
		}
		return func(w *warp, m uint32) {
			v := w.r[a]
			for ; m != 0; m &= m - 1 {
				l := bits.TrailingZeros32(m)
				for i, d := range dst {
					w.r[d][l] = v[l] >> (i * part.bits) & part.mask()
				}
			}
		}
	case from.kind == opVector:
		part := x.part(t, from)
		d := x.dst(0, t)
		var src []int
		for _, o := range from.sub {
			src = append(src, x.srcOperand(o, part, false))
		}
		if len(src) == 2 {
			x.whole(lane(lanesPair, d, src[0], src[1], 0, uint64(part.bits)))
		}
		return func(w *warp, m uint32) {
			for ; m != 0; m &= m - 1 {
				l := bits.TrailingZeros32(m)
				v := uint64(0)
				for i, a := range src {
					v |= w.r[a][l] << (i * part.bits)
				}
				w.r[d][l] = v
			}
		}
	}
	if clock := x.readClock(t); clock != nil {
		return clock
	}
	d, a := x.dst(0, t), x.src(1, t)
	x.whole(lane(lanesMove, d, a, 0, 0))
	return func(w *warp, m uint32) {
		if m == fullMask {
			w.r[d] = w.r[a]
			return
		}
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			w.r[d][l] = w.r[a][l]
		}
	}
}

// part returns the type of one of the parts that make up t.
func (x *building) part(t typ, o operand) typ {
	n := len(o.sub)
	if n != 2 && n != 4 || t.bits/n < 16 {
		x.bad("a vector of %d does not make %d bits", n, t.bits)
	}
	return typ{kindBits, t.bits / n}
}
