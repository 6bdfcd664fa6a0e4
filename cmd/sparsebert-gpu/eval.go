package main

import (
	"math"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/evaluate"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
)

func evalCommand() *cli.Command {
	return &cli.Command{
		Name:  "eval",
		Usage: "measure MLM and NSP loss and accuracy of a checkpoint on a corpus",
		Flags: []cli.Flag{
			checkpointFlag(),
			&cli.StringSliceFlag{Name: "corpus", Aliases: []string{"c"}, Usage: "text or shards; repeatable (default: the run's validation set)"},
			settingFlag("corpus_format"),
			settingFlag("text_field"),
			&cli.StringFlag{Name: "vocab", Usage: "vocab.txt; must be the checkpoint's"},
			&cli.IntFlag{Name: "batches", Usage: "at most this many batches (0: all)"},
			settingFlag("device"),
			&cli.StringFlag{Name: "precision", Usage: "fp32|bf16 (default: as in training; fp32 on the cpu)"},
			settingFlag("threads"),
			settingFlag("cpu_path"),
			settingFlag("ptx"),
			jsonFlag(),
		},
		Action: evalAction,
	}
}

func evalAction(c *cli.Context) error {
	if err := commandline.Require(c, "checkpoint"); err != nil {
		return err
	}
	if err := commandline.RequireRange(c, 0, math.MaxInt32, "batches"); err != nil {
		return err
	}
	if err := commandline.RequireRange(c, 0, settings.MaxThreads, "threads"); err != nil {
		return err
	}
	if _, err := corpus.ParseFormat(c.String("corpus-format")); err != nil {
		return err // also where no --corpus has a use for it
	}
	if err := useHelper(c, c.String("device")); err != nil {
		return err
	}
	devices, err := devices.OnPath(c.String("cpu-path"))
	if err != nil {
		return err
	}
	devices.PTX = c.Bool("ptx")
	result, err := evaluate.Run(c.Context, evaluate.Options{
		Checkpoint: c.String("checkpoint"), Format: c.String("corpus-format"), TextField: c.String("text-field"), Corpus: commandline.Texts(c, "corpus"), Vocab: c.String("vocab"), Batches: c.Int("batches"),
		Device: c.String("device"), Precision: c.String("precision"), Threads: c.Int("threads"),
		Open: devices.Open, Log: progress.NewLog(c.App.ErrWriter, false, false),
	})
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return commandline.WriteJSON(c.App.Writer, result)
	}
	return result.Write(c.App.Writer)
}
