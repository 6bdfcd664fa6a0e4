package huggingface

import (
	"encoding/binary"
	"math"
)

// widenHalf decodes IEEE half-precision numbers, little endian, without rounding:
// sign, 5 bits of exponent, 10 of fraction.
func widenHalf(dst []float32, src []byte) {
	for i := range dst {
		h := uint32(binary.LittleEndian.Uint16(src[2*i:]))
		sign, exponent, fraction := h>>15<<31, h>>10&0x1f, h&0x3ff
		switch exponent {
		case 0: // a multiple of 2^-24
			dst[i] = float32(fraction) * 0x1p-24
			dst[i] = math.Float32frombits(math.Float32bits(dst[i]) | sign)
		case 0x1f: // infinite or NaN
			dst[i] = math.Float32frombits(sign | 0xff<<23 | fraction<<13)
		default:
			dst[i] = math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
		}
	}
}

// widenBrain decodes bfloat16, the upper half of a float32.
func widenBrain(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}
