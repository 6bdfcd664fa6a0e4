package ptxsim

import (
	"encoding/binary"
	"fmt"
)

// TensorMap describes a tensor in global memory and the box of it that cp.async.bulk.tensor copies, as
// cuTensorMapEncodeTiled takes it. Dimension 0 is the one whose elements lie next to each other.
type TensorMap struct {
	Type           TensorType
	Address        Ptr      // of the element with coordinates 0, a multiple of 16
	Dims           []uint64 // elements along each of 1 to 5 dimensions, less than 2^32
	Strides        []uint64 // bytes from one element to the next along dimensions 1 and up, multiples of 16 below 2^40
	Box            []int    // elements along each dimension, 1 to 256
	ElementStrides []int    // every how many elements of the box are copied, 1 to 8; nil: all; that of dimension 0 is ignored
	Swizzle        Swizzle
	FillNaN        bool // elements outside the tensor are NaN and not 0
}

// TensorType is the type of a tensor's elements, with the numbers of PTX.
type TensorType uint8

// Element types. The others of PTX change values while they are copied, and are not supported.
const (
	TensorU8 TensorType = iota
	TensorU16
	TensorU32
	TensorS32
	TensorU64
	TensorS64
	TensorF16
	TensorF32
	_
	TensorF64
	TensorBF16
)

// Swizzle says within how many bytes the 16-byte pieces of shared memory change places.
type Swizzle uint8

// The swizzles, with the numbers of PTX.
const (
	SwizzleNone Swizzle = iota
	Swizzle32
	Swizzle64
	Swizzle128
)

// TensorMapBytes is the size of an encoded tensor map.
const TensorMapBytes = 128

// Where the fields are in the bytes of a tensor map. NVIDIA keeps its encoding to itself; this one is the
// simulator's, and what tensormap.replace writes. The rest is 0.
const (
	mapAddress        = 0  // 8 bytes
	mapDims           = 8  // 4 bytes each
	mapRank           = 28 // less 1; a byte as those that follow
	mapType           = 29
	mapSwizzle        = 30
	mapInterleave     = 31
	mapBox            = 32 // 2 bytes each
	mapFill           = 42
	mapElementStrides = 43 // a byte each
	mapStrides        = 48 // 8 bytes each
	mapEnd            = 80

	maxTensorRank = 5
)

// elementBytes and the NaN of each type; 0 bytes: not supported.
var tensorTypes = map[TensorType]struct {
	size int
	nan  uint64
}{
	TensorU8: {1, 0}, TensorU16: {2, 0}, TensorU32: {4, 0}, TensorS32: {4, 0}, TensorU64: {8, 0}, TensorS64: {8, 0},
	TensorF16: {2, 0x7FFF}, TensorF32: {4, 0x7FFFFFFF}, TensorF64: {8, 0x7FFFFFFFFFFFFFFF}, TensorBF16: {2, 0x7FFF},
}

// Encode returns the 128 bytes of the tensor map, which a kernel takes as a parameter or from memory. The
// error says which field is wrong.
func (t TensorMap) Encode() ([]byte, error) {
	if t.ElementStrides == nil {
		t.ElementStrides = make([]int, len(t.Dims))
		for i := range t.ElementStrides {
			t.ElementStrides[i] = 1
		}
	}
	n := len(t.Dims)
	if n < 1 || n > maxTensorRank || len(t.Strides) != n-1 || len(t.Box) != n || len(t.ElementStrides) != n {
		return nil, fmt.Errorf("ptxsim: tensor map of %d dimensions, %d strides, %d sides of the box and %d element strides, expected 1 to %d, one less, and as many", n, len(t.Strides), len(t.Box), len(t.ElementStrides), maxTensorRank)
	}
	if bad := t.check(); bad != "" {
		return nil, fmt.Errorf("ptxsim: tensor map: %s", bad)
	}
	out := make([]byte, TensorMapBytes)
	put := binary.LittleEndian
	put.PutUint64(out[mapAddress:], uint64(t.Address))
	out[mapRank], out[mapType], out[mapSwizzle] = byte(n-1), byte(t.Type), byte(t.Swizzle)
	if t.FillNaN {
		out[mapFill] = 1
	}
	for i := range n {
		put.PutUint32(out[mapDims+4*i:], uint32(t.Dims[i]))
		put.PutUint16(out[mapBox+2*i:], uint16(t.Box[i]))
		out[mapElementStrides+i] = byte(t.ElementStrides[i])
	}
	for i, s := range t.Strides {
		put.PutUint64(out[mapStrides+8*i:], s)
	}
	return out, nil
}

// decodeTensorMap reads 128 bytes; bad says what is wrong with them.
func decodeTensorMap(b []byte) (t TensorMap, bad string) {
	get := binary.LittleEndian
	for i, v := range b[mapEnd:] {
		if v != 0 {
			return t, fmt.Sprintf("byte %d is %#x, expected 0: it is not a tensor map as TensorMap.Encode or tensormap.replace makes it", mapEnd+i, v)
		}
	}
	n := int(b[mapRank]) + 1
	switch {
	case n > maxTensorRank:
		return t, fmt.Sprintf("%d dimensions, expected 1 to %d", n, maxTensorRank)
	case b[mapInterleave] != 0:
		return t, fmt.Sprintf("interleave layout %d is not supported, expected 0", b[mapInterleave])
	case b[mapFill] > 1:
		return t, fmt.Sprintf("fill mode %d, expected 0 or 1", b[mapFill])
	}
	t = TensorMap{Type: TensorType(b[mapType]), Address: Ptr(get.Uint64(b[mapAddress:])), Swizzle: Swizzle(b[mapSwizzle]), FillNaN: b[mapFill] == 1}
	for i := range n {
		t.Dims = append(t.Dims, uint64(get.Uint32(b[mapDims+4*i:])))
		t.Box = append(t.Box, int(get.Uint16(b[mapBox+2*i:])))
		t.ElementStrides = append(t.ElementStrides, int(b[mapElementStrides+i]))
		if i > 0 {
			t.Strides = append(t.Strides, get.Uint64(b[mapStrides+8*(i-1):]))
		}
	}
	return t, t.check()
}

// check says what is wrong with the values of the fields; "" if nothing is.
func (t *TensorMap) check() string {
	e, known := tensorTypes[t.Type]
	switch {
	case !known:
		return fmt.Sprintf("element type %d is not supported", t.Type)
	case t.Address%16 != 0:
		return fmt.Sprintf("address %#x, expected a multiple of 16", uint64(t.Address))
	case t.Swizzle > Swizzle128:
		return fmt.Sprintf("swizzle mode %d, expected 0 to 3", t.Swizzle)
	case t.FillNaN && e.nan == 0:
		return fmt.Sprintf("NaN outside a tensor of element type %d, which has none", t.Type)
	}
	for i, d := range t.Dims {
		switch {
		case d < 1 || d >= 1<<32:
			return fmt.Sprintf("dimension %d has %d elements, expected 1 to 2^32 - 1", i, d)
		case t.Box[i] < 1 || t.Box[i] > 256:
			return fmt.Sprintf("the box has %d elements along dimension %d, expected 1 to 256", t.Box[i], i)
		case t.ElementStrides[i] < 1 || t.ElementStrides[i] > 8:
			return fmt.Sprintf("element stride %d of dimension %d, expected 1 to 8", t.ElementStrides[i], i)
		}
	}
	for i, s := range t.Strides {
		if s%16 != 0 || s >= 1<<40 {
			return fmt.Sprintf("stride %d of dimension %d, expected a multiple of 16 below 2^40", s, i+1)
		}
	}
	row := t.Box[0] * e.size
	if row%16 != 0 {
		return fmt.Sprintf("a row of the box has %d bytes, expected a multiple of 16", row)
	}
	// Shorter rows would leave parts of the pattern empty, in a way that PTX does not say.
	if span := 16 << t.Swizzle; t.Swizzle != SwizzleNone && row != span {
		return fmt.Sprintf("a row of the box has %d bytes, with a swizzle of %d bytes only that many are supported", row, span)
	}
	return ""
}

// size returns how many elements are copied along dimension i.
func (t *TensorMap) size(i int) int {
	if i == 0 {
		return t.Box[0]
	}
	return (t.Box[i] + t.ElementStrides[i] - 1) / t.ElementStrides[i]
}

// bytes is the size of the box in shared memory.
func (t *TensorMap) bytes() int {
	n := tensorTypes[t.Type].size
	for i := range t.Dims {
		n *= t.size(i)
	}
	return n
}

// swizzled returns where a 16-byte piece of the box at addr is in shared memory: bits 4 to 6, 4 to 5 or 4 of the
// address are changed by as many from bit 7 on (PTX, "Swizzling modes").
func (s Swizzle) swizzled(addr uint64) uint64 {
	return addr ^ addr>>7&(1<<s-1)<<4
}

// tensorRow is a row of the box: its elements lo to hi are inside the tensor, from addr on.
type tensorRow struct {
	addr   uint64
	lo, hi int
}

// rows returns the rows of the box at some coordinates, in the order in which shared memory has them.
func (t *TensorMap) rows(at []int64) []tensorRow {
	n := 1
	for i := 1; i < len(t.Dims); i++ {
		n *= t.size(i)
	}
	size := int64(tensorTypes[t.Type].size)
	lo, hi := max(0, -at[0]), min(int64(t.Box[0]), int64(t.Dims[0])-at[0])
	out := make([]tensorRow, n)
	for r := range out {
		addr, left, inside := int64(t.Address)+(at[0]+lo)*size, r, lo < hi
		for i := 1; i < len(t.Dims); i++ {
			g := at[i] + int64(left%t.size(i)*t.ElementStrides[i])
			left /= t.size(i)
			inside = inside && g >= 0 && g < int64(t.Dims[i])
			addr += g * int64(t.Strides[i-1])
		}
		if inside {
			out[r] = tensorRow{uint64(addr), int(lo), int(hi)}
		}
	}
	return out
}
