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

// sharedView is shared memory as a warp sees it: what is known of each byte, of each word and of time.
type sharedView struct {
	data, state   *byte
	writes, reads *uint32
	bytes         uint64
	limit, me     uint32
	reader        uint32 // see readerOf
}

//go:noescape
func matrixRows(s *sharedView, rows *[8]uint64, d *[warpSize]uint64) bool

//go:noescape
func matrixRowsTransposed(s *sharedView, rows *[8]uint64, d *[warpSize]uint64) bool

//go:noescape
func wideWrite(s *sharedView, addr uint64, lane uint32) bool

//go:noescape
func gatherPairs(p *byte, s0, s1 *[warpSize]uint64)

//go:noescape
func gatherQuads(p *byte, s0, s1, s2, s3 *[warpSize]uint64)

//go:noescape
func gatherHalves(p *byte, s *[warpSize]uint64)

// view returns the shared memory for accesses of the warp from a lane on.
func (w *warp) view(lane int) sharedView {
	s := w.blk.shared
	return sharedView{&s.data[0], &s.state[0], &s.writes[0], &s.reads[0], uint64(len(s.data)), w.order.limit, w.order.now<<entryStamp | uint32(w.id<<entryWarp|lane), readerOf(w.id)}
}

// matrix loads the matrix of which lane is the first row's; false where it takes the long way.
func (w *warp) matrix(lane int, rows *[8]uint64, d int, trans bool) bool {
	if !hasLanes {
		return false
	}
	v := w.view(lane)
	if trans {
		return matrixRowsTransposed(&v, rows, &w.r[d])
	}
	return matrixRows(&v, rows, &w.r[d])
}

// wide enters a plain write of 16 bytes; false where it takes the long way.
func (w *warp) wide(lane int, addr uint64) bool {
	if !hasLanes {
		return false
	}
	v := w.view(0)
	return wideWrite(&v, addr, uint32(lane))
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
	if !hasLanes || len(data) != len(src)*size*warpSize {
		return false
	}
	switch {
	case size == 4 && len(src) == 1:
		gatherWords(&data[0], &w.r[src[0]])
	case size == 2 && len(src) == 1:
		gatherHalves(&data[0], &w.r[src[0]])
	case size == 4 && len(src) == 2:
		gatherPairs(&data[0], &w.r[src[0]], &w.r[src[1]])
	case size == 4 && len(src) == 4:
		gatherQuads(&data[0], &w.r[src[0]], &w.r[src[1]], &w.r[src[2]], &w.r[src[3]])
	default:
		return false
	}
	return true
}
