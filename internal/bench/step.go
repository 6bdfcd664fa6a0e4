package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/internal/traffic"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Step is a training step to measure or to count: one micro-batch of full
// sequences with every masked slot used.
type Step struct {
	Config  model.Config
	Options model.Options
}

// Tokens is the tokens of a step.
func (s Step) Tokens() int { return s.Options.MicroBatch * s.Options.SeqLen }

// batch draws the step's examples.
func (s Step) batch() model.Batch {
	o, draw := s.Options, philox.NewStream(s.Options.Seed, philox.TestData, 1, 0)
	b := model.Batch{Size: o.MicroBatch}
	for i := range o.MicroBatch {
		b.Lengths = append(b.Lengths, int32(o.SeqLen))
		for t := range o.SeqLen {
			b.IDs = append(b.IDs, int32(draw.IntN(s.Config.VocabSize)))
			b.Segments = append(b.Segments, int32(min(2*t/o.SeqLen, s.Config.TypeVocab-1)))
		}
		for k := range o.MaxMasked {
			b.MaskedPos = append(b.MaskedPos, int32(i*o.SeqLen+k*o.SeqLen/o.MaxMasked))
			b.MaskedLabels = append(b.MaskedLabels, int32(draw.IntN(s.Config.VocabSize)))
		}
		b.NSPLabels = append(b.NSPLabels, int32(i%2))
	}
	return b
}

// args are those of step i, with a topology update or without.
func (s Step) args(i int, update bool) model.StepArgs {
	a := model.StepArgs{
		Step: int64(i), LR: 1e-5,
		Adam: backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, WeightDecay: 0.01, MaxGradNorm: 1},
	}
	if update && s.Config.Method == model.Dynamic {
		a.Update = &sparse.Update{Seed: s.Options.Seed, Number: 1, PruneRatio: 0.5, Growth: s.Config.Growth}
	}
	return a
}

// CountStep returns the calls of a step with the bytes that each moves on a
// machine, topology update included where the method has one. Nothing is computed.
func CountStep(s Step, m traffic.Machine) ([]traffic.Call, error) {
	var calls []traffic.Call
	counting := traffic.NewMeter(traffic.NewNull(m.Activation), m, func(c traffic.Call, _ func()) { calls = append(calls, c) })
	b, err := model.New(counting, s.Config, s.Options)
	if err != nil {
		return nil, err
	}
	// The parameters that products use are known after the first step.
	for range 2 {
		calls = nil
		if _, err := b.Step(s.args(0, true), []model.Batch{s.batch()}); err != nil {
			return nil, fmt.Errorf("counting a step: %w", err)
		}
	}
	return calls, nil
}

// StepResult is what a step came to.
type StepResult struct {
	SecondsMedian float64 `json:"seconds_median"` // of a step without topology update
	SecondsMin    float64 `json:"seconds_min"`
	SecondsMax    float64 `json:"seconds_max"`
	Repeats       int     `json:"repeats"`

	TokensPerSecond float64 `json:"tokens_per_second"`
	UsefulGFLOPs    float64 `json:"useful_gflops"`

	BytesFloor    int64    `json:"bytes_floor"`            // what memory must move in a step; 0 on a cpu
	CopyGB        *float64 `json:"copy_gbytes_per_second"` // of a plain copy
	FloorFraction *float64 `json:"floor_fraction"`         // the floor's time at that rate over the step's

	// Kernels are those that the step loaded; nil: the device loads none.
	Kernels *backend.Loaded `json:"kernels,omitempty"`

	// Ops are the times of the operations of one step, with its topology update,
	// each between two marks of the clock: their sum is somewhat more than a step.
	Ops []OpTime `json:"operations"`
}

// OpTime is the time of all calls of a row.
type OpTime struct {
	traffic.Row
	Seconds float64 `json:"seconds"`
}

// lapper marks points of the queued work and tells the times between them.
type lapper interface {
	Lap() error
	Laps() ([]time.Duration, error)
}

// warmUp is the steps before those that count: kernels are loaded, caches filled,
// and a device that records sequences of operations has recorded them.
const warmUp = 4

// RunStep measures a step on a device that open returns: twice, since operations are
// timed one by one in a run of their own. m is the machine that the byte formulas
// are about; nil: none is. ctx ends it between steps.
func RunStep(ctx context.Context, open func() (backend.Backend, error), s Step, m *traffic.Machine, repeats int) (StepResult, error) {
	r := StepResult{Repeats: repeats}
	// As a run does it: nothing between the operations.
	err := withModel(open, nil, s, func(b backend.Backend, run func(i int, update bool) error) error {
		times := series{}
		for i := range repeats + warmUp {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			start := time.Now()
			if err := run(i, false); err != nil {
				return err
			}
			if err := b.Sync(); err != nil {
				return err
			}
			if i >= warmUp {
				times.seconds = append(times.seconds, time.Since(start).Seconds())
			}
		}
		r.SecondsMedian, r.SecondsMin, r.SecondsMax = times.spread()
		r.Kernels = loaded(b.Capabilities())
		if p := b.Capabilities().Profile; p != nil {
			rate, err := p.CopyRate(4 * (64 << 20))
			if err != nil {
				return fmt.Errorf("rate of a copy: %w", err)
			}
			rate /= 1e9
			r.CopyGB = &rate
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	if err := r.operations(ctx, open, s, m); err != nil {
		return r, err
	}
	estimate, err := model.EstimateCost(s.Config, s.Options, model.Storage{})
	if err != nil {
		return r, err
	}
	r.TokensPerSecond = float64(s.Tokens()) / r.SecondsMedian
	r.UsefulGFLOPs = estimate.ExecutedFLOPs * float64(s.Options.MicroBatch) / r.SecondsMedian / 1e9
	if m != nil {
		for _, o := range r.Ops {
			if !once(o.Row) {
				r.BytesFloor += o.Memory()
			}
		}
		if r.CopyGB != nil {
			fraction := float64(r.BytesFloor) / (*r.CopyGB * 1e9) / r.SecondsMedian
			r.FloorFraction = &fraction
		}
	}
	return r, nil
}

// once says whether a row comes with topology updates only.
func once(r traffic.Row) bool { return r.Op == "UpdateTopology" || r.Op == "BlockGradL1" }

// operations fills in r.Ops.
func (r *StepResult) operations(ctx context.Context, open func() (backend.Backend, error), s Step, m *traffic.Machine) error {
	machine := traffic.Machine{Activation: backend.F32}
	if m != nil {
		machine = *m
	}
	var calls []traffic.Call
	var marks lapper
	var lost error
	lap := func() {
		if err := marks.Lap(); lost == nil {
			lost = err
		}
	}
	meter := func(b backend.Backend) backend.Backend {
		if c := b.Capabilities().Clock; c != nil {
			marks = c
		} else {
			marks = &wallLaps{b: b}
		}
		return traffic.NewMeter(b, machine, func(c traffic.Call, run func()) {
			if calls == nil {
				lap()
			}
			run()
			lap()
			calls = append(calls, c)
		})
	}
	return withModel(open, meter, s, func(_ backend.Backend, run func(i int, update bool) error) error {
		var times []time.Duration
		for i := range 3 {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			calls = nil
			if err := run(i, i == 2); err != nil {
				return err
			}
			var err error
			if times, err = marks.Laps(); err == nil {
				err = lost
			}
			if err != nil {
				return fmt.Errorf("times of operations: %w", err)
			}
		}
		rows := traffic.Rates{Bandwidth: 1, Peak: 1}.Rows(calls)
		r.Ops = make([]OpTime, len(rows))
		for k, row := range rows {
			row.Floor = 0 // of no rates
			r.Ops[k].Row = row
			for i, c := range calls {
				if c.Op == row.Op && c.Tensor == row.Tensor {
					r.Ops[k].Seconds += times[i].Seconds()
				}
			}
		}
		return nil
	})
}

// wallLaps are the laps of a device without a clock of its own.
type wallLaps struct {
	b  backend.Backend
	at []time.Time
}

// Lap waits for the work and marks the time.
func (w *wallLaps) Lap() error {
	err := w.b.Sync()
	w.at = append(w.at, time.Now())
	return err
}

// Laps returns the times between the marks.
func (w *wallLaps) Laps() ([]time.Duration, error) {
	var times []time.Duration
	for i := 1; i < len(w.at); i++ {
		times = append(times, w.at[i].Sub(w.at[i-1]))
	}
	w.at = nil
	return times, nil
}

// withModel opens a device, builds the step's model on it, or on what wrap puts
// before it, and closes it when do is done.
func withModel(open func() (backend.Backend, error), wrap func(backend.Backend) backend.Backend, s Step,
	do func(b backend.Backend, run func(i int, update bool) error) error) (err error) {
	b, err := open()
	if err != nil {
		return err
	}
	defer func() {
		if e := b.Close(); err == nil {
			err = e
		}
	}()
	on := b
	if wrap != nil {
		on = wrap(b)
	}
	s.Options.FixedMasked = on.Capabilities().Recorder != nil // as a run does
	m, err := model.New(on, s.Config, s.Options)
	if err != nil {
		return err
	}
	batch := []model.Batch{s.batch()}
	return do(b, func(i int, update bool) error {
		a := s.args(i, update)
		a.Next = &batch[0]
		_, err := m.Step(a, batch)
		return err
	})
}
