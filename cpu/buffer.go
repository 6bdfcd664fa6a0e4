package cpu

import (
	"fmt"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// buffer is an array of float32 or int32; the other slice is nil.
type buffer struct {
	owner *device
	name  string
	dtype backend.DType
	n     int
	f     []float32
	i     []int32
}

func (b *buffer) Name() string         { return b.name }
func (b *buffer) DType() backend.DType { return b.dtype }
func (b *buffer) Len() int             { return b.n }

func (b *buffer) Owner() backend.Device {
	if b == nil {
		return nil
	}
	return b.owner
}

// Alloc implements backend.Backend for F32 and I32.
func (b *device) Alloc(name string, dt backend.DType, n int) backend.Buffer {
	return b.alloc(name, dt, n)
}

func (b *device) alloc(name string, dt backend.DType, n int) *buffer {
	buf := &buffer{owner: b, name: name, dtype: dt, n: n}
	b.allocs++
	var err error
	switch {
	case dt == backend.F32:
		buf.f, err = makeSlice[float32](n, b.allocs)
	case dt == backend.I32:
		buf.i, err = makeSlice[int32](n, b.allocs)
	default:
		err = fmt.Errorf("found dtype %v, expected float32 or int32", dt)
	}
	if err != nil {
		b.fail("Alloc %s: %w", name, err)
		return buf
	}
	b.mem += int64(n) * int64(dt.Size())
	return buf
}

const (
	hugePage = 2 << 20 // bytes of the huge pages of amd64 and arm64
	// Arrays whose rows have the same offsets in their pages would meet in few sets of a cache.
	skewStep = 4096 + 256
	skews    = 16
)

// makeSlice is make, with an error where the length exceeds the address space. Large slices begin
// skew steps behind the start of a huge page: two slices that share a page would make it no huge
// one. What lies before and behind is never touched and so takes no memory.
func makeSlice[E any](n, skew int) (s []E, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%d elements: %v", n, r)
		}
	}()
	size := int(unsafe.Sizeof(*new(E)))
	if n < hugePage/size {
		return make([]E, n), nil
	}
	s = make([]E, n+(hugePage+skews*skewStep)/size)
	s = s[(-int(uintptr(unsafe.Pointer(&s[0])))&(hugePage-1))/size:]
	from := skew % skews * skewStep / size
	hugePages(s[:from+n])
	return s[from : from+n : from+n], nil
}

// MemoryBytes implements backend.Backend. Scratch of running operations is not counted.
func (b *device) MemoryBytes() int64 { return b.mem }

// WriteFloats implements backend.Backend.
func (b *device) WriteFloats(dst backend.Buffer, off int, src []float32) {
	copy(floats(dst)[off:], src)
}

// WriteInts implements backend.Backend.
func (b *device) WriteInts(dst backend.Buffer, off int, src []int32) {
	copy(ints(dst)[off:], src)
}

// ReadFloats implements backend.Backend.
func (b *device) ReadFloats(dst []float32, src backend.Buffer, off int) error {
	copy(dst, floats(src)[off:])
	return nil
}
