package report

import (
	"math"
	"slices"
	"testing"
)

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		a    axis
		n    int
		want []float64
	}{
		{axis{lo: 0, hi: 10}, 5, []float64{0, 2, 4, 6, 8, 10}},
		{axis{lo: -0.1, hi: 1.04}, 5, []float64{0, 0.25, 0.5, 0.75, 1}},
		{axis{lo: 2.1, hi: 2.4}, 4, []float64{2.1, 2.2, 2.3000000000000003, 2.4000000000000004}},
		{axis{log: true, lo: 1e9, hi: 1e13}, 4, []float64{1e9, 1e10, 1e11, 1e12, 1e13}},
		{axis{log: true, lo: 0.9, hi: 60}, 6, []float64{1, 2, 5, 10, 20, 50}},
	} {
		if got := c.a.ticks(c.n); !slices.Equal(got, c.want) {
			t.Errorf("%v to %v: found %v, expected %v", c.a.lo, c.a.hi, got, c.want)
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	for got, want := range map[string]string{
		metric(0): "0", metric(1500): "1.5k", metric(2.738e9): "2.738G", metric(999999): "1M", metric(1e30): "1e+30", metric(0.25): "0.25", metric(math.NaN()): "NaN",
		withUnit(5.115e10, "FLOP/s"): "51.15 GFLOP/s", plain(0.30000000000000004): "0.3", percent(0.5): "50%",
		duration(44.7): "44.7 s", duration(7200): "120.0 minutes", duration(4 * 3600): "4.0 hours", byteText(28): "28 B", byteText(3 << 20): "3.0 MiB", byteText(0): "0 B",
	} {
		if got != want {
			t.Errorf("found %q, expected %q", got, want)
		}
	}
}

// Whatever the values: a range that holds them, round ticks within it, and places
// from 0 to 1.
func FuzzAxis(f *testing.F) {
	f.Add(1.0, 2.0, false, true)
	f.Add(1e-300, 1e300, true, false)
	f.Add(-math.MaxFloat64, math.MaxFloat64, false, false)
	f.Add(5.0, 5.0, false, true)
	f.Add(math.MaxFloat64, math.MaxFloat64, true, true)
	f.Add(0.0, 5e-324, false, true)
	f.Add(math.NaN(), 0.0, true, false)
	f.Add(math.SmallestNonzeroFloat64, 0.0, true, false)
	f.Fuzz(func(t *testing.T, x, y float64, log, zero bool) {
		a := axis{log: log, zero: zero}
		a.span(slices.Values([]float64{x, y}))
		if !(a.lo < a.hi) || !finite(a.lo) || !finite(a.hi) {
			t.Fatalf("found a range from %v to %v", a.lo, a.hi)
		}
		ticks := a.ticks(5)
		if len(ticks) > 50 {
			t.Fatalf("found %d ticks", len(ticks))
		}
		for _, v := range slices.Concat(ticks, []float64{x, y}) {
			p := a.place(v)
			if math.IsNaN(p) && (!finite(v) || log && v <= 1e-300) {
				continue
			}
			if !(p >= -1e-6 && p <= 1+1e-6) {
				t.Fatalf("%v of %v to %v (log %v) is at %v", v, a.lo, a.hi, log, p)
			}
		}
	})
}

// thin keeps the ends, the extremes and the order, and no more than was asked for.
func checkThin(t *testing.T, values []float64, most int) {
	t.Helper()
	var points []point
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, v := range values {
		points = append(points, point{float64(i), v})
		if finite(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	got := thin(points, most)
	if len(points) <= most && len(got) != len(points) {
		t.Fatalf("found %d of %d points, expected all", len(got), len(points))
	}
	if len(got) > max(most, 5) {
		t.Fatalf("found %d points, expected at most %d", len(got), most)
	}
	if len(points) == 0 {
		return
	}
	if got[0].x != 0 || got[len(got)-1].x != float64(len(points)-1) {
		t.Fatalf("found the ends %v and %v", got[0], got[len(got)-1])
	}
	gotLo, gotHi := math.Inf(1), math.Inf(-1)
	for i, p := range got {
		if i > 0 && !(p.x > got[i-1].x) {
			t.Fatalf("found point %v behind %v", p, got[i-1])
		}
		if finite(p.y) {
			gotLo, gotHi = min(gotLo, p.y), max(gotHi, p.y)
		}
	}
	if lo != gotLo || hi != gotHi {
		t.Fatalf("found values from %v to %v, expected %v to %v", gotLo, gotHi, lo, hi)
	}
}

func FuzzThin(f *testing.F) {
	f.Add([]byte{}, 10)
	f.Add([]byte("a curve that goes up and down, and has many points, of which few are to be kept"), 10)
	f.Add([]byte{255, 1, 255, 2, 3, 4, 5, 6, 7, 8, 255, 255}, 5)
	f.Add(make([]byte, 1000), 100)
	f.Fuzz(func(t *testing.T, text []byte, most int) {
		var values []float64
		for _, b := range text {
			v := float64(b)
			if b == 255 {
				v = math.NaN()
			}
			values = append(values, v)
		}
		checkThin(t, values, min(max(most, 0), 2000))
	})
}

func TestThinKeepsGaps(t *testing.T) {
	var points []point
	for i := range 1000 {
		v := 1.
		if i == 500 {
			v = math.NaN()
		}
		points = append(points, point{float64(i), v})
	}
	if !slices.ContainsFunc(thin(points, 50), func(p point) bool { return math.IsNaN(p.y) }) {
		t.Error("the gap is lost")
	}
}
