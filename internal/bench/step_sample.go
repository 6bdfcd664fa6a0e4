package bench

import (
	"fmt"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/estimate"
	"github.com/sparsebert/sparsebert-gpu/internal/traffic"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// shapedLaunch is a kernel's launch configuration.
type shapedLaunch struct {
	kernel      string
	grid, block gpu.Dim3
	shared      int // dynamic
}

func (l shapedLaunch) blocks() float64 {
	return float64(l.grid.X) * float64(max(l.grid.Y, 1)) * float64(max(l.grid.Z, 1))
}

// stepCall is one call of an operation and what it launches.
type stepCall struct {
	traffic.Call
	launches []shapedLaunch
	ran      []simdriver.Launch // of a sample: the same launches, as the simulator ran them
	memset   float64            // of a sample: sectors that the driver sets
}

// valueless is a device whose values do not matter: initial ones are not drawn.
type valueless struct{ backend.Backend }

// Capabilities are those of the device behind, and Valueless.
func (v valueless) Capabilities() backend.Capabilities {
	c := v.Backend.Capabilities()
	c.Valueless = true
	return c
}

// stepRunner runs steps of a model to see what they launch.
type stepRunner struct {
	gpu     estimate.GPU
	setting device.Settings
}

// activation is the dtype of the precision.
func (r stepRunner) activation() backend.DType {
	if r.setting.Precision == "fp32" {
		return backend.F32
	}
	return backend.BF16
}

func (r stepRunner) driver() *simdriver.Driver {
	g := r.gpu
	return simdriver.New(simdriver.Options{
		MemoryBytes: g.Memory, SharedBytes: g.SharedPerBlock, SharedPerSM: g.SharedBytes, Multiprocessors: g.Multiprocessors, Major: g.Major,
		Latencies: &g.Latencies, Threads: r.setting.Threads,
	})
}

// planned returns the calls of a step and their launches without running any.
func (r stepRunner) planned(step Step) ([]stepCall, error) {
	var noted []shapedLaunch
	b, err := gpu.New(r.driver(), gpu.Options{Activation: r.activation(), NoGraphs: true, Launched: func(kernel string, grid, block gpu.Dim3, shared int) {
		noted = append(noted, shapedLaunch{kernel, grid, block, shared})
	}})
	if err != nil {
		return nil, err
	}
	defer b.Close() // nothing was run on it
	plan, err := b.Capabilities().Planner.Plan()
	if err != nil {
		return nil, err
	}
	defer plan.Close() // it holds nothing
	var calls []stepCall
	// The first step also makes copies of dense weights, which later ones find.
	err = r.steps(plan, step, 2, true, func(c traffic.Call, run func()) {
		noted = nil
		run()
		calls = append(calls, stepCall{Call: c, launches: noted})
	}, func() { calls = nil })
	if err != nil {
		return nil, fmt.Errorf("plan of a step: %w", err)
	}
	return calls, nil
}

// sampled runs a step on the simulator and returns its calls.
func (r stepRunner) sampled(step Step, s gpu.Sample, update bool) ([]stepCall, error) {
	var noted []shapedLaunch
	d := r.driver()
	b, err := gpu.New(d, gpu.Options{Activation: r.activation(), NoGraphs: true, Sample: s, Launched: func(kernel string, grid, block gpu.Dim3, shared int) {
		noted = append(noted, shapedLaunch{kernel, grid, block, shared})
	}})
	if err != nil {
		return nil, err
	}
	var calls []stepCall
	err = r.steps(b, step, 1, update, func(c traffic.Call, run func()) {
		noted = nil
		d.ResetCounters()
		run()
		one := stepCall{Call: c, launches: noted}
		for _, l := range d.Launches() {
			if len(l.Blocks) > 0 {
				one.ran = append(one.ran, l)
			} else if c.Op == "Zero" { // else it zeroes fresh memory
				one.memset += float64(l.StoredSectors)
			}
		}
		calls = append(calls, one)
	}, func() {})
	if e := b.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, fmt.Errorf("sample of a step: %w", err)
	}
	return calls, nil
}

// steps runs so many steps with a meter before b.
func (r stepRunner) steps(b backend.Backend, step Step, n int, update bool, observe func(c traffic.Call, run func()), before func()) error {
	g := r.gpu
	machine := traffic.Machine{
		Properties: gpu.Properties{Major: g.Major, Multiprocessors: g.Multiprocessors, SharedBytes: g.SharedPerBlock, SharedPerSM: g.SharedBytes, MemoryBytes: g.Memory, TensorMaps: g.Major >= 9},
		Activation: r.activation(),
	}
	m, err := model.New(traffic.NewMeter(valueless{b}, machine, observe), step.Config, step.Options)
	if err != nil {
		return err
	}
	for range n {
		before()
		if _, err := m.Step(step.args(0, update), []model.Batch{step.batch()}); err != nil {
			return err
		}
	}
	return b.Sync()
}

// sample is a step of one layer and few sequences, whose launches stand for those of the whole step.
type sample struct {
	sequences int
	calls     []stepCall
	kinds     map[string][]int // calls of an operation on a tensor that differ, by index
}

// kindOf names an operation on a tensor.
func kindOf(c traffic.Call) string { return c.Op + " " + c.Tensor }

// kinds lists the calls of each operation on each tensor that move different numbers of bytes, as calls
// from different places of the model do, and says for each call which of them it is.
func kinds(calls []stepCall) (first map[string][]int, which []int) {
	first = map[string][]int{}
	for i, c := range calls {
		name := kindOf(c.Call)
		at := slices.IndexFunc(first[name], func(k int) bool { return calls[k].Bytes() == c.Bytes() && len(calls[k].launches) == len(c.launches) })
		if at < 0 {
			at = len(first[name])
			first[name] = append(first[name], i)
		}
		which = append(which, at)
	}
	return first, which
}

// newSample runs a sample of so many sequences, of a step of which as many as full are meant.
func (r stepRunner) newSample(step Step, sequences, ranges int, update bool) (*sample, error) {
	full := step.Options.MicroBatch
	step.Options.MicroBatch, step.Config.Layers = sequences, 1
	var as gpu.Sample
	if sequences < full {
		as = gpu.Sample{Times: float64(full) / float64(sequences), Ranges: ranges}
	}
	calls, err := r.sampled(step, as, update)
	if err != nil {
		return nil, err
	}
	s := &sample{sequences: sequences, calls: calls}
	s.kinds, _ = kinds(calls)
	return s, nil
}

// call returns the sample's call that stands for call number which of a kind.
func (s *sample) call(c traffic.Call, which int) (*stepCall, error) {
	list := s.kinds[kindOf(c)]
	if len(list) == 0 {
		return nil, fmt.Errorf("found no call of %s in a sample of %d sequences", kindOf(c), s.sequences)
	}
	return &s.calls[list[min(which, len(list)-1)]], nil
}
