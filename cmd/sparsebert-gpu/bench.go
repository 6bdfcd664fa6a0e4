package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/bench"
	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func benchCommand() *cli.Command {
	list := func(name, usage string, aliases ...string) *cli.StringSliceFlag {
		return &cli.StringSliceFlag{Name: name, Aliases: aliases, Usage: usage}
	}
	// The environment's settings of the device hold here as they do for train.
	precision := list("precision", "fp32|bf16 (default: cpu fp32, cuda and sim bf16)")
	threads := list("threads", "CPU threads, 0: one a core (default: 0)", "t")
	precision.EnvVars, threads.EnvVars = []string{train.EnvironmentPrefix + "PRECISION"}, []string{train.EnvironmentPrefix + "THREADS"}
	return &cli.Command{
		Name:  "bench",
		Usage: "time the three products, block-sparse beside dense, or a whole training step",
		Description: "Flags take lists (--block 16,32); every combination is a case. Operands rotate\n" +
			"beyond the last cache, sparse and dense take turns, the median over the repeats counts. On the\n" +
			"device sim the simulator's counters are printed instead, which are no times. --crossover says\n" +
			"from which sparsity on sparse is faster, --step is about a whole step. How to read it all:\n" +
			"docs/benchmarks.md.",
		Flags: append([]cli.Flag{
			settingFlag("device"),
			list("op", "dsd (forward), dds (input gradient), sdd (weight gradient) (default: all three)"),
			list("block", "1|4|8|16|32|64 (default: 16)", "block-size", "B"),
			list("sparsity", "fraction of inactive blocks (default: 0.9; with --crossover 0.5 to 0.95)", "s"),
			list("tokens", "tokens in the batch (default: 4096; cuda 65536, sim 256)", "T"),
			list("shape", "INxOUT of the weight, or a model whose three shapes are meant (default: 768x3072)"),
			precision,
			threads,
			&cli.IntFlag{Name: "repeats", Value: 11, Usage: "samples of each product, or steps"},
			&cli.BoolFlag{Name: "dense", Value: true, Usage: "time the dense product too"},
			&cli.BoolFlag{Name: "crossover", Usage: "from which sparsity on sparse is faster than dense here"},
			jsonFlag(),
		}, benchStepFlags(list)...),
		Action: benchAction,
	}
}

// The defaults of each device. The simulator runs some ten thousand times slower.
var (
	benchTokens    = map[string]string{"cpu": "4096", "cuda": "65536", "sim": "256"}
	benchPrecision = map[string]string{"cpu": "fp32", "cuda": "bf16", "sim": "bf16"}
)

// gpuCache is beyond the last-level cache of today's GPUs (an H200 has 50 MiB).
const gpuCache = 128 << 20

func benchAction(c *cli.Context) error {
	if err := commandline.RequireRange(c, 1, 100000, "repeats"); err != nil {
		return err
	}
	// First of all, since the helper's defaults are others.
	if err := useHelper(c, c.String("device")); err != nil {
		return err
	}
	if err := together(c); err != nil {
		return err
	}
	cases, setups, err := benchGrid(c)
	if err != nil {
		return err
	}
	run := func() error { return benchAll(c, setups, cases) }
	if c.Bool("step") {
		steps, err := stepGrid(c, setups[0].Device)
		if err != nil {
			return err
		}
		run = func() error { return benchSteps(c, setups, steps) }
	}
	// In a goroutine, so that a signal need not wait for a long product; a short
	// one may end, and close its device.
	finished := make(chan error, 1)
	go func() { finished <- run() }()
	select {
	case err := <-finished:
		return err
	case <-c.Context.Done():
	}
	select {
	case <-finished:
	case <-time.After(time.Second):
	}
	return context.Cause(c.Context)
}

// benchGrid reads the flags and returns all that is to be done, checked.
func benchGrid(c *cli.Context) ([]bench.Case, []device.Settings, error) {
	name := device.Resolve(c.String("device"))
	if benchTokens[name] == "" {
		return nil, nil, device.Unknown(name)
	}
	sparsities := "0.9"
	if c.Bool("crossover") {
		if name == "sim" || !c.Bool("dense") {
			return nil, nil, usage.Errorf("bench: --crossover: found it with %s, expected a device that can be timed and the dense product beside", map[bool]string{true: "the device sim", false: "--dense=false"}[name == "sim"])
		}
		sparsities = "0.5,0.6,0.7,0.8,0.9,0.95"
	}
	cases := []bench.Case{{}}
	for _, axis := range []struct {
		flag, standard string
		set            func(c *bench.Case, word string) (expected string)
	}{
		{"shape", "768x3072", func(c *bench.Case, word string) string { return readShape(c, word) }},
		{"tokens", benchTokens[name], func(c *bench.Case, word string) string { return readInt(&c.Tokens, word) }},
		{"sparsity", sparsities, func(c *bench.Case, word string) string { return readFloat(&c.Sparsity, word) }},
		{"block", "16", func(c *bench.Case, word string) string { return readInt(&c.Block, word) }},
		{"op", strings.Join(bench.Ops, ","), func(c *bench.Case, word string) string { c.Op = word; return "" }},
	} {
		var next []bench.Case
		words := listOf(c, axis.flag, axis.standard)
		if axis.flag == "shape" {
			words = shapesOf(words)
		}
		for _, base := range cases {
			for _, word := range words {
				one := base
				if expected := axis.set(&one, word); expected != "" {
					return nil, nil, usage.Errorf("bench: --%s: found %q, expected %s", axis.flag, word, expected)
				}
				next = append(next, one)
			}
		}
		cases = next
	}
	if c.Bool("step") { // which has cases of its own
		cases = nil
	}
	for _, one := range cases {
		if err := one.Check(); err != nil {
			return nil, nil, usage.Errorf("bench: --%v", err)
		}
	}
	var setups []device.Settings
	for _, precision := range listOf(c, "precision", benchPrecision[name]) {
		if precision != "fp32" && (precision != "bf16" || name == "cpu") {
			return nil, nil, usage.Errorf("bench: --precision: found %q, expected fp32, or on cuda and sim bf16", precision)
		}
		for _, word := range listOf(c, "threads", "0") {
			s := device.Settings{Device: name, Precision: precision}
			if expected := readInt(&s.Threads, word); expected != "" || s.Threads < 0 || s.Threads > train.MaxThreads {
				return nil, nil, usage.Errorf("bench: --threads: found %q, expected 0 to %d", word, train.MaxThreads)
			}
			setups = append(setups, s)
		}
	}
	return cases, setups, nil
}

// listOf splits the values of a flag at commas.
func listOf(c *cli.Context, flag, standard string) []string {
	values := c.StringSlice(flag)
	if !c.IsSet(flag) {
		values = []string{standard}
	}
	var words []string
	for _, v := range values {
		for word := range strings.SplitSeq(v, ",") {
			words = append(words, strings.TrimSpace(word))
		}
	}
	return words
}

// shapesOf puts the shapes of its three kinds of weights in the place of a model's name.
func shapesOf(words []string) []string {
	var shapes []string
	for _, word := range words {
		if p, err := model.Preset(word); err == nil {
			h, f := p.Hidden, p.FFN
			shapes = append(shapes, fmt.Sprintf("%dx%d", h, h), fmt.Sprintf("%dx%d", h, f), fmt.Sprintf("%dx%d", f, h))
		} else {
			shapes = append(shapes, word)
		}
	}
	return shapes
}

func readInt(at *int, word string) (expected string) {
	n, err := strconv.Atoi(word)
	if err != nil {
		return "a whole number"
	}
	*at = n
	return ""
}

func readFloat(at *float64, word string) (expected string) {
	x, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return "a number"
	}
	*at = x
	return ""
}

func readShape(c *bench.Case, word string) (expected string) {
	in, out, _ := strings.Cut(word, "x")
	if readInt(&c.In, in) != "" || readInt(&c.Out, out) != "" {
		return "INxOUT, as 768x3072, or a model's name, as base"
	}
	return ""
}

// benchAll measures or counts every case of every setup.
func benchAll(c *cli.Context, setups []device.Settings, cases []bench.Case) error {
	w, asJSON := c.App.Writer, c.Bool("json")
	if setups[0].Device == "sim" {
		return benchSim(c.Context, w, asJSON, setups, cases)
	}
	o := bench.Options{Repeats: c.Int("repeats"), CacheBytes: gpuCache, NoDense: !c.Bool("dense")}
	if setups[0].Device == "cpu" {
		o.CacheBytes = lastLevelCache("/sys/devices/system/cpu/cpu0/cache")
		if err := enoughMemory(cases, o, "/proc/meminfo"); err != nil {
			return err
		}
	}
	all, table, crossover := []bench.Result{}, timeTable{w: w}, c.Bool("crossover")
	for _, s := range setups {
		o.CopyRate = 0
		for _, one := range cases {
			r, err := benchCase(c.Context, s, one, o)
			if err != nil {
				return err
			}
			if r.CopyGB != nil { // once is enough, and takes a second where the cache is large
				o.CopyRate = *r.CopyGB * 1e9
			}
			if all = append(all, r); !asJSON && !crossover {
				table.row(r)
			}
		}
	}
	if crossover {
		return printCrossovers(w, asJSON, bench.Crossovers(all), o.Repeats)
	}
	if asJSON {
		return printJSON(w, all)
	}
	table.end(all)
	return nil
}

// benchCase measures one case on a device of its own: what it allocates is free
// again for the next.
func benchCase(ctx context.Context, s device.Settings, one bench.Case, o bench.Options) (bench.Result, error) {
	runtime.GC() // of the case before: not while this one is timed
	var d interface {
		bench.Device
		io.Closer
	}
	var err error
	if s.Device == "cpu" {
		d, err = devices.CPU(s)
	} else {
		d, _, err = devices.GPU(s)
	}
	if err != nil {
		return bench.Result{}, err
	}
	r, err := bench.Run(ctx, d, one, o)
	if e := d.Close(); err == nil {
		err = e
	}
	return r, err
}

// benchSim counts what every case does on the simulator.
func benchSim(ctx context.Context, w io.Writer, asJSON bool, setups []device.Settings, cases []bench.Case) error {
	all, table := []bench.Counted{}, countTable{w: w}
	for _, s := range setups {
		for _, one := range cases {
			b, d, err := devices.GPU(s)
			if err != nil {
				return err
			}
			r, err := bench.Simulate(ctx, b, simCounter{d}, one)
			if e := b.Close(); err == nil {
				err = e
			}
			if err != nil {
				return err
			}
			if all = append(all, r); !asJSON {
				table.row(r)
			}
		}
	}
	if asJSON {
		return printJSON(w, all)
	}
	return nil
}

// simCounter reads the counters of the simulator's driver.
type simCounter struct{ gpu.Driver }

func (c simCounter) Reset() { c.Driver.(*simdriver.Driver).ResetCounters() }

func (c simCounter) Counts() []bench.Count {
	const sector = 32 // bytes
	var counts []bench.Count
	for name, k := range c.Driver.(*simdriver.Driver).Counters() {
		warp, _ := k.Instructions()
		counts = append(counts, bench.Count{
			Name: name, Launches: k.Launches, WarpInstructions: warp, MatrixInstructions: k.Warp[ptxsim.Matrix],
			LoadBytes: sector * k.GlobalLoadSectors, StoreBytes: sector * k.GlobalStoreSectors, Atomics: k.GlobalAtomics, BankConflicts: k.SharedConflicts,
		})
	}
	return counts
}

// lastLevelCache returns the size in bytes of the largest cache that Linux
// describes in dir, 64 MiB where it describes none.
func lastLevelCache(dir string) int64 {
	most := int64(0)
	for i := range 10 {
		text, err := os.ReadFile(fmt.Sprintf("%s/index%d/size", dir, i))
		if err != nil {
			break
		}
		var n int64
		var unit string
		if _, err := fmt.Sscanf(string(text), "%d%s", &n, &unit); err == nil {
			most = max(most, n<<map[string]int{"K": 10, "M": 20, "G": 30}[unit])
		}
	}
	if most == 0 {
		most = 64 << 20
	}
	return most
}

// enoughMemory refuses cases that the machine cannot hold, where Linux says how
// much it can: the kernel would end the process without a word.
func enoughMemory(cases []bench.Case, o bench.Options, meminfo string) error {
	free := freeMemory(meminfo)
	for _, c := range cases {
		if need := bench.Need(c, 4, o.CacheBytes, !o.NoDense); need > free {
			return usage.Errorf("bench: %d tokens of %dx%d: found %s of memory, expected %s; give fewer tokens or --dense=false", c.Tokens, c.In, c.Out, mebibytes(free), mebibytes(need))
		}
	}
	return nil
}

// freeMemory is what Linux says is free, as much as can be where it says nothing.
func freeMemory(meminfo string) int64 {
	text, err := os.ReadFile(meminfo)
	if err != nil {
		return math.MaxInt64
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return math.MaxInt64
}
