package gpu

import (
	"math"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// buffer is a device array.
type buffer struct {
	owner *device
	name  string
	dtype backend.DType
	n     int
	p     Ptr // 0 when n is 0

	columns, pitch int // of AllocRows: elements of a row, and from one to the next; else 0
}

func (x *buffer) Name() string         { return x.name }
func (x *buffer) DType() backend.DType { return x.dtype }
func (x *buffer) Len() int             { return x.n }
func (x *buffer) Columns() int         { return x.columns }

func (x *buffer) Owner() backend.Device {
	if x == nil {
		return nil
	}
	return x.owner
}

// Alloc implements backend.Backend for F32, BF16 and I32.
func (b *device) Alloc(name string, dt backend.DType, n int) backend.Buffer {
	return b.alloc(name, dt, n)
}

func (b *device) alloc(name string, dt backend.DType, n int) *buffer {
	x := &buffer{owner: b, name: name, dtype: dt, n: n}
	b.place(x, n)
	return x
}

// rowElements is what the rows of AllocRows are a multiple of: 128 bytes of bfloat16.
const rowElements = 64

// AllocRows implements backend.RowAllocator. Rows of float32 stay as they are: the kernels
// that read them like any.
func (b *device) AllocRows(name string, dt backend.DType, rows, columns int) backend.Buffer {
	if dt != backend.BF16 {
		return b.alloc(name, dt, rows*columns)
	}
	pitch := (columns + rowElements - 1) / rowElements * rowElements
	x := &buffer{owner: b, name: name, dtype: dt, n: rows * columns, columns: columns, pitch: pitch}
	b.place(x, rows*pitch)
	return x
}

// place gives x memory for n elements.
func (b *device) place(x *buffer, n int) {
	name, dt := x.name, x.dtype
	switch {
	case dt != backend.F32 && dt != backend.I32 && dt != backend.BF16:
		b.fail("Alloc %s: found dtype %v, expected float32, bfloat16 or int32", name, dt)
	case n > math.MaxInt64/dt.Size():
		b.fail("Alloc %s: found %d elements, expected what fits the device", name, n)
	default:
		x.p = b.take("Alloc "+name, name, int64(n)*int64(dt.Size()))
		if b.ok() {
			b.mem += int64(x.n) * int64(dt.Size())
			b.padding += int64(n-x.n) * int64(dt.Size())
		}
	}
}

// MemoryBytes implements backend.Backend.
func (b *device) MemoryBytes() int64 { return b.mem }

// WriteFloats implements backend.Backend.
func (b *device) WriteFloats(dst backend.Buffer, off int, src []float32) {
	c := b.begin("WriteFloats")
	d := own(dst)
	if len(src) == 0 {
		return
	}
	if d.dtype == backend.BF16 {
		half := make([]uint16, d.span(off, len(src)))
		for i, v := range src {
			half[d.index(off+i)-d.index(off)] = toBF16(v)
		}
		c.in(d, off, bytesOf(half))
		return
	}
	c.in(d, off, bytesOf(src))
}

// WriteInts implements backend.Backend. Batches come with it: it does not wait.
func (b *device) WriteInts(dst backend.Buffer, off int, src []int32) {
	b.stage("WriteInts", own(dst).at(off), bytesOf(src))
}

// ReadFloats implements backend.Backend.
func (b *device) ReadFloats(dst []float32, src backend.Buffer, off int) error {
	if b.Sync() != nil || len(dst) == 0 {
		return b.err
	}
	s := own(src)
	if s.dtype == backend.BF16 {
		half := make([]uint16, s.span(off, len(dst)))
		b.keep("ReadFloats", b.drv.CopyOut(0, bytesOf(half), s.at(off)))
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(half[s.index(off+i)-s.index(off)]) << 16)
		}
	} else {
		b.keep("ReadFloats", b.drv.CopyOut(0, bytesOf(dst), s.at(off)))
	}
	return b.err
}

// at returns the address of element i.
func (x *buffer) at(i int) Ptr { return x.p + Ptr(x.index(i)*x.dtype.Size()) }

// index is the place of element i in memory.
func (x *buffer) index(i int) int {
	if x.columns == 0 {
		return i
	}
	return i/x.columns*x.pitch + i%x.columns
}

// span is how many elements of memory n elements from off on take, with what is between rows.
func (x *buffer) span(off, n int) int { return x.index(off+n-1) + 1 - x.index(off) }

// rowPitch is the number of elements from one row to the next, of rows of n.
func (x *buffer) rowPitch(n int) int32 {
	if x != nil && x.pitch > 0 {
		n = x.pitch
	}
	return int32(n)
}

// in copies bytes to d from element off on.
func (c operation) in(d *buffer, off int, bytes []byte) {
	if c.b.outside(c.op) {
		c.b.keep(c.op, c.b.drv.CopyIn(0, d.at(off), bytes))
	}
}

// bytesOf returns the memory of a slice. Hosts with a GPU are little-endian, as
// the device is.
func bytesOf[E any](s []E) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}

// toBF16 rounds to the nearest bfloat16, ties to even.
func toBF16(v float32) uint16 {
	bits := math.Float32bits(v)
	if v != v {
		return uint16(bits>>16) | 1<<6 // a NaN stays one
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
