package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// Options say how to measure; zero values mean the defaults.
type Options struct {
	Repeats    int           // samples of each product, at least 1; default 11
	CacheBytes int64         // last-level cache to rotate beyond; default 64 MiB
	MinSample  time.Duration // length of a sample; default 20 ms, with a device's own clock 5 ms
	NoDense    bool          // leave the dense product out
	CopyRate   float64       // bytes a second of a plain copy on this device, if it has been measured before; else 0
}

// Result is what a case came to. Fields of the dense product are nil where it
// was left out, those of the floor where the device has no copy to compare with.
type Result struct {
	Case
	NNZ       int    `json:"nnzb"`
	Threads   int    `json:"threads"` // 0: not of this device
	Device    string `json:"device"`
	Precision string `json:"precision"`
	Kernel    string `json:"kernel"`
	Hardware  string `json:"hardware"`

	SecondsMedian float64 `json:"seconds_median"` // of one product
	SecondsMin    float64 `json:"seconds_min"`
	SecondsMax    float64 `json:"seconds_max"`
	Repeats       int     `json:"repeats"` // samples
	Calls         int     `json:"calls"`   // products in a sample
	Clock         string  `json:"clock"`   // "device" or "host"
	Sets          int     `json:"sets"`    // of operands in rotation

	UsefulGFLOPs float64 `json:"useful_gflops"`
	*Dense
	BytesFloor    int64    `json:"bytes_floor"`
	GBPerSecond   float64  `json:"gbytes_per_second"`      // the floor over the time
	CopyGB        *float64 `json:"copy_gbytes_per_second"` // of a plain copy
	FloorFraction *float64 `json:"floor_fraction"`         // GBPerSecond / CopyGB

	// Kernels are those that the device has loaded up to here; nil: it loads none.
	Kernels *backend.Loaded `json:"kernels,omitempty"`
}

// Dense is the dense product of the same shape in the same run.
type Dense struct {
	Kernel        string  `json:"dense_kernel"`
	SecondsMedian float64 `json:"dense_seconds_median"`
	SecondsMin    float64 `json:"dense_seconds_min"`
	SecondsMax    float64 `json:"dense_seconds_max"`
	Calls         int     `json:"dense_calls"`
	GFLOPs        float64 `json:"dense_gflops"`
	Eps           float64 `json:"eps"`     // time per useful operation over that of a dense one
	Speedup       float64 `json:"speedup"` // dense time over sparse time
}

// series is the samples of one product.
type series struct {
	run     func(i int) // queues the i-th product in the rotation
	sets    int
	calls   int
	next    int
	seconds []float64 // of one product
}

// Run measures a case. ctx ends it between samples, with its cause as the error.
func Run(ctx context.Context, d Device, c Case, o Options) (Result, error) {
	if o.Repeats < 1 {
		o.Repeats = 11
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	if err := c.Check(); err != nil {
		return Result{}, err
	}
	s, err := newSets(d, c, o.CacheBytes, !o.NoDense)
	if err != nil {
		return Result{}, err
	}
	clock, name, least := wallClock(d), "host", 20*time.Millisecond
	have := d.Capabilities()
	if have.Clock != nil {
		if clock, err = have.Clock.Timer(); err != nil {
			return Result{}, fmt.Errorf("timer: %w", err)
		}
		name, least = "device", 5*time.Millisecond
	}
	if o.MinSample > 0 {
		least = o.MinSample
	}
	all := []*series{{run: func(i int) { s.run(s.w, i) }, sets: len(s.w)}}
	if !o.NoDense {
		all = append(all, &series{run: func(i int) { s.run(s.dense, i) }, sets: len(s.dense)})
	}
	if err := alternate(ctx, all, clock, o.Repeats, least); err != nil {
		return Result{}, err
	}
	r := Result{
		Case: c, NNZ: c.NNZ(), Threads: threads(d), Device: d.Name(), Precision: precision(d),
		Kernel: kernel(d, c.Op, s.w[0], c.Tokens), Hardware: d.Describe(),
		Repeats: o.Repeats, Calls: all[0].calls, Clock: name, Sets: len(s.w), BytesFloor: c.FloorBytes(d.Activation().Size()),
	}
	r.SecondsMedian, r.SecondsMin, r.SecondsMax = all[0].spread()
	r.UsefulGFLOPs = float64(c.FLOPs()) / r.SecondsMedian / 1e9
	r.GBPerSecond = float64(r.BytesFloor) / r.SecondsMedian / 1e9
	if !o.NoDense {
		dense := &Dense{Kernel: kernel(d, c.Op, s.dense[0], c.Tokens), Calls: all[1].calls}
		dense.SecondsMedian, dense.SecondsMin, dense.SecondsMax = all[1].spread()
		dense.GFLOPs = float64(c.DenseFLOPs()) / dense.SecondsMedian / 1e9
		dense.Eps = dense.GFLOPs / r.UsefulGFLOPs
		dense.Speedup = dense.SecondsMedian / r.SecondsMedian
		r.Dense = dense
	}
	r.Kernels = loaded(have)
	rate := o.CopyRate
	if have.Profile != nil && rate == 0 {
		if rate, err = have.Profile.CopyRate(copyBytes(o.CacheBytes)); err != nil {
			return Result{}, fmt.Errorf("rate of a copy: %w", err)
		}
	}
	if rate > 0 {
		rate /= 1e9
		fraction := r.GBPerSecond / rate
		r.CopyGB, r.FloorFraction = &rate, &fraction
	}
	return r, nil
}

// copyBytes is how much a plain copy reads, and writes, so that little of it is found in a cache: four times the
// cache, or two times where that is a lot of memory.
func copyBytes(cache int64) int64 { return min(4*cache, max(2*cache, 512<<20)) }

// alternate warms all series up, gives each as many calls a sample as least
// takes, and samples them in turns: the first round is thrown away, and the
// order of every other round is reversed.
func alternate(ctx context.Context, all []*series, clock func(func()) (time.Duration, error), repeats int, least time.Duration) error {
	sample := func(s *series, calls int) (time.Duration, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return clock(func() {
			for range calls {
				s.run(s.next)
				s.next++
			}
		})
	}
	for _, s := range all {
		for range s.sets { // every operand once: kernels loaded, memory mapped
			if _, err := sample(s, 1); err != nil {
				return err
			}
		}
		once, err := sample(s, 1)
		if err != nil {
			return err
		}
		s.calls = int(min(10000, 1+least/max(once, 1)))
	}
	for round := range repeats + 1 {
		for _, s := range all {
			took, err := sample(s, s.calls)
			if err != nil {
				return err
			}
			if round > 0 {
				s.seconds = append(s.seconds, max(took, 1).Seconds()/float64(s.calls))
			}
		}
		all = slices.Clone(all)
		slices.Reverse(all)
	}
	return nil
}

// spread returns the median, the smallest and the largest sample.
func (s *series) spread() (median, least, most float64) {
	x := slices.Sorted(slices.Values(s.seconds))
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2, x[0], x[n-1]
}

var _ Device = backend.Backend(nil)
