package main

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/oracle"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// tolerances says how far the loss and a gradient may be from the oracle's in
// float64, by precision: the loss relatively, a gradient by the norm of the
// difference over its norm. In bf16 a gradient of the two layers is some thirty
// roundings of 2^-9 away from the loss, which add up to 0.06 at the most in
// practice; a wrong one is off by the order of 1.
var tolerances = map[string]struct{ loss, gradient float64 }{
	"fp32": {1e-5, 1e-5},
	"bf16": {8.0 / 512, 64.0 / 512},
}

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:  "verify",
		Usage: "compare this device with automatic differentiation: loss, every gradient, topology",
		Description: "Builds a small BERT on the device, dense and with every block size, and compares losses and\n" +
			"all gradients with Gorgonia's automatic differentiation in float64; then topology updates with\n" +
			"the definition in package sparse, bit for bit. Exit code 1 when anything differs.",
		Flags: []cli.Flag{
			settingFlag("device"),
			settingFlag("precision"),
			settingFlag("threads"),
			&cli.IntSliceFlag{Name: "block-size", Aliases: []string{"B"}, Usage: "block sizes to check; 0 is dense; repeatable (default: 0 and all of 1, 4, 8, 16, 32, 64)"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed of weights and batch"},
			&cli.BoolFlag{Name: "verbose", Usage: "a line for each tensor"},
		},
		Action: verifyAction,
	}
}

func verifyAction(c *cli.Context) error {
	if err := commandline.RequireRange(c, 0, settings.MaxThreads, "threads"); err != nil {
		return err
	}
	if err := useHelper(c, c.String("device")); err != nil {
		return err
	}
	open := func() (backend.Backend, error) {
		return devices.Open(c.String("device"), c.String("precision"), c.Int("threads"))
	}
	blocks := c.IntSlice("block-size")
	if len(blocks) == 0 {
		blocks = []int{0, 1, 4, 8, 16, 32, 64} // 0: dense
	}
	for _, block := range blocks {
		if err := verifiedCase(block, c.Uint64("seed")).Config.Validate(); err != nil {
			return err
		}
	}
	w := c.App.Writer
	bad := 0
	for _, block := range blocks {
		if c.Context.Err() != nil {
			return context.Cause(c.Context)
		}
		failures, err := verifyGradients(w, open, c.String("precision"), block, c.Uint64("seed"), c.Bool("verbose"))
		if err != nil {
			return err
		}
		bad += failures
	}
	failures, err := verifyTopology(w, open, c.Uint64("seed"))
	if err != nil {
		return err
	}
	if bad += failures; bad > 0 {
		return fmt.Errorf("verify: found %d differences, expected none", bad)
	}
	fmt.Fprintln(w, "verified: everything agrees")
	return nil
}

// verifiedCase is the small model with blocks of one size, 0 meaning dense.
func verifiedCase(block int, seed uint64) oracle.Case {
	if block == 0 {
		return oracle.SmallCase(model.Dense, 0, seed)
	}
	return oracle.SmallCase(model.Dynamic, block, seed)
}

// verifyGradients compares one small model, block 0 meaning dense, and returns
// the number of quantities out of tolerance.
func verifyGradients(w io.Writer, open func() (backend.Backend, error), precision string, block int, seed uint64, verbose bool) (int, error) {
	allowed := tolerances[precision]
	name := fmt.Sprintf("B = %d", block)
	if block == 0 {
		name = "dense"
	}
	small := verifiedCase(block, seed)
	b, err := open()
	if err != nil {
		return 0, err
	}
	defer b.Close()
	m, err := model.New(b, small.Config, model.Options{MicroBatch: small.Batch.Size, SeqLen: small.SeqLen, MaxMasked: small.MaxMasked, Seed: seed})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if err := oracle.Randomize(m, seed); err != nil {
		return 0, err
	}
	in, err := oracle.InputOf(m, small.Batch)
	if err != nil {
		return 0, err
	}
	want, err := oracle.Run(in)
	if err != nil {
		return 0, fmt.Errorf("%s: oracle: %w", name, err)
	}
	got, err := m.Gradients([]model.Batch{small.Batch}, false)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	grads, err := oracle.Gradients(m)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	diffs, err := oracle.Compare(small.Config, want.Grads, grads)
	if err != nil {
		return 0, err
	}
	lossError := (got.Loss() - want.Loss) / want.Loss
	bad, worst := 0, oracle.Difference{}
	if !(max(lossError, -lossError) <= allowed.loss) {
		bad++
	}
	for _, d := range diffs {
		ok := d.RelativeError <= allowed.gradient // false for NaN
		if !ok {
			bad++
		}
		if !ok || verbose {
			fmt.Fprintf(w, "  %-62s error %.2e, norm %.3e, %s\n", d.Name, d.RelativeError, d.Norm, verdict(ok))
		}
		if !(d.RelativeError <= worst.RelativeError) {
			worst = d
		}
	}
	fmt.Fprintf(w, "%-7s loss %.6f, error %.1e; %d gradients, worst error %.1e (%s): %s\n",
		name, want.Loss, lossError, len(diffs), worst.RelativeError, worst.Name, verdict(bad == 0))
	return bad, nil
}

func verdict(ok bool) string {
	if ok {
		return "agrees"
	}
	return "DIFFERS"
}

// verifyTopology runs a few updates of every kind on the device and by package
// sparse and returns the number of kinds that differ.
func verifyTopology(w io.Writer, open func() (backend.Backend, error), seed uint64) (int, error) {
	b, err := open()
	if err != nil {
		return 0, err
	}
	defer b.Close()
	bad, kinds := 0, 0
	for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient, sparse.GrowFanIn} {
		for _, norm := range []sparse.Norm{sparse.L1, sparse.L2, sparse.LInf} {
			for _, block := range []int{1, 4, 8, 16, 32, 64} {
				kinds++
				same, err := sameUpdates(b, growth, norm, block, seed)
				if err != nil {
					return 0, fmt.Errorf("topology, growth %s, norm %s, B = %d: %w", growth, norm, block, err)
				}
				if !same {
					bad++
					fmt.Fprintf(w, "  growth %s, norm %s, B = %d: DIFFERS\n", growth, norm, block)
				}
			}
		}
	}
	fmt.Fprintf(w, "topology: %d kinds of update, three each, compared bit for bit: %s\n", kinds, verdict(bad == 0))
	return bad, nil
}

// The tensor that updates are compared on: a third of its blocks active.
const (
	verifyBlockRows = 6
	verifyBlockCols = 9
	verifyActive    = 18
)

// sameUpdates does three updates of one kind on the device and by the
// definition, and compares topologies and values.
func sameUpdates(b backend.Backend, growth sparse.Growth, norm sparse.Norm, block int, seed uint64) (bool, error) {
	shape := sparse.Shape{Out: verifyBlockRows * block, In: verifyBlockCols * block, Block: block}
	host, err := sparse.StartTopology(shape, verifyActive, seed, 0)
	if growth == sparse.GrowFanIn {
		host, err = sparse.FanInTopology(shape, verifyActive, seed, 0)
	}
	if err != nil {
		return false, err
	}
	p := b.NewParam(backend.ParamSpec{Name: "verify", Out: shape.Out, In: shape.In, Topology: host})
	values := make([]float32, verifyActive*shape.BlockSize())
	for i := range values {
		// Few distinct sizes, so that ties are decided too.
		values[i] = float32((i*7)%5) - 2
	}
	for number := 1; number <= 3; number++ {
		u := sparse.Update{Seed: seed, Number: number, Step: int64(10 * number), PruneRatio: 0.5, Norm: norm, Growth: growth}
		var scores []float32
		if growth == sparse.GrowGradient {
			scores = make([]float32, shape.Positions())
			for i := range scores {
				scores[i] = float32((i * 11) % 7)
			}
			b.WriteFloats(b.GrowScores(p), 0, scores)
		}
		b.WriteFloats(p.Values(), 0, values)
		b.Refresh([]backend.Param{p})
		b.UpdateTopology([]backend.Param{p}, u)
		got, err := b.Topology(p)
		if err != nil {
			return false, err
		}
		change, err := host.Update(values, scores, u, 0)
		if err != nil {
			return false, err
		}
		for _, slot := range change.Slots {
			clear(values[int(slot)*shape.BlockSize() : (int(slot)+1)*shape.BlockSize()])
		}
		device := make([]float32, len(values))
		if err := b.ReadFloats(device, p.Values(), 0); err != nil {
			return false, err
		}
		for i := range device {
			if !(device[i] == values[i]) {
				return false, nil
			}
		}
		if !host.Equal(got) {
			return false, nil
		}
	}
	return true, nil
}
