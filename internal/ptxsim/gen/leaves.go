package main

import "bytes"

// leaves writes the functions that Go calls directly.
func leaves(s *bytes.Buffer) {
	s.WriteString(`DATA iota64<>+0(SB)/8, $0
DATA iota64<>+8(SB)/8, $1
DATA iota64<>+16(SB)/8, $2
DATA iota64<>+24(SB)/8, $3
DATA iota64<>+32(SB)/8, $4
DATA iota64<>+40(SB)/8, $5
DATA iota64<>+48(SB)/8, $6
DATA iota64<>+56(SB)/8, $7
GLOBL iota64<>(SB), RODATA, $64

// func stridedLanes(base *[32]uint64, first, stride uint64) uint32
TEXT ·stridedLanes(SB), NOSPLIT, $0-28
	MOVQ base+0(FP), SI
	VPBROADCASTQ first+8(FP), Z0
	VPBROADCASTQ stride+16(FP), Z1
	VPMULLQ iota64<>(SB), Z1, Z2
	VPADDQ Z2, Z0, Z0
	VPSLLQ $3, Z1, Z1
	VPCMPEQQ (SI), Z0, K1
	VPADDQ Z1, Z0, Z0
	VPCMPEQQ 64(SI), Z0, K2
	VPADDQ Z1, Z0, Z0
	VPCMPEQQ 128(SI), Z0, K3
	VPADDQ Z1, Z0, Z0
	VPCMPEQQ 192(SI), Z0, K4
	KUNPCKBW K1, K2, K1
	KUNPCKBW K3, K4, K3
	KUNPCKWD K1, K3, K1
	KMOVD K1, AX
	MOVL AX, ret+24(FP)
	VZEROUPPER
	RET

// func uniformLanes(p *byte, n int, care, want byte) bool
TEXT ·uniformLanes(SB), NOSPLIT, $0-25
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	VPBROADCASTB care+16(FP), Z1
	VPBROADCASTB want+17(FP), Z2
	CMPQ CX, $64
	JB   tail
loop:
	VPANDQ (SI), Z1, Z3
	VPCMPB $4, Z2, Z3, K1
	KORTESTQ K1, K1
	JNZ  no
	ADDQ $64, SI
	SUBQ $64, CX
	CMPQ CX, $64
	JAE  loop
tail:
	TESTQ CX, CX
	JZ   yes
	MOVQ $-1, AX
	BZHIQ CX, AX, AX
	KMOVQ AX, K2
	VMOVDQU8.Z (SI), K2, Z3
	VPANDQ Z3, Z1, Z3
	VPCMPB $4, Z2, Z3, K2, K1
	KORTESTQ K1, K1
	JNZ  no
yes:
	MOVB $1, ret+24(FP)
	VZEROUPPER
	RET
no:
	MOVB $0, ret+24(FP)
	VZEROUPPER
	RET

// func belowLanes(p *uint32, n int, limit uint32) bool
TEXT ·belowLanes(SB), NOSPLIT, $0-25
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	MOVL limit+16(FP), AX
	VPBROADCASTD AX, Z1
	CMPQ CX, $16
	JB   tail
loop:
	VMOVDQU32 (SI), Z3
	VPCMPUD $5, Z1, Z3, K1
	KORTESTW K1, K1
	JNZ  no
	ADDQ $64, SI
	SUBQ $16, CX
	CMPQ CX, $16
	JAE  loop
tail:
	TESTQ CX, CX
	JZ   yes
	MOVL $-1, AX
	BZHIL CX, AX, AX
	KMOVW AX, K2
	VMOVDQU32.Z (SI), K2, Z3
	VPCMPUD $5, Z1, Z3, K2, K1
	KORTESTW K1, K1
	JNZ  no
yes:
	MOVB $1, ret+24(FP)
	VZEROUPPER
	RET
no:
	MOVB $0, ret+24(FP)
	VZEROUPPER
	RET

// func spreadWords(d *[32]uint64, p *byte)
TEXT ·spreadWords(SB), NOSPLIT, $0-16
	MOVQ d+0(FP), DI
	MOVQ p+8(FP), SI
	VPMOVZXDQ (SI), Z0
	VPMOVZXDQ 32(SI), Z1
	VPMOVZXDQ 64(SI), Z2
	VPMOVZXDQ 96(SI), Z3
	VMOVDQU64 Z0, (DI)
	VMOVDQU64 Z1, 64(DI)
	VMOVDQU64 Z2, 128(DI)
	VMOVDQU64 Z3, 192(DI)
	VZEROUPPER
	RET

// func spreadHalves(d *[32]uint64, p *byte)
TEXT ·spreadHalves(SB), NOSPLIT, $0-16
	MOVQ d+0(FP), DI
	MOVQ p+8(FP), SI
	VPMOVZXWQ (SI), Z0
	VPMOVZXWQ 16(SI), Z1
	VPMOVZXWQ 32(SI), Z2
	VPMOVZXWQ 48(SI), Z3
	VMOVDQU64 Z0, (DI)
	VMOVDQU64 Z1, 64(DI)
	VMOVDQU64 Z2, 128(DI)
	VMOVDQU64 Z3, 192(DI)
	VZEROUPPER
	RET

// func gatherWords(p *byte, s *[32]uint64)
TEXT ·gatherWords(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), DI
	MOVQ s+8(FP), SI
	VMOVDQU64 (SI), Z0
	VMOVDQU64 64(SI), Z1
	VMOVDQU64 128(SI), Z2
	VMOVDQU64 192(SI), Z3
	VPMOVQD Z0, (DI)
	VPMOVQD Z1, 32(DI)
	VPMOVQD Z2, 64(DI)
	VPMOVQD Z3, 96(DI)
	VZEROUPPER
	RET

// func spreadPairs(d0, d1 *[32]uint64, p *byte, stride uintptr)
// Each lane has two words; stride is how far the pairs are apart, 8 or 16 bytes.
TEXT ·spreadPairs(SB), NOSPLIT, $0-32
	MOVQ d0+0(FP), DI
	MOVQ d1+8(FP), DX
	MOVQ p+16(FP), SI
	MOVQ stride+24(FP), CX
	VPTERNLOGD $0xFF, Z4, Z4, Z4
	VPSRLQ $32, Z4, Z4
	MOVL $4, R8
	CMPQ CX, $8
	JNE  wide
pairs:
	VMOVDQU64 (SI), Z0
	VPANDQ Z4, Z0, Z1
	VPSRLQ $32, Z0, Z0
	VMOVDQU64 Z1, (DI)
	VMOVDQU64 Z0, (DX)
	ADDQ $64, SI
	ADDQ $64, DI
	ADDQ $64, DX
	DECL R8
	JNZ  pairs
	VZEROUPPER
	RET
wide:
	VMOVDQU64 iota64<>(SB), Z5
	VPADDQ Z5, Z5, Z5
wides:
	VMOVDQU64 (SI), Z0
	VMOVDQA64 Z5, Z6
	VPERMI2Q 64(SI), Z0, Z6
	VPANDQ Z4, Z6, Z1
	VPSRLQ $32, Z6, Z0
	VMOVDQU64 Z1, (DI)
	VMOVDQU64 Z0, (DX)
	ADDQ $128, SI
	ADDQ $64, DI
	ADDQ $64, DX
	DECL R8
	JNZ  wides
	VZEROUPPER
	RET

`)
}
