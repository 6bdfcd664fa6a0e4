//go:build !noasm

package ptxsim

import "golang.org/x/sys/cpu"

// hasLanes says that runLanes works on this machine.
var hasLanes = cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW && cpu.X86.HasBMI2

// runLanes executes records up to lanesEnd for the lanes of m.
//
//go:noescape
func runLanes(code *lanesOp, r *[warpSize]uint64, p *uint32, m uint32)
