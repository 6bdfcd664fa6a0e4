package kernel

import (
	"math"
	"slices"
	"testing"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

const unit = 1.0 / (1 << 24) // rounding error of float32

// mark is what memory holds that a kernel must leave alone. No sum comes near it.
const mark = -12345

var nan = float32(math.NaN())

// packsBeside says whether a path packs and copies beside its multiplications.
func packsBeside(k *Set) bool { return k.Path == AVX512 || k.Path == AVX512Broadcast }

// random fills a slice with draws in [-1, 1).
func random(n int, seed uint64) []float32 {
	s := philox.NewStream(seed, philox.TestData, 0, 0)
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*s.Float32() - 1
	}
	return x
}

// poison returns x with NaN wherever used does not say that it may be read: what is read
// there and gets into a sum shows. More NaN lies behind the end.
func poison(x []float32, used []bool) []float32 {
	all := make([]float32, len(x)+64)
	for i := range all {
		all[i] = nan
	}
	for i, u := range used {
		if u {
			all[i] = x[i]
		}
	}
	return all[:len(x):len(x)]
}

// rowsOf marks rows of cols elements, stride apart.
func rowsOf(n, rows, stride, cols int) []bool {
	used := make([]bool, n)
	for r := range rows {
		for c := range cols {
			used[r*stride+c] = true
		}
	}
	return used
}

// guarded returns n elements between guards, and a check that the guards still stand.
func guarded(t *testing.T, n int) (x []float32, check func(what string)) {
	t.Helper()
	return guardedAt(t, n, 0)
}

// guardedAt starts the elements at an address that is 4*off modulo a cache line. All
// elements hold mark.
func guardedAt(t *testing.T, n, off int) (x []float32, check func(what string)) {
	t.Helper()
	const width = 32
	all := make([]float32, n+2*width+16)
	for i := range all {
		all[i] = mark
	}
	first := width
	for uintptr(unsafe.Pointer(&all[first]))%64 != uintptr(4*off) {
		first++
	}
	return all[first : first+n : first+n], func(what string) {
		t.Helper()
		for i, v := range all {
			if (i < first || i >= first+n) && v != mark {
				t.Fatalf("%s: wrote element %d of %d", what, i-first, n)
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

// sum is a float64 sum of n products and the sum of their magnitudes, from which the
// error of any order of adding follows.
type sum struct {
	value, size float64
	n           int
}

func (s *sum) add(x, y float32) {
	p := float64(x) * float64(y)
	s.value += p
	s.size += math.Abs(p)
	s.n++
}

// check compares. n products and the additions between them are at most n+1 roundings of
// what is at most the sum of magnitudes; one more covers that those bound the error to
// first order only.
func (s sum) check(t *testing.T, what string, i int, got float32) {
	t.Helper()
	near(t, what, i, got, s.value, float64(s.n+2)*unit*s.size)
}

// sameBits compares two results of the same call.
func sameBits(t *testing.T, what string, x, y []float32) {
	t.Helper()
	same := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }
	if !slices.EqualFunc(x, y, same) {
		t.Fatalf("%s: two runs: found different bits, expected equal ones", what)
	}
}
