package bench

import (
	"context"
	"io"
	"runtime"

	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
)

// gpuCache is beyond the last-level cache of today's GPUs (an H200 has 50 MiB), in bytes.
const gpuCache = 128 << 20

// timeProducts measures every case with every setup. It returns []Result or []Crossover.
func (p *Plan) timeProducts(ctx context.Context, open device.Opener, w io.Writer) (any, error) {
	o := Options{Repeats: p.request.Repeats, CacheBytes: gpuCache, NoDense: p.request.NoDense}
	if p.setups[0].Device == "cpu" {
		o.CacheBytes = lastLevelCache("/sys/devices/system/cpu/cpu0/cache")
		if err := enoughForProducts(p.cases, o, "/proc/meminfo"); err != nil {
			return nil, err
		}
	}
	all, crossover := []Result{}, p.request.Crossover
	var table *timeTable
	if w != nil && !crossover {
		table = &timeTable{w: w}
	}
	for _, s := range p.setups {
		o.CopyRate = 0
		for _, one := range p.cases {
			r, err := timeProduct(ctx, open, s, one, o)
			if err != nil {
				return nil, err
			}
			if r.CopyGB != nil { // once is enough, and takes a second where the cache is large
				o.CopyRate = *r.CopyGB * 1e9
			}
			all = append(all, r)
			if table != nil {
				table.row(r)
			}
		}
	}
	if crossover {
		list := Crossovers(all)
		if w != nil {
			writeCrossovers(w, list, o.Repeats)
		}
		return list, nil
	}
	if table != nil {
		table.end(all)
	}
	return all, nil
}

// timeProduct measures one case on a device of its own: what it allocates is free again for the
// next.
func timeProduct(ctx context.Context, open device.Opener, s device.Settings, one Case, o Options) (Result, error) {
	runtime.GC() // of the case before: not while this one is timed
	var d interface {
		Device
		io.Closer
	}
	var err error
	if s.Device == "cpu" {
		d, err = open.CPU(s)
	} else {
		d, _, err = open.GPU(s)
	}
	if err != nil {
		return Result{}, err
	}
	r, err := Run(ctx, d, one, o)
	if e := d.Close(); err == nil {
		err = e
	}
	return r, err
}

// countProducts counts what every case does on the simulator. It returns []Counted.
func (p *Plan) countProducts(ctx context.Context, open device.Opener, w io.Writer) (any, error) {
	all := []Counted{}
	gpuModel, figures, err := p.ruler()
	if err != nil {
		return nil, err
	}
	if gpuModel != nil {
		open = simulatorOf(open, *gpuModel)
	}
	var table *countTable
	if w != nil {
		table = &countTable{w: w}
	}
	for _, s := range p.setups {
		for _, one := range p.cases {
			b, d, err := open.GPU(s)
			if err != nil {
				return nil, err
			}
			r, err := Simulate(ctx, b, simCounter{d}, one)
			if err == nil && gpuModel != nil {
				if r.Estimated, err = estimateProduct(*gpuModel, d.(*simdriver.Driver).Launches()); err == nil {
					r.Compared = figures.product(one, r.Precision, gpuModel.Label, r.Estimated.Seconds)
				}
			}
			if e := b.Close(); err == nil {
				err = e
			}
			if err != nil {
				return nil, err
			}
			all = append(all, r)
			if table != nil {
				table.row(r)
			}
		}
	}
	return all, nil
}
