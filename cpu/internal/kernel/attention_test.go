package kernel

import (
	"math"
	"slices"
	"testing"
	"unsafe"
)

// The assembly of the tiles counts on the offsets of these fields.
func TestSquaresLayout(t *testing.T) {
	var q Squares
	found := []uintptr{unsafe.Offsetof(q.C), unsafe.Offsetof(q.LDC), unsafe.Offsetof(q.A), unsafe.Offsetof(q.LDA), unsafe.Offsetof(q.B),
		unsafe.Offsetof(q.N), unsafe.Offsetof(q.Tiles), unsafe.Offsetof(q.CStep), unsafe.Offsetof(q.AStep), unsafe.Offsetof(q.BStep),
		unsafe.Offsetof(q.Next), unsafe.Offsetof(q.Stride)}
	if expected := []uintptr{0, 24, 32, 56, 64, 88, 96, 104, 112, 120, 128, 152}; !slices.Equal(found, expected) {
		t.Errorf("fields of Squares: found at %v, expected at %v", found, expected)
	}
}

func TestSquaresAgainstPlainSums(t *testing.T) {
	eachPath(t, func(t *testing.T, set *Set) {
		place, sizes := asIs, []int{0, 1, 3, 4, 7, 16, 37, 48, 128}
		if set.PairRows != nil {
			place, sizes = inPairs, []int{0, 2, 4, 6, 8, 14, 16, 38, 48, 128}
		}
		row := func(k, j int) int {
			r, c := place(k, j)
			return r*Strip + c
		}
		for _, n := range sizes {
			for _, tiles := range []int{1, 2, 5} {
				squaresCase(t, "StripSquares", set.StripSquares, n, tiles, row, func(q *Squares, i, k int) int { return row(k, i) })
				if n%Strip == 0 {
					squaresCase(t, "PanelSquares", set.PanelSquares, n, tiles, row,
						func(q *Squares, i, k int) int { return k/Strip*q.LDA + i*Strip + k%Strip })
				}
			}
		}
	})
}

func squaresCase(t *testing.T, what string, squares func(*Squares), n, tiles int, row func(k, j int) int, at func(q *Squares, i, k int) int) {
	const ldc, lda, aStep, bStep = 99, 1000, 17, 33
	for _, cStep := range []int{16, 16 * ldc} {
		size := (tiles-1)*cStep + 15*ldc + 16
		c, check := guarded(t, size)
		for i := range c {
			c[i] = 7
		}
		q := Squares{C: c, LDC: ldc, A: random(9000+tiles*aStep, 1), LDA: lda, B: random(n*Strip+tiles*bStep, 2), N: n, Tiles: tiles,
			CStep: cStep, AStep: aStep, BStep: bStep, Next: c, Stride: 3}
		squares(&q)
		check(what)
		written := make([]bool, size)
		for tile := range tiles {
			for i := range Strip {
				for j := range Strip {
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

// stripRows has whole turns of the loops, what is left over, and one row.
var stripRows = []int{1, 2, 3, 4, 5, 8, 17, 128, 131}

func TestSoftmaxOfStrips(t *testing.T) {
	const scale = 3
	eachPath(t, func(t *testing.T, k *Set) {
		for _, rows := range stripRows {
			x, shift := random(rows*Strip, 1), random(Strip, 2)
			p, check := guarded(t, len(x))
			top, checkTop := guarded(t, Strip)
			sum, checkSum := guarded(t, Strip)
			copy(p, x)
			k.SoftmaxStrip(p, top, sum, scale)
			check("SoftmaxStrip")
			checkTop("SoftmaxStrip: top")
			checkSum("SoftmaxStrip: sum")
			for l := range Strip {
				greatest := math.Inf(-1)
				for r := range rows {
					greatest = max(greatest, scale*float64(x[r*Strip+l]))
				}
				near(t, "SoftmaxStrip: top", l, top[l], greatest, 2*scale*unit)
				total := 0.0
				for r := range rows {
					i := r*Strip + l
					e := math.Exp(scale*float64(x[i]) - float64(top[l]))
					near(t, "SoftmaxStrip", i, p[i], e, 16*unit)
					total += e
				}
				near(t, "SoftmaxStrip: sum", l, sum[l], total, float64(rows+16)*unit*total)
			}

			copy(p, x)
			k.ExpStrip(p, shift, scale)
			check("ExpStrip")
			for i, v := range x {
				e := math.Exp(scale*float64(v) - float64(shift[i%Strip]))
				near(t, "ExpStrip", i, p[i], e, 16*unit*e)
			}
			k.ScaleStrip(p, x, shift)
			check("ScaleStrip")
			for i, v := range x {
				near(t, "ScaleStrip", i, p[i], float64(v)*float64(shift[i%Strip]), unit)
			}
		}
	})
}

func TestSoftmaxGradOfStrips(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, rows := range stripRows {
			for _, alias := range []bool{false, true} {
				p, w, dp := random(rows*Strip, 1), random(rows*Strip, 2), random(rows*Strip, 3)
				ds, check := guarded(t, len(p))
				from := dp
				if alias {
					w = p
					copy(ds, dp)
					from = ds
				}
				k.SoftmaxGradStrip(ds, p, w, from, 0.5)
				check("SoftmaxGradStrip")
				for l := range Strip {
					delta := 0.0
					for r := range rows {
						delta += float64(w[r*Strip+l]) * float64(dp[r*Strip+l])
					}
					for i := l; i < len(p); i += Strip {
						want := (float64(w[i])*float64(dp[i]) - float64(p[i])*delta) / 2
						near(t, "SoftmaxGradStrip", i, ds[i], want, float64(rows)*float64(rows+4)*unit)
					}
				}
			}
		}
	})
}

// The factors are the ones of Dropout, transposed.
func TestDropoutOfStrips(t *testing.T) {
	d := &DropSite{Seed: [2]uint32{0x12345678, 0x9abcdef0}, Step: 77, Place: 5<<16 | 3, Purpose: 2, Rate: 0.3, Scale: 1 / 0.7}
	eachPath(t, func(t *testing.T, k *Set) {
		for _, rows := range []int{4, 8, 12, 64, 128} {
			for _, block := range []uint32{0, 1000, 1<<32 - 20} {
				const stride = 37
				x, factor := random(rows*Strip, 1), random(Strip, 2)
				y, check := guarded(t, len(x))
				k.DropStrip(y, x, factor, block, stride, d)
				check("DropStrip")
				f := make([]float32, rows)
				for l := range Strip {
					dropoutGo(f, block+uint32(l)*stride, d)
					for r := range rows {
						i := r*Strip + l
						want := float64(x[i]) * float64(factor[l]) * float64(f[r])
						near(t, "DropStrip", i, y[i], want, 3*unit*math.Abs(want))
					}
				}
			}
		}
	})
}

// A NaN must not vanish: not in a maximum, nor where its element is dropped.
func TestStripsKeepNaN(t *testing.T) {
	nan := float32(math.NaN())
	d := &DropSite{Rate: 0.9, Scale: 10}
	eachPath(t, func(t *testing.T, k *Set) {
		for at := range 8 * Strip {
			p, top, sum := random(8*Strip, 1), make([]float32, Strip), make([]float32, Strip)
			p[at] = nan
			k.SoftmaxStrip(p, top, sum, 1)
			if s := sum[at%Strip]; s == s {
				t.Fatalf("SoftmaxStrip with NaN at %d: found sum %v", at, s)
			}
			k.DropStrip(p, p, top, 0, 1, d)
			if p[at] == p[at] {
				t.Fatalf("DropStrip with NaN at %d: found %v", at, p[at])
			}
		}
	})
}
