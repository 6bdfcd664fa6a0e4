package checkpoint

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"slices"
)

// DType is an element type, spelt as the safetensors header spells it.
type DType string

// The element types that are read and written.
const (
	Bool DType = "BOOL"
	U8   DType = "U8"
	I8   DType = "I8"
	U16  DType = "U16"
	I16  DType = "I16"
	F16  DType = "F16"
	BF16 DType = "BF16"
	U32  DType = "U32"
	I32  DType = "I32"
	F32  DType = "F32"
	U64  DType = "U64"
	I64  DType = "I64"
	F64  DType = "F64"
)

// Size returns the bytes of one element, 0 for an unknown type.
func (d DType) Size() int {
	switch d {
	case Bool, U8, I8:
		return 1
	case U16, I16, F16, BF16:
		return 2
	case U32, I32, F32:
		return 4
	case U64, I64, F64:
		return 8
	}
	return 0
}

// Info describes a tensor without its data.
type Info struct {
	Name  string
	DType DType
	Shape []int // empty for a scalar
}

// Bytes returns the size of the data, product(Shape) * DType.Size(). It fails
// on an unknown type, a negative extent and a product above 2^63-1.
func (t Info) Bytes() (int64, error) {
	size := t.DType.Size()
	if size == 0 {
		return 0, fmt.Errorf("found element type %s, expected one that safetensors defines", quote(string(t.DType)))
	}
	n := uint64(size)
	empty := false
	for _, extent := range t.Shape {
		if extent < 0 {
			return 0, fmt.Errorf("found extent %d in shape %v, expected 0 or more", extent, t.Shape)
		}
		if extent == 0 {
			empty = true
			continue
		}
		hi, lo := bits.Mul64(n, uint64(extent))
		if hi != 0 || lo > 1<<63-1 {
			return 0, fmt.Errorf("found shape %v of %s, expected one below 2^63 bytes", t.Shape, t.DType)
		}
		n = lo
	}
	if empty {
		return 0, nil
	}
	return int64(n), nil
}

// Tensor is one named array, row major, little endian.
//
// To be written, it holds its bytes in Data, or, where Stream is set, makes
// them piece by piece, so that no second copy of the weights need exist.
// A tensor that was read has Data.
type Tensor struct {
	Info
	Data   []byte
	Stream func(w io.Writer) error // writes exactly Info.Bytes bytes
}

// File is the content of one safetensors file.
type File struct {
	Metadata map[string]string
	Tensors  []Tensor
}

// Tensor returns the tensor of that name.
func (f *File) Tensor(name string) (Tensor, bool) {
	i := slices.IndexFunc(f.Tensors, func(t Tensor) bool { return t.Name == name })
	if i < 0 {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}

// Element is a Go type with an element type of the same meaning. F16 and BF16
// have none: their tensors are read and written as bytes.
type Element interface {
	uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64 | float32 | float64
}

func dtypeOf[E Element]() DType {
	var zero E
	switch any(zero).(type) {
	case uint8:
		return U8
	case int8:
		return I8
	case uint16:
		return U16
	case int16:
		return I16
	case uint32:
		return U32
	case int32:
		return I32
	case uint64:
		return U64
	case int64:
		return I64
	case float32:
		return F32
	}
	return F64
}

// chunkElements bounds the scratch memory of a conversion.
const chunkElements = 1 << 14

// Of makes a tensor of values. It keeps a reference: the values are encoded
// when the tensor is written, and must not change before.
func Of[E Element](name string, shape []int, values []E) Tensor {
	return Tensor{
		Info: Info{name, dtypeOf[E](), slices.Clone(shape)},
		Stream: func(w io.Writer) error {
			buf := make([]byte, 8*min(len(values), chunkElements))
			for chunk := range slices.Chunk(values, chunkElements) {
				n, err := binary.Encode(buf, binary.LittleEndian, chunk)
				if err != nil {
					return err
				}
				if _, err := w.Write(buf[:n]); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// Lazy makes a tensor of float32 values that are made when it is written, so that
// few tensors are in memory at a time. When ctx has ended by then, writing fails
// with its cause.
func Lazy(ctx context.Context, name string, shape []int, values func() ([]float32, error)) Tensor {
	return Tensor{
		Info: Info{name, F32, slices.Clone(shape)},
		Stream: func(w io.Writer) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			v, err := values()
			if err != nil {
				return err
			}
			return Of(name, shape, v).Stream(w)
		},
	}
}
