package gpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// warps returns the launch of a kernel that gives each of n rows a warp.
func (b *device) warps(n int) config {
	return config{grid: grid(n, launch.RowThreads/32, 32*b.prop.Multiprocessors), block: Dim3{X: launch.RowThreads}}
}

// Gather implements backend.Layers.
func (b *device) Gather(dst, src, index backend.Buffer, n, h int) {
	c := b.begin("Gather")
	c.limit("rows", n)
	c.limit("columns", h)
	to, from, list := own(dst), own(src), own(index)
	if !c.ok() || n == 0 {
		return
	}
	rows := min(from.n/h, math.MaxInt32)
	bad := c.slot("index", lessThan(rows))
	b.k.gather(b.warps(n), gatherArgs{
		dst: ptrAct(to.p), src: ptrAct(from.p), index: ptrI32(list.p), n: int32(n), h: int32(h), rows: int32(rows), bad: bad,
	})
}

// ScatterAdd implements backend.Layers.
func (b *device) ScatterAdd(dst, src, index backend.Buffer, n, h int) {
	c := b.begin("ScatterAdd")
	c.limit("rows", n)
	c.limit("columns", h)
	to, from, list := own(dst), own(src), own(index)
	if !c.ok() || n == 0 {
		return
	}
	rows := min(to.n/h, math.MaxInt32)
	s := c.sortRows(sortLists{
		rows: []int{rows}, n: n, h: h, index: ptrI32(list.p), seq: 1, skip: true, badIndex: c.slot("index", lessThan(rows)),
	})
	if !c.ok() {
		return
	}
	if b.act == backend.BF16 {
		b.k.scatterAddBf16(s.config, scatterAddBf16Args{
			to0: ptrBF16(to.p), rows0: int32(rows), pairs: s.pairs, edges: s.edges, from: ptrBF16(from.p), n: s.n, h: s.h,
		})
	} else {
		b.k.addRowsF32(s.config, s.add([3]Ptr{to.p}, from.p))
	}
	b.k.joinRows(s.config, s.join([3]Ptr{to.p}))
}

// sortLists are lists of n target rows each, to be sorted for sums of h columns.
type sortLists struct {
	rows                 []int // the number of target rows of each
	n, h                 int
	index, segments      ptrI32
	seq                  int
	skip                 bool
	badIndex, badSegment ptrU64
}

// sortedRows is what kernels/include/rowsum.cuh needs to add up rows by index.
type sortedRows struct {
	config
	rows  [3]int32
	pairs ptrRowPair
	edges ptrF32
	n, h  int32
}

// add returns the parameters that add rows of from to float32 targets, join those
// that add what is left at the edges of chunks.
func (s *sortedRows) add(to [3]Ptr, from Ptr) addRowsArgs {
	return addRowsArgs{
		to0: ptrF32(to[0]), to1: ptrF32(to[1]), to2: ptrF32(to[2]), rows0: s.rows[0], rows1: s.rows[1], rows2: s.rows[2],
		pairs: s.pairs, edges: s.edges, from: ptrAct(from), n: s.n, h: s.h,
	}
}

func (s *sortedRows) join(to [3]Ptr) joinRowsArgs {
	return joinRowsArgs{
		to0: ptrAct(to[0]), to1: ptrAct(to[1]), to2: ptrAct(to[2]), rows0: s.rows[0], rows1: s.rows[1], rows2: s.rows[2],
		pairs: s.pairs, edges: s.edges, n: s.n, h: s.h,
	}
}

// sortRows sorts the lists.
func (c operation) sortRows(a sortLists) (s sortedRows) {
	lists, chunks := len(a.rows), (a.n+launch.SumChunk-1)/launch.SumChunk
	pairBytes, edgeBytes := lists*2*8*a.n, lists*chunks*2*4*a.h
	p := c.b.reserve(c.op, &c.b.scratch, "partial sums", int64(pairBytes+edgeBytes))
	if !c.ok() {
		return s
	}
	s = sortedRows{
		config: c.b.warps(chunks * ((a.h + 255) / 256)), pairs: ptrRowPair(p), edges: ptrF32(p) + ptrF32(pairBytes), n: int32(a.n), h: int32(a.h),
	}
	s.grid.Y = lists
	for i, n := range a.rows {
		s.rows[i] = int32(n)
	}
	args := sortRowsArgs{
		pairs: s.pairs, index: a.index, segments: a.segments, rows0: s.rows[0], rows1: s.rows[1], rows2: s.rows[2],
		n: s.n, seq: int32(a.seq), badIndex: a.badIndex, badSegment: a.badSegment,
	}
	if a.skip {
		args.skip = 1
	}
	c.b.k.sortRows(config{grid: Dim3{X: lists}, block: Dim3{X: 1024}}, args)
	return s
}

// Zero implements backend.Layers for every dtype.
func (b *device) Zero(x backend.Buffer, n int) {
	if buf := own(x); n > 0 {
		b.join("Zero")
		b.keep("Zero", b.drv.Memset(0, buf.p, 0, int64(n)*int64(buf.dtype.Size())))
	}
}
