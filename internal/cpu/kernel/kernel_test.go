package kernel

import (
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

const unit = 1.0 / (1 << 24) // rounding error of float32

// random fills a slice with draws in [-1, 1).
func random(n int, seed uint64) []float32 {
	s := philox.NewStream(seed, philox.TestData, 0, 0)
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*s.Float32() - 1
	}
	return x
}

// guarded returns n elements between guards, and a check that the guards still stand.
func guarded(t *testing.T, n int) (x []float32, check func(what string)) {
	t.Helper()
	const width, mark = 32, -12345
	all := make([]float32, n+2*width)
	for i := range all {
		all[i] = mark
	}
	return all[width : width+n : width+n], func(what string) {
		t.Helper()
		for i, v := range all {
			if (i < width || i >= width+n) && v != mark {
				t.Fatalf("%s: wrote element %d of %d", what, i-width, n)
			}
		}
	}
}

func eachPath(t *testing.T, f func(t *testing.T, k *Set)) {
	for _, p := range Paths() {
		t.Run(p.String(), func(t *testing.T) {
			k, err := ForPath(p)
			if err != nil {
				t.Fatal(err)
			}
			if k.Path != p {
				t.Fatalf("path: found %v, expected %v", k.Path, p)
			}
			f(t, k)
		})
	}
}

func near(t *testing.T, what string, i int, got float32, want, tol float64) {
	t.Helper()
	if !(math.Abs(float64(got)-want) <= tol) {
		t.Fatalf("%s: element %d: found %v, expected %v within %.2g", what, i, got, want, tol)
	}
}

func TestMulAgainstPlainSums(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, tile := range []struct {
			name string
			mul  Mul
			m, w int
		}{
			{"Tile16", k.Tile16, Rows, 16}, {"Tile8", k.Tile8, Rows, 8}, {"Tile4", k.Tile4, Rows, 4},
			{"Outer16", k.Outer16, 16, 16}, {"Outer8", k.Outer8, 8, 8}, {"Outer4", k.Outer4, 4, 4},
		} {
			for _, nseg := range []int{0, 1, 3} {
				for _, kseg := range []int{0, 1, 5, 16} {
					mulCase(t, tile.name, tile.mul, tile.m, tile.w, nseg, kseg)
				}
			}
		}
	})
}

// mulCase checks one tile with odd strides, with one row of init and on top of c.
func mulCase(t *testing.T, name string, mul Mul, m, w, nseg, kseg int) {
	t.Helper()
	aks, ldb, ldc := m+3, w+5, w+1
	a, b := random(3*16*aks+m, 1), random(3*16*ldb+w, 2)
	segs := []Seg{{16 * int32(aks), 0}, {0, 32 * int32(ldb)}, {7, 3}}[:nseg]
	init := random(m*ldc, 3)
	for _, accumulate := range []bool{false, true} {
		c, check := guarded(t, (m-1)*ldc+w)
		start, ldi := init[:w], 0
		if accumulate {
			copy(c, init)
			start, ldi = c, ldc
		}
		mul(c, ldc, a, aks, b, ldb, segs, kseg, start, ldi)
		check(name)
		for i := range m {
			for j := range w {
				from := float64(init[j])
				if accumulate {
					from = float64(init[i*ldc+j])
				}
				sum, size := from, math.Abs(from)
				for _, s := range segs {
					for k := range kseg {
						p := float64(a[int(s.A)+k*aks+i]) * float64(b[int(s.B)+k*ldb+j])
						sum += p
						size += math.Abs(p)
					}
				}
				near(t, name, i*w+j, c[i*ldc+j], sum, float64(nseg*kseg+2)*unit*size)
			}
		}
	}
}

func TestSpMV(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		x, val := random(9*Lanes, 4), random(6, 5)
		idx := []int32{8, 0, 3, 3, 5, 1}
		for n := range len(idx) + 1 {
			dst, check := guarded(t, Lanes)
			k.SpMV(dst, x, idx[:n], val[:n], 0.25)
			check("SpMV")
			for l := range Lanes {
				want := 0.25
				for j := range n {
					want += float64(val[j]) * float64(x[int(idx[j])*Lanes+l])
				}
				near(t, "SpMV", l, dst[l], want, 10*unit*7)
			}
		}
	})
}

func TestDots(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		const stride = 51
		for _, n := range []int{0, 16, 48} {
			y, x := random(n, 8), random(6*stride, 9)
			idx := []int32{5, 0, 2, 2, 4, 1, 3, 0, 5}
			for m := range len(idx) + 1 {
				dst, check := guarded(t, m)
				k.Dots(dst, y, x, stride, idx[:m])
				check("Dots")
				for j := range m {
					sum, size := 0.0, 0.0
					for l := range n {
						p := float64(y[l]) * float64(x[int(idx[j])*stride+l])
						sum += p
						size += math.Abs(p)
					}
					near(t, "Dots", j, dst[j], sum, float64(n+2)*unit*size)
				}
			}
		}
	})
}

func TestTransposeIsExact(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, s := range [][2]int{{0, 5}, {1, 1}, {7, 9}, {8, 8}, {8, 3}, {3, 8}, {16, 24}, {17, 25}, {24, 40}, {33, 15}} {
			rows, cols := s[0], s[1]
			lds, ldd := cols+3, rows+2
			src := random(rows*lds+1, 6)
			dst, check := guarded(t, cols*ldd)
			k.Transpose(dst, ldd, src, lds, rows, cols)
			check("Transpose")
			for c := range cols {
				for r := range ldd {
					want := float32(-12345)
					if r < rows {
						want = src[r*lds+c]
					}
					if dst[c*ldd+r] != want {
						t.Fatalf("%d x %d: column %d, row %d: found %v, expected %v", rows, cols, c, r, dst[c*ldd+r], want)
					}
				}
			}
		}
	})
}

func TestCopy16IsExact(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, rows := range []int{0, 1, 7} {
			src := random(rows*19+16, 7)
			dst, check := guarded(t, rows*17)
			k.Copy16(dst, 17, src, 19, rows)
			check("Copy16")
			for r := range rows {
				for j := range 17 {
					want := float32(-12345)
					if j < 16 {
						want = src[r*19+j]
					}
					if dst[r*17+j] != want {
						t.Fatalf("row %d of %d, column %d: found %v, expected %v", r, rows, j, dst[r*17+j], want)
					}
				}
			}
		}
	})
}

func TestForPathRefusesUnknownPaths(t *testing.T) {
	if _, err := ForPath(Path(99)); err == nil {
		t.Error("path 99: found no error, expected one")
	}
	if k, err := ForPath(Auto); err != nil || k.Path != Paths()[len(Paths())-1] {
		t.Errorf("Auto: found %v, %v, expected the last of %v", k, err, Paths())
	}
}
