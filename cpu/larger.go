package cpu

import (
	"math/bits"

	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

// largerOperand is the larger operand of a weight gradient as a thread reads it: packed, one
// group of columns after the other. Without packing, rows some thousands of bytes apart
// would fall on few sets of a cache. It is a double buffer: the next group is packed beside
// the tiles of the present one, and the memory of the group after that is prefetched.
type largerOperand struct {
	packed, nextPacked []float32
	held               group // what packed holds
	next               group // what is packed into nextPacked
	done               int   // lines of next that are packed, but for those of packing
	packing            kernel.Packing
	prefetched         int // elements of the smaller operand's next chunk
	columns            int // of a group
	lo, hi             int // the task's rows of the view, or micro-panels
	end                int // behind its last token
}

// group is a group of columns of a chunk, by its first token and its first column.
type group struct{ token, col int }

// noGroup has no tokens.
var noGroup = group{-1, -1}

// reset begins a task, of rows lo to hi of the view, that ends at a token, with groups of columns.
func (l *largerOperand) reset(lo, hi, end, columns int) {
	l.columns = columns
	l.held, l.next, l.done, l.packing = noGroup, noGroup, 0, kernel.Packing{}
	l.lo, l.hi, l.end = lo, hi, end
}

// largerPanels returns the packed larger operand from column col on, of cols columns of one group.
func (o *gradOp) largerPanels(ws *workspace, a *operand, col, cols, t0, n int) []float32 {
	l := &ws.larger
	g := group{t0, col / l.columns * l.columns}
	if l.held != g {
		o.hold(ws, a, g, n)
	}
	if l.next != noGroup {
		o.share(l, a, col-g.col, cols)
	}
	return o.panels(l.packed, col-g.col, n)
}

// hold makes g the group that is held.
func (o *gradOp) hold(ws *workspace, a *operand, g group, n int) {
	l := &ws.larger
	l.settle()
	if l.held.token != g.token {
		l.prefetched = 0
	}
	if l.next == g {
		l.packing = o.packingTo(l, a, n/o.tokensOfLine())
		l.packing.Finish(o.b.k, o.width)
		l.packed, l.nextPacked = l.nextPacked, l.packed
		o.packTail(ws, l.packed, a, g.col, l.columns, g.token, n)
	} else {
		l.packed = grow(l.packed, o.packedSize(l.columns, n))
		o.packColumns(ws, l.packed, a, g.col, min(l.columns, a.n-g.col), g.token, n)
	}
	l.held, l.next, l.done, l.packing = g, noGroup, 0, kernel.Packing{}
	if o.layout == interleaved {
		if l.next = o.after(l, g); l.next.col+l.columns > a.n {
			l.next = noGroup
		}
		l.nextPacked = grow(l.nextPacked, o.packedSize(l.columns, o.chunk))
	}
}

// settle notes how far the packing came.
func (l *largerOperand) settle() {
	l.done += l.packing.Done
	if l.packing.NextStep > 0 {
		l.prefetched = l.packing.NextAt
	}
	l.packing = kernel.Packing{}
}

// prefetchSmaller has the smaller operand's next chunk prefetched, spread over the packing of the
// larger one, a. A group has four micro-panels, and four cache lines are prefetched at a
// time. So where a is w times as large, that is beside one line in w.
func (o *gradOp) prefetchSmaller(l *largerOperand, a *operand) {
	_, smaller := o.operands()
	p, next := &l.packing, l.held.token+o.chunk
	p.Next = p.Src
	if !o.b.k.PrefetchNext || o.width < kernel.PanelWidth || next >= l.end {
		return
	}
	if chunk := smaller.all[next*smaller.n : min(next+o.chunk, l.end)*smaller.n]; l.prefetched < len(chunk) {
		p.Next, p.NextAt, p.NextStep = chunk, l.prefetched, 4*kernel.PanelWidth
		p.NextMask = 1<<(bits.Len(uint(a.n/smaller.n))-1) - 1
	}
}

// share sets up what is packed beside the tiles of the group's columns from col on: the same share
// of the next group's lines as of this group's columns.
func (o *gradOp) share(l *largerOperand, a *operand, col, cols int) {
	perLine := o.tokensOfLine()
	lines := o.tokens(l.next.token) / perLine
	l.settle()
	l.packing = o.packingTo(l, a, lines*(col+cols)/l.columns)
	o.prefetchSmaller(l, a)
	// The share of the columns that follow. Behind the last of them it is of the group after next.
	g, line := l.next, l.done+lines*cols/l.columns
	if line >= lines {
		g, line = o.after(l, l.next), line-lines
	}
	if g != noGroup && line*perLine < o.tokens(g.token) {
		l.packing.Prefetch = a.all[(g.token+line*perLine)*a.n+g.col:]
	}
}

// packingTo is the packing of the next group's lines from l.done to end.
func (o *gradOp) packingTo(l *largerOperand, a *operand, end int) kernel.Packing {
	if l.done >= end {
		return kernel.Packing{}
	}
	src := a.all[(l.next.token+l.done*o.tokensOfLine())*a.n+l.next.col:]
	return kernel.Packing{Src: src, Prefetch: src, Stride: a.n, Dst: l.nextPacked[l.done*kernel.PanelWidth:],
		Step: o.panelSize(o.tokens(l.next.token)), Lines: end - l.done}
}

// after returns the task's next group behind g that has blocks: of the next chunk behind the
// last one, none behind the last chunk.
func (o *gradOp) after(l *largerOperand, g group) group {
	size := kernel.PanelWidth
	if o.q.topo != nil {
		size = o.q.topo.Block
	}
	first := l.lo * size / l.columns * l.columns
	for g.col += l.columns; ; g.col += l.columns {
		if g.col >= l.hi*size {
			g.token, g.col = g.token+o.chunk, first
			if g.token >= l.end {
				return noGroup
			}
		}
		if o.q.topo == nil {
			return g
		}
		from, to := max(l.lo, g.col/size), min(l.hi, chunks(g.col+l.columns, size))
		if o.pointer[from] < o.pointer[to] {
			return g
		}
	}
}
