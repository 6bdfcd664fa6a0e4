package kernel

// A strip of 4 or 8 columns is woven: a line of 16 numbers holds m = 4 or 2 tokens of it, those
// of a column side by side. So vectors are full, and their sums are of tokens, which are added
// up once.

// Move is the packing of rows of Group*Strip columns of a path, Stride elements apart in Src, into
// strips of a width that the multiplications beside it say, which start Step elements apart
// in Dst:
//
//	Dst[c/width*Step + r/m*Strip + c%width*m + r%m] = Src[r*Stride + c],   m = Strip/width
//
// Of the Lines lines of each strip the first Done are done. Beside each, memory is asked for
// that is packed next: as many rows of Ask, as far apart. On a path that AsksAhead, GradTiles asks besides for what is
// read in one piece later: four lines of Soon from element Asked on, which grows by By, or by 0 where there is
// nothing to ask for, beside each line that has a multiple of Mask+1, a power of two, from it to the last one.
// Neither is nil.
type Move struct {
	Src, Ask []float32
	Stride   int
	Dst      []float32
	Step     int
	Done     int
	Lines    int

	Soon            []float32
	Asked, By, Mask int
}

// Finish packs what is not done into strips of a width.
func (m *Move) Finish(k *Set, width int) {
	if n := m.Lines - m.Done; n > 0 {
		k.PackStrips(m.Dst[m.Done*Strip:], m.Step, m.Src[m.Done*(Strip/width)*m.Stride:], m.Stride, n, k.Group, width)
		m.Done = m.Lines
	}
}

// PackStrips packs squares*Strip columns into strips of a width, as Move does it.
func (k *Set) PackStrips(dst []float32, step int, src []float32, lds, lines, squares, width int) {
	weave := k.Weave8
	switch width {
	case 4:
		weave = k.Weave4
	case 16:
		weave = k.Weave16
	}
	weave(dst, step, src, lds, lines, squares)
}

// Woven is a row, or a column, of blocks of B x B weights, whose gradients share the strip A:
//
//	C[s*B*B + i*B + j] += sum over l < Lines, t < m of
//		A[l*Strip + i*m + t] * B[Index[s]*Step + l*Strip + j*m + t]
//
// for s of Slots; turned, C has j*B + i in the place of i*B + j. Lines and Every are positive multiples
// of m. Move is work to do meanwhile, a line of each strip before the first of every Every lines of A
// in each of the Passes; it is not nil.
type Woven struct {
	C, A, B      []float32
	Slots, Index []int32
	Step, Lines  int
	Move         *Move
	Every        int
}

// Passes is how often AVX-512 passes the lines of A for a number of blocks of size x size weights. Three of 8 x 8 or
// four of 4 x 4 share what is read of a line; of the rest two do, or one has it alone.
func Passes(size, blocks int) int {
	together := 3
	if size == 4 {
		together = 4
	}
	return blocks/together + (blocks%together+1)/2
}

// wovenGo has element (i, j) at i*si + j*sj.
func wovenGo(size, si, sj int) func(w *Woven) {
	m := Strip / size
	return func(w *Woven) {
		for _, s := range w.Slots {
			a, b := w.A[:w.Lines*Strip], w.B[int(w.Index[s])*w.Step:][:w.Lines*Strip]
			c := w.C[int(s)*size*size:][:size*size]
			for i := range size {
				for j := range size {
					sum := float32(0)
					for l := 0; l < len(a); l += Strip {
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

// GradTiles are tiles of 16 x 16 of a weight gradient, of strips of w columns, which is TileWidth of
// the Set, woven where that is 8:
//
//	C[s*CStep + p*CPart + i*LDC + j] += sum over l < Lines, t < m of
//		A[x*AStep + p*APart + i/w*Size + l*Strip + i%w*m + t] *
//		B[x*BStep + p*BPart + j/w*Size + l*Strip + j%w*m + t],   m = Strip/w
//
// for s of Slots, x = Index[s], p < Parts. The steps and parts of A or of B are 0 where all share
// a tile's strips. Lines and Every are positive and hold multiples of TileTokens tokens. Move is work to do
// meanwhile, a line of each strip before the first of every Every lines that are multiplied, which
// are Lines for each strip of a tile's left side; it is not nil.
type GradTiles struct {
	C            []float32
	LDC, CStep   int
	A            []float32
	AStep        int
	B            []float32
	BStep        int
	Slots, Index []int32
	Size, Lines  int
	Move         *Move
	Every        int

	Parts, CPart, APart, BPart int
}

// TileTokens divides the tokens of what GradTiles multiplies.
const TileTokens = 4

// gradTilesGo is of strips of 8 columns.
func gradTilesGo(w *GradTiles) {
	for _, s := range w.Slots {
		x := int(w.Index[s])
		for p := range w.Parts {
			a, b, c := w.A[x*w.AStep+p*w.APart:], w.B[x*w.BStep+p*w.BPart:], w.C[int(s)*w.CStep+p*w.CPart:]
			for i := range 16 {
				for j := range 16 {
					a, b := a[i/8*w.Size+i%8*2:], b[j/8*w.Size+j%8*2:]
					sum := float32(0)
					for l := 0; l < w.Lines*Strip; l += Strip {
						sum += a[l]*b[l] + a[l+1]*b[l+1]
					}
					c[i*w.LDC+j] += sum
				}
			}
		}
	}
}

func weaveGo(size int) func(dst []float32, step int, src []float32, lds int, lines, squares int) {
	m := Strip / size
	return func(dst []float32, step int, src []float32, lds int, lines, squares int) {
		for r := range lines * m {
			for c, v := range src[r*lds:][:squares*Strip] {
				dst[c/size*step+r/m*Strip+c%size*m+r%m] = v
			}
		}
	}
}
