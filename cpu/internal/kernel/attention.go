package kernel

// Attention keeps all matrices in micro-panels: element (r, c) is at r*PanelWidth +
// c%PanelWidth of micro-panel c/PanelWidth. The scores are micro-panels of queries, with the
// key for the row. So what runs along the keys runs down a micro-panel, and its result is one
// vector.

// AttnTiles is a run of 16 x 16 tiles: where their operands are, and how far apart those of
// neighboring tiles are, in elements. There is at least one tile. Result and operands do
// not overlap.
type AttnTiles struct {
	C                   []float32
	LDC                 int
	A                   []float32
	LDA                 int
	B                   []float32
	N                   int // inner steps
	Tiles               int
	CStep, AStep, BStep int

	// AVX-512 prefetches part of one row of Prefetch in each PanelWidth steps of a tile; rows are
	// PrefetchStride apart. Prefetch is not nil.
	Prefetch       []float32
	PrefetchStride int
}

// attnTiles computes tiles whose left operand has element (i, k) at a[at(i, k, lda)].
func attnTiles(q *AttnTiles, at func(i, k int) int) {
	for t := range q.Tiles {
		a, b := q.A[t*q.AStep:], q.B[t*q.BStep:]
		for i := range PanelWidth {
			c := q.C[t*q.CStep+i*q.LDC:][:PanelWidth]
			clear(c)
			for k := range q.N {
				axpyGo(c, a[at(i, k)], b[k*PanelWidth:(k+1)*PanelWidth])
			}
		}
	}
}

func attnTilesGo(q *AttnTiles) {
	attnTiles(q, func(i, k int) int { return k/PanelWidth*q.LDA + i*PanelWidth + k%PanelWidth })
}

func attnTilesTransposedGo(q *AttnTiles) {
	attnTiles(q, func(i, k int) int { return k*PanelWidth + i })
}

func softmaxPanelGo(p, top, sum []float32, scale float32) {
	for l := range PanelWidth {
		m := p[l]
		for i := l; i < len(p); i += PanelWidth {
			m = max(m, p[i])
		}
		top[l], sum[l] = m*scale, 0
	}
	for i := range p {
		p[i] = Exp(scale*p[i] - top[i%PanelWidth])
		sum[i%PanelWidth] += p[i]
	}
}

func expPanelGo(p, shift []float32, scale float32) {
	for i := range p {
		p[i] = Exp(scale*p[i] - shift[i%PanelWidth])
	}
}

func scalePanelGo(y, x, factor []float32) {
	for i := range y {
		y[i] = x[i] * factor[i%PanelWidth]
	}
}

func dropoutPanelGo(y, x, factor []float32, block, stride uint32, d *DropoutSite) {
	var f [4]float32
	for l := range PanelWidth {
		for i := 0; i < len(y)/PanelWidth; i += 4 {
			dropoutGo(f[:], block+uint32(l)*stride+uint32(i/4), d)
			for j, f := range f {
				at := (i+j)*PanelWidth + l
				y[at] = x[at] * (f * factor[l])
			}
		}
	}
}

func softmaxGradPanelGo(ds, p, w, dp []float32, scale float32) {
	var delta [PanelWidth]float32
	for i := range w {
		delta[i%PanelWidth] += w[i] * dp[i]
	}
	for i := range ds {
		ds[i] = (w[i]*dp[i] - p[i]*delta[i%PanelWidth]) * scale
	}
}
