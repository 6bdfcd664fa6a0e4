package reference

import "github.com/sparsebert/sparsebert-gpu/backend"

// Gather gives dst[i] = src[index[i]], a row of zeros where the index is negative.
func (b *Backend) Gather(dst, src, index backend.Buffer, n, h int) {
	a := b.begin("Gather")
	a.size("n", n, 0)
	a.size("h", h, 1)
	ds, ss := a.act("dst", dst, n*h), a.act("src", src, 0)
	if !a.ok {
		return
	}
	rows := a.ints("index", index, n, minIndex, len(ss)/h-1)
	if !a.ok {
		return
	}
	for i := range n {
		for j := range h {
			ds[i*h+j] = 0
			if rows[i] >= 0 {
				ds[i*h+j] = ss[int(rows[i])*h+j]
			}
		}
	}
}

// ScatterAdd gives dst[index[i]] += src[i] in the order of i, skipping negative
// indices.
func (b *Backend) ScatterAdd(dst, src, index backend.Buffer, n, h int) {
	a := b.begin("ScatterAdd")
	a.size("n", n, 0)
	a.size("h", h, 1)
	ds, ss := a.act("dst", dst, 0), a.act("src", src, n*h)
	if !a.ok {
		return
	}
	rows := a.ints("index", index, n, minIndex, len(ds)/h-1)
	if !a.ok {
		return
	}
	for i := range n {
		if rows[i] < 0 {
			continue
		}
		for j := range h {
			ds[int(rows[i])*h+j] += ss[i*h+j]
		}
	}
}

// Zero sets the first n elements of a buffer of any dtype to 0.
func (b *Backend) Zero(x backend.Buffer, n int) {
	a := b.begin("Zero")
	a.size("n", n, 0)
	if !a.ok {
		return
	}
	own, mine := x.(*buffer)
	switch {
	case !mine || own.owner != b:
		a.failf("b: found a buffer of another backend or none, expected one of this")
	case own.n < n:
		a.failf("b: found %d elements, expected at least %d", own.n, n)
	case own.dtype == backend.I32:
		clear(own.ints[:n])
	default:
		clear(own.real[:n])
	}
}

// minIndex is the least row index or label: any negative one means none.
const minIndex = -1 << 31
