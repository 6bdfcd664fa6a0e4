package ptxsim

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// TestSeed: the order of a random schedule shows in what depends on it, is the same with the
// same seed, and does not show in what barriers and atomics order.
func TestSeed(t *testing.T) {
	run := func(body string, seed uint64) []uint32 {
		k := parseBody(t, "mov.u32 %r30, %tid.x; mov.u32 %r31, %ctaid.x; mad.lo.u32 %r29, %r31, 64, %r30; mul.wide.u32 %d1, %r29, 4; add.s64 %d1, %d1, %d0;\n"+body)
		d := NewDevice(Options{Seed: seed})
		out := upload(t, d, "out", make([]uint32, 257))
		mustLaunch(t, d, k, Dim3{X: 4}, Dim3{X: 64}, 0, Addr(out))
		return download[uint32](t, d, out, 256)
	}
	const (
		ticket = "atom.global.add.u32 %r1, [%d0+1024], 1; st.global.u32 [%d1], %r1;"
		sum    = "red.global.add.u32 [%d0+1024], %r30; st.global.u32 [%d1], %r29;"
	)
	seen := map[string]bool{}
	for seed := range uint64(6) {
		a := run(ticket, seed)
		if b := run(ticket, seed); !slices.Equal(a, b) {
			t.Errorf("seed %d: found %v, then %v", seed, a, b)
		}
		seen[fmt.Sprint(a)] = true
		if got := run(sum, seed); !slices.Equal(got, run(sum, 0)) {
			t.Errorf("seed %d: found %v", seed, got)
		}
		slices.Sort(a)
		for i, v := range a {
			if int(v) != i {
				t.Fatalf("seed %d: ticket %d is %d", seed, i, v)
			}
		}
	}
	if len(seen) < 6 {
		t.Errorf("%d orders with 6 seeds", len(seen))
	}
}

// TestPerturb: what is approximate changes with the seed, within its error; the rest does not.
func TestPerturb(t *testing.T) {
	run := func(body string, seed uint64) []float32 {
		k := parseBody(t, "mov.u32 %r30, %tid.x; mul.wide.u32 %d1, %r30, 4; add.s64 %d1, %d1, %d0; cvt.rn.f32.u32 %r1, %r30; fma.rn.f32 %r1, %r1, 0f3DCCCCCD, 0f3F000000;\n"+body+" st.global.f32 [%d1], %r2;")
		d := NewDevice(Options{Perturb: seed})
		out := reserve(t, d, "out", 128)
		mustLaunch(t, d, k, Dim3{X: 1}, Dim3{X: 32}, 0, Addr(out))
		return download[float32](t, d, out, 32)
	}
	for _, c := range []struct {
		body               string
		relative, absolute float64 // as PTX documents them; 0: exact
	}{
		{"rcp.approx.f32 %r2, %r1;", 0x1p-23, 0}, {"sqrt.approx.f32 %r2, %r1;", 0x1p-23, 0}, {"rsqrt.approx.f32 %r2, %r1;", 0x1p-22, 0}, {"ex2.approx.f32 %r2, %r1;", 0x1p-22, 0},
		{"lg2.approx.f32 %r2, %r1;", 0x1p-24, 0x1p-21}, {"sin.approx.f32 %r2, %r1;", 0x1p-24, 0x1p-20}, {"tanh.approx.f32 %r2, %r1;", 0x1p-11, 0}, {"div.approx.f32 %r2, 0f40400000, %r1;", 0x1p-22, 0},
		{"div.full.f32 %r2, 0f40400000, %r1;", 0x1p-22, 0},
		{"rcp.rn.f32 %r2, %r1;", 0, 0}, {"div.rn.f32 %r2, 0f40400000, %r1;", 0, 0}, {"sqrt.rn.f32 %r2, %r1;", 0, 0}, {"mul.f32 %r2, %r1, %r1;", 0, 0},
	} {
		want, changed := run(c.body, 0), 0
		for seed := range uint64(3) {
			for i, v := range run(c.body, seed+1) {
				w := float64(want[i])
				if v != want[i] {
					changed++
				}
				if diff := math.Abs(float64(v) - w); !(diff <= c.relative*math.Abs(w)+c.absolute) {
					t.Errorf("%s thread %d: found %v, expected %v within %g", c.body, i, v, w, c.relative*math.Abs(w)+c.absolute)
				}
			}
		}
		if exact := c.relative+c.absolute == 0; exact != (changed == 0) {
			t.Errorf("%s: %d results changed", c.body, changed)
		}
	}
}
