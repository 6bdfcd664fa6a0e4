package kernel

// TileRows is the number of tokens in a packed panel and of rows in a Tile.
const TileRows = 24

// PanelWidth is the number of columns of a micro-panel.
const PanelWidth = 16

// Seg is one segment of a tile's inner dimension: where it starts in A and in B, in elements.
type Seg struct{ A, B int32 }

// Blocks is a weight as a Tile sees it, in micro-panels of PanelWidth output columns.
type Blocks struct {
	Values []float32
	LDB    int // row stride of a block
	// Micro-panels p*Subs to (p+1)*Subs-1 are made of the segments from Ptr[p]*Per to
	// Ptr[p+1]*Per. Micro-panel p*Subs+i starts i*PanelWidth elements into each block.
	Segs      []Seg
	Ptr       []int32
	Per, Subs int
}

// Mode is what a Tile does with its sums.
type Mode uint8

// The modes. NonTemporal is Store with non-temporal stores, if alignment allows it: for results
// that are too large to be found in a cache later.
const (
	Store Mode = iota
	AddTo
	NonTemporal
)

// Tile multiplies a packed panel by micro-panels of a weight, as Product says.
type Tile func(p *Product)

// FinishedTile is a Tile that finishes its sums r by itself, one or two micro-panels at a time:
//
//	GELUTile      C = r, X = gelu(r), both with non-temporal stores
//	GELUGradTile  C = r gelu'(X), where X may be C
//
// The mode is not AddTo. It returns false, and has done nothing, where alignment or the number
// of micro-panels does not allow it.
type FinishedTile func(p *Product) bool

// Product holds the arguments of a Tile, which multiplies the packed panel A by micro-panels
// First to First+Panels-1 of the weight B:
//
//	C[i*LDC+j] = Start[s*StartStep + j%16] + sum over the segments g of micro-panel First+s of
//	             sum over k < 16 of A[g.A + i*PanelWidth + k] * B.Values[g.B + j%16 + k*B.LDB]
//
// for i < TileRows, j < Panels*16, s = j/16, summed in this order. A micro-panel that starts
// inside a block is further to the right in B.Values, as Blocks says. AddTo adds what C held
// before. On a path with PairRows the rows of B.Values are paired by it, and the sums of even
// k are added to those of odd k at the end.
type Product struct {
	C             []float32
	LDC           int
	A             []float32
	B             *Blocks
	First, Panels int
	Start         []float32
	StartStep     int // 16, or 0: the same for all micro-panels
	Mode          Mode
	Overlap       *Overlap // work to do meanwhile, as much as fits in; may be nil

	// Of a FinishedTile: its other operand, with the stride of C, and 2*TileRows*PanelWidth
	// elements of scratch memory.
	X, Scratch []float32
}

// Overlap is work that a Tile does beside its multiplications. It copies rows that follow one
// another into a packed panel, as PackPanel does; the first Done elements are done. And if
// Prefetch is not empty it prefetches, with each micro-panel, PanelWidth columns of TileRows
// rows of it, PrefetchStride apart: a few lines at a time, for a processor drops prefetches
// while many are pending.
type Overlap struct {
	Src            []float32 // rows of Cols elements
	Dst            []float32
	Cols           int
	Done           int
	Prefetch       []float32
	PrefetchStride int
}

// outer2x4 adds to 2 x 4 sums, which fit the registers, the products of n steps. A's two
// elements are i apart and k from step to step.
func outer2x4(sum *[8]float32, a []float32, i, k int, b []float32, ldb, n int) {
	p0, p1, p2, p3, q0, q1, q2, q3 := sum[0], sum[1], sum[2], sum[3], sum[4], sum[5], sum[6], sum[7]
	at, from := 0, 0
	for range n {
		x, y := a[at], a[at+i]
		r := b[from : from+4 : from+4]
		p0 += x * r[0]
		p1 += x * r[1]
		p2 += x * r[2]
		p3 += x * r[3]
		q0 += y * r[0]
		q1 += y * r[1]
		q2 += y * r[2]
		q3 += y * r[3]
		at += k
		from += ldb
	}
	*sum = [8]float32{p0, p1, p2, p3, q0, q1, q2, q3}
}

// store2x4 stores the sums in c, on top of what is there if add is set.
func store2x4(c []float32, ldc int, sum *[8]float32, add bool) {
	for i := range 2 {
		d, s := c[i*ldc:i*ldc+4], sum[4*i:4*i+4]
		for j, v := range s {
			if add {
				v += d[j]
			}
			d[j] = v
		}
	}
}

func tileGo(p *Product) {
	c, ldc, a, b, start := p.C, p.LDC, p.A, p.B, p.Start
	for s := range p.Panels {
		view, sub := (p.First+s)/b.Subs, (p.First+s)%b.Subs
		segs := b.Segs[int(b.Ptr[view])*b.Per : int(b.Ptr[view+1])*b.Per]
		for i := 0; i < TileRows; i += 2 {
			for j := 0; j < PanelWidth; j += 4 {
				r := start[s*p.StartStep+j : s*p.StartStep+j+4]
				sum := [8]float32{r[0], r[1], r[2], r[3], r[0], r[1], r[2], r[3]}
				for _, g := range segs {
					outer2x4(&sum, a[int(g.A)+i*PanelWidth:], PanelWidth, 1, b.Values[int(g.B)+sub*PanelWidth+j:], b.LDB, PanelWidth)
				}
				store2x4(c[i*ldc+s*PanelWidth+j:], ldc, &sum, p.Mode == AddTo)
			}
		}
	}
}
