package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func importCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "from", Aliases: []string{"init-from"}, Usage: "folder with config.json and model.safetensors of a BERT (or a checkpoint)"},
		outputFlag(),
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print errors only"},
	}
	flags = append(flags, settingFlags(settings.Of(settings.Import)...)...)
	return &cli.Command{
		Name:  "import",
		Usage: "make a checkpoint of a Hugging Face folder",
		Description: "The checkpoint is dense, or block-sparse as the folder is; with --sparsity or another flag of sparsity it is pruned to\n" +
			"the blocks of the largest norm, or has the blocks that are there with others beside them. eval, inspect, export and train --init-from read it. train --init-from\n" +
			"also reads the folder itself.",
		Flags:  flags,
		Action: importAction,
	}
}

func importAction(c *cli.Context) error {
	if err := commandline.Require(c, "from", "output-dir"); err != nil {
		return err
	}
	config, err := readConfig(c, train.DefaultConfig(), settings.Of(settings.Import))
	if err != nil {
		return err
	}
	config.InitFrom, config.OutputDir = c.String("from"), c.String("output-dir")
	keep := true // the sparsity that the folder has
	for _, s := range settings.Of(settings.Import) {
		if s.Group == settings.Sparsity && c.IsSet(s.Flag()) {
			keep = false
		}
	}
	done, err := train.Import(c.Context, config, keep)
	if err != nil {
		return err
	}
	log := progress.NewLog(c.App.ErrWriter, false, false)
	for _, note := range done.Notes {
		log.Warn().Msg(note)
	}
	if len(done.Started) > 0 {
		log.Warn().Str("tensors", strings.Join(done.Started, ", ")).Msg("not in the folder: started at random")
	}
	if c.Bool("quiet") {
		return nil
	}
	sparsity := ""
	if done.Model.Method.BlockSparse() {
		sparsity = fmt.Sprintf(", %d of %d encoder weights active", done.Counts.EncoderActive, done.Counts.Encoder)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %s, %d parameters%s\n", done.Path, done.Model.Method, done.Counts.Parameters, sparsity)
	return err
}
