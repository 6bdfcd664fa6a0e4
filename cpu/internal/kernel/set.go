package kernel

import "fmt"

// Rows is the number of tokens in a panel and of rows in a Tile.
const Rows = 24

// Strip is the number of columns that lie side by side in a panel.
const Strip = 16

// Lanes is the number of tokens that SpMV and Lanes4 handle at once.
const Lanes = 64

// LanesOf returns the number of tokens for blocks of less than Strip. For 8 outputs registers hold the sums of 48
// tokens: those of 64 would go in two halves, with more instructions for each multiplication and a larger panel.
func LanesOf(block int) int {
	if block == 8 {
		return 48
	}
	return Lanes
}

// Path is an instruction set.
type Path uint8

// The paths. Auto is the best one that the machine has.
const (
	Auto Path = iota
	Go
	AVX2       // with FMA
	AVX512     // two steps at once: few reads
	AVX512Bcst // one, whose multiplications broadcast a number of memory by themselves: few instructions
)

// String returns the name used in messages and benchmarks.
func (p Path) String() string {
	switch p {
	case Auto:
		return "auto"
	case Go:
		return "go"
	case AVX2:
		return "avx2"
	case AVX512:
		return "avx512"
	case AVX512Bcst:
		return "avx512-bcst"
	}
	return fmt.Sprintf("path %d", uint8(p))
}

// Seg is one stretch of a tile's inner dimension: where it starts in A and in
// B, in elements.
type Seg struct{ A, B int32 }

// Blocks is a weight as a Tile sees it, in strips of 16 output columns.
type Blocks struct {
	Values []float32
	LDB    int // row stride of a block
	// Strips s*Subs to (s+1)*Subs-1 are made of the segments from Ptr[s]*Per to
	// Ptr[s+1]*Per; strip s*Subs+i starts i*16 elements into each block.
	Segs      []Seg
	Ptr       []int32
	Per, Subs int
}

// Mode is what a Tile does with its sums.
type Mode uint8

// The modes. Stream is Store past the caches, if alignment allows: for results that
// are too large to be found there later.
const (
	Store Mode = iota
	AddTo
	Stream
)

// Tile multiplies a panel with strips first to first+strips-1 of a weight:
//
//	c[i*ldc+j] = start[s*step + j%16] + sum over the segments g of strip first+s, k < 16 of
//	             a[g.A + i*Strip + k] * Values[g.B + j%16 + k*LDB (+ as Blocks says)],   s = j/16
//
// for i < Rows, j < strips*16, summed in this order; AddTo adds what c held before. step is
// 16 or 0. ahead, if not nil, is work to do meanwhile, as much as fits in. On a path with PairRows
// the rows of Values are paired by it, and the sums of even k are added to those of odd k at the end.
type Tile func(c []float32, ldc int, a []float32, b *Blocks, first, strips int, start []float32, step int, mode Mode, ahead *Ahead)

// FinishedTile is a Tile that finishes its sums r itself, a strip or two at a time:
//
//	GELUTile      c = r, x = gelu(r), both past the caches
//	GELUGradTile  c = r gelu'(x), where x may be c
//
// x has c's stride. near is 2*Rows*Strip elements of scratch. No mode is AddTo. It returns false, and has done nothing,
// where alignment or the number of strips does not allow it.
type FinishedTile func(c, x []float32, ldc int, a []float32, b *Blocks, first, strips int, start []float32, step int, mode Mode, ahead *Ahead, near []float32) bool

// Ahead is the copying of rows that follow one another into a panel, as Panel does it,
// of which the first Done elements are done. And memory is asked for, Strip columns of Rows rows of
// Ask, AskStride apart, with each strip, if Ask is not empty: a few lines at a time, for a processor
// forgets what it is asked for while many are on their way.
type Ahead struct {
	Src       []float32 // rows of Cols elements
	Dst       []float32
	Cols      int
	Done      int
	Ask       []float32
	AskStride int
}

// Outer is a register tile of a weight gradient, 16 x 16:
//
//	c[i*ldc+j] = sum over k < n of a[k*lda+i] * b[k*ldb+j]
//
// plus what c held before if add is set.
type Outer func(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, n int, add bool)

// Set is the collection of loops of one path. No function keeps its arguments.
// Unless a line says otherwise, slices of one call have equal lengths and
// outputs may be inputs.
type Set struct {
	Path Path

	Tile16  Tile  // Rows x 16
	Outer16 Outer // 16 x 16

	GELUTile, GELUGradTile FinishedTile // nil on paths where other functions follow Tile16

	// PairRows pairs rows r and r+1, for even r < rows, of whole strips: rows r and r+1 of dst are
	//
	//	x[0] y[0] x[1] y[1]  x[4] y[4] x[5] y[5]  x[8] ...
	//	x[2] y[2] x[3] y[3]  x[6] y[6] x[7] y[7]  x[10] ...
	//
	// where x is row r of src and y row r+1. rows is even, ld the stride of both; dst may be src. It is
	// nil on paths that take rows as they are.
	PairRows func(dst, src []float32, ld, rows, cols int)

	// Panel copies rows of activations into a panel: dst[c/Strip*Strip*Rows + r*Strip +
	// c%Strip] = src[r*lds+c] for r < rows, c < cols.
	Panel func(dst, src []float32, lds, rows, cols int)

	// Lanes4 is four output rows of a product with 4 x 4 blocks for Lanes tokens:
	// dst[j*Lanes+l] = start[j] + sum over segs s, k < 4 of w[s.B + 4*j+k] * x[s.A + k*Lanes + l].
	// Lanes4Turned takes w[s.B + 4*k+j] instead. dst overlaps nothing. Lanes8 and
	// Lanes8Turned are the same with 8 in the place of 4 and for LanesOf(8) tokens.
	Lanes4, Lanes4Turned, Lanes8, Lanes8Turned func(dst, x []float32, segs []Seg, w, start []float32)

	// Woven4 and Woven8 are the gradients of blocks of 4 x 4 and 8 x 8.
	Woven4, Woven4Turned, Woven8, Woven8Turned func(w *Woven)
	// GradTiles is the gradients of blocks of 16 x 16, or of parts of larger ones, from strips of
	// TileWidth columns, 8 or 16.
	GradTiles func(w *GradTiles)
	TileWidth int
	// Weave4, Weave8 and Weave16 pack lines of strips of 4, 8 and 16 columns as Move does it, of
	// Strip*squares columns.
	Weave4, Weave8, Weave16 func(dst []float32, step int, src []float32, lds int, lines, squares int)
	// Group times Strip columns are best packed together: lines side by side come from memory in less time
	// than lines apart, and what is packed of more of them pushes itself out of the first-level cache.
	Group int
	// AsksAhead says that the narrow side's next chunk is asked for beside multiplications: the second-level cache
	// holds it with the present one.
	AsksAhead bool

	// SpMV is one output row of a sparse product for Lanes tokens:
	// dst[l] = init + sum over j of val[j] * x[idx[j]*Lanes + l]. dst has Lanes
	// elements and overlaps nothing.
	SpMV func(dst, x []float32, idx []int32, val []float32, init float32)

	// Dots gives dst[j] = sum over l of y[l] x[idx[j]*stride + l]. The length of y
	// is a multiple of 16; dst and idx have equal lengths.
	Dots func(dst, y, x []float32, stride int, idx []int32)

	// Transpose gives dst[c*ldd + r] = src[r*lds + c] for r < rows, c < cols.
	// dst and src do not overlap.
	Transpose func(dst []float32, ldd int, src []float32, lds int, rows, cols int)
	// StreamTranspose is the same past the caches where it can; Fence comes after it.
	StreamTranspose func(dst []float32, ldd int, src []float32, lds int, rows, cols int)

	// Copy16 gives dst[r*ldd + j] = src[r*lds + j] for r < rows, j < 16.
	Copy16 func(dst []float32, ldd int, src []float32, lds int, rows int)

	// Columns16 gives sum[j] += sum over r < rows of x[r*ldx + j] for j < 16.
	Columns16 func(sum, x []float32, ldx int, rows int)

	// Fence makes what was stored past the caches visible to other threads, in order with
	// what this one does next.
	Fence func()

	// PanelSquares and StripSquares give, for tiles t and i, j < Strip,
	//
	//	C[t*CStep + i*LDC + j] = sum over k < N of A[t*AStep + at(i, k)] * B[t*BStep + k*Strip + j].
	//
	// at(i, k) is k/Strip*LDA + i*Strip + k%Strip for a panel, of which N is a multiple of
	// Strip, and k*Strip + i for a strip. On a path with PairRows the rows of B are paired by it, and
	// those of A if it is a strip, of which N is then even.
	PanelSquares, StripSquares func(q *Squares)

	// SoftmaxStrip works on the columns l of a strip with at least one row: top[l] = max over
	// the rows r of scale p[r*Strip + l], p[r*Strip + l] = exp(scale p - top[l]), and sum[l] is
	// the sum of these.
	SoftmaxStrip func(p, top, sum []float32, scale float32)
	// ExpStrip gives p[r*Strip + l] = exp(scale p - shift[l]).
	ExpStrip func(p, shift []float32, scale float32)
	// ScaleStrip gives y[r*Strip + l] = x factor[l].
	ScaleStrip func(y, x, factor []float32)
	// DropStrip gives y[r*Strip + l] = x factor[l] times the factor of dropout, 0 or d.Scale, of
	// element 4*(block + l*stride) + r. The number of rows is a multiple of 4.
	DropStrip func(y, x, factor []float32, block, stride uint32, d *DropSite)
	// SoftmaxGradStrip gives ds[r*Strip + l] = (w dp - p delta[l]) scale, where delta[l] is the
	// sum of w dp over the rows. ds may be any of the others, and w be p.
	SoftmaxGradStrip func(ds, p, w, dp []float32, scale float32)

	Dot   func(x, y []float32) float32              // sum x y
	Sum   func(x []float32) float32                 // sum x
	SumSq func(x []float32) float64                 // sum x^2, in float64
	Sum1  func(x []float32) float32                 // sum |x|
	Max   func(x []float32) float32                 // largest element; x is not empty
	Axpy  func(y []float32, a float32, x []float32) // y += a x
	Scale func(y []float32, a float32)              // y *= a

	Times    func(y, x, f []float32)    // y = x f
	SumTimes func(y, a, x, f []float32) // y = a + x f

	// Dropout sets f to the factors, 0 or d.Scale, of the elements from 4*block on. Meanwhile it asks for
	// soon: random numbers leave memory idle.
	Dropout func(f []float32, block uint32, d *DropSite, soon Soon)
	// ExpShift gives y = exp(x - shift) and returns the sum of y.
	ExpShift func(y, x []float32, shift float32) float32

	// GELU gives y = gelu(x) = x/2 (1 + erf(x/sqrt 2)).
	GELU func(y, x []float32)
	// GELUGrad gives y = r gelu'(x).
	GELUGrad func(y, r, x []float32)

	// StreamGELU and StreamGELUGrad are the same for rows of cols elements, with y past the caches where
	// its alignment allows it, see Stream; the former with a copy of x in pre, past them as well. Rows are
	// ld elements apart, those of GELU's x ldx and those of r ldr.
	StreamGELU     func(y, x, pre []float32, ld, ldx, rows, cols int)
	StreamGELUGrad func(y, r, x []float32, ld, ldr, rows, cols int)

	// Normalize gives y = gamma (x - mean) rstd + beta.
	Normalize func(y, x, gamma, beta []float32, mean, rstd float32)
	// SumSqDiff returns the sum of (x - mean)^2.
	SumSqDiff func(x []float32, mean float32) float32

	// NormSums returns, with xhat = (x-mean) rstd, sum gamma dy and sum gamma dy
	// xhat, and adds dy xhat to dgamma and dy to dbeta.
	NormSums func(dgamma, dbeta, dy, x, gamma []float32, mean, rstd float32) (sum, dot float32)
	// NormGrad gives y = rstd (gamma dy - m1 - xhat m2).
	NormGrad func(y, dy, x, gamma []float32, mean, rstd, m1, m2 float32)

	// Adam does one step of AdamW on a run of elements that share their age.
	Adam func(w, g, m, v []float32, a *AdamStep)
}

// AdamStep holds the constants of one run of AdamW:
//
//	g' = G g,  m = B1 m + (1-B1) g',  v = B2 v + (1-B2) g'^2
//	w -= LR ( C1 m / (sqrt(C2 v) + Eps) + Decay w )
type AdamStep struct {
	G      float32 // clipping factor
	B1, R1 float32 // beta1, 1 - beta1
	B2, R2 float32 // beta2, 1 - beta2
	C1, C2 float32 // 1/(1-beta1^a), 1/(1-beta2^a)
	Eps    float32
	LR     float32
	Decay  float32
}

// ForPath returns the loops of a path. It is an error to ask for one that this
// machine, or this build, does not have.
func ForPath(p Path) (*Set, error) {
	switch p {
	case Auto:
		paths := Paths()
		return ForPath(paths[len(paths)-1])
	case Go:
		return goSet(), nil
	case AVX2, AVX512, AVX512Bcst:
		if s := native(p); s != nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("kernel path: found %v, expected one that this machine and build have: %v", p, Paths())
}

// Paths lists the paths that this machine and build have, slowest first. Of those of AVX-512 the
// faster one was seen to be AVX512Bcst on Intel's processors and AVX512 on AMD's.
func Paths() []Path {
	ps := []Path{Go}
	order := []Path{AVX2, AVX512Bcst, AVX512}
	if intel() {
		order = []Path{AVX2, AVX512, AVX512Bcst}
	}
	for _, p := range order {
		if native(p) != nil {
			ps = append(ps, p)
		}
	}
	return ps
}

func goSet() *Set {
	s := &Set{
		Path:    Go,
		Tile16:  tileGo,
		Outer16: outerGo,
		Panel:   panelGo,
		Lanes4:  lanesGo(4, 4, 1), Lanes4Turned: lanesGo(4, 1, 4), Lanes8: lanesGo(8, 8, 1), Lanes8Turned: lanesGo(8, 1, 8),
		Woven4: wovenGo(4, 4, 1), Woven4Turned: wovenGo(4, 1, 4), Woven8: wovenGo(8, 8, 1), Woven8Turned: wovenGo(8, 1, 8), GradTiles: gradTilesGo,
		Weave4: weaveGo(4), Weave8: weaveGo(8), Weave16: weaveGo(16), TileWidth: 8, Group: 2,
		SpMV: spmvGo, Dots: dotsGo, Transpose: transposeGo, StreamTranspose: transposeGo, Copy16: copy16Go,
		Columns16: columns16Go, Fence: func() {},
		PanelSquares: panelSquaresGo, StripSquares: stripSquaresGo,
		SoftmaxStrip: softmaxStripGo, ExpStrip: expStripGo, ScaleStrip: scaleStripGo,
		DropStrip: dropStripGo, SoftmaxGradStrip: softmaxGradStripGo,
		Dot: dotGo, Sum: sumGo, SumSq: sumSqGo, Sum1: sum1Go, Max: maxGo, Axpy: axpyGo, Scale: scaleGo,
		Times: timesGo, SumTimes: sumTimesGo,
		Dropout:  func(f []float32, block uint32, d *DropSite, _ Soon) { dropoutGo(f, block, d) },
		ExpShift: expShiftGo,
		GELU:     geluGo, GELUGrad: geluGradGo,
		Normalize: normalizeGo, SumSqDiff: sumSqDiffGo,
		NormSums: normSumsGo, NormGrad: normGradGo,
		Adam: adamGo,
	}
	s.StreamGELU = func(y, x, pre []float32, ld, ldx, rows, cols int) { geluRows(s, y, x, pre, ld, ldx, rows, cols) }
	s.StreamGELUGrad = func(y, r, x []float32, ld, ldr, rows, cols int) { geluGradRows(s, y, r, x, ld, ldr, rows, cols) }
	return s
}
