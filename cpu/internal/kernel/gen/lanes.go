package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// spmv emits one output row of a product with single elements, for 64 tokens.
func spmv(s isa) {
	declare("spmv"+s.name, "func(dst, x []float32, idx []int32, val []float32, init float32)")
	acc := make([]reg.VecVirtual, 64/s.lanes)
	for i := range acc {
		acc[i] = s.vec()
	}
	init, err := Param("init").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(init.Addr, acc[0])
	for i := 1; i < len(acc); i++ {
		VMOVAPS(acc[0], acc[i])
	}
	x := Load(Param("x").Base(), GP64())
	idx, val := Load(Param("idx").Base(), GP64()), Load(Param("val").Base(), GP64())
	n := Load(Param("idx").Len(), GP64())
	at, w := GP64(), s.vec()
	TESTQ(n, n)
	JZ(LabelRef("store"))
	Label("element")
	MOVLQSX(Mem{Base: idx}, at)
	SHLQ(U8(8), at)
	VBROADCASTSS(Mem{Base: val}, w)
	for i := range acc {
		VFMADD231PS(Mem{Base: x, Index: at, Scale: 1, Disp: 4 * s.lanes * i}, w, acc[i])
	}
	ADDQ(U8(4), idx)
	ADDQ(U8(4), val)
	DECQ(n)
	JNZ(LabelRef("element"))
	Label("store")
	dst := Load(Param("dst").Base(), GP64())
	for i := range acc {
		VMOVUPS(acc[i], Mem{Base: dst, Disp: 4 * s.lanes * i})
	}
	VZEROUPPER()
	RET()
}

// lanes emits size output rows of a product with size x size blocks, for the tokens that
// kernel.LanesOf says. Element size*j+k of a block meets input k and output j, or if
// transposed element size*k+j.
func lanes(s isa, size int, transposed bool) {
	name := fmt.Sprintf("lanes%d", size)
	if transposed {
		name += "Transposed"
	}
	declare(name+s.name, "func(dst, x []float32, segs []Seg, w []float32, start []float32)")
	// As many tokens at a time as the registers hold accumulators for.
	tokens, vectors := 64, 4
	if size == 8 {
		tokens, vectors = 48, 3
	}
	if s == avx2 {
		vectors = 12 / size // so blocks of 4 take 64 tokens as 24, 24 and 16
	}
	load := s == avx512 || vectors == 1 // else no register is left for them
	x, dst := Load(Param("x").Base(), GP64()), Load(Param("dst").Base(), GP64())
	for first, part := 0, 0; first < tokens; part++ {
		vectors = min(vectors, (tokens-first)/s.lanes)
		label := "part" + string(rune('0'+part))
		acc := accumulators(size, vectors, s.lanes)
		start := Load(Param("start").Base(), GP64())
		for j := range acc {
			VBROADCASTSS(Mem{Base: start, Disp: 4 * j}, acc[j][0])
			for v := 1; v < vectors; v++ {
				VMOVAPS(acc[j][0], acc[j][v])
			}
		}
		segs, count := Load(Param("segs").Base(), GP64()), Load(Param("segs").Len(), GP64())
		w, xp, wp := Load(Param("w").Base(), GP64()), GP64(), GP64()
		TESTQ(count, count)
		JZ(LabelRef(label + "store"))
		Label(label + "segment")
		MOVLQSX(Mem{Base: segs}, xp)
		MOVLQSX(Mem{Base: segs, Disp: 4}, wp)
		LEAQ(Mem{Base: x, Index: xp, Scale: 4}, xp)
		LEAQ(Mem{Base: w, Index: wp, Scale: 4}, wp)
		// Prefetch the next segment. Behind the last one it is this one again.
		next, soonW := GP64(), GP64()
		LEAQ(Mem{Base: segs, Disp: 8}, next)
		CMPQ(count, U8(1))
		CMOVQEQ(segs, next)
		MOVLQSX(Mem{Base: next, Disp: 4}, soonW)
		MOVLQSX(Mem{Base: next}, next)
		LEAQ(Mem{Base: x, Index: next, Scale: 4}, next)
		LEAQ(Mem{Base: w, Index: soonW, Scale: 4}, soonW)
		for line := 0; line < size*size; line += 16 {
			PREFETCHT0(Mem{Base: soonW, Disp: 4 * line})
		}
		for k := range size {
			for line := first; line < first+vectors*s.lanes; line += 16 {
				PREFETCHT0(Mem{Base: next, Disp: 4 * (tokens*k + line)})
			}
			in := make([]reg.VecVirtual, vectors)
			for v := range in {
				if load {
					in[v] = s.vec()
					VMOVUPS(Mem{Base: xp, Disp: 4 * (tokens*k + first + s.lanes*v)}, in[v])
				}
			}
			for j := range acc {
				at := size*j + k
				if transposed {
					at = size*k + j
				}
				value := s.vec()
				VBROADCASTSS(Mem{Base: wp, Disp: 4 * at}, value)
				for v, r := range acc[j] {
					if load {
						VFMADD231PS(in[v], value, r)
					} else {
						VFMADD231PS(Mem{Base: xp, Disp: 4 * (tokens*k + first + s.lanes*v)}, value, r)
					}
				}
			}
		}
		ADDQ(U8(8), segs)
		DECQ(count)
		JNZ(LabelRef(label + "segment"))
		Label(label + "store")
		for j := range acc {
			for v, r := range acc[j] {
				VMOVUPS(r, Mem{Base: dst, Disp: 4 * (tokens*j + first + s.lanes*v)})
			}
		}
		first += vectors * s.lanes
	}
	VZEROUPPER()
	RET()
}
