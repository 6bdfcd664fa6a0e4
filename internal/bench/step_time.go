package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/traffic"
)

// runSteps measures every step with every setup, or counts it for the device sim. It returns a
// slice of MeasuredStep, CountedStep or, with a GPU to estimate for, EstimatedStep.
func (p *Plan) runSteps(ctx context.Context, open device.Opener, w io.Writer) (any, error) {
	gpuModel, figures, err := p.ruler()
	if err != nil {
		return nil, err
	}
	var all []any
	for _, s := range p.setups {
		for _, step := range p.steps {
			var done interface{ write(w io.Writer) }
			var err error
			if gpuModel != nil {
				done, err = estimateStep(ctx, *gpuModel, s, step, figures)
			} else if s.Device == "sim" {
				done, err = p.countStep(s, step)
			} else {
				done, err = p.measureStep(ctx, open, s, step)
			}
			if err != nil {
				return nil, err
			}
			if w != nil {
				done.write(w)
			}
			all = append(all, done)
		}
	}
	return all, nil
}

// MeasuredStep is what a step came to on a device.
type MeasuredStep struct {
	StepCase
	Hardware string `json:"hardware"`
	Threads  int    `json:"threads"` // 0: not of this device
	StepResult
}

// measureStep runs a step on the device.
func (p *Plan) measureStep(ctx context.Context, open device.Opener, s device.Settings, step Step) (MeasuredStep, error) {
	runtime.GC() // of the case before: not while this one is timed
	r := MeasuredStep{StepCase: stepCaseOf(s, step), Threads: s.Threads}
	var machine *traffic.Machine
	openIt := func() (backend.Backend, error) {
		if s.Device == "cpu" {
			b, err := open.CPU(s)
			if err != nil {
				return nil, err
			}
			r.Hardware, r.Threads = b.Describe(), b.Threads()
			return b, nil
		}
		b, d, err := open.GPU(s)
		if err != nil {
			return nil, err
		}
		r.Hardware, machine = b.Describe(), &traffic.Machine{Properties: d.Properties(), Activation: b.Activation()}
		return b, nil
	}
	if s.Device == "cpu" {
		if err := enoughForStep(step, "/proc/meminfo"); err != nil {
			return r, err
		}
	} else { // what the formulas are about must be known before
		b, err := openIt()
		if err != nil {
			return r, err
		}
		if err := b.Close(); err != nil {
			return r, err
		}
	}
	var err error
	if r.StepResult, err = RunStep(ctx, openIt, step, machine, p.request.Repeats); err != nil {
		return r, err
	}
	return r, nil
}

// write writes what was measured.
func (r MeasuredStep) write(w io.Writer) {
	fmt.Fprintf(w, "%s: %v; median of %d steps\n", r.Hardware, r.StepCase, r.Repeats)
	if r.Kernels != nil {
		fmt.Fprintf(w, "kernels: %v\n", r.Kernels)
	}
	fmt.Fprintf(w, "step %s (%s .. %s), %.0f tokens/s, %.1f useful GFLOP/s\n", span(r.SecondsMedian), span(r.SecondsMin), span(r.SecondsMax), r.TokensPerSecond, r.UsefulGFLOPs)
	if r.FloorFraction != nil {
		fmt.Fprintf(w, "%s MB to move, %.0f %% of the rate of a plain copy, %.1f GB/s\n", mb(r.BytesFloor), 100**r.FloorFraction, *r.CopyGB)
	}
	slices.SortStableFunc(r.Ops, func(a, b OpTime) int { return cmp.Compare(b.Seconds, a.Seconds) })
	all := 0.0
	for _, o := range r.Ops {
		all += o.Seconds
	}
	fmt.Fprintf(w, "%-14s %-34s %5s %12s %6s %12s\n", "operation", "tensor", "calls", "time", "share", "GB/s")
	for _, o := range r.Ops {
		rate := "-"
		if r.BytesFloor > 0 {
			rate = fmt.Sprintf("%.1f", float64(o.Memory())/max(o.Seconds, 1e-9)/1e9)
		}
		fmt.Fprintf(w, "%-14s %-34s %5d %12s %6s %12s\n", o.Op, o.Tensor, o.Calls, span(o.Seconds), fmt.Sprintf("%.1f %%", 100*o.Seconds/all), rate)
	}
	fmt.Fprintln(w, "operations one by one, of a step with a topology update where there is one: together a little more than a step.")
	fmt.Fprintln(w)
}
