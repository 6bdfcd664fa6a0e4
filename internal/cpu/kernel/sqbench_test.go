package kernel

import "testing"

func BenchmarkSquares(b *testing.B) {
	for _, p := range Paths()[1:] {
		k, _ := ForPath(p)
		for _, c := range []struct {
			name             string
			f                func(*Squares)
			n                int
			lda, as, bs, cs, ldc int
			tiles            int
		}{
			{"scores", k.PanelSquares, 64, 144 * 16, 256, 0, 256, 16, 8},
			{"dv", k.PanelSquares, 128, 144 * 16, 0, 144 * 16, 16, 64, 4},
			{"ctx", k.StripSquares, 128, 0, 0, 144 * 16, 16, 64, 4},
			{"ctx768", k.StripSquares, 128, 0, 0, 144 * 16, 16, 768, 4},
		} {
			q := Squares{C: make([]float32, 20000), LDC: c.ldc, A: random(20000, 1), LDA: c.lda, B: random(10000, 2), N: c.n, Tiles: c.tiles,
				CStep: c.cs, AStep: c.as, BStep: c.bs, Next: make([]float32, 100)}
			b.Run(p.String()+"/"+c.name, func(b *testing.B) {
				for b.Loop() {
					c.f(&q)
				}
				b.ReportMetric(float64(c.tiles*c.n*16)/(float64(b.Elapsed().Nanoseconds())/float64(b.N)), "Gfma16/s")
			})
		}
	}
}
