package kernel

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// The factors are exactly those that backend.Dropout defines, element by element.
func TestDropoutIsTheContract(t *testing.T) {
	const seed, step, place = 0x123456789abcdef0, 77, 3<<16 | 9
	for _, rate := range []float32{0.1, 0.5, 0x1p-24, 0.75} {
		d := DropoutSite{Seed: [2]uint32{seed & (1<<32 - 1), seed >> 32}, Step: step, Place: place,
			Purpose: uint32(philox.Dropout), Rate: rate, Scale: 1 / (1 - rate)}
		eachPath(t, func(t *testing.T, k *Set) {
			for _, n := range []int{0, 1, 5, 31, 32, 63, 64, 65, 200} {
				for _, block := range []uint32{0, 1000, 1<<32 - 7} {
					f, check := guarded(t, n)
					k.Dropout(f, block, &d, Prefetch{nil, random(n, 1), f})
					check("Dropout")
					for i := range f {
						w := philox.At(seed, philox.Dropout, block+uint32(i/4), step, place)[i%4]
						want := float32(0)
						if philox.Unit32(w) >= rate {
							want = d.Scale
						}
						if f[i] != want {
							t.Fatalf("rate %v, block %d, element %d of %d: found %v, expected %v", rate, block, i, n, f[i], want)
						}
					}
				}
			}
		})
	}
}

func BenchmarkDropout(b *testing.B) {
	f := make([]float32, 4096)
	for _, p := range Paths() {
		k, err := ForPath(p)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(p.String(), func(b *testing.B) {
			d := DropoutSite{Rate: 0.1, Scale: 1 / 0.9}
			for b.Loop() {
				k.Dropout(f, 0, &d, Prefetch{})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(f)), "ns/element")
		})
	}
}
