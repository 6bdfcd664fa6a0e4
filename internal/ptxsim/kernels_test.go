package ptxsim

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// The kernels of this file are compiled from the .cu files beside their PTX by
// nvcc 12.4 with -arch=compute_80 -ptx; comments and empty lines were removed.

func loadKernel(t testing.TB, file, kernel string) *Kernel {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(file, string(text))
	if err != nil {
		t.Fatal(err)
	}
	k := m.Kernel(kernel)
	if k == nil {
		t.Fatalf("%s has kernels %v, not %s", file, m.Kernels(), kernel)
	}
	return k
}

// upload places data on the device, each element in little-endian order.
func upload(t testing.TB, d *Device, label string, data any) Ptr {
	t.Helper()
	b, err := binary.Append(nil, binary.LittleEndian, data)
	if err != nil {
		t.Fatal(err)
	}
	p := reserve(t, d, label, len(b))
	if err := d.CopyIn(p, b); err != nil {
		t.Fatal(err)
	}
	return p
}

func reserve(t testing.TB, d *Device, label string, n int) Ptr {
	t.Helper()
	p, err := d.Alloc(n, label)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func download[T any](t testing.TB, d *Device, p Ptr, n int) []T {
	t.Helper()
	out := make([]T, n)
	b := make([]byte, binary.Size(out))
	if err := d.CopyOut(b, p); err != nil {
		t.Fatal(err)
	}
	if _, err := binary.Decode(b, binary.LittleEndian, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func mustLaunch(t testing.TB, d *Device, k *Kernel, grid, block Dim3, shared int, args ...[]byte) Counters {
	t.Helper()
	c, err := d.Launch(t.Context(), k, grid, block, shared, args...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func bf16Data(r *rand.Rand, n int) (bits []uint16, values []float64) {
	for range n {
		u := uint16(math.Float32bits(r.Float32()*2-1) >> 16)
		bits = append(bits, u)
		values = append(values, float64(math.Float32frombits(uint32(u)<<16)))
	}
	return bits, values
}

func TestGemm(t *testing.T) {
	k := loadKernel(t, "gemm.ptx", "gemm")
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range []struct{ m, n, k int }{{32, 32, 32}, {64, 96, 160}} {
		a, fa := bf16Data(r, s.m*s.k)
		b, fb := bf16Data(r, s.n*s.k)
		d := NewDevice(Options{BlockRaces: true})
		out := reserve(t, d, "c", 4*s.m*s.n)
		c := mustLaunch(t, d, k, Dim3{X: s.n / 32, Y: s.m / 32}, Dim3{X: 128}, 0,
			Addr(upload(t, d, "a", a)), Addr(upload(t, d, "b", b)), Addr(out), U32(uint32(s.n)), U32(uint32(s.k)))
		got := download[float32](t, d, out, s.m*s.n)
		for i := range s.m {
			for j := range s.n {
				want, size := 0.0, 0.0
				for l := range s.k {
					p := fa[i*s.k+l] * fb[j*s.k+l]
					want += p
					size += math.Abs(p)
				}
				// k roundings of partial sums that are at most size
				if tol := float64(s.k) * size * 0x1p-24; !(math.Abs(float64(got[i*s.n+j])-want) <= tol) {
					t.Fatalf("%v: c[%d][%d] = %v, expected %v", s, i, j, got[i*s.n+j], want)
				}
			}
		}
		if want := int64(s.m / 16 * s.n / 8 * s.k / 16); c.Warp[Matrix] != want {
			t.Errorf("%v: %d matrix instructions, expected %d", s, c.Warp[Matrix], want)
		}
		blocks := s.m / 32 * s.n / 32
		if want := int64(blocks * 2 * 32 * s.k * 2); c.GlobalLoadBytes != want || c.GlobalLoadSectors != want/32 {
			t.Errorf("%v: %d bytes in %d sectors loaded, expected %d in %d", s, c.GlobalLoadBytes, c.GlobalLoadSectors, want, want/32)
		}
		if want := int64(4 * s.m * s.n); c.GlobalStoreBytes != want || c.GlobalStoreSectors != want/32 {
			t.Errorf("%v: %d bytes in %d sectors stored, expected %d in %d", s, c.GlobalStoreBytes, c.GlobalStoreSectors, want, want/32)
		}
		// ldmatrix of rows of 80 bytes has none; each cp.async of a warp has one in
		// each quarter, which writes 64 bytes of two rows: 4 words share banks.
		if want := int64(blocks * s.k / 32 * 4 * 2 * 4); c.SharedConflicts != want {
			t.Errorf("%v: %d bank conflicts, expected %d", s, c.SharedConflicts, want)
		}
	}
}

func TestRowSum(t *testing.T) {
	k := loadKernel(t, "reduce.ptx", "rowsum")
	r := rand.New(rand.NewPCG(3, 4))
	for _, threads := range []int{32, 96, 1024} {
		for _, n := range []int{1, 31, 1000} {
			const rows = 3
			x := make([]float32, rows*n)
			for i := range x {
				x[i] = r.Float32()
			}
			d := NewDevice(Options{BlockRaces: true})
			out := reserve(t, d, "out", 4*rows)
			mustLaunch(t, d, k, Dim3{X: rows}, Dim3{X: threads}, 0, Addr(upload(t, d, "x", x)), Addr(out), U32(uint32(n)))
			for i, got := range download[float32](t, d, out, rows) {
				want := 0.0
				for _, v := range x[i*n : (i+1)*n] {
					want += float64(v)
				}
				if !(math.Abs(float64(got)-want) <= want*float64(n+10)*0x1p-24) {
					t.Errorf("%d threads, row of %d: %v, expected %v", threads, n, got, want)
				}
			}
		}
	}
}

func TestElementwise(t *testing.T) {
	k := loadKernel(t, "elementwise.ptx", "elementwise")
	x := []float32{0, 1, -1, 0.5, -0.25, 3.75, -3.75, 1e-3, -1e-3, 20, -20, 1e-30, 80, 1.00390625, 1e5, -7e6}
	r := rand.New(rand.NewPCG(5, 6))
	for len(x) < 301 {
		x = append(x, float32(r.NormFloat64()))
	}
	n := len(x)
	d := NewDevice(Options{BlockRaces: true})
	out := reserve(t, d, "out", 4*10*n)
	mustLaunch(t, d, k, Dim3{X: (n + 95) / 96}, Dim3{X: 96}, 0, Addr(upload(t, d, "x", x)), Addr(out), U32(uint32(n)))
	got := download[float32](t, d, out, 10*n)
	bf := func(v float64) float64 { return float64(fromBF16(uint64(roundBF16Bits(float32(v))))) }
	funcs := []struct {
		name string
		f    func(float64) float64
		ulps float64 // CUDA's published bound; 0: correctly rounded
	}{
		{"erff", math.Erf, 2}, {"expf", math.Exp, 2}, {"tanhf", math.Tanh, 2},
		{"logf", func(v float64) float64 { return math.Log(math.Abs(v)) }, 1},
		{"sqrtf", func(v float64) float64 { return math.Sqrt(math.Abs(v)) }, 0},
		{"1/x", func(v float64) float64 { return 1 / v }, 0},
		{"bfloat16", bf, 0}, {"bfloat16 pair", func(v float64) float64 { return bf(2 * v) }, 0},
		{"rsqrtf", func(v float64) float64 { return 1 / math.Sqrt(math.Abs(v)) }, 2},
		{"sinf", math.Sin, 2},
	}
	for i, f := range funcs {
		for j, v := range x {
			g, want := float64(got[i*n+j]), f.f(float64(v))
			w32 := float32(want)
			if float32(g) == w32 {
				continue
			}
			ulp := float64(math.Nextafter32(float32(math.Abs(want)), math.MaxFloat32)) - math.Abs(float64(w32))
			if !(math.Abs(g-want) <= f.ulps*ulp) {
				t.Errorf("%s(%v) = %v, expected %v", f.name, v, g, want)
			}
		}
	}
}

// roundBF16Bits rounds by comparing the two neighbors.
func roundBF16Bits(f float32) uint16 {
	lo := uint16(math.Float32bits(f) >> 16)
	hi := lo + 1
	down := math.Abs(float64(f) - float64(math.Float32frombits(uint32(lo)<<16)))
	up := math.Abs(float64(f) - float64(math.Float32frombits(uint32(hi)<<16)))
	if up < down || up == down && hi&1 == 0 {
		return hi
	}
	return lo
}

func TestPhiloxKeys(t *testing.T) {
	k := loadKernel(t, "select.ptx", "philox_keys")
	const n, seed = 257, 0x123456789ABCDEF0
	d := NewDevice(Options{BlockRaces: true})
	out := reserve(t, d, "keys", 8*n)
	mustLaunch(t, d, k, Dim3{X: 3}, Dim3{X: 100}, 0, Addr(out), U32(n), U64(seed), U32(7), U32(11), U32(uint32(philox.Regrow)))
	for i, got := range download[uint64](t, d, out, n) {
		if want := philox.Key64(seed, philox.Regrow, uint32(i), 7, 11); got != want {
			t.Fatalf("key %d is %#x, expected %#x", i, got, want)
		}
	}
}

func TestHistogramAndCompact(t *testing.T) {
	const n = 1003
	r := rand.New(rand.NewPCG(7, 8))
	keys, flags := make([]uint64, n), make([]uint32, n)
	var want [256]uint32
	var indices []int32
	for i := range keys {
		keys[i] = r.Uint64()
		want[keys[i]>>56]++
		if flags[i] = uint32(r.IntN(3)); flags[i] != 0 {
			indices = append(indices, int32(i))
		}
	}
	d := NewDevice(Options{})
	count := upload(t, d, "count", make([]uint32, 256))
	c := mustLaunch(t, d, loadKernel(t, "select.ptx", "histogram"), Dim3{X: 4}, Dim3{X: 128}, 0, Addr(upload(t, d, "keys", keys)), Addr(count), U32(n))
	if got := download[uint32](t, d, count, 256); !slices.Equal(got, want[:]) {
		t.Errorf("histogram %v, expected %v", got, want)
	}
	if c.SharedAtomics != n {
		t.Errorf("%d atomics on shared memory, expected %d", c.SharedAtomics, n)
	}
	out, total := reserve(t, d, "out", 4*n), reserve(t, d, "total", 4)
	mustLaunch(t, d, loadKernel(t, "select.ptx", "compact"), Dim3{X: 1}, Dim3{X: 256}, 0, Addr(upload(t, d, "flags", flags)), Addr(out), Addr(total), U32(n))
	if got := download[int32](t, d, total, 1); int(got[0]) != len(indices) {
		t.Fatalf("%d indices, expected %d", got[0], len(indices))
	}
	if got := download[int32](t, d, out, len(indices)); !slices.Equal(got, indices) {
		t.Errorf("indices %v, expected %v", got, indices)
	}
}

func TestCallsAndDivergence(t *testing.T) {
	k := loadKernel(t, "call.ptx", "call")
	const threads = 64
	d := NewDevice(Options{})
	table := make([]float32, 16)
	for i := range table {
		table[i] = float32(i%4) - 1.5
	}
	in := []float32{0.5, -1, 0.25, 1, -0.75, 0.125, 2, -0.5}
	p, size, err := d.Symbol(k.module, "table")
	if err != nil || size != 64 {
		t.Fatalf("symbol table: %d bytes, %v", size, err)
	}
	b, _ := binary.Append(nil, binary.LittleEndian, table)
	if err := d.SetConstant(p, b); err != nil {
		t.Fatal(err)
	}
	out := reserve(t, d, "out", 4*threads)
	mustLaunch(t, d, k, Dim3{X: 1}, Dim3{X: threads}, 4*threads, Addr(out), Addr(upload(t, d, "in", in)))
	horner := func(x float32, n int) (s float32) {
		for i := range n {
			s = fma32(s, x, table[i], "rn")
		}
		return s
	}
	// window[(j+i)&7] = in[j], so window[i&7] = in[0]
	other := func(i int) float32 { return in[0] * float32(i%4+1) }
	for i, got := range download[float32](t, d, out, threads) {
		x, want := other(i^1), float32(0)
		switch i % 5 {
		case 0:
			want = horner(x, i%16)
		case 1:
			want = 2 * x
		case 2:
			want = horner(-x, 3) + 1
		case 3:
			want = x - 1
		default:
			for range i {
				want += x
			}
		}
		if got != want {
			t.Errorf("thread %d: %v, expected %v", i, got, want)
		}
	}
}
