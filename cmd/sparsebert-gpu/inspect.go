package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/inspect"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name:  "inspect",
		Usage: "show what is in a checkpoint: tensors, sparsity, a picture of a topology",
		Flags: []cli.Flag{
			checkpointFlag(),
			&cli.StringFlag{Name: "tensor", Usage: "draw this tensor's topology (default: the first block-sparse one)"},
			&cli.StringFlag{Name: "png", Usage: "write the picture to `FILE` too, one pixel a block: active dark, once active gray"},
			jsonFlag(),
		},
		Action: inspectAction,
	}
}

func inspectAction(c *cli.Context) error {
	if err := commandline.Require(c, "checkpoint"); err != nil {
		return err
	}
	in, err := train.Inspect(c.String("checkpoint"))
	if err != nil {
		return err
	}
	progress.WarnSkipped(progress.NewLog(c.App.ErrWriter, false, false), in.Skipped)
	drawn, err := inspect.Find(in, c.String("tensor"))
	if err != nil {
		return err
	}
	if path := c.String("png"); path != "" {
		if drawn == nil {
			return usage.Errorf("png: found a dense model, expected a block-sparse one (nothing to draw)")
		}
		if err := inspect.WritePNG(path, drawn.Topology); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return commandline.WriteJSON(c.App.Writer, map[string]any{
			"checkpoint": in.Path, "step": in.Step, "model": in.Model, "config": in.Config, "tensors": in.Tensors,
		})
	}
	inspect.WriteTable(c.App.Writer, in)
	if drawn != nil {
		fmt.Fprintf(c.App.Writer, "\n%s, %d x %d blocks of %d: █ active, ░ active once, · never\n", drawn.Name,
			drawn.Topology.BlockRows(), drawn.Topology.BlockCols(), drawn.Block)
		inspect.Draw(c.App.Writer, drawn.Topology)
	}
	return nil
}
