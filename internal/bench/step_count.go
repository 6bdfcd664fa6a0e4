package bench

import (
	"fmt"
	"io"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/traffic"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// CountedStep is the account of a step by formula: what it moves, and floors of its time.
type CountedStep struct {
	StepCase
	BandwidthGB float64          `json:"assumed_gbytes_per_second"`
	PeakTFLOPs  float64          `json:"assumed_tflops"`
	Rows        []traffic.Row    `json:"operations"`
	Total       traffic.Row      `json:"total"`
	Dense       traffic.Row      `json:"dense_total"`
	Update      traffic.Row      `json:"topology_update"` // not in the total: once in many steps
	Fusions     []traffic.Fusion `json:"fusions"`
}

// countStep accounts for a step and the dense one of the same shape.
func (p *Plan) countStep(s device.Settings, step Step) (CountedStep, error) {
	r := CountedStep{StepCase: stepCaseOf(s, step), BandwidthGB: p.request.Bandwidth, PeakTFLOPs: p.request.Peak}
	rates := traffic.Rates{Bandwidth: r.BandwidthGB * 1e9, Peak: r.PeakTFLOPs * 1e12}
	act := backend.BF16
	if s.Precision == "fp32" {
		act = backend.F32
	}
	count := func(step Step) (calls, updates []traffic.Call, err error) {
		all, err := CountStep(step, traffic.H200(act))
		calls, updates = traffic.Split(all)
		return calls, updates, err
	}
	calls, updates, err := count(step)
	if err != nil {
		return r, err
	}
	r.Rows, r.Fusions = rates.Rows(calls), traffic.Fusions(calls)
	r.Total, r.Update = traffic.Sum(r.Rows), traffic.Sum(rates.Rows(updates))
	r.Dense = r.Total
	if r.Block > 0 {
		dense := step
		dense.Config.Method = model.Dense
		calls, _, err := count(dense)
		if err != nil {
			return r, err
		}
		r.Dense = traffic.Sum(rates.Rows(calls))
	}
	return r, nil
}

// write writes the account as a table.
func (r CountedStep) write(w io.Writer) {
	fmt.Fprintf(w, "BYTES BY FORMULA, NOTHING IS RUN OR TIMED: %v\n", r.StepCase)
	fmt.Fprintf(w, "launch shapes of an H200; floors at %.4g GB/s and %.4g TFLOP/s\n", r.BandwidthGB, r.PeakTFLOPs)
	const format = "%-14s %-34s %5s %10s %10s %9s %10s %6s %10s %9s %10s\n"
	fmt.Fprintf(w, format, "operation", "tensor", "calls", "read", "written", "scratch", "memory", "share", "again", "GFLOP", "floor")
	line := func(x traffic.Row) {
		fmt.Fprintf(w, format, x.Op, x.Tensor, fmt.Sprint(x.Calls), mb(x.Read), mb(x.Write), mb(x.Scratch), mb(x.Memory()),
			fmt.Sprintf("%.1f %%", 100*float64(x.Memory())/float64(r.Total.Memory())), mb(x.Again), fmt.Sprintf("%.0f", float64(x.FLOPs)/1e9), span(x.Floor))
	}
	for _, x := range r.Rows {
		line(x)
	}
	line(r.Total)
	fmt.Fprintln(w, "MB; again: what L2 or L1 serves, no part of the floor.")
	tokens := float64(r.Tokens)
	fmt.Fprintf(w, "floor of a step: %s, %.3g tokens/s", span(r.Total.Floor), tokens/r.Total.Floor)
	if r.Block > 0 {
		fmt.Fprintf(w, "; dense %s, %.3g tokens/s: ratio %.2f; bytes %.2f of the dense", span(r.Dense.Floor), tokens/r.Dense.Floor, r.Dense.Floor/r.Total.Floor,
			float64(r.Total.Memory())/float64(r.Dense.Memory()))
	}
	fmt.Fprintln(w)
	if r.Update.Calls > 0 {
		fmt.Fprintf(w, "a topology update: %s MB, at least %s, once in many steps\n", mb(r.Update.Memory()), span(r.Update.Floor))
	}
	fmt.Fprintln(w, "what making operations one would save, each alone:")
	for _, f := range r.Fusions {
		fmt.Fprintf(w, "%10s MB %5.1f %%  %s\n", mb(f.Saved), 100*float64(f.Saved)/float64(r.Total.Memory()), f.Name)
	}
	fmt.Fprintln(w)
}

func mb(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/1e6) }
