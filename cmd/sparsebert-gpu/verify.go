package main

import (
	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/verify"
)

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
			settingFlag("cpu_path"),
			settingFlag("ptx"),
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
	devices, err := devices.OnPath(c.String("cpu-path"))
	if err != nil {
		return err
	}
	devices.PTX = c.Bool("ptx")
	return verify.Run(c.Context, c.App.Writer, verify.Options{
		Open: func() (backend.Backend, error) {
			return devices.Open(c.String("device"), c.String("precision"), c.Int("threads"))
		},
		Precision: c.String("precision"), Blocks: commandline.Ints(c, "block-size"), Seed: c.Uint64("seed"), Verbose: c.Bool("verbose"),
	})
}
