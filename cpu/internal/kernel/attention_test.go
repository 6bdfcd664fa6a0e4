package kernel

import (
	"math"
	"testing"
)

// Every number of inner steps that the paths take, one tile and several, with strides of their own.
func TestAttnTilesAgainstPlainSums(t *testing.T) {
	eachPath(t, func(t *testing.T, set *Set) {
		place, sizes := asIs, []int{0, 1, 3, 4, 7, 16, 37, 48, 128}
		if set.PairRows != nil {
			place, sizes = inPairs, []int{0, 2, 4, 6, 8, 14, 16, 38, 48, 128}
		}
		row := func(k, j int) int {
			r, c := place(k, j)
			return r*PanelWidth + c
		}
		for _, n := range sizes {
			for _, tiles := range []int{1, 2, 5} {
				attnTilesCase(t, "AttnTilesTransposed", set.AttnTilesTransposed, n, tiles, row, func(q *AttnTiles, i, k int) int { return row(k, i) })
				if n%PanelWidth == 0 {
					attnTilesCase(t, "AttnTiles", set.AttnTiles, n, tiles, row,
						func(q *AttnTiles, i, k int) int { return k/PanelWidth*q.LDA + i*PanelWidth + k%PanelWidth })
				}
			}
		}
	})
}

func attnTilesCase(t *testing.T, what string, f func(*AttnTiles), n, tiles int, row func(k, j int) int, at func(q *AttnTiles, i, k int) int) {
	const ldc, lda, aStep, bStep = 99, 1000, 17, 33
	for _, cStep := range []int{16, 16 * ldc} {
		size := (tiles-1)*cStep + 15*ldc + 16
		c, check := guarded(t, size)
		for i := range c {
			c[i] = 7
		}
		q := AttnTiles{C: c, LDC: ldc, A: random(9000+tiles*aStep, 1), LDA: lda, B: random(n*PanelWidth+tiles*bStep, 2), N: n, Tiles: tiles,
			CStep: cStep, AStep: aStep, BStep: bStep, Prefetch: c, PrefetchStride: 3}
		f(&q)
		check(what)
		written := make([]bool, size)
		for tile := range tiles {
			for i := range PanelWidth {
				for j := range PanelWidth {
					sum, magnitude := 0.0, 0.0
					for k := range n {
						x := float64(q.A[tile*aStep+at(&q, i, k)]) * float64(q.B[tile*bStep+row(k, j)])
						sum += x
						magnitude += math.Abs(x)
					}
					to := tile*cStep + i*ldc + j
					near(t, what, to, c[to], sum, float64(n+1)*unit*magnitude)
					written[to] = true
				}
			}
		}
		for i, w := range written {
			if !w && c[i] != 7 {
				t.Fatalf("%s, %d steps, %d tiles: wrote element %d, which is between the tiles", what, n, tiles, i)
			}
		}
	}
}

// panelRows has whole iterations of the loops, what is left over, and one row.
var panelRows = []int{1, 2, 3, 4, 5, 8, 17, 128, 131}

func TestSoftmaxPanel(t *testing.T) {
	const scale = 3
	eachPath(t, func(t *testing.T, k *Set) {
		for _, rows := range panelRows {
			x, shift := random(rows*PanelWidth, 1), random(PanelWidth, 2)
			p, check := guarded(t, len(x))
			top, checkTop := guarded(t, PanelWidth)
			sum, checkSum := guarded(t, PanelWidth)
			copy(p, x)
			k.SoftmaxPanel(p, top, sum, scale)
			check("SoftmaxPanel")
			checkTop("SoftmaxPanel: top")
			checkSum("SoftmaxPanel: sum")
			for l := range PanelWidth {
				largest := math.Inf(-1)
				for r := range rows {
					largest = max(largest, scale*float64(x[r*PanelWidth+l]))
				}
				near(t, "SoftmaxPanel: top", l, top[l], largest, 2*scale*unit)
				total := 0.0
				for r := range rows {
					i := r*PanelWidth + l
					e := math.Exp(scale*float64(x[i]) - float64(top[l]))
					near(t, "SoftmaxPanel", i, p[i], e, 16*unit)
					total += e
				}
				near(t, "SoftmaxPanel: sum", l, sum[l], total, float64(rows+16)*unit*total)
			}

			copy(p, x)
			k.ExpPanel(p, shift, scale)
			check("ExpPanel")
			for i, v := range x {
				e := math.Exp(scale*float64(v) - float64(shift[i%PanelWidth]))
				near(t, "ExpPanel", i, p[i], e, 16*unit*e)
			}
			k.ScalePanel(p, x, shift)
			check("ScalePanel")
			for i, v := range x {
				near(t, "ScalePanel", i, p[i], float64(v)*float64(shift[i%PanelWidth]), unit)
			}
		}
	})
}

func TestSoftmaxGradPanel(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, rows := range panelRows {
			for _, alias := range []bool{false, true} {
				p, w, dp := random(rows*PanelWidth, 1), random(rows*PanelWidth, 2), random(rows*PanelWidth, 3)
				ds, check := guarded(t, len(p))
				from := dp
				if alias {
					w = p
					copy(ds, dp)
					from = ds
				}
				k.SoftmaxGradPanel(ds, p, w, from, 0.5)
				check("SoftmaxGradPanel")
				for l := range PanelWidth {
					delta := 0.0
					for r := range rows {
						delta += float64(w[r*PanelWidth+l]) * float64(dp[r*PanelWidth+l])
					}
					for i := l; i < len(p); i += PanelWidth {
						want := (float64(w[i])*float64(dp[i]) - float64(p[i])*delta) / 2
						near(t, "SoftmaxGradPanel", i, ds[i], want, float64(rows)*float64(rows+4)*unit)
					}
				}
			}
		}
	})
}

// The factors are the ones of Dropout, transposed.
func TestDropoutPanel(t *testing.T) {
	d := &DropoutSite{Seed: [2]uint32{0x12345678, 0x9abcdef0}, Step: 77, Place: 5<<16 | 3, Purpose: 2, Rate: 0.3, Scale: 1 / 0.7}
	eachPath(t, func(t *testing.T, k *Set) {
		for _, rows := range []int{4, 8, 12, 64, 128} {
			for _, block := range []uint32{0, 1000, 1<<32 - 20} {
				const stride = 37
				x, factor := random(rows*PanelWidth, 1), random(PanelWidth, 2)
				y, check := guarded(t, len(x))
				k.DropoutPanel(y, x, factor, block, stride, d)
				check("DropoutPanel")
				f := make([]float32, rows)
				for l := range PanelWidth {
					dropoutGo(f, block+uint32(l)*stride, d)
					for r := range rows {
						i := r*PanelWidth + l
						want := float64(x[i]) * float64(factor[l]) * float64(f[r])
						near(t, "DropoutPanel", i, y[i], want, 3*unit*math.Abs(want))
					}
				}
			}
		}
	})
}

// A NaN must not vanish: not in a maximum, nor where its element is dropped.
func TestPanelsKeepNaN(t *testing.T) {
	nan := float32(math.NaN())
	d := &DropoutSite{Rate: 0.9, Scale: 10}
	eachPath(t, func(t *testing.T, k *Set) {
		for at := range 8 * PanelWidth {
			p, top, sum := random(8*PanelWidth, 1), make([]float32, PanelWidth), make([]float32, PanelWidth)
			p[at] = nan
			k.SoftmaxPanel(p, top, sum, 1)
			if s := sum[at%PanelWidth]; s == s {
				t.Fatalf("SoftmaxPanel with NaN at %d: found sum %v", at, s)
			}
			k.DropoutPanel(p, p, top, 0, 1, d)
			if p[at] == p[at] {
				t.Fatalf("DropoutPanel with NaN at %d: found %v", at, p[at])
			}
		}
	})
}
