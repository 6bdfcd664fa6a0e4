package main

import (
	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/cost"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func flopsCommand() *cli.Command {
	return &cli.Command{
		Name:  "flops",
		Usage: "count parameters, FLOPs and memory of a configuration, part by part",
		Description: "Takes the flags of train that say what is computed. The vocabulary has BERT's size unless\n" +
			"--vocab-size says otherwise.",
		Flags:  append(configFlags(flopsDefaults(), settings.Of(settings.Flops)), jsonFlag()),
		Action: flopsAction,
	}
}

// bertVocab is the size of the vocabulary that BERT was published with.
const bertVocab = 30522

// flopsDefaults is the configuration that flops starts from.
func flopsDefaults() train.Config {
	c := train.DefaultConfig()
	c.VocabSize = bertVocab
	return c
}

func flopsAction(c *cli.Context) error {
	config, err := readConfig(c, flopsDefaults(), settings.Of(settings.Flops))
	if err != nil {
		return err
	}
	estimate, err := train.EstimateCost(config)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return commandline.WriteJSON(c.App.Writer, estimate)
	}
	return cost.Write(c.App.Writer, estimate)
}
