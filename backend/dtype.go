package backend

import "fmt"

// DType is the element type of a buffer.
type DType uint8

// The dtypes. F64 exists in the reference backend only.
const (
	F32 DType = iota
	BF16
	I32
	F64
)

// Size returns the bytes of one element.
func (d DType) Size() int {
	switch d {
	case BF16:
		return 2
	case F64:
		return 8
	default:
		return 4
	}
}

// String returns the name that messages and files use.
func (d DType) String() string {
	switch d {
	case F32:
		return "float32"
	case BF16:
		return "bfloat16"
	case I32:
		return "int32"
	case F64:
		return "float64"
	}
	return fmt.Sprintf("dtype %d", uint8(d))
}
