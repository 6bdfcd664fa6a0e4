//go:build !amd64 || noasm

package ptxsim

// hasLanes says that runLanes works on this machine.
const hasLanes = false

func runLanes(*lanesOp, *[warpSize]uint64, *uint32, uint32) { panic("ptxsim: no vector instructions") }

func strided(base *[warpSize]uint64, first, stride uint64) uint32 {
	return stridedGo(base, first, stride)
}
func uniformBytes(b []byte, care, want byte) bool     { return uniformBytesGo(b, care, want) }
func below(entries []uint32, limit uint32) bool       { return belowGo(entries, limit) }
func number(entries []uint32, first uint32, each int) { numberGo(entries, first, each) }
func spread(*warp, []int, []byte, int) bool           { return false }
func gathered(*warp, []int, []byte, int) bool         { return false }

func multiplyLanes(mmaShape, *[warpSize]uint64, *mmaRegisters, int) {
	panic("ptxsim: no vector instructions")
}

func (w *warp) matrix(int, *[8]uint64, int, bool) bool { return false }
func (w *warp) wide(int, uint64) bool                  { return false }
