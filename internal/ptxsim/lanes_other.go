//go:build !amd64 || noasm

package ptxsim

// hasLanes says that runLanes works on this machine.
const hasLanes = false

func runLanes(*lanesOp, *[warpSize]uint64, *uint32, uint32) { panic("ptxsim: no vector instructions") }
