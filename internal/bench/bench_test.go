package bench_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/bench"
)

var small = bench.Case{Op: bench.DSD, Block: 16, Sparsity: 0.5, Tokens: 64, In: 64, Out: 128}

// run measures small, or a change of it, on a fake and fails on an error.
func run(t *testing.T, c bench.Case, o bench.Options) (*fake, bench.Result) {
	t.Helper()
	f := &fake{act: backend.BF16}
	r, err := bench.Run(context.Background(), clocked{f}, c, o)
	if err != nil {
		t.Fatal(err)
	}
	return f, r
}

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-9*math.Abs(want) }

// Every figure follows from the fake's 2 us and 8 us and its copy at 100 GB/s.
func TestFigures(t *testing.T) {
	_, r := run(t, small, bench.Options{Repeats: 4, CacheBytes: 1, MinSample: 100 * time.Microsecond})
	if r.Calls != 51 || r.Dense.Calls != 13 || r.Repeats != 4 || r.Clock != "device" {
		t.Errorf("found %d and %d calls in %d samples by the %s's clock, expected 51 and 13 in 4 by the device's", r.Calls, r.Dense.Calls, r.Repeats, r.Clock)
	}
	if r.Threads != 3 || r.Device != "fake" || r.Precision != "bf16" || r.Hardware != "a fake device" || r.Kernel != "dsd true 64" || r.Dense.Kernel != "dsd false 64" {
		t.Errorf("found %+v", r)
	}
	// 8 x 4 blocks, 16 active: 2*64*16*256 operations in 2 us.
	floor := float64(2*(64*64+64*128+16*256) + 4*(16+16+9))
	for name, v := range map[string][2]float64{
		"median": {r.SecondsMedian, 2e-6}, "min": {r.SecondsMin, 2e-6}, "max": {r.SecondsMax, 2e-6}, "dense median": {r.Dense.SecondsMedian, 8e-6},
		"useful": {r.UsefulGFLOPs, 2 * 64 * 16 * 256 / 2e-6 / 1e9}, "dense": {r.GFLOPs, 2 * 64 * 64 * 128 / 8e-6 / 1e9},
		"eps": {r.Eps, (2e-6 / (16 * 256)) / (8e-6 / (64 * 128))}, "speed-up": {r.Speedup, 4},
		"floor": {float64(r.BytesFloor), floor}, "rate": {r.GBPerSecond, floor / 2e-6 / 1e9}, "copy": {*r.CopyGB, 100}, "fraction": {*r.FloorFraction, floor / 2e-6 / 100e9},
	} {
		if !near(v[0], v[1]) {
			t.Errorf("%s: found %v, expected %v", name, v[0], v[1])
		}
	}
}

// A rate that has been measured before is not measured again.
func TestKnownCopyRate(t *testing.T) {
	_, r := run(t, small, bench.Options{Repeats: 1, CacheBytes: 1, MinSample: 100 * time.Microsecond, CopyRate: 50e9})
	if *r.CopyGB != 50 || !near(*r.FloorFraction, r.GBPerSecond/50) {
		t.Errorf("found a copy at %v GB/s and %v of it, expected 50 and %v", *r.CopyGB, *r.FloorFraction, r.GBPerSecond/50)
	}
}

// Sparse and dense samples take turns and take turns at being first.
func TestAlternation(t *testing.T) {
	f, _ := run(t, small, bench.Options{Repeats: 5, CacheBytes: 1, MinSample: 100 * time.Microsecond})
	var order []string
	for _, s := range f.samples {
		if len(s) > 1 { // not the warm-up
			kind, _, _ := strings.Cut(s[0], " ")
			order = append(order, kind)
		}
	}
	want := []string{"sparse", "dense", "dense", "sparse", "sparse", "dense", "dense", "sparse", "sparse", "dense", "dense", "sparse"}
	if !slices.Equal(order, want) {
		t.Errorf("found %v, expected %v", order, want)
	}
}

// Operands change from call to call, so that more than twice the cache lies
// between two uses of one.
func TestRotation(t *testing.T) {
	const cache = 100 << 10
	for _, op := range bench.Ops {
		c := small
		c.Op = op
		f, r := run(t, c, bench.Options{Repeats: 1, CacheBytes: cache, MinSample: time.Millisecond})
		floor := c.FloorBytes(2)
		if got := int64(r.Sets-1) * floor; got < 2*cache || got-floor >= 2*cache {
			t.Errorf("%s: found %d sets of %d bytes, expected just enough for %d", op, r.Sets, floor, 2*cache)
		}
		for _, kind := range []string{"sparse", "dense"} {
			seen, last := map[string]int{}, 0
			for _, s := range f.samples {
				for i, call := range s {
					if !strings.HasPrefix(call, kind) {
						continue
					}
					if !strings.Contains(call, op) || !strings.HasSuffix(call, ", 64") {
						t.Fatalf("found the call %q", call)
					}
					if before, again := seen[call]; again && len(s) > 1 && i > 0 && last-before+1 < len(seen) {
						t.Fatalf("%s: %q came again after %d calls of %d different ones", op, call, last-before, len(seen))
					}
					last++
					seen[call] = last
				}
			}
			if kind == "sparse" && len(seen) != r.Sets {
				t.Errorf("%s: found %d different calls, expected %d", op, len(seen), r.Sets)
			}
			if len(seen) < 2 {
				t.Errorf("%s: the %s product has one set of operands", op, kind)
			}
		}
	}
}

// Every buffer and weight holds random numbers, and working copies are made.
func TestOperandsAreRandom(t *testing.T) {
	f, r := run(t, small, bench.Options{Repeats: 1, CacheBytes: 1 << 16})
	if f.refreshed < r.Sets+1 || len(f.values) != f.refreshed+2*r.Sets {
		t.Errorf("found %d arrays filled and %d weights refreshed with %d sets", len(f.values), f.refreshed, r.Sets)
	}
	for b, sum := range f.values {
		// The mean square of a uniform number in [-1, 1) is 1/3.
		if mean := float64(sum) / float64(b.Len()); !(mean > 0.3 && mean < 0.37) {
			t.Errorf("%s: found a mean square of %v, expected 1/3", b.(*fakeBuffer).name, mean)
		}
	}
}

func TestNoDense(t *testing.T) {
	f, r := run(t, small, bench.Options{Repeats: 2, NoDense: true})
	if r.Dense != nil {
		t.Errorf("found %+v, expected no dense product", r.Dense)
	}
	for _, c := range f.calls {
		if strings.HasPrefix(c, "dense") {
			t.Fatalf("found the call %q", c)
		}
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "dense") || strings.Contains(string(text), "speedup") {
		t.Errorf("found fields of a dense product in %s", text)
	}
}

// A device without anything optional is timed by the host's clock.
func TestBareDevice(t *testing.T) {
	f := &fake{act: backend.F32}
	r, err := bench.Run(context.Background(), f, small, bench.Options{Repeats: 1, CacheBytes: 1, MinSample: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.Clock != "host" || r.Kernel != "" || r.CopyGB != nil || r.FloorFraction != nil || r.Precision != "fp32" || !(r.SecondsMedian > 0) {
		t.Errorf("found %+v", r)
	}
}

func TestJSONFields(t *testing.T) {
	_, r := run(t, small, bench.Options{Repeats: 2})
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"op", "block", "sparsity", "tokens", "in", "out", "nnzb", "threads", "device", "precision", "kernel", "hardware",
		"seconds_median", "seconds_min", "seconds_max", "repeats", "calls", "clock", "sets", "useful_gflops",
		"dense_kernel", "dense_seconds_median", "dense_seconds_min", "dense_seconds_max", "dense_calls", "dense_gflops", "eps", "speedup",
		"bytes_floor", "gbytes_per_second", "copy_gbytes_per_second", "floor_fraction",
	} {
		if _, ok := fields[name]; !ok {
			t.Errorf("found no %q in %s", name, text)
		}
		delete(fields, name)
	}
	for name := range fields {
		t.Errorf("found %q, expected no such field", name)
	}
}

func TestErrors(t *testing.T) {
	broken := errors.New("the device broke")
	for _, after := range []int{0, 1, 40} {
		f := &fake{act: backend.F32, fails: broken, failAt: after}
		if _, err := bench.Run(context.Background(), clocked{f}, small, bench.Options{CacheBytes: 1}); !errors.Is(err, broken) {
			t.Errorf("after %d products: found error %v", after, err)
		}
	}
	bad := small
	bad.Block = 3
	if _, err := bench.Run(context.Background(), &fake{act: backend.F32}, bad, bench.Options{}); !errors.Is(err, bench.ErrCase) {
		t.Errorf("found error %v, expected ErrCase", err)
	}
	why := errors.New("stopped")
	ctx, stop := context.WithCancelCause(context.Background())
	stop(why)
	if _, err := bench.Run(ctx, &fake{act: backend.F32}, small, bench.Options{}); !errors.Is(err, why) {
		t.Errorf("found error %v, expected the cause of the context's end", err)
	}
	if _, err := bench.Simulate(ctx, &fake{act: backend.F32}, &counter{}, small); !errors.Is(err, why) {
		t.Errorf("found error %v, expected the cause of the context's end", err)
	}
}

// counter is a simulated device's: what was before Reset does not count.
type counter struct{ reset bool }

func (c *counter) Reset() { c.reset = true }

func (c *counter) Counts() []bench.Count {
	if !c.reset {
		return nil
	}
	return []bench.Count{
		{Name: "sdd_reduce", Launches: 1, WarpInstructions: 5, LoadBytes: 100, StoreBytes: 20},
		{Name: "sdd_b16", Launches: 1, WarpInstructions: 7, MatrixInstructions: 3, LoadBytes: 1000, StoreBytes: 80, Atomics: 2, BankConflicts: 9},
	}
}

func TestSimulate(t *testing.T) {
	c := small
	c.Op = bench.SDD
	f := &fake{act: backend.BF16}
	r, err := bench.Simulate(context.Background(), f, &counter{}, c)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.calls) != 1 || len(r.Kernels) != 2 || r.Kernels[0].Name != "sdd_b16" || r.NNZ != 16 || r.BytesFloor != c.FloorBytes(2) {
		t.Fatalf("found %d products, result %+v", len(f.calls), r)
	}
	floor := float64(c.FloorBytes(2))
	if !near(r.Kernels[0].FloorRatio, 1080/floor) || !near(r.Kernels[1].FloorRatio, 120/floor) || !near(r.Total.FloorRatio, 1200/floor) {
		t.Errorf("found ratios %v, %v, %v", r.Kernels[0].FloorRatio, r.Kernels[1].FloorRatio, r.Total.FloorRatio)
	}
	want := bench.Count{Name: "all", Launches: 2, WarpInstructions: 12, MatrixInstructions: 3, LoadBytes: 1100, StoreBytes: 100, Atomics: 2, BankConflicts: 9}
	want.FloorRatio = r.Total.FloorRatio
	if r.Total != want {
		t.Errorf("found %+v, expected %+v", r.Total, want)
	}
}
