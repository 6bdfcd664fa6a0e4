package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func xor(s isa, a, b, dst Op) {
	if s == avx512 {
		VPXORD(a, b, dst)
	} else {
		VPXOR(a, b, dst)
	}
}

// The fields of kernel.DropSite, 32-bit words in order.
const (
	siteKey0 = 4 * iota
	siteKey1
	siteStep
	sitePlace
	sitePurpose
	siteRate
	siteScale
)

// pair is a vector of 32-bit words as two: the even words and the odd ones, each in the
// lower half of 64 bits, where VPMULUDQ takes its factors from. What the upper half
// holds does not matter.
type pair [2]reg.VecVirtual

// generator is what all blocks of a site share: the multipliers, the parts of the first
// two rounds that do not depend on the counter, and round keys. AVX2 has no registers for
// these and keeps them on the stack.
type generator struct {
	s          isa
	m0, m1, u3 Op
	u0, u1, u2 Mem // vectors on the stack
	keys       Mem // words of rounds 2 to 9
}

const philoxRounds, sharedRounds = 10, 2

// newGenerator emits the preparation. site points to a kernel.DropSite.
func newGenerator(s isa, site reg.Register) *generator {
	g := &generator{s: s, m0: constant("philoxMul0", 0xD2511F53), m1: constant("philoxMul1", 0xCD9E8D57)}
	if s == avx512 {
		g.m0, g.m1 = inRegister(s, g.m0), inRegister(s, g.m1)
	}
	size := 4 * s.lanes
	g.keys = AllocLocal(4 * 2 * (philoxRounds - sharedRounds))
	shared := AllocLocal(3 * size)
	g.u0, g.u1, g.u2 = shared, shared.Offset(size), shared.Offset(2*size)
	field := func(disp int) reg.VecVirtual {
		v := s.vec()
		VPBROADCASTD(Mem{Base: site, Disp: disp}, v)
		return v
	}
	key := [2]reg.VecVirtual{field(siteKey0), field(siteKey1)}
	next := func() {
		with(VPADDD, VPADDD_BCST, constant("philoxWeyl0", 0x9E3779B9), key[0], key[0])
		with(VPADDD, VPADDD_BCST, constant("philoxWeyl1", 0xBB67AE85), key[1], key[1])
	}
	// Round 0 multiplies the counter, and the place, which is shared.
	v := field(sitePurpose)
	xor(s, key[1], v, v)
	VMOVUPS(v, g.u0)
	low, high := field(sitePlace), s.vec()
	with(VPMULUDQ, VPMULUDQ_BCST, g.m1, low, low)
	VPSRLQ(U8(32), low, high)
	xor(s, key[0], high, high)
	step := field(siteStep)
	xor(s, step, high, high)
	// Round 1 multiplies that, and a word that depends on the counter.
	next()
	xor(s, key[0], low, low)
	VMOVUPS(low, g.u1)
	with(VPMULUDQ, VPMULUDQ_BCST, g.m0, high, low)
	g.u3 = spill(s, low)
	VPSRLQ(U8(32), low, high)
	xor(s, key[1], high, high)
	VMOVUPS(high, g.u2)
	for r := range philoxRounds - sharedRounds {
		next()
		for i := range key {
			VMOVD(key[i].AsX(), g.key(r, i))
		}
	}
	return g
}

func (g *generator) key(round, i int) Mem {
	return g.keys.Offset(4 * (2*round + i))
}

func inRegister(s isa, x Op) Op {
	v := s.vec()
	VMOVUPS(x, v)
	return v
}

// spill puts a vector that is needed now and then on the stack where registers are few.
func spill(s isa, v reg.VecVirtual) Op {
	if s == avx512 {
		return v
	}
	m := AllocLocal(4 * s.lanes)
	VMOVUPS(v, m)
	return m
}

// mix emits x ^= y ^ key.
func (g *generator) mix(x, y Op, key Mem) {
	if g.s == avx512 {
		VPTERNLOGD_BCST(U8(0x96), key, y, x)
		return
	}
	k := g.s.vec()
	VPBROADCASTD(key, k)
	VPXOR(y, x, x)
	VPXOR(k, x, x)
}

// words emits the four words of the blocks whose counters are given. It leaves the
// counters as they are. A round waits for the one before, so two vectors of counters take little
// longer than one.
func (g *generator) words(counters ...pair) [][4]reg.VecVirtual {
	c := make([][4][2]Op, len(counters))
	for i, counter := range counters {
		for h := range 2 {
			s := g.s
			c0, c1, c2, c3 := s.vec(), s.vec(), s.vec(), s.vec()
			with(VPMULUDQ, VPMULUDQ_BCST, g.m0, counter[h], c3)
			VPSRLQ(U8(32), c3, c2)
			xor(s, g.u0, c2, c2)
			with(VPMULUDQ, VPMULUDQ_BCST, g.m1, c2, c1)
			VPSRLQ(U8(32), c1, c0)
			xor(s, g.u1, c0, c0)
			xor(s, g.u2, c3, c2)
			c[i][0][h], c[i][1][h], c[i][2][h], c[i][3][h] = c0, c1, c2, g.u3
		}
	}
	for round := range philoxRounds - sharedRounds {
		for i := range c {
			for h := range 2 {
				c := &c[i]
				lo0, lo1, hi0, hi1 := g.s.vec(), g.s.vec(), g.s.vec(), g.s.vec()
				with(VPMULUDQ, VPMULUDQ_BCST, g.m0, c[0][h], lo0)
				with(VPMULUDQ, VPMULUDQ_BCST, g.m1, c[2][h], lo1)
				VPSRLQ(U8(32), lo0, hi0)
				VPSRLQ(U8(32), lo1, hi1)
				g.mix(hi1, c[1][h], g.key(round, 0))
				g.mix(hi0, c[3][h], g.key(round, 1))
				c[0][h], c[1][h], c[2][h], c[3][h] = hi1, lo1, hi0, lo0
			}
		}
	}
	words := make([][4]reg.VecVirtual, len(c))
	for i := range words {
		w := &words[i]
		for j := range w {
			w[j] = c[i][j][0].(reg.VecVirtual)
			odd := c[i][j][1]
			if g.s == avx512 {
				VMOVSLDUP(odd, oddWords, w[j])
			} else {
				VMOVSLDUP(odd, odd)
				VBLENDPS(U8(0xaa), odd, w[j], w[j])
			}
		}
	}
	return words
}

// atOnce is how many vectors of counters are taken at a time, and then those that are left.
func (s isa) atOnce() []int {
	if s == avx512 {
		return []int{2, 1}
	}
	return []int{1}
}

// following emits the counters of n vectors, each from the one before by add. The first is counter itself.
func following(s isa, counter pair, n int, add func(v reg.VecVirtual)) []pair {
	all := []pair{counter}
	for len(all) < n {
		next := pair{s.vec(), s.vec()}
		for h, v := range all[len(all)-1] {
			VMOVAPS(v, next[h])
			add(next[h])
		}
		all = append(all, next)
	}
	return all
}

// oddWords masks the odd words of a vector; it is set where a generator is used.
var oddWords reg.Register

// limit emits the smallest 24-bit number that is not below the rate, as the words that
// keeps compares with, in all lanes.
func (g *generator) limit(site reg.Register) Op {
	x, n := XMM(), GP32()
	VMOVSS(Mem{Base: site, Disp: siteRate}, x)
	VMULSS(float("two24", 1<<24), x, x)
	VROUNDSS(U8(2), x, x, x)
	VCVTTSS2SI(x, n)
	if g.s == avx512 {
		SHLL(U8(8), n)
	} else {
		DECL(n)
	}
	VMOVD(n, x)
	v := g.s.vec()
	VPBROADCASTD(x, v)
	return spill(g.s, v)
}

// keep turns a word into the factor where it keeps the element and into 0 elsewhere.
func (g *generator) keep(word reg.VecVirtual, limit, factor Op) {
	if g.s == avx512 {
		k := K()
		VPCMPUD(U8(5), limit, word, k)
		VMOVAPS_Z(factor, k, word)
		return
	}
	VPSRLD(U8(8), word, word)
	VPCMPGTD(limit, word, word)
	VPAND(factor, word, word)
}

// setOddWords emits the mask that words needs.
func setOddWords(s isa) {
	if s != avx512 {
		return
	}
	x, k := GP32(), K()
	MOVL(U32(0xaaaa), x)
	KMOVW(x, k)
	oddWords = k
}

// counters returns the order in which a vector holds the counters: lane 4 l + p
// has 4 p + l for 16 lanes, 2 p + l for 8, so that after the words are
// interleaved within each 128 bits, vector p holds consecutive elements.
func counters(s isa) Mem {
	m := GLOBL("counters"+s.name, RODATA|NOPTR)
	groups := s.lanes / 4
	for l := range groups {
		for p := range 4 {
			DATA(4*(4*l+p), U32(uint32(groups*p+l)))
		}
	}
	return m
}

// dropout emits the factors of dropout, 4 x lanes elements at a time.
func dropout(s isa) {
	order := counters(s)
	TEXT("dropout"+s.name, NOSPLIT, "func(f []float32, block uint32, d *uint32, a, b, c *float32)")
	f, n := Load(Param("f").Base(), GP64()), Load(Param("f").Len(), GP64())
	d := Load(Param("d"), GP64())
	setOddWords(s)
	g := newGenerator(s, d)
	v := s.vec()
	VBROADCASTSS(Mem{Base: d, Disp: siteScale}, v)
	limit, scale := g.limit(d), spill(s, v)
	first := XMM()
	VMOVD(Load(Param("block"), GP32()), first)
	counter := pair{s.vec(), s.vec()}
	VPBROADCASTD(first, counter[0])
	VPADDD(order, counter[0], counter[0])
	VPSRLQ(U8(32), counter[0], counter[1])
	soon := []reg.Register{Load(Param("a"), GP64()), Load(Param("b"), GP64()), Load(Param("c"), GP64())}
	SHRQ(U8(2), n)
	step := func(v reg.VecVirtual) { with(VPADDD, VPADDD_BCST, constant("lanes"+s.name, uint32(s.lanes)), v, v) }
	for _, per := range s.atOnce() {
		label := "loop" + string(rune('0'+per))
		SUBQ(U32(s.lanes*per), n)
		JL(LabelRef(label + "end"))
		Label(label)
		for _, x := range soon {
			for line := 0; line < 4*4*s.lanes*per; line += 64 {
				PREFETCHT0(Mem{Base: x, Disp: line})
			}
			ADDQ(U32(16*s.lanes*per), x)
		}
		all := following(s, counter, per, step)
		for i, c := range g.words(all...) {
			for _, w := range c {
				g.keep(w, limit, scale)
			}
			inOrder(s, c, Mem{Base: f, Disp: 16 * s.lanes * i})
		}
		ADDQ(U32(16*s.lanes*per), f)
		for h, v := range all[per-1] {
			step(v)
			if per > 1 {
				VMOVAPS(v, counter[h])
			}
		}
		SUBQ(U32(s.lanes*per), n)
		JGE(LabelRef(label))
		Label(label + "end")
		ADDQ(U32(s.lanes*per), n)
	}
	VZEROUPPER()
	RET()
}

// inOrder stores the words of blocks, element after element.
func inOrder(s isa, c [4]reg.VecVirtual, to Mem) {
	var u [4]reg.VecVirtual
	for i := range u {
		u[i] = s.vec()
	}
	VUNPCKLPS(c[1], c[0], u[0])
	VUNPCKHPS(c[1], c[0], u[1])
	VUNPCKLPS(c[3], c[2], u[2])
	VUNPCKHPS(c[3], c[2], u[3])
	for p := range 4 {
		o := s.vec()
		if p%2 == 0 {
			VUNPCKLPD(u[2+p/2], u[p/2], o)
		} else {
			VUNPCKHPD(u[2+p/2], u[p/2], o)
		}
		VMOVUPS(o, to.Offset(4*s.lanes*p))
	}
}

// dropStrip emits the dropout of a strip. A lane is a row of elements, four of which
// share a block, so the words of a block go straight to four rows of the strip.
func dropStrip(s isa) {
	TEXT("dropStrip"+s.name, NOSPLIT, "func(y, x, factor []float32, block, stride uint32, d *uint32)")
	d := Load(Param("d"), GP64())
	setOddWords(s)
	g := newGenerator(s, d)
	limit := g.limit(d)
	first, stride := XMM(), XMM()
	VMOVD(Load(Param("stride"), GP32()), stride)
	VMOVD(Load(Param("block"), GP32()), first)
	factor := Load(Param("factor").Base(), GP64())
	y, x, n := GP64(), GP64(), GP64()
	for v := 0; v < strip; v += s.lanes {
		label := "part" + string(rune('0'+v/s.lanes))
		product, counter, start := s.vec(), pair{s.vec(), s.vec()}, s.vec()
		VBROADCASTSS(Mem{Base: d, Disp: siteScale}, product)
		VMULPS(Mem{Base: factor, Disp: 4 * v}, product, product)
		f := spill(s, product)
		VPBROADCASTD(stride, counter[0])
		VPMULLD(ordinals().Offset(4*v), counter[0], counter[0])
		VPBROADCASTD(first, start)
		VPADDD(start, counter[0], counter[0])
		VPSRLQ(U8(32), counter[0], counter[1])
		Load(Param("y").Base(), y)
		Load(Param("x").Base(), x)
		Load(Param("y").Len(), n)
		step := func(v reg.VecVirtual) { with(VPADDD, VPADDD_BCST, constant("integerOne", 1), v, v) }
		for _, per := range s.atOnce() {
			here := label + string(rune('a'+per))
			SUBQ(U32(4*strip*per), n)
			JL(LabelRef(here + "end"))
			Label(here)
			all := following(s, counter, per, step)
			for i, words := range g.words(all...) {
				for j, w := range words {
					at := 4 * (strip*(4*i+j) + v)
					g.keep(w, limit, f)
					VMULPS(Mem{Base: x, Disp: at}, w, w)
					VMOVUPS(w, Mem{Base: y, Disp: at})
				}
			}
			for h, v := range all[per-1] {
				step(v)
				if per > 1 {
					VMOVAPS(v, counter[h])
				}
			}
			ADDQ(U32(4*4*strip*per), x)
			ADDQ(U32(4*4*strip*per), y)
			SUBQ(U32(4*strip*per), n)
			JGE(LabelRef(here))
			Label(here + "end")
			ADDQ(U32(4*strip*per), n)
		}
	}
	VZEROUPPER()
	RET()
}

// ordinals returns the words 0 to 15.
func ordinals() Mem {
	if m, ok := constants["ordinals"]; ok {
		return m
	}
	m := GLOBL("ordinals", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(uint32(i)))
	}
	constants["ordinals"] = m
	return m
}
