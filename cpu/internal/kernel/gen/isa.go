package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is an instruction set with vectors of lanes float32.
type isa struct {
	name  string
	lanes int
}

var (
	avx2   = isa{"AVX2", 8}
	avx512 = isa{"AVX512", 16}
	both   = []isa{avx2, avx512}
)

// vec returns a new vector register of the set's full width.
func (s isa) vec() reg.VecVirtual {
	if s.lanes == 16 {
		return ZMM()
	}
	return YMM()
}

// vector returns a new register of n lanes.
func vector(n int) reg.VecVirtual {
	switch n {
	case 16:
		return ZMM()
	case 8:
		return YMM()
	}
	return XMM()
}

// accumulators returns new registers of lanes float32, vectors of them for each row.
func accumulators(rows, vectors, lanes int) [][]reg.VecVirtual {
	acc := make([][]reg.VecVirtual, rows)
	for i := range acc {
		for range vectors {
			acc[i] = append(acc[i], vector(lanes))
		}
	}
	return acc
}

// zero returns a vector of zeros.
func zero(s isa) reg.VecVirtual {
	v := s.vec()
	if s == avx512 {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
	return v
}

// scalar returns a parameter in all lanes.
func scalar(s isa, name string) reg.VecVirtual {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	v := s.vec()
	VBROADCASTSS(p.Addr, v)
	return v
}

// stride loads a parameter that counts elements, in bytes.
func stride(name string) reg.Register {
	r := Load(Param(name), GP64())
	SHLQ(U8(2), r)
	return r
}

// constants are those that the family has so far, by name.
var constants = map[string]Mem{}

// constant returns 64 bytes of read-only memory that repeat a 32-bit word.
func constant(name string, word uint32) Mem {
	if m, ok := constants[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(word))
	}
	constants[name] = m
	return m
}

// float is constant for a float32.
func float(name string, v float32) Mem { return constant(name, math.Float32bits(v)) }

// indices returns 16 words for a permutation of lanes.
func indices(name string, at func(i int) int) Mem {
	if m, ok := constants[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	for i := range panelWidth {
		DATA(4*i, U32(at(i)))
	}
	constants[name] = m
	return m
}

// with emits an instruction whose first operand is a constant or a register. The linker aligns
// 64 bytes to 32 only, and a vector across two cache lines takes two reads. So AVX-512
// broadcasts one word of the constant.
func with(plain, broadcast func(ops ...Op), ops ...Op) {
	m, ok := ops[0].(Mem)
	if to := ops[len(ops)-1].(reg.Register); ok && m.Symbol.Name != "" && to.Size() == 64 {
		broadcast(ops...)
	} else {
		plain(ops...)
	}
}
