package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// xor emits dst = a ^ b.
func xor(s isa, a, b, dst Op) {
	if s == avx512 {
		VPXORD(a, b, dst)
	} else {
		VPXOR(a, b, dst)
	}
}

// The fields of kernel.DropoutSite by their offsets: 32-bit words in order.
const (
	siteKey0 = 4 * iota
	siteKey1
	siteStep
	sitePlace
	sitePurpose
	siteRate
	siteScale
)

// pair is a vector of 32-bit words as two: the even words and the odd ones, each in the lower
// half of 64 bits, where VPMULUDQ takes its factors from. The upper halves hold anything.
type pair [2]reg.VecVirtual

// generator is what all Philox blocks of a site share: the multipliers, the parts of the first
// two rounds that do not depend on the counter, and the round keys. AVX2 has no registers for
// these and keeps them on the stack.
type generator struct {
	s          isa
	m0, m1, u3 Op
	u0, u1, u2 Mem // vectors on the stack
	keys       Mem // words of rounds 2 to 9
}

const philoxRounds, sharedRounds = 10, 2

// newGenerator emits the preparation. site points to a kernel.DropoutSite.
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

// key returns where key i of a round is, counted from the first round that is not shared.
func (g *generator) key(round, i int) Mem {
	return g.keys.Offset(4 * (2*round + i))
}

// inRegister loads a vector.
func inRegister(s isa, x Op) Op {
	v := s.vec()
	VMOVUPS(x, v)
	return v
}

// spill moves a seldom used vector to the stack where registers are few.
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

// words emits the four words of the blocks of the counters, which it leaves as they are. Each
// round waits for the one before, so two vectors of counters take little longer than one.
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

// atOnce lists how many vectors of counters are taken at a time: most of them, then the rest.
func (s isa) atOnce() []int {
	if s == avx512 {
		return []int{2, 1}
	}
	return []int{1}
}

// following emits the counters of n vectors. The first is counter, and add makes each of the
// others from a copy of the one before.
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

// oddWords masks the odd words of a vector. setOddWords sets it.
var oddWords reg.Register

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

// limit emits the smallest 24-bit number that is not below the rate, in all lanes, in the form
// that keep compares with.
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

// keep emits word = factor where the word keeps its element, and 0 elsewhere.
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
