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

// or and the integer and; the operands are in the integer domain.
func or(s isa, a, b, dst Op) {
	if s == avx512 {
		VPORD(a, b, dst)
	} else {
		VPOR(a, b, dst)
	}
}

// mul64 emits the low and the high halves of x * m, for all 32-bit lanes: the
// instruction multiplies even lanes only, so odd ones are shifted down first.
func mul64(s isa, x reg.VecVirtual, m Mem) (lo, hi reg.VecVirtual) {
	lo, hi = s.vec(), s.vec()
	odd, factor := s.vec(), s.vec()
	VMOVUPS(m, factor)
	VPSRLQ(U8(32), x, odd)
	VPMULUDQ(factor, odd, odd)
	VPMULUDQ(factor, x, hi)
	VPSRLQ(U8(32), hi, hi)
	and(s, pairs("oddLanes", 0, 1<<32-1), odd, odd)
	or(s, odd, hi, hi)
	VPMULLD(factor, x, lo)
	return lo, hi
}

// pairs returns 64 bytes that repeat two words.
func pairs(name string, even, odd uint32) Mem {
	if m, ok := constants[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 8 {
		DATA(8*i, U32(even))
		DATA(8*i+4, U32(odd))
	}
	constants[name] = m
	return m
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

// dropoutAVX512 emits the factors of dropout, 64 elements at a time, in fewer
// instructions than AVX2 has for it: products keep both halves, masked shuffles sort
// them, three operands are combined at once, and the round keys are made before the loop.
func dropoutAVX512() {
	s := avx512
	order := counters(s)
	TEXT("dropoutAVX512", NOSPLIT, "func(f []float32, block uint32, d *uint32)")
	const rounds = 10
	keys := AllocLocal(8 * rounds)
	f, n := Load(Param("f").Base(), GP64()), Load(Param("f").Len(), GP64())
	d := Load(Param("d"), GP64())
	block := Load(Param("block"), GP32())
	k0, k1 := GP32(), GP32()
	MOVL(Mem{Base: d}, k0)
	MOVL(Mem{Base: d, Disp: 4}, k1)
	for round := range rounds {
		MOVL(k0, keys.Offset(8*round))
		MOVL(k1, keys.Offset(8*round+4))
		ADDL(U32(0x9E3779B9), k0)
		ADDL(U32(0xBB67AE85), k1)
	}
	mask, odd, even := GP32(), K(), K()
	MOVL(U32(0xaaaa), mask)
	KMOVW(mask, odd)
	MOVL(U32(0x5555), mask)
	KMOVW(mask, even)
	field := func(i int) reg.VecVirtual {
		v := s.vec()
		VPBROADCASTD(Mem{Base: d, Disp: 4 * i}, v)
		return v
	}
	fixed := [4]reg.VecVirtual{nil, field(2), field(3), field(4)}
	threshold, scale, lanes := field(5), field(6), s.vec()
	VMULPS(float("two24", 1<<24), threshold, threshold)
	VMOVUPS(order, lanes)
	mul := [2]reg.VecVirtual{s.vec(), s.vec()}
	VMOVUPS(constant("philoxMul0", 0xD2511F53), mul[0])
	VMOVUPS(constant("philoxMul1", 0xCD9E8D57), mul[1])
	// product returns both halves of x m.
	product := func(x, m reg.VecVirtual) (lo, hi reg.VecVirtual) {
		lo, hi = s.vec(), s.vec()
		high := s.vec() // of the odd lanes
		VPSRLQ(U8(32), x, high)
		VPMULUDQ(m, high, high)
		VPMULUDQ(m, x, lo)
		VMOVDQA32(high, hi)
		VPSHUFD(U8(0xf5), lo, even, hi)
		VPSHUFD(U8(0xa0), high, odd, lo)
		return lo, hi
	}
	SHRQ(U8(2), n)
	SUBQ(U32(s.lanes), n)
	JL(LabelRef("end"))
	Label("loop")
	first := s.vec()
	VPBROADCASTD(block, first)
	VPADDD(lanes, first, first)
	c := [4]reg.VecVirtual{first, fixed[1], fixed[2], fixed[3]}
	for round := range rounds {
		lo0, hi0 := product(c[0], mul[0])
		lo1, hi1 := product(c[2], mul[1])
		VPTERNLOGD_BCST(U8(0x96), keys.Offset(8*round), c[1], hi1) // three times exclusive or
		VPTERNLOGD_BCST(U8(0x96), keys.Offset(8*round+4), c[3], hi0)
		c = [4]reg.VecVirtual{hi1, lo1, hi0, lo0}
	}
	var u, o [4]reg.VecVirtual
	for i := range u {
		u[i], o[i] = s.vec(), s.vec()
	}
	VPUNPCKLDQ(c[1], c[0], u[0])
	VPUNPCKHDQ(c[1], c[0], u[1])
	VPUNPCKLDQ(c[3], c[2], u[2])
	VPUNPCKHDQ(c[3], c[2], u[3])
	for p := range 4 {
		if p%2 == 0 {
			VPUNPCKLQDQ(u[2+p/2], u[p/2], o[p])
		} else {
			VPUNPCKHQDQ(u[2+p/2], u[p/2], o[p])
		}
		VPSRLD(U8(8), o[p], o[p])
		VCVTDQ2PS(o[p], o[p])
		keep := K()
		VCMPPS(U8(13), threshold, o[p], keep) // not less
		VMOVAPS_Z(scale, keep, o[p])
		VMOVUPS(o[p], Mem{Base: f, Disp: 4 * s.lanes * p})
	}
	ADDQ(U32(16*s.lanes), f)
	ADDL(U32(s.lanes), block)
	SUBQ(U32(s.lanes), n)
	JGE(LabelRef("loop"))
	Label("end")
	VZEROUPPER()
	RET()
}

// dropout emits the factors of dropout, 4 x lanes elements at a time. The fields of
// DropSite are 32-bit words in order.
func dropout(s isa) {
	order := counters(s)
	TEXT("dropout"+s.name, NOSPLIT, "func(f []float32, block uint32, d *uint32)")
	f, n := Load(Param("f").Base(), GP64()), Load(Param("f").Len(), GP64())
	d := Load(Param("d"), GP64())
	block := Load(Param("block"), GP32())
	field := func(i int) reg.VecVirtual {
		v := s.vec()
		VPBROADCASTD(Mem{Base: d, Disp: 4 * i}, v)
		return v
	}
	SHRQ(U8(2), n)
	SUBQ(U32(s.lanes), n)
	JL(LabelRef("end"))
	Label("loop")
	c := [4]reg.VecVirtual{s.vec(), field(2), field(3), field(4)}
	first := XMM()
	VMOVD(block, first)
	VPBROADCASTD(first, c[0])
	VPADDD(order, c[0], c[0])
	key := [2]reg.VecVirtual{field(0), field(1)}
	for round := range 10 {
		lo0, hi0 := mul64(s, c[0], constant("philoxMul0", 0xD2511F53))
		lo1, hi1 := mul64(s, c[2], constant("philoxMul1", 0xCD9E8D57))
		xor(s, c[1], hi1, hi1)
		xor(s, key[0], hi1, hi1)
		xor(s, c[3], hi0, hi0)
		xor(s, key[1], hi0, hi0)
		c = [4]reg.VecVirtual{hi1, lo1, hi0, lo0}
		if round < 9 {
			VPADDD(constant("philoxWeyl0", 0x9E3779B9), key[0], key[0])
			VPADDD(constant("philoxWeyl1", 0xBB67AE85), key[1], key[1])
		}
	}
	// The difference to the rate is negative where the element is dropped.
	rate, scale := field(5), field(6)
	for i := range c {
		VPSRLD(U8(8), c[i], c[i])
		VCVTDQ2PS(c[i], c[i])
		VMULPS(float("unit24", 1.0/(1<<24)), c[i], c[i])
		VSUBPS(rate, c[i], c[i])
		VPSRAD(U8(31), c[i], c[i])
		if s == avx512 {
			VPANDND(scale, c[i], c[i])
		} else {
			VPANDN(scale, c[i], c[i])
		}
	}
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
		VMOVUPS(o, Mem{Base: f, Disp: 4 * s.lanes * p})
	}
	ADDQ(U32(16*s.lanes), f)
	ADDL(U32(s.lanes), block)
	SUBQ(U32(s.lanes), n)
	JGE(LabelRef("loop"))
	Label("end")
	VZEROUPPER()
	RET()
}
