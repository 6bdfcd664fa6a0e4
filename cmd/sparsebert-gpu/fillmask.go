package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/await"
	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/evaluate"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// maxTop bounds the tokens for a [MASK]: a vocabulary has no more.
const maxTop = 1 << 24

func fillMaskCommand() *cli.Command {
	return &cli.Command{
		Name:      "fill-mask",
		Usage:     "print the likeliest tokens for each [MASK] of a text",
		ArgsUsage: "[TEXT ...]",
		Description: "Takes a checkpoint, or a folder that `export` or transformers wrote. Without TEXT it reads standard input,\n" +
			"a text a line, and answers each at once.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "checkpoint", Usage: "step-N folder, run folder or Hugging Face folder"},
			&cli.IntFlag{Name: "top", Aliases: []string{"k"}, Value: 5, Usage: "tokens for each [MASK]"},
			settingFlag("device"),
			&cli.StringFlag{Name: "precision", Usage: "fp32|bf16 (default: fp32)"},
			settingFlag("threads"),
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object a line"},
		},
		Action: fillMaskAction,
	}
}

func fillMaskAction(c *cli.Context) error {
	if err := commandline.Require(c, "checkpoint"); err != nil {
		return err
	}
	if err := commandline.RequireRange(c, 1, maxTop, "top"); err != nil {
		return err
	}
	if err := commandline.RequireRange(c, 0, settings.MaxThreads, "threads"); err != nil {
		return err
	}
	if err := useHelper(c, c.String("device")); err != nil {
		return err
	}
	log := progress.NewLog(c.App.ErrWriter, false, false)
	next := oneByOne(c.Args().Slice())
	line := 0
	if !c.Args().Present() {
		next = untilStopped(c.Context, lines(c.App.Reader, &line))
	}
	err := evaluate.Fill(c.App.Writer, evaluate.Filling{
		Checkpoint: c.String("checkpoint"), Top: c.Int("top"), JSON: c.Bool("json"),
		Device: c.String("device"), Precision: c.String("precision"), Threads: c.Int("threads"), Open: devices.Open,
		Warn: func(text string) { log.Warn().Msg(text) },
	}, next)
	if err != nil && c.Context.Err() == nil && line > 0 {
		err = fmt.Errorf("standard input:%d: %w", line, err)
	}
	return err
}

// untilStopped is next until ctx ends, also while it waits for somebody to type.
func untilStopped(ctx context.Context, next func() (string, bool, error)) func() (string, bool, error) {
	type line struct {
		text string
		ok   bool
	}
	return func() (string, bool, error) {
		l, err := await.Call(ctx, func() (line, error) {
			text, ok, err := next()
			return line{text, ok}, err
		})
		return l.text, l.ok, err
	}
}

// oneByOne returns one text after the other.
func oneByOne(all []string) func() (string, bool, error) {
	return func() (string, bool, error) {
		if len(all) == 0 {
			return "", false, nil
		}
		text := all[0]
		all = all[1:]
		return text, true, nil
	}
}

// maxTextLine bounds a line of standard input: no model has as many positions.
const maxTextLine = 1 << 22

// lines returns the lines of r that are not blank, and counts all of them.
func lines(r io.Reader, line *int) func() (string, bool, error) {
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, maxTextLine)
	return func() (string, bool, error) {
		for scan.Scan() {
			*line++
			if text := strings.TrimSpace(scan.Text()); text != "" {
				return text, true, nil
			}
		}
		if errors.Is(scan.Err(), bufio.ErrTooLong) {
			*line++
			return "", false, usage.Errorf("found a line of more than %d bytes, expected a text", maxTextLine)
		}
		return "", false, scan.Err()
	}
}
