package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name:  "inspect",
		Usage: "show what is in a checkpoint: tensors, sparsity, a picture of a topology",
		Flags: []cli.Flag{
			checkpointFlag(),
			&cli.StringFlag{Name: "tensor", Usage: "draw this tensor's topology (default: the first block-sparse one)"},
			&cli.StringFlag{Name: "png", Usage: "write the picture to `FILE` too, one pixel a block: active dark, once active grey"},
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
	drawn, err := drawnTensor(in, c.String("tensor"))
	if err != nil {
		return err
	}
	if path := c.String("png"); path != "" {
		if drawn == nil {
			return usage.Errorf("png: found a dense model, expected a block-sparse one (nothing to draw)")
		}
		if err := writePNG(path, drawn.Topology); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, map[string]any{
			"checkpoint": in.Path, "step": in.Step, "model": in.Model, "config": in.Config, "tensors": in.Tensors,
		})
	}
	printInspection(c.App.Writer, in)
	if drawn != nil {
		fmt.Fprintf(c.App.Writer, "\n%s, %d x %d blocks of %d: █ active, ░ active once, · never\n", drawn.Name,
			drawn.Topology.BlockRows(), drawn.Topology.BlockCols(), drawn.Block)
		drawText(c.App.Writer, drawn.Topology)
	}
	return nil
}

// drawnTensor returns the tensor to draw, nil when the model is dense.
func drawnTensor(in *train.Inspection, name string) (*train.InspectedTensor, error) {
	for i, t := range in.Tensors {
		if t.Topology != nil && (name == "" || name == t.Name) {
			return &in.Tensors[i], nil
		}
	}
	if name != "" {
		return nil, usage.Errorf("tensor: found no block-sparse tensor %q, expected one that inspect lists", name)
	}
	return nil, nil
}

// printInspection writes the table of tensors.
func printInspection(w io.Writer, in *train.Inspection) {
	fmt.Fprintf(w, "%s: step %d, %s, method %s\n", in.Path, in.Step, in.Config.Model, in.Config.Method)
	if in.Summary.Eval.Step > 0 {
		fmt.Fprintf(w, "validation at step %d: MLM loss %.4f, NSP accuracy %.1f %%\n", in.Summary.Eval.Step, in.Summary.Eval.MLMLoss, 100*in.Summary.Eval.NSPAccuracy)
	}
	fmt.Fprintf(w, "\n%-60s %14s %10s %10s %6s %9s %9s %9s\n", "tensor", "shape", "mean", "std", "block", "sparsity", "explored", "mean age")
	for _, t := range in.Tensors {
		shape := strings.Trim(strings.ReplaceAll(fmt.Sprint(t.Shape), " ", "x"), "[]")
		fmt.Fprintf(w, "%-60s %14s %10.2e %10.2e", t.Name, shape, t.Mean, t.Std)
		if t.Topology != nil {
			fmt.Fprintf(w, " %6d %8.2f%% %8.1f%% %9.0f", t.Block, 100*t.Sparsity, 100*t.ExploredDOF, t.MeanAge)
		}
		fmt.Fprintln(w)
	}
}

// blockState says what has become of a position.
type blockState uint8

const (
	neverActive blockState = iota
	onceActive
	activeNow
)

// blockStates returns the state of every position.
func blockStates(t *sparse.Topology) []blockState {
	states := make([]blockState, t.Positions())
	for p := range states {
		if t.Explored[p/64]>>(p%64)&1 == 1 {
			states[p] = onceActive
		}
	}
	for slot := range t.NNZ() {
		states[t.Position(slot)] = activeNow
	}
	return states
}

// Largest picture in text; a larger tensor is shown by its densest state per cell.
const (
	textCols = 128
	textRows = 64
)

// drawText draws a topology with one character a block, or a square of blocks.
func drawText(w io.Writer, t *sparse.Topology) {
	states := blockStates(t)
	step := max(1, (t.BlockCols()+textCols-1)/textCols, (t.BlockRows()+textRows-1)/textRows)
	for r := 0; r < t.BlockRows(); r += step {
		var line strings.Builder
		for c := 0; c < t.BlockCols(); c += step {
			cell := neverActive
			for y := r; y < min(r+step, t.BlockRows()); y++ {
				for x := c; x < min(c+step, t.BlockCols()); x++ {
					cell = max(cell, states[y*t.BlockCols()+x])
				}
			}
			line.WriteRune([]rune("·░█")[cell])
		}
		fmt.Fprintln(w, line.String())
	}
}

// writePNG writes the picture with one pixel a block.
func writePNG(path string, t *sparse.Topology) (err error) {
	img := image.NewGray(image.Rect(0, 0, t.BlockCols(), t.BlockRows()))
	shades := []color.Gray{{Y: 255}, {Y: 176}, {Y: 16}}
	for p, s := range blockStates(t) {
		img.SetGray(p%t.BlockCols(), p/t.BlockCols(), shades[s])
	}
	f, err := os.Create(path)
	if err != nil {
		return usage.Errorf("png: found %v, expected a file that can be written", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := png.Encode(f, img); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}
