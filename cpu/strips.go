package cpu

import (
	"math/bits"

	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

// gradLayout is how a thread packs a strip.
type gradLayout uint8

const (
	byToken  gradLayout = iota // woven, which see kernel.Packing
	byColumn                   // a column after the other, for B = 1
)

// wideSide is the wide side of a weight gradient as a thread reads it, a group of columns
// after the other. Strips are packed, for rows some thousands of bytes apart fall on few
// sets of a cache. Beside the tiles of one group the next one is packed and the memory of
// what is packed after that is asked for.
type wideSide struct {
	now, ahead []float32
	held       group // what now holds
	next       group // what is packed into ahead
	done       int   // lines of it that are, but for those of move
	move       kernel.Packing
	soon       int // elements of the narrow side's next chunk that are asked for
	columns    int // of a group
	lo, hi     int // the task's rows of the view, or strips
	end        int // behind its last token
}

// group is a group of columns of a chunk, by its first token and its first column.
type group struct{ token, col int }

// noGroup has no tokens.
var noGroup = group{-1, -1}

// reset begins a task, of a range of strips, that ends at a token, with groups of columns.
func (w *wideSide) reset(lo, hi, end, columns int) {
	w.columns = columns
	w.held, w.next, w.done, w.move = noGroup, noGroup, 0, kernel.Packing{}
	w.lo, w.hi, w.end = lo, hi, end
}

// tokens is the number of tokens of the chunk from t0 on, none behind the last.
func (o *gradOp) tokens(t0 int) int { return max(0, min(o.chunk, o.t-t0)) }

// strip returns the wide side's strips from column col on, of cols columns of one group.
func (o *gradOp) strip(ws *workspace, a *operand, col, cols, t0, n int) []float32 {
	w := &ws.wide
	g := group{t0, col / w.columns * w.columns}
	if w.held != g {
		o.enter(w, a, g, n)
	}
	if w.next != noGroup {
		o.share(w, a, col-g.col, cols)
	}
	return o.packed(w.now, col-g.col, n)
}

// enter makes g the group that is held.
func (o *gradOp) enter(w *wideSide, a *operand, g group, n int) {
	w.settle()
	if w.held.token != g.token {
		w.soon = 0
	}
	if w.next == g {
		w.move = o.moveTo(w, a, n/o.tokensOfLine())
		w.move.Finish(o.b.k, o.width)
		w.now, w.ahead = w.ahead, w.now
		o.packTail(w.now, a, g.col, w.columns, g.token, n)
	} else {
		w.now = grow(w.now, o.packedSize(w.columns, n))
		o.packColumns(w.now, a, g.col, min(w.columns, a.n-g.col), g.token, n)
	}
	w.held, w.next, w.done, w.move = g, noGroup, 0, kernel.Packing{}
	if o.layout == byToken {
		if w.next = o.after(w, g); w.next.col+w.columns > a.n {
			w.next = noGroup
		}
		w.ahead = grow(w.ahead, o.packedSize(w.columns, o.chunk))
	}
}

// settle notes how far the packing came.
func (w *wideSide) settle() {
	w.done += w.move.Done
	if w.move.NextStep > 0 {
		w.soon = w.move.NextAt
	}
	w.move = kernel.Packing{}
}

// askNarrow has the narrow side's next chunk asked for, spread over the packing of the wide side, a. A group has four
// strips and four lines are asked for at a time, so where a is w times as wide, that is beside one line in w.
func (o *gradOp) askNarrow(w *wideSide, a *operand) {
	_, narrow := o.sides()
	m, next := &w.move, w.held.token+o.chunk
	m.Next = m.Src
	if !o.b.k.PrefetchNext || o.width < kernel.PanelWidth || next >= w.end {
		return
	}
	if chunk := narrow.all[next*narrow.n : min(next+o.chunk, w.end)*narrow.n]; w.soon < len(chunk) {
		m.Next, m.NextAt, m.NextStep = chunk, w.soon, 4*kernel.PanelWidth
		m.NextMask = 1<<(bits.Len(uint(a.n/narrow.n))-1) - 1
	}
}

// share sets up what is packed beside the tiles of the group's columns from col on: as much of the
// lines as there have been of the columns.
func (o *gradOp) share(w *wideSide, a *operand, col, cols int) {
	perLine := o.tokensOfLine()
	lines := o.tokens(w.next.token) / perLine
	w.settle()
	w.move = o.moveTo(w, a, lines*(col+cols)/w.columns)
	o.askNarrow(w, a)
	// The share of the columns that follow, of the group after the next one behind the last of them.
	soon, line := w.next, w.done+lines*cols/w.columns
	if line >= lines {
		soon, line = o.after(w, w.next), line-lines
	}
	if soon != noGroup && line*perLine < o.tokens(soon.token) {
		w.move.Prefetch = a.all[(soon.token+line*perLine)*a.n+soon.col:]
	}
}

// moveTo is the packing of the next group's lines from w.done to end.
func (o *gradOp) moveTo(w *wideSide, a *operand, end int) kernel.Packing {
	if w.done >= end {
		return kernel.Packing{}
	}
	src := a.all[(w.next.token+w.done*o.tokensOfLine())*a.n+w.next.col:]
	return kernel.Packing{Src: src, Prefetch: src, Stride: a.n, Dst: w.ahead[w.done*kernel.PanelWidth:],
		Step: o.stripSize(o.tokens(w.next.token)), Lines: end - w.done}
}

// after returns the task's next group behind g that has blocks: of the next chunk behind the
// last one, none behind the last chunk.
func (o *gradOp) after(w *wideSide, g group) group {
	size := kernel.PanelWidth
	if o.q.topo != nil {
		size = o.q.topo.Block
	}
	first := w.lo * size / w.columns * w.columns
	for g.col += w.columns; ; g.col += w.columns {
		if g.col >= w.hi*size {
			g.token, g.col = g.token+o.chunk, first
			if g.token >= w.end {
				return noGroup
			}
		}
		if o.q.topo == nil {
			return g
		}
		from, to := max(w.lo, g.col/size), min(w.hi, chunks(g.col+w.columns, size))
		if o.pointer[from] < o.pointer[to] {
			return g
		}
	}
}

// pack packs the narrow side of a chunk into ws.panel.
func (o *gradOp) pack(ws *workspace, t0, n int) {
	_, narrow := o.sides()
	ws.panel = grow(ws.panel, o.packedSize(narrow.n, n))
	o.packColumns(ws.panel, narrow, 0, narrow.n, t0, n)
}

// stride is the number of tokens to which n are padded.
func stride(n int) int { return chunks(n, 16) * 16 }

// tokensOfLine is how many tokens a line of a strip holds.
func (o *gradOp) tokensOfLine() int { return kernel.PanelWidth / o.width }

// stripSize is the number of elements of a packed strip of n tokens: with a line more, so that
// the lines of one token do not all fall on one set of a cache.
func (o *gradOp) stripSize(n int) int {
	if o.layout == byColumn {
		return o.width * stride(n)
	}
	return o.width*stride(n) + kernel.PanelWidth
}

// packedSize is the number of elements of packed columns, of which there are whole tiles.
func (o *gradOp) packedSize(cols, n int) int {
	return chunks(cols, kernel.PanelWidth) * kernel.PanelWidth / o.width * o.stripSize(n)
}

// packed returns the strip from column col on of packed columns.
func (o *gradOp) packed(columns []float32, col, n int) []float32 {
	return columns[col/o.width*o.stripSize(n):]
}

// packColumns packs columns from col on of n tokens.
func (o *gradOp) packColumns(dst []float32, a *operand, col, cols, t0, n int) {
	if o.layout == byColumn {
		o.turn(dst, a, col, cols, t0, n)
		return
	}
	o.b.k.PackInterleaved(dst, o.stripSize(n), a.all[t0*a.n+col:], a.n, n/o.tokensOfLine(), cols/kernel.PanelWidth, o.width)
	o.packTail(dst, a, col, cols, t0, n)
}

// packTail packs what is left by PackStrips, the columns of a part of a strip of 16 and the tokens of
// a part of a line, and zeros for what there is not of them.
func (o *gradOp) packTail(dst []float32, a *operand, col, cols, t0, n int) {
	m, size := o.tokensOfLine(), o.stripSize(n)
	fill := func(r, c int) {
		for ; c < chunks(cols, kernel.PanelWidth)*kernel.PanelWidth; c++ {
			v := float32(0)
			if r < n && c < cols {
				v = a.all[(t0+r)*a.n+col+c]
			}
			dst[c/o.width*size+r/m*kernel.PanelWidth+c%o.width*m+r%m] = v
		}
	}
	whole := n / m * m
	if c := cols / kernel.PanelWidth * kernel.PanelWidth; c < cols {
		for r := range whole {
			fill(r, c)
		}
	}
	for r := whole; r < stride(n); r++ {
		fill(r, 0)
	}
}

// turn packs columns one after the other, with zeros behind up to stride(n) tokens.
func (o *gradOp) turn(dst []float32, a *operand, col, cols, t0, n int) {
	ld := stride(n)
	o.b.k.Transpose(dst, ld, a.all[t0*a.n+col:], a.n, n, cols)
	if n < ld {
		for c := range cols {
			clear(dst[c*ld+n : (c+1)*ld])
		}
	}
}
