package kernel

// GradBlocks is a row, or a column, of blocks of B x B weights, whose gradients share the
// interleaved micro-panel A:
//
//	C[s*B*B + i*B + j] += sum over l < Lines, t < m of
//		A[l*PanelWidth + i*m + t] * B[Index[s]*Step + l*PanelWidth + j*m + t],   m = PanelWidth/B
//
// for s of Slots. Transposed, C has j*B + i in the place of i*B + j. Lines and Every are
// positive multiples of m. Packing is work to do meanwhile, a line of each micro-panel
// before the first of every Every lines of A in each of the Passes; it is not nil.
type GradBlocks struct {
	C, A, B      []float32
	Slots, Index []int32
	Step, Lines  int
	Packing      *Packing
	Every        int
}

// Passes is how often AVX-512 passes the lines of A for a number of blocks of size x size
// weights. Three of 8 x 8 or four of 4 x 4 share the loads of a line. Of the rest two share
// them, or one has them alone.
func Passes(size, blocks int) int {
	together := 3
	if size == 4 {
		together = 4
	}
	return blocks/together + (blocks%together+1)/2
}

// gradBlocksGo has element (i, j) at i*si + j*sj.
func gradBlocksGo(size, si, sj int) func(g *GradBlocks) {
	m := PanelWidth / size
	return func(g *GradBlocks) {
		for _, s := range g.Slots {
			a, b := g.A[:g.Lines*PanelWidth], g.B[int(g.Index[s])*g.Step:][:g.Lines*PanelWidth]
			c := g.C[int(s)*size*size:][:size*size]
			for i := range size {
				for j := range size {
					sum := float32(0)
					for l := 0; l < len(a); l += PanelWidth {
						for t := range m {
							sum += a[l+i*m+t] * b[l+j*m+t]
						}
					}
					c[i*si+j*sj] += sum
				}
			}
		}
	}
}

// GradTiles are tiles of 16 x 16 of a weight gradient, from micro-panels of w columns, which is
// GradWidth of the Set:
//
//	C[s*CStep + p*CPart + i*LDC + j] += sum over l < Lines, t < m of
//		A[x*AStep + p*APart + i/w*Size + l*PanelWidth + i%w*m + t] *
//		B[x*BStep + p*BPart + j/w*Size + l*PanelWidth + j%w*m + t],   m = PanelWidth/w
//
// for s of Slots, x = Index[s], p < Parts. The steps and parts of A or of B are 0 where all
// share a tile's micro-panels. Lines and Every are positive and hold multiples of TileTokens
// tokens. Packing is work to do meanwhile, a line of each micro-panel before the first of
// every Every lines that are multiplied, which are Lines for each micro-panel of a tile's
// left side; it is not nil.
type GradTiles struct {
	C            []float32
	LDC, CStep   int
	A            []float32
	AStep        int
	B            []float32
	BStep        int
	Slots, Index []int32
	Size, Lines  int
	Packing      *Packing
	Every        int

	Parts, CPart, APart, BPart int
}

// TileTokens divides the number of tokens that GradTiles multiplies.
const TileTokens = 4

// gradTilesGo is for micro-panels of 8 columns.
func gradTilesGo(g *GradTiles) {
	for _, s := range g.Slots {
		x := int(g.Index[s])
		for p := range g.Parts {
			a, b, c := g.A[x*g.AStep+p*g.APart:], g.B[x*g.BStep+p*g.BPart:], g.C[int(s)*g.CStep+p*g.CPart:]
			for i := range 16 {
				for j := range 16 {
					a, b := a[i/8*g.Size+i%8*2:], b[j/8*g.Size+j%8*2:]
					sum := float32(0)
					for l := 0; l < g.Lines*PanelWidth; l += PanelWidth {
						sum += a[l]*b[l] + a[l+1]*b[l+1]
					}
					c[i*g.LDC+j] += sum
				}
			}
		}
	}
}

// Outer is a register tile of a weight gradient, 16 x 16:
//
//	c[i*ldc+j] = sum over k < n of a[k*lda+i] * b[k*ldb+j]
//
// plus what c held before if add is set.
type Outer func(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, n int, add bool)

func outerGo(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, n int, add bool) {
	for i := 0; i < 16; i += 2 {
		for j := 0; j < 16; j += 4 {
			var sum [8]float32
			if n > 0 {
				outer2x4(&sum, a[i:], 1, lda, b[j:], ldb, n)
			}
			store2x4(c[i*ldc+j:], ldc, &sum, add)
		}
	}
}

func dotsGo(dst, y, x []float32, stride int, idx []int32) {
	for j, c := range idx {
		dst[j] = dotGo(y, x[int(c)*stride:int(c)*stride+len(y)])
	}
}
