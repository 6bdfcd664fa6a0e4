package reference

import "github.com/sparsebert/sparsebert-gpu/backend"

// Gather gives dst[i] = src[index[i]], a row of zeros where the index is negative.
func (d *device) Gather(dst, src, index backend.Buffer, n, h int) {
	ds, ss := reals(dst), reals(src)
	rows, ok := d.integers("Gather", "index", index, n, noRow, len(ss)/h-1)
	if !ok {
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
func (d *device) ScatterAdd(dst, src, index backend.Buffer, n, h int) {
	ds, ss := reals(dst), reals(src)
	rows, ok := d.integers("ScatterAdd", "index", index, n, noRow, len(ds)/h-1)
	if !ok {
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
func (d *device) Zero(x backend.Buffer, n int) {
	if own := x.(*buffer); own.dtype == backend.I32 {
		clear(own.ints[:n])
	} else {
		clear(own.real[:n])
	}
}
