package main

import (
	"bytes"
	"fmt"
)

// matrices writes a function for the products of each type of elements: D = A B + C as
// buildMma of package ptxsim says, each sum over ascending k with two roundings a term.
//
// Registers are packed to 32 bits a lane, 16 lanes a vector. With g = lane / 4 and q = lane
// mod 4, the element of A for row g and k is in the same group of four lanes, the one of B
// for column 2 q or 2 q + 1 in another one, the same for all g.
func matrices(s *bytes.Buffer) {
	for q := range 4 {
		for c := range 2 {
			for l := range 16 {
				fmt.Fprintf(s, "DATA columns<>+%d(SB)/4, $%d\n", 64*(2*q+c)+4*l, 8*(l%4)+4*c+q)
			}
		}
	}
	fmt.Fprintf(s, "GLOBL columns<>(SB), RODATA, $512\n\n")
	for _, t := range []string{"BF16", "F16", "TF32"} {
		matrix(s, t)
	}
}

func matrix(s *bytes.Buffer, t string) {
	line := func(format string, args ...any) { fmt.Fprintf(s, "\t"+format+"\n", args...) }
	fmt.Fprintf(s, "// func mma%s(r *[32]uint64, regs *mmaRegisters, halves int)\nTEXT ·mma%s(SB), NOSPLIT, $0-24\n", t, t)
	line("MOVQ r+0(FP), DI")
	line("MOVQ regs+8(FP), SI")
	line("MOVQ halves+16(FP), CX")
	pack := func(reg, z int) {
		line("MOVL %d(SI), BX", 4*reg)
		line("ADDQ DI, BX")
		for h := range 2 {
			line("VMOVDQU64 %d(BX), Z28", 128*h)
			line("VMOVDQU64 %d(BX), Z29", 128*h+64)
			line("VPMOVQD Z28, Y28")
			line("VPMOVQD Z29, Y29")
			line("VINSERTI64X4 $1, Y29, Z28, Z%d", z+h)
		}
	}
	mask := map[string]uint32{"BF16": 0xFFFF0000, "F16": 0, "TF32": 0xFFFFE000}[t]
	line("MOVL $%#x, AX", mask)
	line("VPBROADCASTD AX, Z30")
	for i := range 4 {
		pack(10+i, 12+2*i) // C
	}
	for i := range 2 {
		pack(4+i, 2*i)
	}
	pack(8, 8)
	for h := range 2 {
		if h == 1 {
			line("CMPQ CX, $1")
			line("JE   done%s", t)
			for i := range 2 {
				pack(6+i, 2*i)
			}
			pack(9, 8)
		}
		for q := range 4 {
			for c := range 2 {
				line("VMOVDQU32 columns<>+%d(SB), Z%d", 64*(2*q+c), 20+c)
				line("VPERMI2D Z9, Z8, Z%d", 20+c)
			}
			for i := range 4 {
				line("VPSHUFD $%#x, Z%d, Z%d", 0x55*q, i, 24+i)
			}
			parts := 2
			if t == "TF32" {
				parts = 1
			}
			for part := range parts {
				expand := func(from, to int) {
					switch {
					case t == "F16":
						if part == 1 {
							line("VPSRLD $16, Z%d, Z%d", from, to)
							from = to
						}
						line("VPMOVDW Z%d, Y%d", from, to)
						line("VCVTPH2PS Y%d, Z%d", to, to)
					case t == "BF16" && part == 0:
						line("VPSLLD $16, Z%d, Z%d", from, to)
					default:
						line("VPANDD Z30, Z%d, Z%d", from, to)
					}
				}
				expand(20, 22)
				expand(21, 23)
				for i := range 4 { // rows g and g + 8, lanes 0 and 16 on
					expand(24+i, 28)
					for c := range 2 {
						acc := 12 + 2*(2*(i/2)+c) + i%2
						line("VMULPS Z%d, Z28, Z29", 22+c)
						line("VADDPS Z29, Z%d, Z%d", acc, acc)
					}
				}
			}
		}
	}
	fmt.Fprintf(s, "done%s:\n", t)
	line("MOVL $0x7FFFFFFF, AX")
	line("VPBROADCASTD AX, Z30")
	for i := range 4 {
		line("MOVL %d(SI), BX", 4*i)
		line("ADDQ DI, BX")
		for h := range 2 {
			z := 12 + 2*i + h
			line("VCMPPS $3, Z%d, Z%d, K1", z, z)
			line("VMOVDQA32 Z30, K1, Z%d", z)
			line("VEXTRACTI64X4 $1, Z%d, Y29", z)
			line("VPMOVZXDQ Y%d, Z28", z)
			line("VPMOVZXDQ Y29, Z29")
			line("VMOVDQU64 Z28, %d(BX)", 128*h)
			line("VMOVDQU64 Z29, %d(BX)", 128*h+64)
		}
	}
	line("VZEROUPPER")
	line("RET")
	s.WriteString("\n")
}
