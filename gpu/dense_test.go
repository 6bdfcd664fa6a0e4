package gpu_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/faultdriver"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
)

// TestDenseKernels: dense products are right on each kernel, in any order of warps and thread blocks
// and without races, and where they have more tiles than the conformance suite: groups of them, and
// ranges of tokens.
func TestDenseKernels(t *testing.T) {
	for _, c := range []struct {
		name            string
		o               simdriver.Options
		tokens, in, out int
		dsd, dds, sdd   string
	}{
		{"groups of tiles", simdriver.Options{}, 2100, 8, 264, "dsd_dense_sm90a", "dds_dense_sm90a", "sdd_dense_sm90a"},
		{"races", simdriver.Options{BlockRaces: true}, 300, 72, 136, "dsd_dense_sm90a", "dds_dense_sm90a", "sdd_dense_sm90a"},
		{"another order", simdriver.Options{Seed: 3, Perturb: 4}, 515, 136, 328, "dsd_dense_sm90a", "dds_dense_sm90a", "sdd_dense_sm90a"},
		{"ranges of outputs", simdriver.Options{}, 40, 24, 2056, "dsd_dense_sm90a", "dds_dense_sm90a", "sdd_dense_sm90a"},
		{"rows of no multiple of 16 bytes", simdriver.Options{}, 65, 64, 60, "dsd_dense", "dds_dense", "sdd_dense"},
		{"compute capability 8.0", simdriver.Options{Major: 8}, 300, 72, 136, "dsd_dense", "dds_dense", "sdd_dense"},
		{"no room in shared memory", simdriver.Options{SharedBytes: 163 << 10}, 65, 64, 64, "dsd_dense", "dds_dense", "sdd_dense"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newHarness(t, c.o)
			w := r.b.NewParam(backend.ParamSpec{Name: "w", Out: c.out, In: c.in})
			bias := r.b.NewParam(backend.ParamSpec{Name: "b", Out: 1, In: c.out})
			wv, bv := r.floats(c.out*c.in), r.floats(c.out)
			for i := range wv {
				wv[i] = float32(math.Round(float64(wv[i])*64) / 64) // exact in bfloat16
			}
			r.b.WriteFloats(w.Values(), 0, wv)
			r.b.WriteFloats(bias.Values(), 0, bv)
			r.b.Refresh([]backend.Param{w, bias})
			x, dy := r.activation(r.floats(c.tokens*c.in)), r.activation(r.floats(c.tokens*c.out))
			xv, dyv := r.read(x), r.read(dy)
			y, dx := r.b.Alloc("y", backend.BF16, c.tokens*c.out), r.b.Alloc("dx", backend.BF16, c.tokens*c.in)
			r.d.ResetCounters()
			r.b.DSD(y, nil, x, w, bias, c.tokens)
			r.b.DDS(dx, dy, w, c.tokens, backend.Assign, nil)
			r.b.SDD(w, bias, dy, x, c.tokens)
			yv, dxv, grad, sums := r.read(y), r.read(dx), r.read(w.Grad()), r.read(bias.Grad())
			for _, kernel := range []string{c.dsd, c.dds, c.sdd} {
				if n := r.d.Counters()[kernel].Launches; n != 1 {
					t.Errorf("found %d launches of %s, expected one", n, kernel)
				}
			}

			compare := func(what string, got []float32, rows, columns, depth int, rounded float64, want func(i, j, k int) float64) {
				for i := range rows {
					for j := range columns {
						if (i*columns+j)%7 != 0 && i%131 != 0 { // not all of them: it takes long
							continue
						}
						sum, size := 0.0, 0.0
						for k := range depth {
							v := want(i, j, k)
							sum, size = sum+v, size+math.Abs(v)
						}
						if g := float64(got[i*columns+j]); !(math.Abs(g-sum) <= size*float64(depth+2)*0x1p-24+rounded*math.Abs(sum)) {
							t.Fatalf("%s[%d, %d]: found %v, expected %v", what, i, j, g, sum)
						}
					}
				}
			}
			compare("y", yv, c.tokens, c.out, c.in+1, 0x1p-8, func(i, j, k int) float64 {
				if k == c.in {
					return float64(bv[j])
				}
				return float64(xv[i*c.in+k]) * float64(wv[j*c.in+k])
			})
			compare("dx", dxv, c.tokens, c.in, c.out, 0x1p-8, func(i, j, k int) float64 { return float64(dyv[i*c.out+k]) * float64(wv[k*c.in+j]) })
			compare("grad", grad, c.out, c.in, c.tokens, 0, func(i, j, k int) float64 { return float64(dyv[k*c.out+i]) * float64(xv[k*c.in+j]) })
			compare("bias", sums, 1, c.out, c.tokens, 0, func(_, j, k int) float64 { return float64(dyv[k*c.out+j]) })
		})
	}
}

// TestTensorMapFails: the driver's refusal is the backend's error.
func TestTensorMapFails(t *testing.T) {
	for op, run := range map[string]func(b *gpu.Backend, x backend.Buffer, w backend.Param){
		"DSD": func(b *gpu.Backend, x backend.Buffer, w backend.Param) {
			b.DSD(b.Alloc("y", backend.BF16, 64), nil, x, w, nil, 8)
		},
		"DDS": func(b *gpu.Backend, x backend.Buffer, w backend.Param) {
			b.DDS(b.Alloc("dx", backend.BF16, 64), x, w, 8, backend.Assign, nil)
		},
		"SDD": func(b *gpu.Backend, x backend.Buffer, w backend.Param) {
			b.SDD(w, nil, x, b.Alloc("x", backend.BF16, 64), 8)
		},
	} {
		d, err := faultdriver.New(simdriver.New(simdriver.Options{}), faultdriver.Plan{Op: "EncodeTensorMap", At: 1})
		if err != nil {
			t.Fatal(err)
		}
		b, err := gpu.New(d, gpu.Options{Activation: backend.BF16})
		if err != nil {
			t.Fatal(err)
		}
		run(b, b.Alloc("x", backend.BF16, 64), b.NewParam(backend.ParamSpec{Name: "w", Out: 8, In: 8}))
		want := fmt.Sprintf("sim: %s: EncodeTensorMap", op)
		if err := b.Sync(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("found error %v, expected %s", err, want)
		}
		_ = b.Close()
	}
}
