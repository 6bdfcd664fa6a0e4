package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/cost"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func flopsCommand() *cli.Command {
	return &cli.Command{
		Name:  "flops",
		Usage: "count parameters, FLOPs and memory of a configuration, part by part",
		Description: "Takes the flags of train that say what is computed. The vocabulary has BERT's size unless\n" +
			"--vocab-size says otherwise.",
		Flags:  append(configFlags(flopsDefaults(), settings.Of(settings.Flops)), processesFlag, jsonFlag()),
		Action: flopsAction,
	}
}

// maxProcesses is the largest number of processes whose bytes are counted one by one.
const maxProcesses = 1024

var processesFlag = &cli.IntFlag{Name: "processes", Usage: "also count the bytes that each of so many processes sends in a step"}

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
	var traffic *cost.Traffic
	if c.IsSet("processes") {
		if err := commandline.RequireRange(c, 2, maxProcesses, "processes"); err != nil {
			return err
		}
		m, _, err := train.Shape(config)
		if err != nil {
			return err
		}
		sent, err := cost.TrafficOf(m, c.Int("processes"))
		if err != nil {
			return err
		}
		traffic = &sent
	}
	if c.Bool("json") {
		return commandline.WriteJSON(c.App.Writer, struct {
			model.CostEstimate
			Traffic *cost.Traffic `json:"traffic,omitempty"`
		}{estimate, traffic})
	}
	if err := cost.Write(c.App.Writer, estimate); err != nil || traffic == nil {
		return err
	}
	if _, err := fmt.Fprintln(c.App.Writer); err != nil {
		return err
	}
	return cost.WriteTraffic(c.App.Writer, *traffic)
}
