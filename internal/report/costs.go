package report

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// costFigures are what the run costs by the books and by the clock.
func (d *detail) costFigures() []figure {
	var out []figure
	if l := d.run.Estimate; l != nil {
		out = append(out, flopBars(l), memoryBars(l, &d.run.Cost))
	}
	if b := d.run.timeBars(); b != nil {
		out = append(out, b)
	}
	return out
}

func flopBars(l *model.CostEstimate) *barChart {
	b := &barChart{
		about:  about{name: "flops", title: "FLOPs of one sequence", caption: "Theoretical: the paper's count on the blocks there are. Executed: the active blocks there are, and attention scores made again in the backward pass. Dense: executed by the same model with method dense."},
		unit:   fmt.Sprintf("forward and backward, %d tokens", l.SeqLen),
		format: metric,
		series: []barSeries{{label: "theoretical", color: 0}, {label: "executed", color: 2}, {label: "dense", color: inkDense}},
	}
	for _, p := range l.FLOPs {
		if p.Theoretical == 0 && p.Executed == 0 && p.Dense == 0 {
			continue
		}
		b.groups = append(b.groups, p.Name)
		for i, v := range []float64{p.Theoretical, p.Executed, p.Dense} {
			b.series[i].values = append(b.series[i].values, v)
		}
	}
	b.w, b.h = chartWidth, b.height()
	return b
}

func memoryBars(l *model.CostEstimate, measured *metrics.Cost) *barChart {
	b := &barChart{
		about: about{name: "memory", title: "Memory", caption: fmt.Sprintf("What a model allocates for micro-batches of %d: %s, dense %s.",
			l.MicroBatch, byteText(float64(l.MemoryBytes)), byteText(float64(l.DenseMemoryBytes)))},
		unit: "by the account", format: byteText,
		series: []barSeries{{label: "this model", color: 0}, {label: "dense", color: inkDense}},
	}
	if measured.DeviceBytes > 0 {
		b.caption += " Measured on the device: " + byteText(float64(measured.DeviceBytes)) + "."
	}
	if measured.HostBytes > 0 {
		b.caption += " Largest resident memory of the process: " + byteText(float64(measured.HostBytes)) + "."
	}
	for _, p := range l.Memory {
		if p.Bytes == 0 && p.Dense == 0 {
			continue
		}
		b.groups = append(b.groups, p.Name)
		b.series[0].values = append(b.series[0].values, float64(p.Bytes))
		b.series[1].values = append(b.series[1].values, float64(p.Dense))
	}
	b.w, b.h = chartWidth, b.height()
	return b
}

// TimePart is a part of the measured time.
type TimePart struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Share   float64 `json:"share"`
}

// timeParts says where the time went; none where the run has not recorded it. What
// a topology update takes is what its step took above the mean of the others.
func (r *Run) timeParts() []TimePart {
	c := r.Cost
	if r.costs == 0 || !(c.Seconds > 0) {
		return nil
	}
	updates := 0.
	for _, t := range r.Topology {
		if t.Step <= c.Step {
			updates++
		}
	}
	steps, extra := c.StepSeconds, 0.
	if plain := float64(c.Step-r.origin().Step) - updates; plain > 0 && updates > 0 {
		extra = max(0, c.UpdateSeconds-updates*c.StepSeconds/plain)
	}
	steps += c.UpdateSeconds - extra
	parts := []TimePart{
		{Name: "training steps", Seconds: steps}, {Name: "topology updates", Seconds: extra}, {Name: "waiting for batches", Seconds: c.DataSeconds},
		{Name: "evaluation", Seconds: c.EvalSeconds}, {Name: "checkpoints", Seconds: c.SaveSeconds},
		{Name: "everything else", Seconds: max(0, c.Seconds-c.StepSeconds-c.UpdateSeconds-c.DataSeconds-c.EvalSeconds-c.SaveSeconds)},
	}
	for i := range parts {
		parts[i].Share = parts[i].Seconds / c.Seconds
	}
	return parts
}

func (r *Run) timeBars() *barChart {
	parts := r.timeParts()
	if parts == nil {
		return nil
	}
	b := &barChart{
		about:  about{name: "time", title: "Measured time, by part", caption: fmt.Sprintf("%s in all. Topology updates: what their steps took above the mean of the others.", duration(r.Cost.Seconds))},
		unit:   "share of the time",
		format: percent,
		series: []barSeries{{label: "share", color: 2}},
	}
	if rate := r.executedRate(); rate > 0 {
		b.caption += fmt.Sprintf(" The training steps executed %s.", withUnit(rate, "FLOP/s"))
	}
	for _, p := range parts {
		b.groups = append(b.groups, p.Name)
		b.series[0].values = append(b.series[0].values, math.Round(p.Share*1e4)/1e4)
	}
	b.w, b.h = chartWidth, max(b.height(), 220)
	return b
}

// executedRate is the executed FLOPs per second of training steps, 0 where it is
// not known.
func (r *Run) executedRate() float64 {
	parts := r.timeParts()
	if parts == nil || r.Estimate == nil || !(parts[0].Seconds > 0) {
		return 0
	}
	// A resumed run has steps in its folder that this account does not have.
	return r.Estimate.ExecutedFLOPs * r.sequencesPerStep() * float64(r.Cost.Step-r.origin().Step) / parts[0].Seconds
}
