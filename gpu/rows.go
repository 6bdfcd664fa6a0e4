package gpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// rowThreads is the block of kernels that give each row a warp.
const rowThreads = 256

// warps returns a grid of such blocks for n rows.
func (b *Backend) warps(n int) Dim3 {
	return grid(n, rowThreads/32, 32*b.prop.Multiprocessors)
}

// count checks a number of rows, which kernels take as an int.
func (c checker) count(what string, n, least int) {
	c.atLeast(what, n, least)
	if n > math.MaxInt32 {
		c.fail("%s: found %d, expected at most %d", what, n, math.MaxInt32)
	}
}

// Gather implements backend.Layers.
func (b *Backend) Gather(dst, src, index backend.Buffer, n, h int) {
	c := b.check("Gather")
	c.count("rows", n, 0)
	c.count("columns", h, 1)
	to, from, list := c.act("dst", dst, n*h), c.act("src", src, 0), c.buffer("index", index, backend.I32, n)
	c.apart("src and dst", from, to)
	if !c.ok() || n == 0 {
		return
	}
	rows := min(from.n/h, math.MaxInt32)
	bad, g, block := c.slot("index", lessThan(rows)), b.warps(n), Dim3{X: rowThreads}
	if b.act == backend.BF16 {
		b.k.gatherBf16(g, block, 0, ptrBF16(to.p), ptrBF16(from.p), ptrI32(list.p), int32(n), int32(h), int32(rows), bad)
		return
	}
	b.k.gatherF32(g, block, 0, ptrF32(to.p), ptrF32(from.p), ptrI32(list.p), int32(n), int32(h), int32(rows), bad)
}

// ScatterAdd implements backend.Layers.
func (b *Backend) ScatterAdd(dst, src, index backend.Buffer, n, h int) {
	c := b.check("ScatterAdd")
	c.count("rows", n, 0)
	c.count("columns", h, 1)
	to, from, list := c.act("dst", dst, 0), c.act("src", src, n*h), c.buffer("index", index, backend.I32, n)
	c.apart("src and dst", from, to)
	if !c.ok() || n == 0 {
		return
	}
	rows := min(to.n/h, math.MaxInt32)
	s := c.sortRows(1, n, h, ptrI32(list.p), 0, [3]int{rows}, 1, true, c.slot("index", lessThan(rows)), 0)
	if !c.ok() {
		return
	}
	block, count, width := Dim3{X: rowThreads}, int32(n), int32(h)
	if b.act == backend.BF16 {
		b.k.scatterAddBf16(s.grid, block, 0, ptrBF16(to.p), 0, 0, int32(rows), 0, 0, s.pairs, s.edges, ptrBF16(from.p), count, width)
		b.k.joinRowsBf16(s.grid, block, 0, ptrBF16(to.p), 0, 0, int32(rows), 0, 0, s.pairs, s.edges, count, width)
		return
	}
	b.k.addRowsF32(s.grid, block, 0, ptrF32(to.p), 0, 0, int32(rows), 0, 0, s.pairs, s.edges, ptrF32(from.p), count, width)
	b.k.joinRowsF32(s.grid, block, 0, ptrF32(to.p), 0, 0, int32(rows), 0, 0, s.pairs, s.edges, count, width)
}

// sortedRows is what kernels/include/rowsum.cuh needs to add up rows by index.
type sortedRows struct {
	grid  Dim3
	pairs ptrRowPair
	edges ptrF32
}

// sumChunk is CHUNK of rowsum.cuh.
const sumChunk = 64

// sortRows sorts so many lists of n target rows for sums of h columns. rows are
// the numbers of target rows of each.
func (c checker) sortRows(lists, n, h int, index, segments ptrI32, rows [3]int, seq int, skip bool, badIndex, badSegment ptrU64) sortedRows {
	chunks := (n + sumChunk - 1) / sumChunk
	pairBytes, edgeBytes := lists*2*8*n, lists*chunks*2*4*h
	p := c.b.reserve(c.op, &c.b.scratch, "partial sums", int64(pairBytes+edgeBytes))
	if !c.ok() {
		return sortedRows{}
	}
	skipped := int32(0)
	if skip {
		skipped = 1
	}
	s := sortedRows{c.b.warps(chunks * ((h + 255) / 256)), ptrRowPair(p), ptrF32(p) + ptrF32(pairBytes)}
	s.grid.Y = lists
	c.b.k.sortRows(Dim3{X: lists}, Dim3{X: 1024}, 0, s.pairs, index, segments, int32(rows[0]), int32(rows[1]), int32(rows[2]), int32(n), int32(seq), skipped, badIndex, badSegment)
	return s
}

// Zero implements backend.Layers for every dtype.
func (b *Backend) Zero(x backend.Buffer, n int) {
	c := b.check("Zero")
	c.atLeast("elements", n, 0)
	buf := c.own("buffer", x)
	if buf == nil {
		return
	}
	if buf = c.buffer("buffer", x, buf.dtype, n); buf != nil && n > 0 {
		b.keep(c.op, b.drv.Memset(0, buf.p, 0, int64(n)*int64(buf.dtype.Size())))
	}
}
