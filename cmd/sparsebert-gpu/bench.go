package main

import (
	"io"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/bench"
	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:  "bench",
		Usage: "time the three products, block-sparse beside dense, or a whole training step",
		Description: "Flags take lists (--block 16,32); every combination is a case. Operands rotate\n" +
			"beyond the last cache, sparse and dense take turns, the median over the repeats counts. On the\n" +
			"device sim the simulator's counters are printed instead, which are no times. --crossover says\n" +
			"from which sparsity on sparse is faster, --step is about a whole step. How to read it all:\n" +
			"docs/benchmarks.md.",
		Flags:  benchFlags(),
		Action: benchAction,
	}
}

func benchFlags() []cli.Flag {
	list := func(name, usage string, aliases ...string) *cli.StringSliceFlag {
		return &cli.StringSliceFlag{Name: name, Aliases: aliases, Usage: usage}
	}
	// The environment's settings of the device hold here as they do for train.
	precision := list("precision", "fp32|bf16 (default: cpu fp32, cuda and sim bf16)")
	threads := list("threads", "CPU threads, 0: one a core (default: 0)", "t")
	precision.EnvVars, threads.EnvVars = []string{settings.EnvironmentPrefix + "PRECISION"}, []string{settings.EnvironmentPrefix + "THREADS"}
	return []cli.Flag{
		settingFlag("device"),
		list("op", "dsd (forward), dds (input gradient), sdd (weight gradient) (default: all three)"),
		list("block", "1|4|8|16|32|64 (default: 16)", "block-size", "B"),
		list("sparsity", "fraction of inactive blocks (default: 0.9; with --crossover 0.5 to 0.95)", "s"),
		list("tokens", "tokens in the batch (default: 4096; cuda 65536, sim 256)", "T"),
		list("shape", "INxOUT of the weight, or a model whose three shapes are meant (default: 768x3072)"),
		precision,
		threads,
		settingFlag("cpu_path"),
		settingFlag("ptx"),
		&cli.IntFlag{Name: "repeats", Value: 11, Usage: "samples of each product, or steps"},
		&cli.BoolFlag{Name: "dense", Value: true, Usage: "time the dense product too"},
		&cli.BoolFlag{Name: "crossover", Usage: "from which sparsity on sparse is faster than dense here"},
		jsonFlag(),
		&cli.BoolFlag{Name: "step", Usage: "a whole training step instead of single products; on sim the bytes that it moves on an H200, by formula"},
		list("model", "with --step: tiny|mini|small|medium|base|large or LAYERSxHIDDENxHEADS (default: base; cpu tiny)", "m"),
		list("batch-size", "with --step: sequences in a step (default: 256; cpu 16)", "b"),
		list("seq-len", "with --step: tokens of a sequence (default: 128)", "S"),
		&cli.IntFlag{Name: "vocab-size", Aliases: []string{"V"}, Value: bertVocab, Usage: "with --step: size of the vocabulary"},
		&cli.Float64Flag{Name: "bandwidth", Value: 4800, Usage: "with --step on sim: GB/s of global memory that floor times assume"},
		&cli.Float64Flag{Name: "peak", Value: 989, Usage: "with --step on sim: bf16 TFLOP/s of the matrix units that they assume"},
		&cli.StringFlag{Name: "model-gpu", Usage: "on sim: estimate times on a100|h100|h200 from the counts"},
		&cli.StringFlag{Name: "measured", Usage: "with --model-gpu: figures of hardware to compare with, from bench --json"},
	}
}

func benchAction(c *cli.Context) error {
	if err := commandline.RequireRange(c, 1, 100000, "repeats"); err != nil {
		return err
	}
	// First of all, since the helper's defaults are others.
	if err := useHelper(c, c.String("device")); err != nil {
		return err
	}
	devices, err := devices.OnPath(c.String("cpu-path"))
	if err != nil {
		return err
	}
	devices.PTX = c.Bool("ptx")
	plan, err := benchRequest(c).Plan()
	if err != nil {
		return err
	}
	var tables io.Writer = c.App.Writer
	if c.Bool("json") {
		tables = nil
	}
	results, err := plan.Run(c.Context, devices, tables)
	if err != nil || tables != nil {
		return err
	}
	return commandline.WriteJSON(c.App.Writer, results)
}

// benchRequest is what the flags ask for.
func benchRequest(c *cli.Context) bench.Request {
	r := bench.Request{
		Device: c.String("device"), Step: c.Bool("step"), Crossover: c.Bool("crossover"), NoDense: !c.Bool("dense"), Repeats: c.Int("repeats"),
		Lists: map[string][]string{}, VocabSize: c.Int("vocab-size"), Bandwidth: c.Float64("bandwidth"), Peak: c.Float64("peak"),
		ModelGPU: c.String("model-gpu"), Measured: c.String("measured"),
	}
	for _, name := range bench.ListFlags() {
		if c.IsSet(name) {
			r.Lists[name] = commandline.Texts(c, name)
		}
	}
	for _, name := range bench.OtherFlags() {
		if c.IsSet(name) {
			r.Given = append(r.Given, name)
		}
	}
	return r
}
