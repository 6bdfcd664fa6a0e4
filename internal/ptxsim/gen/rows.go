package main

import (
	"bytes"
	"fmt"
)

// rows writes matrixRows, which judges and loads the eight rows of 16 bytes of an 8 x 8
// matrix, and wideEntry, which judges one access of 16 bytes. The rules are those of
// enterReads and enterWrites of package ptxsim; what they do not allow at once is left to
// those.
func rows(s *bytes.Buffer) {
	line := func(format string, args ...any) { fmt.Fprintf(s, "\t"+format+"\n", args...) }
	constants := func() {
		line("MOVQ s+0(FP), SI")
		line("MOVQ 0(SI), R8")   // data
		line("MOVQ 8(SI), R9")   // state
		line("MOVQ 16(SI), R10") // writes
		line("MOVQ 24(SI), R11") // reads
		line("MOVQ 32(SI), R12") // bytes
		line("MOVL 40(SI), AX")  // limit
		line("VPBROADCASTD AX, X16")
		line("MOVL 44(SI), CX") // the entry of lane 0
		line("MOVL $0xC00, AX") // kind
		line("VPBROADCASTD AX, X17")
		line("MOVL $0x800, AX") // by block
		line("VPBROADCASTD AX, X18")
		line("MOVL $0x07070707, AX")
		line("VPBROADCASTD AX, X19")
		line("MOVL $0x03030303, AX")
		line("VPBROADCASTD AX, X20")
		line("MOVL 48(SI), AX") // what makes the warp one of the readers by block
		line("VPBROADCASTD AX, X25")
	}
	// check jumps to a label unless a read of the 16 bytes at DX, entry CX, is in order, and enters it.
	check := func(no string) {
		line("TESTQ $15, DX")
		line("JNZ  %s", no)
		line("CMPQ DX, R12")
		line("JAE  %s", no)
		line("VPANDD (R9)(DX*1), X19, X21")
		line("VPCMPD $4, X20, X21, K1")
		line("VPCMPUD $6, (R10)(DX*1), X16, K2") // limit > entry
		line("KNOTW K2, K2")
		line("VMOVDQU32 (R11)(DX*1), X22")
		line("VPBROADCASTD CX, X23")
		line("VPCMPUD $1, X16, X22, K3") // entry < limit
		line("VPCMPUD $0, X23, X22, K4") // the same already
		line("VPANDD X22, X17, X24")
		line("VPCMPUD $0, X18, X24, K5") // by block
		line("KORW K3, K4, K4")
		line("KORW K5, K4, K4")
		line("KNOTW K4, K4")
		line("KORW K1, K4, K1")
		line("KORW K1, K2, K1")
		line("KMOVW K1, AX")
		line("TESTL $15, AX")
		line("JNZ  %s", no)
		line("VPORD X25, X22, K5, X22")
		line("VMOVDQA32 X23, K3, X22")
		line("VMOVDQU32 X22, (R11)(DX*1)")
	}
	for _, trans := range []bool{false, true} {
		name := "matrixRows"
		if trans {
			name += "Transposed"
		}
		fmt.Fprintf(s, "// func %s(s *sharedView, rows *[8]uint64, d *[32]uint64) bool\nTEXT ·%s(SB), NOSPLIT, $0-25\n", name, name)
		constants()
		line("MOVQ rows+8(FP), BX")
		line("MOVQ d+16(FP), DI")
		for r := range 8 {
			line("MOVQ %d(BX), DX", 8*r)
			check("no" + name)
			line("VMOVDQU (R8)(DX*1), X%d", r)
			line("INCL CX")
		}
		if trans {
			// Halves, words and pairs of words of the rows are interleaved in turn.
			for _, op := range []string{"WD", "DQ", "QDQ"} {
				from, to := 0, 8
				if op == "DQ" {
					from, to = 8, 0
				}
				gap := map[string]int{"WD": 1, "DQ": 2, "QDQ": 4}[op]
				done := map[int]bool{}
				for i := range 8 {
					if done[i] {
						continue
					}
					j := i + gap
					done[i], done[j] = true, true
					line("VPUNPCKL%s X%d, X%d, X%d", op, from+j, from+i, to+i)
					line("VPUNPCKH%s X%d, X%d, X%d", op, from+j, from+i, to+j)
				}
			}
			// Column c is in register 8 + the bits of c in reverse.
			for c := range 8 {
				at := 8 + c>>2&1 + c>>1&1*2 + c&1*4
				line("VPMOVZXDQ X%d, Y%d", at, at)
				line("VMOVDQU Y%d, %d(DI)", at, 32*c)
			}
		} else {
			for r := range 8 {
				line("VPMOVZXDQ X%d, Y%d", r, r)
				line("VMOVDQU Y%d, %d(DI)", r, 32*r)
			}
		}
		line("MOVB $1, ret+24(FP)")
		line("VZEROUPPER")
		line("RET")
		fmt.Fprintf(s, "no%s:\n", name)
		line("MOVB $0, ret+24(FP)")
		line("VZEROUPPER")
		line("RET\n")
	}
	fmt.Fprintf(s, "// func wideWrite(s *sharedView, addr uint64, lane uint32) bool\nTEXT ·wideWrite(SB), NOSPLIT, $0-25\n")
	constants()
	line("MOVQ addr+8(FP), DX")
	line("ORL lane+16(FP), CX")
	line("TESTQ $15, DX")
	line("JNZ  no")
	line("CMPQ DX, R12")
	line("JAE  no")
	line("MOVL $0x06060606, AX") // valid and not pending
	line("VPBROADCASTD AX, X19")
	line("MOVL $0x02020202, AX")
	line("VPBROADCASTD AX, X20")
	line("VPANDD (R9)(DX*1), X19, X21")
	line("VPCMPD $4, X20, X21, K1")
	line("VPBROADCASTD CX, X23")
	for _, r := range []string{"R10", "R11"} {
		line("VMOVDQU32 (%s)(DX*1), X22", r)
		line("VPCMPUD $1, X16, X22, K2") // entry < limit
		line("VPCMPUD $0, X23, X22, K3") // the same already
		line("KORW K2, K3, K2")
		line("KNOTW K2, K2")
		line("KORW K2, K1, K1")
	}
	line("KMOVW K1, AX")
	line("TESTL $15, AX")
	line("JNZ  no")
	line("VMOVDQU32 X23, (R10)(DX*1)")
	line("MOVB $1, ret+24(FP)")
	line("RET")
	s.WriteString("no:\n")
	line("MOVB $0, ret+24(FP)")
	line("RET\n")
	for _, t := range []struct {
		name   string
		stride int
	}{{"gatherPairs", 8}, {"gatherQuads", 16}} {
		if t.stride == 8 {
			fmt.Fprintf(s, "// func gatherPairs(p *byte, s0, s1 *[32]uint64)\nTEXT ·gatherPairs(SB), NOSPLIT, $0-24\n")
			line("MOVQ p+0(FP), DI")
			line("MOVQ s0+8(FP), SI")
			line("MOVQ s1+16(FP), DX")
			for v := range 4 {
				line("VMOVDQU64 %d(DX), Z0", 64*v)
				line("VPSLLQ $32, Z0, Z0")
				line("VPORQ %d(SI), Z0, Z0", 64*v)
				line("VMOVDQU64 Z0, %d(DI)", 64*v)
			}
		} else {
			fmt.Fprintf(s, "// func gatherQuads(p *byte, s0, s1, s2, s3 *[32]uint64)\nTEXT ·gatherQuads(SB), NOSPLIT, $0-40\n")
			line("MOVQ p+0(FP), DI")
			for i, r := range []string{"SI", "DX", "R8", "R9"} {
				line("MOVQ s%d+%d(FP), %s", i, 8+8*i, r)
			}
			line("VMOVDQU64 evens<>(SB), Z4")
			line("VMOVDQU64 evens<>+64(SB), Z5")
			for v := range 4 {
				line("VMOVDQU64 %d(DX), Z0", 64*v)
				line("VPSLLQ $32, Z0, Z0")
				line("VPORQ %d(SI), Z0, Z0", 64*v)
				line("VMOVDQU64 %d(R9), Z1", 64*v)
				line("VPSLLQ $32, Z1, Z1")
				line("VPORQ %d(R8), Z1, Z1", 64*v)
				line("VMOVDQA64 Z4, Z2")
				line("VPERMI2Q Z1, Z0, Z2")
				line("VMOVDQA64 Z5, Z3")
				line("VPERMI2Q Z1, Z0, Z3")
				line("VMOVDQU64 Z2, %d(DI)", 128*v)
				line("VMOVDQU64 Z3, %d(DI)", 128*v+64)
			}
		}
		line("VZEROUPPER")
		line("RET\n")
	}
	for i := range 16 {
		fmt.Fprintf(s, "DATA evens<>+%d(SB)/8, $%d\n", 8*i, i/2+8*(i%2))
	}
	s.WriteString("GLOBL evens<>(SB), RODATA, $128\n\n")
	fmt.Fprintf(s, "// func gatherHalves(p *byte, s *[32]uint64)\nTEXT ·gatherHalves(SB), NOSPLIT, $0-16\n")
	line("MOVQ p+0(FP), DI")
	line("MOVQ s+8(FP), SI")
	for v := range 4 {
		line("VMOVDQU64 %d(SI), Z%d", 64*v, v)
	}
	for v := range 4 {
		line("VPMOVQW Z%d, %d(DI)", v, 16*v)
	}
	line("VZEROUPPER")
	line("RET\n")
}
