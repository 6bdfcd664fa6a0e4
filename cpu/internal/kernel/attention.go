package kernel

// A strip of a matrix is Strip of its columns side by side: element (r, c) of the matrix
// is at r*Strip + c%Strip of strip c/Strip. Attention keeps everything so. Its scores are
// strips of queries, with the key for the row: what runs along the keys runs down a strip
// and needs no more than one vector of registers for its result.

// Squares is a run of 16 x 16 tiles: where their operands are, and how far apart those of
// neighboring tiles are, in elements. There is at least one tile. Result and operands do
// not overlap.
type Squares struct {
	C                   []float32
	LDC                 int
	A                   []float32
	LDA                 int
	B                   []float32
	N                   int // inner steps
	Tiles               int
	CStep, AStep, BStep int

	// A part of the rows at Next, Stride apart, will be read soon: AVX-512 asks for one of them in each
	// Strip steps of a tile. Next is not nil.
	Next   []float32
	Stride int
}

// squaresGo computes tiles whose left operand has element (i, k) at a[at(i, k, lda)].
func squaresGo(q *Squares, at func(i, k int) int) {
	for t := range q.Tiles {
		a, b := q.A[t*q.AStep:], q.B[t*q.BStep:]
		for i := range Strip {
			c := q.C[t*q.CStep+i*q.LDC:][:Strip]
			clear(c)
			for k := range q.N {
				axpyGo(c, a[at(i, k)], b[k*Strip:(k+1)*Strip])
			}
		}
	}
}

func panelSquaresGo(q *Squares) {
	squaresGo(q, func(i, k int) int { return k/Strip*q.LDA + i*Strip + k%Strip })
}

func stripSquaresGo(q *Squares) {
	squaresGo(q, func(i, k int) int { return k*Strip + i })
}

func softmaxStripGo(p, top, sum []float32, scale float32) {
	for l := range Strip {
		m := p[l]
		for i := l; i < len(p); i += Strip {
			m = max(m, p[i])
		}
		top[l], sum[l] = m*scale, 0
	}
	for i := range p {
		p[i] = Exp(scale*p[i] - top[i%Strip])
		sum[i%Strip] += p[i]
	}
}

func expStripGo(p, shift []float32, scale float32) {
	for i := range p {
		p[i] = Exp(scale*p[i] - shift[i%Strip])
	}
}

func scaleStripGo(y, x, factor []float32) {
	for i := range y {
		y[i] = x[i] * factor[i%Strip]
	}
}

func dropStripGo(y, x, factor []float32, block, stride uint32, d *DropSite) {
	var f [4]float32
	for l := range Strip {
		for i := 0; i < len(y)/Strip; i += 4 {
			dropoutGo(f[:], block+uint32(l)*stride+uint32(i/4), d)
			for j, f := range f {
				at := (i+j)*Strip + l
				y[at] = x[at] * (f * factor[l])
			}
		}
	}
}

func softmaxGradStripGo(ds, p, w, dp []float32, scale float32) {
	var delta [Strip]float32
	for i := range w {
		delta[i%Strip] += w[i] * dp[i]
	}
	for i := range ds {
		ds[i] = (w[i]*dp[i] - p[i]*delta[i%Strip]) * scale
	}
}
