package ptxsim

import (
	"math"
	"math/big"
	"math/bits"
)

// conversion is what cvt was asked for.
type conversion struct {
	from, to       typ
	mode           string
	ftz, sat, relu bool
	integralFloat  bool // float to float, rounded to an integer
}

func isCvt(t typ) bool {
	return t.kind != kindPred && t.kind != kindBits && t.kind != kindHalf2 && t.bits >= 8
}

func buildCvt(x *building) exec {
	x.class = Convert
	from := x.typ(func(t typ) bool { return isCvt(t) && !(t.kind == kindBF16 && t.bits == 32) })
	if n := len(x.mods); n > 0 && x.mods[n-1] == "tf32" {
		return x.toTF32(from)
	}
	to := x.typ(func(t typ) bool { return isCvt(t) || t.kind == kindHalf2 })
	c := conversion{from: from, to: to, ftz: x.has("ftz"), sat: x.has("sat"), relu: x.has("relu")}
	if c.to.kind == kindBF16 && c.to.bits == 32 || c.to.kind == kindHalf2 {
		return x.packed(c)
	}
	x.nargs(2, 2)
	toFloat, fromFloat := !to.integer(), !from.integer()
	if c.ftz && from != f32 && to != f32 {
		x.bad("modifier .ftz needs type .f32")
	}
	if c.relu && (to.bits != 16 || from != f32) {
		x.bad("modifier .relu needs a conversion from .f32 to 16 bits")
	}
	switch {
	case c.sat && toFloat && to.kind == kindBF16:
		x.bad("modifier .sat is not supported here")
	case c.sat && !toFloat && !fromFloat && fits(from, to):
		x.bad("modifier .sat: every value of type %v fits type %v", from, to)
	}
	switch {
	case fromFloat && !toFloat:
		c.mode = x.need("rni", "rzi", "rmi", "rpi")
	case fromFloat && toFloat && from == to:
		c.mode = x.opt("rni", "rzi", "rmi", "rpi")
		c.integralFloat = c.mode != ""
	case fromFloat && toFloat && to.bits < from.bits:
		c.mode = x.need("rn", "rz", "rm", "rp")
	case toFloat && !fromFloat:
		c.mode = x.need("rn", "rz", "rm", "rp")
	case fromFloat && toFloat && from.bits == 16 && to.bits == 16:
		c.mode = x.need("rn", "rz", "rm", "rp")
	}
	o := x.in.args[0]
	d, a := x.dstOperand(o, to, true), x.srcOperand(x.in.args[1], from, true)
	extend := ^uint64(0)
	if o.kind == opReg {
		extend = o.sym.typ.mask()
	}
	mask := from.mask()
	if from.integer() && to.integer() && !c.sat { // most conversions by far
		// Both are shifted up and down again, with their signs or without.
		in, out, low := 64-from.bits, 64-to.bits, to.mask()
		toSign := signOf(to)
		if !to.signed() {
			extend = low
		}
		x.last = [4]int{d, a}
		x.wholeLast(lanesExtend, mask, signOf(from), low, toSign, extend)
		switch {
		case from.signed() && to.signed():
			return x.map1(d, a, func(v uint64) uint64 { return uint64(int64(uint64(int64(v<<in)>>in)<<out)>>out) & extend })
		case from.signed():
			return x.map1(d, a, func(v uint64) uint64 { return uint64(int64(v<<in)>>in) & low })
		case to.signed():
			return x.map1(d, a, func(v uint64) uint64 { return uint64(int64((v&mask)<<out)>>out) & extend })
		}
		return x.map1(d, a, func(v uint64) uint64 { return v & mask & low })
	}
	x.last = [4]int{d, a}
	if s := x.in.args[1].sym; s == nil || s.typ.bits == from.bits {
		x.convertLanes(c, extend)
	}
	if to.signed() {
		return x.map1(d, a, func(v uint64) uint64 { return uint64(sext(c.apply(v&mask), to.bits)) & extend })
	}
	return x.map1(d, a, func(v uint64) uint64 { return c.apply(v & mask) })
}

// convertLanes says how a conversion is done on whole registers, of those that are frequent.
func (x *building) convertLanes(c conversion, extend uint64) {
	plain := !c.ftz && !c.sat && !c.relu
	bf16 := typ{kindBF16, 16}
	switch {
	case !plain:
	case c.from == f32 && c.to == bf16 && c.mode == "rn":
		x.wholeLast(lanesToBF16)
	case c.from == f32 && c.to == f64 && !c.integralFloat:
		x.wholeLast(lanesFloatToDouble)
	case c.from == f64 && c.to == f32 && c.mode == "rn":
		x.wholeLast(lanesDoubleToFloat)
	case c.from == bf16 && c.to == f32:
		x.wholeLast(lanesFromBF16)
	case c.from.integer() && c.to == f32 && c.mode == "rn" && (c.from.bits == 32 || c.from.bits == 64 && c.from.signed()):
		s := signOf(c.from)
		if c.from.bits == 64 {
			s = 0
		}
		x.wholeLast(lanesIntegerToFloat, s)
	case c.from == f32 && c.to.integer() && c.to.bits == 32 && extend == c.to.mask() && (c.mode == "rni" || c.mode == "rzi"):
		lo, hi := 0.0, float64(c.to.mask())
		if c.to.signed() {
			lo, hi = math.MinInt32, math.MaxInt32
		}
		op := uint32(lanesFloatTruncated)
		if c.mode == "rni" {
			op = lanesFloatNearest
		}
		x.wholeLast(op, math.Float64bits(lo), math.Float64bits(hi), c.to.mask())
	}
}

// packed builds cvt.rn{.relu}.bf16x2.f32 d, a, b: a goes to the high half.
func (x *building) packed(c conversion) exec {
	x.nargs(3, 3)
	if c.from != f32 || c.ftz || c.sat {
		x.bad("only a conversion of two .f32 without .ftz and .sat is supported")
	}
	c.mode = x.need("rn", "rz")
	to := typ{c.to.kind, 16}
	if c.to.kind == kindHalf2 {
		to.kind = kindFloat
	}
	one := conversion{from: f32, to: to, mode: c.mode, relu: c.relu}
	e := x.map2(x.dst(0, b32), x.src(1, f32), x.src(2, f32), func(a, b uint64) uint64 { return one.apply(a)<<16 | one.apply(b) })
	if to.kind == kindBF16 && c.mode == "rn" && !c.relu {
		x.wholeLast(lanesToBF16Pair)
	}
	return e
}

// apply converts one value.
func (c *conversion) apply(v uint64) uint64 {
	if c.ftz && c.from == f32 {
		v = flush(v)
	}
	var r uint64
	switch {
	case c.from.integer() && c.to.integer():
		return c.intToInt(v)
	case c.from.integer():
		r = c.intToFloat(v)
	case c.to.integer():
		return c.floatToInt(decodeFloat(v, c.from))
	default:
		r = c.floatToFloat(v)
	}
	if isF16(c.to) && c.sat {
		switch f := fromF16(r); {
		case !(f > 0):
			r = 0
		case f > 1:
			r = 0x3C00
		}
	}
	if c.to == f32 {
		if c.sat {
			r = saturate(r)
		}
		if c.ftz {
			r = flush(r)
		}
	}
	return r
}

// fits says that every value of from is one of to.
func fits(from, to typ) bool {
	switch {
	case from.signed() == to.signed():
		return from.bits <= to.bits
	case to.signed():
		return from.bits < to.bits
	}
	return false
}

// toTF32 builds cvt.rna.tf32.f32 and the forms with rn and rz: 10 bits of fraction, the others 0.
func (x *building) toTF32(from typ) exec {
	x.mods = x.mods[:len(x.mods)-1]
	if from != f32 {
		x.bad("type %v is not supported", from)
	}
	mode, relu := x.need("rna", "rn", "rz"), x.has("relu")
	x.nargs(2, 2)
	return x.map1(x.dst(0, b32), x.src(1, f32), func(a uint64) uint64 {
		switch {
		case a&0x7F800000 == 0x7F800000 && a&0x7FFFFF != 0:
			return nan32
		case relu && a>>31 != 0:
			return 0
		case a&0x7F800000 == 0x7F800000:
			return a
		case mode == "rna":
			a += 0x1000
		case mode == "rn":
			a += 0xFFF + a>>13&1
		}
		return a &^ 0x1FFF
	})
}

func (c *conversion) intToInt(v uint64) uint64 {
	if c.from.signed() {
		v = uint64(sext(v, c.from.bits))
	}
	if c.sat {
		top := c.to.mask()
		if c.to.signed() {
			top >>= 1
		}
		switch {
		case c.from.signed() && int64(v) < 0 && !c.to.signed():
			return 0
		case c.from.signed() && int64(v) < 0:
			v = uint64(max(int64(v), -int64(top)-1))
		case v > top:
			v = top
		}
	}
	return v & c.to.mask()
}

func (c *conversion) intToFloat(v uint64) uint64 {
	signed := c.from.signed()
	s := sext(v, c.from.bits)
	switch {
	case c.from.bits == 64 && c.to == f32 && signed && c.mode == "rn":
		return bits32(float32(s))
	case c.from.bits == 64 && c.to == f32 && c.mode == "rn":
		return bits32(float32(v))
	}
	f := float64(v)
	if signed {
		f = float64(s)
	}
	if c.from.bits == 64 {
		x := new(big.Float).SetPrec(64).SetUint64(v)
		if signed {
			x.SetInt64(s)
		}
		if rest := x.Cmp(exact(f)); c.to == f64 {
			f = directed64(f, rest, c.mode)
		} else {
			f = odd(f, float64(rest))
		}
	}
	return encodeFloat(f, c.to, c.mode)
}

func encodeFloat(f float64, t typ, mode string) uint64 {
	switch {
	case t == f32:
		return bits32(to32(f, mode))
	case t == f64:
		return bits64(f)
	case mode == "rm" || mode == "rp":
		return directed16(f, t, mode)
	case t.kind == kindBF16:
		return toBF16(f, mode)
	}
	return toF16(f, mode)
}

func roundIntegral(f float64, mode string) float64 {
	switch mode {
	case "rni":
		return math.RoundToEven(f)
	case "rzi":
		return math.Trunc(f)
	case "rmi":
		return math.Floor(f)
	}
	return math.Ceil(f)
}

// floatToInt rounds and clamps to the range of the type; NaN gives 0.
func (c *conversion) floatToInt(f float64) uint64 {
	f = roundIntegral(f, c.mode)
	top := math.Ldexp(1, c.to.bits)
	if c.to.signed() {
		top /= 2
	}
	switch {
	case f != f:
		return 0
	case f >= top && c.to.signed():
		return c.to.mask() >> 1
	case f >= top:
		return c.to.mask()
	case c.to.signed():
		return uint64(int64(max(f, -top))) & c.to.mask()
	case f <= 0:
		return 0
	}
	return uint64(f)
}

func (c *conversion) floatToFloat(v uint64) uint64 {
	f := decodeFloat(v, c.from)
	if c.integralFloat {
		f = roundIntegral(f, c.mode)
	}
	if c.relu && f < 0 {
		f = 0
	}
	mode := c.mode
	if c.integralFloat {
		mode = "rn"
	}
	return encodeFloat(f, c.to, mode)
}

// buildCvta converts between an address of a space and a generic address.
// Global and constant addresses are generic ones.
func buildCvta(x *building) exec {
	x.class = Convert
	t := x.typ(func(t typ) bool { return t == types["u64"] })
	to := x.has("to")
	sp := spaces[x.need("global", "shared", "shared::cta", "shared::cluster", "local", "const", "param")]
	window := map[space]uint64{spaceShared: sharedWindow, spaceCluster: sharedWindow, spaceLocal: localWindow, spaceParam: paramWindow}[sp]
	if to {
		window = -window
	}
	return x.as(x.op1(t, func(a uint64) uint64 { return a + window }), lanesAddNumber, window)
}

func buildIsspacep(x *building) exec {
	x.class = Convert
	sp := spaces[x.need("global", "shared", "shared::cta", "shared::cluster", "local", "const", "param")]
	x.nargs(2, 2)
	d, a := x.dstPred(x.in.args[0]), x.src(1, b64)
	return func(w *warp, m uint32) {
		p := uint32(0)
		for l := m; l != 0; l &= l - 1 {
			i := bits.TrailingZeros32(l)
			if at := w.spaceOf(w.r[a][i]); at == sp && (at != spaceShared || w.blk.own(w.r[a][i]&^windowMask)) || at == spaceShared && sp == spaceCluster {
				p |= 1 << i
			}
		}
		w.setPredicate(d, m, p)
	}
}
