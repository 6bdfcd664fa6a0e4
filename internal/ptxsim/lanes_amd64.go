//go:build !noasm

package ptxsim

import "golang.org/x/sys/cpu"

// hasLanes says that the functions below work on this machine.
var hasLanes = cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW && cpu.X86.HasBMI2

// runLanes executes records up to lanesEnd for the lanes of m.
//
//go:noescape
func runLanes(code *lanesOp, r *[warpSize]uint64, p *uint32, m uint32)

//go:noescape
func stridedLanes(base *[warpSize]uint64, first, stride uint64) uint32

//go:noescape
func uniformLanes(p *byte, n int, care, want byte) bool

//go:noescape
func belowLanes(p *uint32, n int, limit uint32) bool

//go:noescape
func spreadWords(d *[warpSize]uint64, p *byte)

//go:noescape
func spreadHalves(d *[warpSize]uint64, p *byte)

//go:noescape
func spreadPairs(d0, d1 *[warpSize]uint64, p *byte, stride uintptr)

//go:noescape
func gatherWords(p *byte, s *[warpSize]uint64)

// The products of buildMma: halves says how many registers of B there are.
//
//go:noescape
func mmaBF16(r *[warpSize]uint64, regs *mmaRegisters, halves int)

//go:noescape
func mmaF16(r *[warpSize]uint64, regs *mmaRegisters, halves int)

//go:noescape
func mmaTF32(r *[warpSize]uint64, regs *mmaRegisters, halves int)

func multiplyLanes(s mmaShape, r *[warpSize]uint64, regs *mmaRegisters, halves int) {
	switch {
	case s.in == f32:
		mmaTF32(r, regs, halves)
	case s.in.kind == kindBF16:
		mmaBF16(r, regs, halves)
	default:
		mmaF16(r, regs, halves)
	}
}

func strided(base *[warpSize]uint64, first, stride uint64) uint32 {
	if hasLanes {
		return stridedLanes(base, first, stride)
	}
	return stridedGo(base, first, stride)
}

func uniformBytes(b []byte, care, want byte) bool {
	if hasLanes && len(b) >= 16 {
		return uniformLanes(&b[0], len(b), care, want)
	}
	return uniformBytesGo(b, care, want)
}

func below(entries []uint32, limit uint32) bool {
	if hasLanes && len(entries) > 4 {
		return belowLanes(&entries[0], len(entries), limit)
	}
	return belowGo(entries, limit)
}

func number(entries []uint32, first uint32, each int) { numberGo(entries, first, each) }

// spread sets registers to the elements of all lanes in data; false where it does not know how.
func spread(w *warp, dst []int, data []byte, size int) bool {
	if !hasLanes || len(data) != len(dst)*size*warpSize {
		return false
	}
	switch {
	case size == 4 && len(dst) == 1:
		spreadWords(&w.r[dst[0]], &data[0])
	case size == 2 && len(dst) == 1:
		spreadHalves(&w.r[dst[0]], &data[0])
	case size == 4 && len(dst) == 2:
		spreadPairs(&w.r[dst[0]], &w.r[dst[1]], &data[0], 8)
	case size == 4 && len(dst) == 4:
		spreadPairs(&w.r[dst[0]], &w.r[dst[1]], &data[0], 16)
		spreadPairs(&w.r[dst[2]], &w.r[dst[3]], &data[8], 16)
	default:
		return false
	}
	return true
}

// gathered sets data to the elements of all lanes; false where it does not know how.
func gathered(w *warp, src []int, data []byte, size int) bool {
	if !hasLanes || size != 4 || len(src) != 1 || len(data) != 4*warpSize {
		return false
	}
	gatherWords(&data[0], &w.r[src[0]])
	return true
}
