package cpu

import "github.com/sparsebert/sparsebert-gpu/internal/cpu/kernel"

// groupColumns is how many columns of the wide side of a weight gradient are packed at a
// time: memory is read faster in longer stretches.
const groupColumns = kernel.Group * kernel.Strip

// gradLayout is how a thread packs a strip: [tokens][width], or turned, a column after
// the other.
type gradLayout uint8

const (
	byToken  gradLayout = iota
	byColumn            // for B < 16, whose kernels run along the tokens
)

// wideSide is the wide side of a weight gradient as a thread reads it, a group of columns
// after the other. Strips are packed, for rows some thousands of bytes apart fall on few
// sets of a cache. Beside the tiles of one group the next one is packed and the memory of
// what is packed after that is asked for.
type wideSide struct {
	now, ahead []float32
	held       group // what now holds
	next       group // what is packed into ahead
	done       int   // tokens of it that are, but for those of move
	move       kernel.Move
	lo, hi     int // the task's rows of the view, or strips
}

// group is a group of columns of a chunk, by its first token and its first column.
type group struct{ token, col int }

// noGroup has no tokens.
var noGroup = group{-1, -1}

// reset begins task i.
func (w *wideSide) reset(o *gradOp, i int) {
	w.held, w.next, w.done, w.move = noGroup, noGroup, 0, kernel.Move{}
	w.lo, w.hi = o.bounds[i], o.bounds[i+1]
}

// tokens is the number of tokens of the chunk from t0 on, none behind the last.
func (o *gradOp) tokens(t0 int) int { return max(0, min(o.chunk, o.t-t0)) }

// strip returns the wide side's strip from column col on and its row stride.
func (o *gradOp) strip(ws *workspace, a *operand, col, t0, n int) ([]float32, int) {
	w := &ws.wide
	g := group{t0, col / groupColumns * groupColumns}
	if w.held != g {
		o.enter(w, a, g, n)
	}
	if w.next != noGroup {
		o.share(w, a, (col-g.col)/kernel.Strip)
	}
	return o.packed(w.now, col-g.col, n)
}

// enter makes g the group that is held.
func (o *gradOp) enter(w *wideSide, a *operand, g group, n int) {
	if w.next == g {
		w.done += w.move.Done / 2
		w.move = o.moveTo(w, a, n)
		w.move.Finish(o.b.k)
		w.now, w.ahead = w.ahead, w.now
	} else {
		cols := min(groupColumns, a.n-g.col)
		w.now = grow(w.now, groupColumns*(stride(n)+1))
		if o.layout == byColumn {
			o.turn(w.now, a, g.col, cols, g.token, n)
		} else {
			o.packRows(w.now, a, g.col, cols, g.token, n)
		}
	}
	w.held, w.next, w.done, w.move = g, noGroup, 0, kernel.Move{}
	if o.layout == byToken {
		if w.next = o.after(w, g); w.next.col+groupColumns > a.n {
			w.next = noGroup
		}
		w.ahead = grow(w.ahead, groupColumns*(stride(o.chunk)+1))
	}
}

// share sets up what is packed beside the tiles of strip s of the group: as much of the
// tokens as there have been of the strips.
func (o *gradOp) share(w *wideSide, a *operand, s int) {
	n := o.tokens(w.next.token)
	w.done += w.move.Done / 2
	w.move = o.moveTo(w, a, n*(s+1)/kernel.Group)
	// The next strip's share, of the group after the next one behind the last strip.
	soon, row := w.next, w.done+n/kernel.Group
	if row >= n {
		soon, row = o.after(w, w.next), row-n
	}
	if soon != noGroup && row < o.tokens(soon.token) {
		w.move.Ask = a.all[(soon.token+row)*a.n+soon.col:]
	}
}

// moveTo is the packing of the next group's tokens from w.done to end.
func (o *gradOp) moveTo(w *wideSide, a *operand, end int) kernel.Move {
	if w.done >= end {
		return kernel.Move{}
	}
	src := a.all[(w.next.token+w.done)*a.n+w.next.col:]
	return kernel.Move{Src: src, Ask: src, Stride: a.n, Dst: w.ahead[w.done*kernel.Strip:],
		Step: stripSize(o.tokens(w.next.token)), Pairs: 2 * (end - w.done)}
}

// after returns the task's next group behind g that has blocks: of the next chunk behind the
// last one, none behind the last chunk.
func (o *gradOp) after(w *wideSide, g group) group {
	size := kernel.Strip
	if o.q.topo != nil {
		size = o.q.topo.Block
	}
	first := w.lo * size / groupColumns * groupColumns
	for g.col += groupColumns; ; g.col += groupColumns {
		if g.col >= w.hi*size {
			g.token, g.col = g.token+o.chunk, first
			if g.token >= o.t {
				return noGroup
			}
		}
		if o.q.topo == nil {
			return g
		}
		from, to := max(w.lo, g.col/size), min(w.hi, chunks(g.col+groupColumns, size))
		if o.pointer[from] < o.pointer[to] {
			return g
		}
	}
}

// pack packs the narrow side of a chunk into ws.panel, strip s from element
// s*width*stride(n) on.
func (o *gradOp) pack(ws *workspace, t0, n int) {
	_, narrow := o.sides()
	if o.layout == byColumn {
		ws.panel = grow(ws.panel, chunks(narrow.n, o.width)*o.width*stride(n))
		o.turn(ws.panel, narrow, 0, narrow.n, t0, n)
		return
	}
	ws.panel = grow(ws.panel, chunks(narrow.n, kernel.Strip)*stripSize(n))
	o.packRows(ws.panel, narrow, 0, narrow.n, t0, n)
}

// stripSize is the number of elements of a packed strip of n tokens, and of a line more: so that
// the lines of one token do not all fall on one set of a cache.
func stripSize(n int) int { return (n + 1) * kernel.Strip }

// packRows packs columns from col on of n tokens, row after row, as they lie.
func (o *gradOp) packRows(dst []float32, a *operand, col, cols, t0, n int) {
	whole, tail := cols/kernel.Strip, cols%kernel.Strip
	for r := range n {
		if row := a.all[(t0+r)*a.n+col:]; whole > 0 {
			o.b.k.Copy16(dst[r*kernel.Strip:], stripSize(n), row, kernel.Strip, whole)
		}
	}
	if tail > 0 {
		o.packStrip(dst[whole*stripSize(n):], a, col+whole*kernel.Strip, t0, n)
	}
}

// packed returns the strip from column col on of packed columns, and its row stride.
func (o *gradOp) packed(columns []float32, col, n int) ([]float32, int) {
	if o.layout == byColumn {
		return columns[col*stride(n):], stride(n)
	}
	return columns[col/kernel.Strip*stripSize(n):], kernel.Strip
}

// stride is the number of tokens to which n are padded.
func stride(n int) int { return chunks(n, 16) * 16 }

// packStrip copies a strip of columns of n tokens side by side, zeros for
// columns that there are not.
func (o *gradOp) packStrip(dst []float32, a *operand, col, t0, n int) {
	src := a.all[t0*a.n+col:]
	cols := min(kernel.Strip, a.n-col)
	if cols == kernel.Strip {
		o.b.k.Copy16(dst, kernel.Strip, src, a.n, n)
		return
	}
	clear(dst[:n*kernel.Strip])
	for r := range n {
		copy(dst[r*kernel.Strip:r*kernel.Strip+cols], src[r*a.n:])
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
