package oracle

import (
	"errors"
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// ramps returns two equal gradients of a small configuration: element i of
// tensor k is (k+1)(i+1), but the first key bias, which is 0.
func ramps(t *testing.T) (c model.Config, table []model.Tensor, want map[string][]float64, got map[string][]float32) {
	t.Helper()
	c = tinyInput(t, model.Dense).Config
	table, err := model.Table(c)
	if err != nil {
		t.Fatal(err)
	}
	want, got = map[string][]float64{}, map[string][]float32{}
	for k, row := range table {
		w, g := make([]float64, row.Out*row.In), make([]float32, row.Out*row.In)
		for i := range w {
			if row.Name != keyBias {
				w[i] = float64((k + 1) * (i + 1))
				g[i] = float32(w[i])
			}
		}
		want[row.Name], got[row.Name] = w, g
	}
	return c, table, want, got
}

const keyBias = "bert.encoder.layer.0.attention.self.key.bias"

func TestCompareEqual(t *testing.T) {
	c, table, want, got := ramps(t)
	diffs, err := Compare(c, want, got)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range diffs {
		if d.Name != table[i].Name || d.RelativeError != 0 {
			t.Errorf("row %d: found %s with error %g, expected %s with 0", i, d.Name, d.RelativeError, table[i].Name)
		}
	}
}

// Every changed element must be reported, in its tensor and nowhere else.
func TestCompareFindsAPlantedFault(t *testing.T) {
	const tolerance = 1e-5
	c, table, want, got := ramps(t)
	for k, row := range table {
		for _, fault := range []func(v, norm float64) float64{
			func(v, norm float64) float64 { return v + 2*tolerance*norm },
			func(v, norm float64) float64 { return v - 2*tolerance*norm },
			func(_, _ float64) float64 { return math.NaN() },
			func(_, _ float64) float64 { return math.Inf(1) },
		} {
			g := got[row.Name]
			i := (7 * k) % len(g)
			good := g[i]
			scale := norm(want[row.Name])
			if scale == 0 {
				scale = wholeNorm(want)
			}
			g[i] = float32(fault(float64(good), scale))
			diffs, err := Compare(c, want, got)
			if err != nil {
				t.Fatal(err)
			}
			for j, d := range diffs {
				if bad := !(d.RelativeError <= tolerance); bad != (j == k) {
					t.Errorf("%s[%d] = %g for %g: found error %g in %s", row.Name, i, g[i], good, d.RelativeError, d.Name)
				}
			}
			d := diffs[k]
			if d.Index != i || d.Want != float64(good) || (d.Got != float64(g[i]) && !math.IsNaN(d.Got)) {
				t.Errorf("%s: found element %d, %g for %g, expected element %d, %g for %g", row.Name, d.Index, d.Got, d.Want, i, g[i], good)
			}
			g[i] = good
		}
	}
}

func wholeNorm(g map[string][]float64) float64 {
	var all []float64
	for _, v := range g {
		all = append(all, v...)
	}
	return norm(all)
}

func TestCompareRelativeError(t *testing.T) {
	for _, c := range []struct {
		what      string
		want, got []float64
		whole     float64
		error     float64
	}{
		{"a third off", []float64{3, 0}, []float64{2, 0}, 3, 1.0 / 3},
		{"norms, not elements", []float64{3, 4}, []float64{3, 4.5}, 9, 0.1},
		{"large numbers", []float64{3e200, 4e200}, []float64{3e200, 5e200}, 9e200, 0.2},
		{"nothing at all", []float64{0, 0}, []float64{0, 0}, 0, 0},
		{"something for nothing", []float64{0, 0}, []float64{0, 1e-300}, 0, math.Inf(1)},
		{"zero, on the scale of the whole", []float64{0, 0}, []float64{1e-9, 0}, 10, 1e-10},
		{"rounding, on the scale of the whole", []float64{1e-17, 0}, []float64{3e-9, 0}, 10, 3e-10},
		{"small, but not rounding", []float64{1e-9, 0}, []float64{2e-9, 0}, 10, 1},
	} {
		d := difference(c.want, c.got, c.whole)
		if d.RelativeError != c.error && !(math.Abs(d.RelativeError-c.error) <= 1e-6*c.error) {
			t.Errorf("%s: found %g, expected %g", c.what, d.RelativeError, c.error)
		}
	}
}

func TestCompareRejects(t *testing.T) {
	c, table, want, got := ramps(t)
	check := func(what string) {
		t.Helper()
		if _, err := Compare(c, want, got); !errors.Is(err, ErrInput) {
			t.Errorf("%s: found error %v, expected ErrInput", what, err)
		}
	}
	name := table[3].Name
	got["another"] = []float32{1}
	check("a tensor more")
	delete(got, name)
	check("another tensor")
	delete(got, "another")
	check("a tensor less")
	got[name] = make([]float32, len(want[name])-1)
	check("a short tensor")
}
