package cpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

// product is what the forward product and the input gradient have in common:
// dst [T, n] = src [T, k] times a matrix. finish and other say what follows.
type product struct {
	b      *device
	dst    []float32
	src    []float32
	t      int
	n, k   int
	bias   []float32 // [n] or nil
	finish finish
	other  []float32 // [T, n]: GELU's result, or the pre-activation
}

// finish is what happens to the sums of a product.
type finish uint8

const (
	store     finish = iota // dst = r
	add                     // dst += r
	alsoGELU                // dst = r, other = gelu(r)
	timesGrad               // dst = r * gelu'(other); dst may be other
)

// DSD implements backend.Products.
func (b *device) DSD(y, pre, x backend.Buffer, w, bias backend.Param, t int) {
	q := w.(*param)
	p := product{b: b, dst: floats(y), src: floats(x), t: t, n: q.spec.Out, k: q.spec.In}
	if pre != nil {
		p.finish, p.dst, p.other = alsoGELU, floats(pre), p.dst
	}
	if bias != nil {
		p.bias = bias.(*param).values.f
	}
	if t > 0 {
		b.multiply(&p, q, false)
	}
}

// DDS implements backend.Products.
func (b *device) DDS(dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
	q := w.(*param)
	p := product{b: b, dst: floats(dx), src: floats(dy), t: t, n: q.spec.In, k: q.spec.Out}
	switch mode {
	case backend.Accumulate:
		p.finish = add
	case backend.TimesGELU:
		p.finish, p.other = timesGrad, floats(pre)
	}
	if t > 0 {
		b.multiply(&p, q, true)
	}
}

// multiply runs a product with W^T, whose outputs are the rows of W, or with
// byColumn a product with W, whose outputs are its columns.
func (b *device) multiply(p *product, q *param, byColumn bool) {
	switch {
	case q.topo == nil:
		b.multiplyDense(p, q, byColumn)
	case q.topo.Block < kernel.PanelWidth:
		b.multiplyLanes(p, q, byColumn)
	default:
		b.multiplyBlocks(p, q, byColumn)
	}
}

// multiplyBlocks sets up the tiles of a block-sparse weight.
func (b *device) multiplyBlocks(p *product, q *param, byColumn bool) {
	t := q.topo
	o := &b.ops.tiles
	o.product = *p
	subs := t.Block / kernel.PanelWidth
	o.blocks = kernel.Blocks{LDB: t.Block, Per: subs, Subs: subs}
	o.blocks.Values = q.values.f
	if !byColumn || b.k.PairRows != nil {
		// The tile wants rows of W^T, and pairs of rows on one path. Each block is packed once a
		// call, which is little beside its use by every token.
		pk := &b.ops.pack
		*pk = packOp{b: b, kind: packBlocks, src: q.values.f, dst: grow(pk.dst, len(q.values.f)), block: t.Block, n: t.NNZ()}
		if byColumn {
			pk.kind = pairBlocks
		}
		b.pool.run(chunks(t.NNZ(), packedBlocks), pk)
		o.blocks.Values = pk.dst
	}
	if o.blocks.Segs, o.blocks.Ptr = q.rowSegs, t.RowPtr; byColumn {
		o.blocks.Segs, o.blocks.Ptr = q.colSegs, t.ColPtr
	}
	o.run()
}

// multiplyDense sets up the tiles of a dense weight, packed in micro-panels of 16 output columns.
// What reaches over either edge is zeros.
func (b *device) multiplyDense(p *product, q *param, byColumn bool) {
	panels, inner := chunks(p.n, kernel.PanelWidth), chunks(p.k, kernel.PanelWidth)
	size := inner * kernel.PanelWidth * kernel.PanelWidth
	pk := &b.ops.pack
	kind := packTransposed
	if byColumn {
		kind = packStraight
	}
	*pk = packOp{b: b, kind: kind, src: q.values.f, dst: grow(pk.dst, panels*size), rows: p.k, n: p.n, size: size}
	b.pool.run(panels, pk)

	o := &b.ops.tiles
	o.product = *p
	o.denseSegs, o.densePtr = grow(o.denseSegs, panels*inner), grow(o.densePtr, panels+1)
	for s := range panels {
		for j := range inner {
			o.denseSegs[s*inner+j] = kernel.Seg{A: int32(j * kernel.PanelWidth * kernel.TileRows), B: int32(s*size + j*kernel.PanelWidth*kernel.PanelWidth)}
		}
		o.densePtr[s] = int32(s)
	}
	o.densePtr[panels] = int32(panels)
	o.blocks = kernel.Blocks{Values: pk.dst, LDB: kernel.PanelWidth, Segs: o.denseSegs, Ptr: o.densePtr, Per: inner, Subs: 1}
	o.run()
}

// packedBlocks is how many blocks one packing task takes.
const packedBlocks = 64

type packKind uint8

const (
	packBlocks     packKind = iota // each block transposed in place of itself
	pairBlocks                     // each block as it is
	packTransposed                 // micro-panels of W^T: dst[s][k][j] = src[s*16+j][k]
	packStraight                   // micro-panels of W: dst[s][k][j] = src[k][s*16+j]
)

// packOp rearranges a weight for tiles, and pairs its rows where the tiles want that.
type packOp struct {
	b        *device
	kind     packKind
	dst, src []float32
	block    int // B, of packBlocks
	rows     int // inner size of a micro-panel
	n        int // blocks, or output columns of a dense weight
	size     int // of a micro-panel, with its padding
}

func (o *packOp) task(_, i int) {
	transpose, pair := o.b.k.Transpose, o.b.k.PairRows
	if o.kind == packBlocks || o.kind == pairBlocks {
		size := o.block * o.block
		for s := i * packedBlocks; s < min(o.n, (i+1)*packedBlocks); s++ {
			dst, src := o.dst[s*size:], o.src[s*size:]
			if o.kind == packBlocks {
				transpose(dst, o.block, src, o.block, o.block, o.block)
				src = dst
			}
			if pair != nil {
				pair(dst, src, o.block, o.block, o.block)
			}
		}
		return
	}
	cols := min(16, o.n-i*16)
	dst := o.dst[i*o.size : (i+1)*o.size]
	if cols < 16 || 16*o.rows < o.size {
		clear(dst)
	}
	switch {
	case o.kind == packTransposed:
		transpose(dst, 16, o.src[i*16*o.rows:], o.rows, cols, o.rows)
	case cols == 16:
		o.b.k.Copy16(dst, 16, o.src[i*16:], o.n, o.rows)
	default:
		for k := range o.rows {
			copy(dst[k*16:k*16+cols], o.src[k*o.n+i*16:])
		}
	}
	if pair != nil {
		pair(dst, dst, 16, o.size/16, 16)
	}
}
