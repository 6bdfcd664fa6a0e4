// Command gen writes the assembly of package kernel:
//
//	cd cpu/internal/kernel/gen && go run . -out ../kernel_amd64.s
//
// It is a module of its own, so that the program does not depend on the
// generator's libraries. What each function computes stands in package kernel
// (native_amd64.go names the Go loop of each).
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is an instruction set with vectors of lanes float32.
type isa struct {
	name  string
	lanes int
}

var (
	avx2   = isa{"AVX2", 8}
	avx512 = isa{"AVX512", 16}
)

// vec returns a new vector register of the set's full width.
func (s isa) vec() reg.VecVirtual {
	if s.lanes == 16 {
		return ZMM()
	}
	return YMM()
}

// narrow returns a new register of n lanes.
func narrow(n int) reg.VecVirtual {
	switch n {
	case 16:
		return ZMM()
	case 8:
		return YMM()
	}
	return XMM()
}

func main() {
	ConstraintExpr("!noasm")
	transpose()
	transpose16("transposeAVX512", false, func(src, dst Op) { VMOVUPS(src, dst) })
	transpose16("streamTransposeAVX512", true, func(src, dst Op) { VMOVNTPS(src, dst) })
	copy16(avx2)
	copy16(avx512)
	pairRows()
	fence()
	mode()
	pause()
	var value, slope function // GELU and its gradient, of the last path
	for _, s := range []isa{avx2, avx512} {
		tile := tileAVX2
		if s == avx512 {
			tile = tileAVX512
		}
		tile()
		outer(s, "outer16", 16)
		panel(s)
		columns(s)
		lanes(s, "lanes4", 4, false)
		lanes(s, "lanes4Turned", 4, true)
		lanes(s, "lanes8", 8, false)
		lanes(s, "lanes8Turned", 8, true)
		for _, size := range []int{4, 8} {
			woven(s, size, false, false)
			woven(s, size, true, false)
			weave(s, size)
		}
		gradTiles(s, false)
		spmv(s)
		dots(s)
		reductions(s)
		maps(s)
		norms(s)
		exponentials(s)
		value, slope = gelus(s)
		adam(s)
		sumTimes(s)
		dropout(s)
		dropStrip(s)
		squares(s, "panelSquares", true)
		squares(s, "stripSquares", false)
		strips(s)
	}
	pairSquares("panelSquares", true)
	pairSquares("stripSquares", false)
	tileBcst()
	geluTileBcst(value)
	geluGradTileBcst(slope)
	gradTiles(avx512, true)
	for _, size := range []int{4, 8} {
		woven(avx512, size, false, true)
		woven(avx512, size, true, true)
	}
	weave(avx512, 16)
	cpuid()
	Generate()
}
