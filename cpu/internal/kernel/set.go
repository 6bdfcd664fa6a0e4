package kernel

// Set is the collection of loops of one path. No function keeps its arguments. Unless a line
// says otherwise, slices of one call have equal lengths and outputs may be inputs.
type Set struct {
	Path Path

	Tile16  Tile  // TileRows x 16
	Outer16 Outer // 16 x 16

	GELUTile, GELUGradTile FinishedTile // nil on paths where other functions follow Tile16

	// PairRows pairs rows r and r+1, for even r < rows, of whole micro-panels. Rows r and r+1 of
	// dst become
	//
	//	x[0] y[0] x[1] y[1]  x[4] y[4] x[5] y[5]  x[8] ...
	//	x[2] y[2] x[3] y[3]  x[6] y[6] x[7] y[7]  x[10] ...
	//
	// where x is row r of src and y row r+1. rows is even, ld the stride of both; dst may be src.
	// It is nil on paths that take rows as they are.
	PairRows func(dst, src []float32, ld, rows, cols int)

	// PackPanel copies rows of activations into a packed panel:
	//
	//	dst[c/PanelWidth*PanelWidth*TileRows + r*PanelWidth + c%PanelWidth] = src[r*lds+c]
	//
	// for r < rows, c < cols.
	PackPanel func(dst, src []float32, lds, rows, cols int)

	// Lanes4 is four output rows of a product with 4 x 4 blocks for Lanes tokens:
	//
	//	dst[j*Lanes+l] = start[j] + sum over segs s, k < 4 of w[s.B + 4*j+k] * x[s.A + k*Lanes + l]
	//
	// Lanes4Transposed takes w[s.B + 4*k+j] instead. dst overlaps nothing. Lanes8 and
	// Lanes8Transposed are the same with 8 in the place of 4 and for LanesOf(8) tokens.
	Lanes4, Lanes4Transposed, Lanes8, Lanes8Transposed func(dst, x []float32, segs []Seg, w, start []float32)

	// SpMV is one output row of a sparse product for Lanes tokens:
	//
	//	dst[l] = init + sum over j of val[j] * x[idx[j]*Lanes + l]
	//
	// dst has Lanes elements and overlaps nothing.
	SpMV func(dst, x []float32, idx []int32, val []float32, init float32)

	// GradBlocks4 and GradBlocks8 are the gradients of blocks of 4 x 4 and 8 x 8.
	GradBlocks4, GradBlocks4Transposed, GradBlocks8, GradBlocks8Transposed func(g *GradBlocks)
	// GradTiles is the gradients of blocks of 16 x 16, or of parts of larger ones, from
	// micro-panels of GradWidth columns, 8 or 16.
	GradTiles func(g *GradTiles)
	GradWidth int
	// Group times PanelWidth columns are best packed together. Adjacent lines come from memory
	// faster than lines apart, but packing more of them would evict what is packed from L1.
	Group int
	// PrefetchNext says that the smaller operand's next chunk is prefetched beside the
	// multiplications: the L2 cache holds it with the present one.
	PrefetchNext bool
	// What PackInterleaved uses, by width.
	interleave4, interleave8, interleave16 func(dst []float32, step int, src []float32, lds int, lines, cols16 int)

	// Dots gives dst[j] = sum over l of y[l] x[idx[j]*stride + l]. The length of y
	// is a multiple of 16; dst and idx have equal lengths.
	Dots func(dst, y, x []float32, stride int, idx []int32)

	// Transpose gives dst[c*ldd + r] = src[r*lds + c] for r < rows, c < cols.
	// dst and src do not overlap.
	Transpose func(dst []float32, ldd int, src []float32, lds int, rows, cols int)
	// TransposeNonTemporal is the same with non-temporal stores where it can; Fence comes after it.
	TransposeNonTemporal func(dst []float32, ldd int, src []float32, lds int, rows, cols int)

	// Copy16 gives dst[r*ldd + j] = src[r*lds + j] for r < rows, j < 16.
	Copy16 func(dst []float32, ldd int, src []float32, lds int, rows int)

	// ColumnSums16 gives sum[j] += sum over r < rows of x[r*ldx + j] for j < 16.
	ColumnSums16 func(sum, x []float32, ldx int, rows int)

	// Fence makes non-temporal stores visible to other threads, in order with what this one does
	// next.
	Fence func()

	// AttnTiles and AttnTilesTransposed give, for tiles t and i, j < PanelWidth,
	//
	//	C[t*CStep + i*LDC + j] = sum over k < N of A[t*AStep + at(i, k)] * B[t*BStep + k*PanelWidth + j]
	//
	// AttnTiles has a packed panel on the left, at(i, k) = k/PanelWidth*LDA + i*PanelWidth +
	// k%PanelWidth, and N is a multiple of PanelWidth. AttnTilesTransposed has a micro-panel
	// with the inner step for the row, at(i, k) = k*PanelWidth + i. On a path with PairRows the
	// rows of B are paired by it, and those of the micro-panel, of which N is then even.
	AttnTiles, AttnTilesTransposed func(t *AttnTiles)

	// SoftmaxPanel works on the columns l of a micro-panel with at least one row r: top[l] = max
	// over r of scale p[r*PanelWidth + l], p[r*PanelWidth + l] = exp(scale p - top[l]), and sum[l]
	// is the sum of these.
	SoftmaxPanel func(p, top, sum []float32, scale float32)
	// ExpPanel gives p[r*PanelWidth + l] = exp(scale p - shift[l]).
	ExpPanel func(p, shift []float32, scale float32)
	// ScalePanel gives y[r*PanelWidth + l] = x factor[l].
	ScalePanel func(y, x, factor []float32)
	// DropoutPanel gives y[r*PanelWidth + l] = x factor[l] times the factor of dropout, 0 or
	// d.Scale, of element 4*(block + l*stride) + r. The number of rows is a multiple of 4.
	DropoutPanel func(y, x, factor []float32, block, stride uint32, d *DropoutSite)
	// SoftmaxGradPanel gives ds[r*PanelWidth + l] = (w dp - p delta[l]) scale, where delta[l] is
	// the sum of w dp over the rows. ds may be any of the others, and w be p.
	SoftmaxGradPanel func(ds, p, w, dp []float32, scale float32)

	Sum    func(x []float32) float32                 // sum x
	SumSq  func(x []float32) float64                 // sum x^2, in float64
	SumAbs func(x []float32) float32                 // sum |x|
	Max    func(x []float32) float32                 // largest element; x is not empty
	Axpy   func(y []float32, a float32, x []float32) // y += a x
	Scale  func(y []float32, a float32)              // y *= a

	Times    func(y, x, f []float32)    // y = x f
	SumTimes func(y, a, x, f []float32) // y = a + x f

	// Dropout sets f to the factors, 0 or d.Scale, of the elements from 4*block on. Meanwhile it
	// prefetches: making random numbers leaves the memory idle.
	Dropout func(f []float32, block uint32, d *DropoutSite, p Prefetch)
	// ExpShift gives y = exp(x - shift) and returns the sum of y.
	ExpShift func(y, x []float32, shift float32) float32

	// GELU gives y = gelu(x) = x/2 (1 + erf(x/sqrt 2)).
	GELU func(y, x []float32)
	// GELUGrad gives y = r gelu'(x).
	GELUGrad func(y, r, x []float32)

	// GELUNonTemporal and GELUGradNonTemporal are the same for rows of cols elements, with
	// non-temporal stores where alignment allows it. The former also copies x to pre, in the
	// same way. Rows are ld elements apart, those of GELU's x ldx and those of r ldr.
	GELUNonTemporal     func(y, x, pre []float32, ld, ldx, rows, cols int)
	GELUGradNonTemporal func(y, r, x []float32, ld, ldr, rows, cols int)

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

func goSet() *Set {
	s := &Set{
		Path:      Go,
		Tile16:    tileGo,
		Outer16:   outerGo,
		PackPanel: packPanelGo,
		Lanes4:    lanesGo(4, 4, 1), Lanes4Transposed: lanesGo(4, 1, 4),
		Lanes8: lanesGo(8, 8, 1), Lanes8Transposed: lanesGo(8, 1, 8),
		SpMV:        spmvGo,
		GradBlocks4: gradBlocksGo(4, 4, 1), GradBlocks4Transposed: gradBlocksGo(4, 1, 4),
		GradBlocks8: gradBlocksGo(8, 8, 1), GradBlocks8Transposed: gradBlocksGo(8, 1, 8),
		GradTiles: gradTilesGo, GradWidth: 8, Group: 2,
		interleave4: interleaveGo(4), interleave8: interleaveGo(8), interleave16: interleaveGo(16),
		Dots:      dotsGo,
		Transpose: transposeGo, TransposeNonTemporal: transposeGo, Copy16: copy16Go,
		ColumnSums16: columnSums16Go, Fence: func() {},
		AttnTiles: attnTilesGo, AttnTilesTransposed: attnTilesTransposedGo,
		SoftmaxPanel: softmaxPanelGo, ExpPanel: expPanelGo, ScalePanel: scalePanelGo,
		DropoutPanel: dropoutPanelGo, SoftmaxGradPanel: softmaxGradPanelGo,
		Sum: sumGo, SumSq: sumSqGo, SumAbs: sumAbsGo, Max: maxGo, Axpy: axpyGo, Scale: scaleGo,
		Times: timesGo, SumTimes: sumTimesGo,
		Dropout:  func(f []float32, block uint32, d *DropoutSite, _ Prefetch) { dropoutGo(f, block, d) },
		ExpShift: expShiftGo,
		GELU:     geluGo, GELUGrad: geluGradGo,
		Normalize: normalizeGo, SumSqDiff: sumSqDiffGo,
		NormSums: normSumsGo, NormGrad: normGradGo,
		Adam: adamGo,
	}
	s.GELUNonTemporal = func(y, x, pre []float32, ld, ldx, rows, cols int) { geluRows(s, y, x, pre, ld, ldx, rows, cols) }
	s.GELUGradNonTemporal = func(y, r, x []float32, ld, ldr, rows, cols int) { geluGradRows(s, y, r, x, ld, ldr, rows, cols) }
	return s
}
