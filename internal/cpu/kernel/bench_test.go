package kernel

import (
	"fmt"
	"testing"
)

// BenchmarkTile reports the rate of the register tiles with operands of a given
// number of inner steps in segments.
func BenchmarkTile(b *testing.B) {
	for _, p := range Paths() {
		set, err := ForPath(p)
		if err != nil {
			b.Fatal(err)
		}
		for _, t := range []struct {
			name       string
			f          Mul
			m, n, kseg int
			segs       int
			outer      bool
		}{
			{"Tile16", set.Tile16, Rows, 16, 16, 8, false},
			{"Tile8", set.Tile8, Rows, 8, 8, 16, false},
			{"Tile4", set.Tile4, Rows, 4, 4, 32, false},
			{"Outer16", set.Outer16, 16, 16, 256, 1, true},
			{"Outer8", set.Outer8, 8, 8, 256, 1, true},
			{"Outer4", set.Outer4, 4, 4, 256, 1, true},
		} {
			b.Run(fmt.Sprintf("%v/%s", p, t.name), func(b *testing.B) {
				lda := t.m
				a := make([]float32, lda*t.kseg*t.segs)
				w := make([]float32, t.n*t.kseg*t.segs)
				c := make([]float32, t.m*t.n)
				var segs []Seg
				for s := range t.segs {
					segs = append(segs, Seg{int32(s * lda * t.kseg), int32(s * t.n * t.kseg)})
				}
				for b.Loop() {
					t.f(c, t.n, a, lda, w, t.n, segs, t.kseg, c, t.n)
				}
				b.ReportMetric(2*float64(t.m*t.n*t.kseg*t.segs)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
