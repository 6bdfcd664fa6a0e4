package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// counters returns the order of the counters in a vector: lane 4 l + p has 4 p + l for 16 lanes
// and 2 p + l for 8. Once the words are interleaved within each 128 bits, vector p then holds
// consecutive elements.
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
	declare("dropout"+s.name, "func(f []float32, block uint32, d *DropoutSite, a, b, c *float32)")
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
	next := []reg.Register{Load(Param("a"), GP64()), Load(Param("b"), GP64()), Load(Param("c"), GP64())}
	SHRQ(U8(2), n)
	step := func(v reg.VecVirtual) { with(VPADDD, VPADDD_BCST, constant("lanes"+s.name, uint32(s.lanes)), v, v) }
	for _, per := range s.atOnce() {
		label := "loop" + string(rune('0'+per))
		SUBQ(U32(s.lanes*per), n)
		JL(LabelRef(label + "end"))
		Label(label)
		for _, x := range next {
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

// inOrder emits the storing of the words of blocks, element after element.
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

// dropoutPanel emits the dropout of a micro-panel. A lane is a row of elements. Four of these
// share a block, so the words of a block belong to four rows of the micro-panel.
func dropoutPanel(s isa) {
	declare("dropoutPanel"+s.name, "func(y, x, factor []float32, block, stride uint32, d *DropoutSite)")
	d := Load(Param("d"), GP64())
	setOddWords(s)
	g := newGenerator(s, d)
	limit := g.limit(d)
	first, stride := XMM(), XMM()
	VMOVD(Load(Param("stride"), GP32()), stride)
	VMOVD(Load(Param("block"), GP32()), first)
	factor := Load(Param("factor").Base(), GP64())
	y, x, n := GP64(), GP64(), GP64()
	for v := 0; v < panelWidth; v += s.lanes {
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
			SUBQ(U32(4*panelWidth*per), n)
			JL(LabelRef(here + "end"))
			Label(here)
			all := following(s, counter, per, step)
			for i, words := range g.words(all...) {
				for j, w := range words {
					at := 4 * (panelWidth*(4*i+j) + v)
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
			ADDQ(U32(4*4*panelWidth*per), x)
			ADDQ(U32(4*4*panelWidth*per), y)
			SUBQ(U32(4*panelWidth*per), n)
			JGE(LabelRef(here))
			Label(here + "end")
			ADDQ(U32(4*panelWidth*per), n)
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
