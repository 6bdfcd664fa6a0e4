package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/bench"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/traffic"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// productFlags belong to single products, stepFlags to bench --step.
var (
	productFlags = []string{"op", "tokens", "shape", "dense", "crossover"}
	stepFlags    = []string{"model", "batch-size", "seq-len", "vocab-size", "bandwidth", "peak"}
)

// benchStepFlags are the flags of bench --step, in the style of the others: lists.
func benchStepFlags(list func(name, usage string, aliases ...string) *cli.StringSliceFlag) []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "step", Usage: "a whole training step instead of single products; on sim the bytes that it moves on an H200, by formula"},
		list("model", "with --step: tiny|mini|small|medium|base|large (default: base; cpu tiny)", "m"),
		list("batch-size", "with --step: sequences in a step (default: 256; cpu 16)", "b"),
		list("seq-len", "with --step: tokens of a sequence (default: 128)", "S"),
		&cli.IntFlag{Name: "vocab-size", Aliases: []string{"V"}, Value: bertVocab, Usage: "with --step: size of the vocabulary"},
		&cli.Float64Flag{Name: "bandwidth", Value: 4800, Usage: "with --step on sim: GB/s of global memory that floor times assume"},
		&cli.Float64Flag{Name: "peak", Value: 989, Usage: "with --step on sim: bf16 TFLOP/s of the matrix units that they assume"},
	}
}

// together refuses flags that mean nothing beside the others.
func together(c *cli.Context) error {
	mode, wrong := "without --step", stepFlags
	if c.Bool("step") {
		mode, wrong = "with --step", productFlags
	}
	for _, name := range wrong {
		if c.IsSet(name) {
			return usage.Errorf("bench: --%s: found it %s, where it means nothing", name, mode)
		}
	}
	for _, name := range []string{"bandwidth", "peak"} {
		if x := c.Float64(name); !(x > 0 && x < 1e9) {
			return usage.Errorf("bench: --%s: found %v, expected above 0", name, x)
		}
	}
	return nil
}

// stepGrid reads the flags and returns all steps to measure, checked.
func stepGrid(c *cli.Context, device string) ([]bench.Step, error) {
	standard := map[string]string{"model": "base", "batch-size": "256", "seq-len": "128", "sparsity": "0.9", "block": "16"}
	if device == "cpu" {
		standard["model"], standard["batch-size"] = "tiny", "16"
	}
	base := train.DefaultConfig()
	base.VocabSize = c.Int("vocab-size")
	grid := []train.Config{base}
	for _, axis := range []struct {
		flag string
		set  func(c *train.Config, word string) (expected string)
	}{
		{"model", func(c *train.Config, word string) string { c.Model = word; return "" }},
		{"seq-len", func(c *train.Config, word string) string { return readInt(&c.SeqLen, word) }},
		{"batch-size", func(c *train.Config, word string) string { return readInt(&c.BatchSize, word) }},
		{"sparsity", func(c *train.Config, word string) string { return readFloat(&c.Sparsity, word) }},
		{"block", func(c *train.Config, word string) string { return readInt(&c.BlockSize, word) }},
	} {
		var next []train.Config
		for _, one := range grid {
			for _, word := range listOf(c, axis.flag, standard[axis.flag]) {
				if expected := axis.set(&one, word); expected != "" {
					return nil, usage.Errorf("bench: --%s: found %q, expected %s", axis.flag, word, expected)
				}
				next = append(next, one)
			}
		}
		grid = next
	}
	var steps []bench.Step
	for _, one := range grid {
		if one.Sparsity == 0 {
			one.Method = "dense"
		}
		s, err := stepOf(one)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func stepOf(c train.Config) (bench.Step, error) {
	m, o, err := train.Shape(c)
	if err != nil {
		return bench.Step{}, usage.Mark(fmt.Errorf("bench: %w", err))
	}
	return bench.Step{Config: m, Options: o}, nil
}

// benchSteps measures every step of every setup, or counts it for the device sim.
func benchSteps(c *cli.Context, setups []device.Settings, steps []bench.Step) error {
	var all []any
	for _, s := range setups {
		for _, one := range steps {
			var done any
			var err error
			if s.Device == "sim" {
				done, err = countStep(c, s, one)
			} else {
				done, err = measureStep(c, s, one)
			}
			if err != nil {
				return err
			}
			all = append(all, done)
		}
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, all)
	}
	return nil
}

// stepCase is what a step is, for records.
type stepCase struct {
	Model     string  `json:"model"` // layers x hidden
	Sparsity  float64 `json:"sparsity"`
	Block     int     `json:"block"` // 0: dense
	Sequences int     `json:"sequences"`
	SeqLen    int     `json:"seq_len"`
	Tokens    int     `json:"tokens"`
	Masked    int     `json:"masked"`
	Device    string  `json:"device"`
	Precision string  `json:"precision"`
}

func caseOf(s device.Settings, step bench.Step) stepCase {
	c, o := step.Config, step.Options
	r := stepCase{
		Model: fmt.Sprintf("%d layers of %d", c.Layers, c.Hidden), Sparsity: 1 - c.Density(), Block: c.BlockSize, Sequences: o.MicroBatch, SeqLen: o.SeqLen,
		Tokens: step.Tokens(), Masked: o.MicroBatch * o.MaxMasked, Device: s.Device, Precision: s.Precision,
	}
	if r.Sparsity == 0 {
		r.Block = 0
	} else {
		r.Sparsity = c.Sparsity
	}
	return r
}

func (s stepCase) String() string {
	kind := "dense"
	if s.Block > 0 {
		kind = fmt.Sprintf("s = %.4g, B = %d", s.Sparsity, s.Block)
	}
	return fmt.Sprintf("%s, %s, %d sequences of %d tokens, %d masked, %s", s.Model, kind, s.Sequences, s.SeqLen, s.Masked, s.Precision)
}

// countedStep is the account of a step by formula.
type countedStep struct {
	stepCase
	BandwidthGB float64          `json:"assumed_gbytes_per_second"`
	PeakTFLOPs  float64          `json:"assumed_tflops"`
	Rows        []traffic.Row    `json:"operations"`
	Total       traffic.Row      `json:"total"`
	Dense       traffic.Row      `json:"dense_total"`
	Update      traffic.Row      `json:"topology_update"` // not in the total: once in many steps
	Fusions     []traffic.Fusion `json:"fusions"`
}

// countStep accounts for a step and the dense one of the same shape.
func countStep(c *cli.Context, s device.Settings, step bench.Step) (countedStep, error) {
	r := countedStep{stepCase: caseOf(s, step), BandwidthGB: c.Float64("bandwidth"), PeakTFLOPs: c.Float64("peak")}
	rates := traffic.Rates{Bandwidth: r.BandwidthGB * 1e9, Peak: r.PeakTFLOPs * 1e12}
	act := backend.BF16
	if s.Precision == "fp32" {
		act = backend.F32
	}
	count := func(step bench.Step) (calls, updates []traffic.Call, err error) {
		all, err := bench.CountStep(step, traffic.H200(act))
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
	if !c.Bool("json") {
		r.print(c.App.Writer)
	}
	return r, nil
}

// print writes the account as a table.
func (r countedStep) print(w io.Writer) {
	fmt.Fprintf(w, "BYTES BY FORMULA, NOTHING IS RUN OR TIMED: %v\n", r.stepCase)
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

// measuredStep is a step that was run.
type measuredStep struct {
	stepCase
	Hardware string `json:"hardware"`
	Threads  int    `json:"threads"` // 0: not of this device
	bench.StepResult
}

// measureStep runs a step on the device.
func measureStep(c *cli.Context, s device.Settings, step bench.Step) (measuredStep, error) {
	runtime.GC() // of the case before: not while this one is timed
	r := measuredStep{stepCase: caseOf(s, step), Threads: s.Threads}
	var machine *traffic.Machine
	open := func() (backend.Backend, error) {
		if s.Device == "cpu" {
			b, err := devices.CPU(s)
			if err != nil {
				return nil, err
			}
			r.Hardware, r.Threads = b.Describe(), b.Threads()
			return b, nil
		}
		b, d, err := devices.GPU(s)
		if err != nil {
			return nil, err
		}
		r.Hardware, machine = b.Describe(), &traffic.Machine{Properties: d.Properties(), Activation: b.Activation()}
		return b, nil
	}
	if s.Device == "cpu" {
		if err := enoughForModel(step); err != nil {
			return r, err
		}
	} else { // what the formulas are about must be known before
		b, err := open()
		if err != nil {
			return r, err
		}
		if err := b.Close(); err != nil {
			return r, err
		}
	}
	var err error
	if r.StepResult, err = bench.RunStep(c.Context, open, step, machine, c.Int("repeats")); err != nil {
		return r, err
	}
	if !c.Bool("json") {
		r.print(c.App.Writer)
	}
	return r, nil
}

// print writes what was measured.
func (r measuredStep) print(w io.Writer) {
	fmt.Fprintf(w, "%s: %v; median of %d steps\n", r.Hardware, r.stepCase, r.Repeats)
	fmt.Fprintf(w, "step %s (%s .. %s), %.0f tokens/s, %.1f useful GFLOP/s\n", span(r.SecondsMedian), span(r.SecondsMin), span(r.SecondsMax), r.TokensPerSecond, r.UsefulGFLOPs)
	if r.FloorFraction != nil {
		fmt.Fprintf(w, "%s MB to move, %.0f %% of the rate of a plain copy, %.1f GB/s\n", mb(r.BytesFloor), 100**r.FloorFraction, *r.CopyGB)
	}
	slices.SortStableFunc(r.Ops, func(a, b bench.OpTime) int { return cmp.Compare(b.Seconds, a.Seconds) })
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

// enoughForModel refuses a step that the machine cannot hold.
func enoughForModel(s bench.Step) error {
	l, err := model.EstimateCost(s.Config, s.Options, model.Storage{Param: backend.F32, Activation: backend.F32})
	if err != nil {
		return usage.Mark(fmt.Errorf("bench: %w", err))
	}
	if free := freeMemory("/proc/meminfo"); l.MemoryBytes > free {
		return usage.Errorf("bench: %d sequences: found %s of memory, expected %s; give a smaller --model or --batch-size", s.Options.MicroBatch, mebibytes(free), mebibytes(l.MemoryBytes))
	}
	return nil
}
