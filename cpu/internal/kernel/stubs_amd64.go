//go:build !noasm

package kernel

// The functions of kernel_amd64.s. Slices of the vector functions have a
// multiple of 8 (AVX2) or 16 (AVX512) elements. The loop of each function is
// the Go function of the same name with Go for the suffix, given the sizes that Set states.

// transposeAVX2 is transposeGo for 8*rows8 rows and 8*cols8 columns, both positive.
//
//go:noescape
func transposeAVX2(dst *float32, ldd int, src *float32, lds int, rows8, cols8 int)

// transposeAVX512 is transposeGo for 16*rows16 rows and 16*cols16 columns, both positive.
//
//go:noescape
func transposeAVX512(dst *float32, ldd int, src *float32, lds int, rows16, cols16 int)

//go:noescape
func streamTransposeAVX512(dst *float32, ldd int, src *float32, lds int, rows16, cols16 int)

func fenceSSE()

func pauseSSE()

// modeSSE returns the thread's control word for floating point, setModeSSE sets it.
func modeSSE() uint32

func setModeSSE(mode uint32)

// pairRowsAVX512 is PairRows for 2*pairs rows and Strip*strips columns, both positive.
//
//go:noescape
func pairRowsAVX512(dst, src *float32, ld, pairs, strips int)

//go:noescape
func copy16AVX2(dst []float32, ldd int, src []float32, lds int, rows int)

//go:noescape
func copy16AVX512(dst []float32, ldd int, src []float32, lds int, rows int)

// weave4AVX2 is weaveGo for blocks of 4, with at least one line and one square.
//
//go:noescape
func weave4AVX2(dst *float32, step int, src *float32, lds int, lines, squares int)

//go:noescape
func weave8AVX2(dst *float32, step int, src *float32, lds int, lines, squares int)

//go:noescape
func tile16AVX2(run *tileRun)

//go:noescape
func outer16AVX2(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, n int, add bool)

// panelAVX2 is panelGo for whole strips and four rows at a time, at least one of either.
//
//go:noescape
func panelAVX2(dst, src []float32, lds int, fours, strips int)

//go:noescape
func columnsAVX2(sum, x []float32, ldx int, rows int)

//go:noescape
func lanes4AVX2(dst, x []float32, segs []Seg, w, start []float32)

//go:noescape
func lanes4TurnedAVX2(dst, x []float32, segs []Seg, w, start []float32)

//go:noescape
func lanes8AVX2(dst, x []float32, segs []Seg, w, start []float32)

//go:noescape
func lanes8TurnedAVX2(dst, x []float32, segs []Seg, w, start []float32)

//go:noescape
func woven4AVX2(w *Woven)

//go:noescape
func woven4TurnedAVX2(w *Woven)

//go:noescape
func woven8AVX2(w *Woven)

//go:noescape
func woven8TurnedAVX2(w *Woven)

//go:noescape
func gradTilesAVX2(w *GradTiles)

//go:noescape
func tile16AVX512(run *tileRun)

//go:noescape
func outer16AVX512(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, n int, add bool)

// panelAVX512 is panelGo for whole strips and four rows at a time, at least one of either.
//
//go:noescape
func panelAVX512(dst, src []float32, lds int, fours, strips int)

//go:noescape
func columnsAVX512(sum, x []float32, ldx int, rows int)

//go:noescape
func lanes4AVX512(dst, x []float32, segs []Seg, w, start []float32)

//go:noescape
func lanes4TurnedAVX512(dst, x []float32, segs []Seg, w, start []float32)

//go:noescape
func lanes8AVX512(dst, x []float32, segs []Seg, w, start []float32)

//go:noescape
func lanes8TurnedAVX512(dst, x []float32, segs []Seg, w, start []float32)

//go:noescape
func woven4AVX512(w *Woven)

//go:noescape
func woven4TurnedAVX512(w *Woven)

//go:noescape
func woven8AVX512(w *Woven)

//go:noescape
func woven8TurnedAVX512(w *Woven)

//go:noescape
func weave4AVX512(dst *float32, step int, src *float32, lds int, lines, squares int)

//go:noescape
func weave8AVX512(dst *float32, step int, src *float32, lds int, lines, squares int)

//go:noescape
func gradTilesAVX512(w *GradTiles)

//go:noescape
func spmvAVX2(dst, x []float32, idx []int32, val []float32, init float32)

//go:noescape
func dotAVX2(x, y []float32) (sum float32)

//go:noescape
func sumAVX2(x []float32) (sum float32)

//go:noescape
func sumSqDiffAVX2(x []float32, mean float32) (sum float32)

//go:noescape
func maxAVX2(x []float32) (top float32)

//go:noescape
func sumSqAVX2(x []float32) (sum float64)

//go:noescape
func axpyAVX2(y []float32, a float32, x []float32)

//go:noescape
func scaleAVX2(y []float32, a float32)

//go:noescape
func normalizeAVX2(y, x, gamma, beta []float32, mean, rstd float32)

//go:noescape
func normSumsAVX2(dy, dgamma, dbeta, x, gamma []float32, mean, rstd float32) (sum, dot float32)

//go:noescape
func normGradAVX2(y, dy, x, gamma []float32, mean, rstd, m1, m2 float32)

//go:noescape
func expShiftAVX2(y, x []float32, shift float32) (sum float32)

// geluStreamAVX2 is geluRows, and geluGradStreamAVX2 geluGradRows, for a y and a pre whose addresses are multiples of a vector's size.
//
//go:noescape
func geluStreamAVX2(y, x, pre []float32, ld, ldx, rows, cols int)

//go:noescape
func geluGradStreamAVX2(y, r, x []float32, ld, ldr, rows, cols int)

//go:noescape
func geluAVX2(y, x []float32)

//go:noescape
func geluGradAVX2(y, r, x []float32)

//go:noescape
func adamAVX2(w, g, m, v []float32, a *AdamStep)

//go:noescape
func spmvAVX512(dst, x []float32, idx []int32, val []float32, init float32)

//go:noescape
func dotAVX512(x, y []float32) (sum float32)

//go:noescape
func sumAVX512(x []float32) (sum float32)

//go:noescape
func sumSqDiffAVX512(x []float32, mean float32) (sum float32)

//go:noescape
func maxAVX512(x []float32) (top float32)

//go:noescape
func sumSqAVX512(x []float32) (sum float64)

//go:noescape
func axpyAVX512(y []float32, a float32, x []float32)

//go:noescape
func scaleAVX512(y []float32, a float32)

//go:noescape
func normalizeAVX512(y, x, gamma, beta []float32, mean, rstd float32)

//go:noescape
func normSumsAVX512(dy, dgamma, dbeta, x, gamma []float32, mean, rstd float32) (sum, dot float32)

//go:noescape
func normGradAVX512(y, dy, x, gamma []float32, mean, rstd, m1, m2 float32)

//go:noescape
func expShiftAVX512(y, x []float32, shift float32) (sum float32)

// geluStreamAVX512 is geluRows, and geluGradStreamAVX512 geluGradRows, for a y and a pre whose addresses are multiples of a vector's size.
//
//go:noescape
func geluStreamAVX512(y, x, pre []float32, ld, ldx, rows, cols int)

//go:noescape
func geluGradStreamAVX512(y, r, x []float32, ld, ldr, rows, cols int)

//go:noescape
func geluAVX512(y, x []float32)

//go:noescape
func geluGradAVX512(y, r, x []float32)

//go:noescape
func adamAVX512(w, g, m, v []float32, a *AdamStep)

//go:noescape
func sumTimesAVX2(y, a, x, f []float32)

//go:noescape
func timesAVX2(y, x, f []float32)

//go:noescape
func dropoutAVX2(f []float32, block uint32, d *DropSite, a, b, c *float32)

//go:noescape
func sumTimesAVX512(y, a, x, f []float32)

//go:noescape
func timesAVX512(y, x, f []float32)

//go:noescape
func dropoutAVX512(f []float32, block uint32, d *DropSite, a, b, c *float32)

//go:noescape
func dotsAVX2(dst, y, x []float32, stride int, idx []int32)

//go:noescape
func dotsAVX512(dst, y, x []float32, stride int, idx []int32)

//go:noescape
func panelSquaresAVX2(q *Squares)

//go:noescape
func stripSquaresAVX2(q *Squares)

//go:noescape
func softmaxStripAVX2(p, top, sum []float32, scale float32)

//go:noescape
func expStripAVX2(p, shift []float32, scale float32)

//go:noescape
func scaleStripAVX2(y, x, factor []float32)

//go:noescape
func dropStripAVX2(y, x, factor []float32, block, stride uint32, d *DropSite)

//go:noescape
func softmaxGradStripAVX2(ds, p, w, dp []float32, scale float32)

//go:noescape
func panelSquaresAVX512(q *Squares)

//go:noescape
func stripSquaresAVX512(q *Squares)

//go:noescape
func softmaxStripAVX512(p, top, sum []float32, scale float32)

//go:noescape
func expStripAVX512(p, shift []float32, scale float32)

//go:noescape
func scaleStripAVX512(y, x, factor []float32)

//go:noescape
func dropStripAVX512(y, x, factor []float32, block, stride uint32, d *DropSite)

//go:noescape
func softmaxGradStripAVX512(ds, p, w, dp []float32, scale float32)

//go:noescape
func tile16AVX512Bcst(run *tileRun)

//go:noescape
func geluTileAVX512Bcst(run *tileRun)

//go:noescape
func geluGradTileAVX512Bcst(run *tileRun)

//go:noescape
func gradTilesAVX512Bcst(w *GradTiles)

//go:noescape
func panelSquaresAVX512Bcst(q *Squares)

//go:noescape
func stripSquaresAVX512Bcst(q *Squares)

//go:noescape
func woven4AVX512Bcst(w *Woven)

//go:noescape
func woven4TurnedAVX512Bcst(w *Woven)

//go:noescape
func woven8AVX512Bcst(w *Woven)

//go:noescape
func woven8TurnedAVX512Bcst(w *Woven)

//go:noescape
func weave16AVX512(dst *float32, step int, src *float32, lds int, lines, squares int)

// vendor returns the three registers of CPUID that name who made the processor.
func vendor() (b, d, c uint32)
