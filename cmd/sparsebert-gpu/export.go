package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/internal/version"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:  "export",
		Usage: "write a checkpoint as a Hugging Face folder",
		Description: "transformers' BertForPreTraining and BertTokenizerFast open the folder; the weights are dense, with zeros\n" +
			"in inactive blocks. --format sparse writes the active blocks alone (docs/formats.md), for `import` and other programs.",
		Flags: []cli.Flag{
			checkpointFlag(),
			outputFlag(),
			&cli.StringFlag{Name: "format", Value: string(train.FormatHF), Usage: "hf|sparse"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print warnings and errors only"},
		},
		Action: exportAction,
	}
}

func exportAction(c *cli.Context) error {
	if err := commandline.Require(c, "checkpoint", "output-dir"); err != nil {
		return err
	}
	format := train.Format(c.String("format"))
	if format != train.FormatHF && format != train.FormatSparse {
		return usage.Errorf("export: --format: found %q, expected %s or %s", format, train.FormatHF, train.FormatSparse)
	}
	trained, err := train.Export(c.Context, c.String("checkpoint"), c.String("output-dir"), format, version.Full())
	if trained != nil {
		progress.WarnSkipped(progress.NewLog(c.App.ErrWriter, false, false), trained.Skipped)
	}
	if err != nil || c.Bool("quiet") {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: step %d of %s\n", c.String("output-dir"), trained.Step, trained.Path)
	if n := trained.Config.SeqLen; err == nil && trained.Step > 0 && n < trained.Positions {
		_, err = fmt.Fprintf(c.App.Writer, "trained on sequences of %d tokens: the model takes %d, but the positions beyond %d were not trained\n", n, trained.Positions, n)
	}
	return err
}
