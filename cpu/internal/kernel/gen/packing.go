package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of kernel.Packing by their offsets. A test compares them.
const (
	packingSrc      = 0
	packingPrefetch = 24
	packingStride   = 48
	packingDst      = 56
	packingStep     = 80
	packingDone     = 88
	packingLines    = 96
	packingNext     = 104
	packingNextAt   = 128
	packingNextStep = 136
	packingNextMask = 144
)

// group is kernel.Set.Group of the path.
func group(bcst bool) int {
	if bcst {
		return 4
	}
	return 2
}

// packer is the state of a kernel.Packing in registers: group times 16 columns into micro-panels
// of width columns.
type packer struct {
	width, group                     int
	lines                            int          // emitted
	left                             reg.Register // lines of each micro-panel, negative
	from, prefetch, stride, to, step reg.Register
	next                             func() reg.Register // loads the Packing, where its Next is prefetched; else nil
}

// newPacker emits the loading of the state.
func newPacker(packing reg.Register, width, group int) *packer {
	m := &packer{width: width, group: group, left: GP64(), from: GP64(), prefetch: GP64(), stride: GP64(), to: GP64(), step: GP64()}
	MOVQ(Mem{Base: packing, Disp: packingStride}, m.stride)
	SHLQ(U8(2), m.stride)
	MOVQ(Mem{Base: packing, Disp: packingStep}, m.step)
	SHLQ(U8(2), m.step)
	MOVQ(Mem{Base: packing, Disp: packingDone}, m.left)
	MOVQ(m.left, m.to)
	SHLQ(U8(6), m.to)
	ADDQ(Mem{Base: packing, Disp: packingDst}, m.to)
	MOVQ(m.left, m.from)
	IMULQ(m.stride, m.from)
	if m.rows() > 1 {
		IMUL3Q(U8(m.rows()), m.from, m.from)
	}
	MOVQ(m.from, m.prefetch)
	ADDQ(Mem{Base: packing, Disp: packingSrc}, m.from)
	ADDQ(Mem{Base: packing, Disp: packingPrefetch}, m.prefetch)
	SUBQ(Mem{Base: packing, Disp: packingLines}, m.left)
	return m
}

// rows is how many rows a line of a micro-panel holds.
func (m *packer) rows() int { return panelWidth / m.width }

// line emits the packing of the next line of each micro-panel, if one is left.
func (m *packer) line() {
	m.lines++
	packed := fmt.Sprintf("packed%d", m.lines)
	TESTQ(m.left, m.left)
	JGE(LabelRef(packed))
	to := GP64()
	MOVQ(m.to, to)
	w := newInterleaver(m.rows())
	for i := range m.group {
		row := GP64()
		MOVQ(m.from, row)
		var in []reg.VecVirtual
		for r := range m.rows() {
			in = append(in, ZMM())
			VMOVUPS(Mem{Base: row, Disp: 4 * panelWidth * i}, in[r])
			if r+1 < m.rows() {
				ADDQ(m.stride, row)
			}
		}
		for _, v := range w.lines(in) {
			VMOVUPS(v, Mem{Base: to})
			ADDQ(m.step, to)
		}
	}
	for range m.rows() {
		for i := range m.group {
			PREFETCHT1(Mem{Base: m.prefetch, Disp: 4 * panelWidth * i})
		}
		ADDQ(m.stride, m.prefetch)
		ADDQ(m.stride, m.from)
	}
	if m.next != nil {
		packing, at := m.next(), GP64()
		TESTQ(m.left, Mem{Base: packing, Disp: packingNextMask})
		JNE(LabelRef(packed + "prefetched"))
		MOVQ(Mem{Base: packing, Disp: packingNextAt}, at)
		SHLQ(U8(2), at)
		ADDQ(Mem{Base: packing, Disp: packingNext}, at)
		for i := range 4 {
			PREFETCHT1(Mem{Base: at, Disp: 64 * i})
		}
		MOVQ(Mem{Base: packing, Disp: packingNextStep}, at)
		ADDQ(at, Mem{Base: packing, Disp: packingNextAt})
		Label(packed + "prefetched")
	}
	ADDQ(U8(4*panelWidth), m.to)
	INCQ(m.left)
	Label(packed)
}

// end emits the storing of how far the packing came.
func (m *packer) end(packing reg.Register) {
	ADDQ(Mem{Base: packing, Disp: packingLines}, m.left)
	MOVQ(m.left, Mem{Base: packing, Disp: packingDone})
}
