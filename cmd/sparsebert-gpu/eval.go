package main

import (
	"fmt"
	"math"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func evalCommand() *cli.Command {
	return &cli.Command{
		Name:  "eval",
		Usage: "measure MLM and NSP loss and accuracy of a checkpoint on a corpus",
		Flags: []cli.Flag{
			checkpointFlag(),
			&cli.StringSliceFlag{Name: "corpus", Aliases: []string{"c"}, Usage: "text or shards; repeatable (default: the run's validation set)"},
			&cli.StringFlag{Name: "vocab", Usage: "vocab.txt; must be the checkpoint's"},
			&cli.IntFlag{Name: "batches", Usage: "at most this many batches (0: all)"},
			settingFlag("device"),
			&cli.StringFlag{Name: "precision", Usage: "fp32|bf16 (default: as in training; fp32 on the cpu)"},
			settingFlag("threads"),
			jsonFlag(),
		},
		Action: evalAction,
	}
}

// checkpointFlag is --checkpoint of the commands that read one.
func checkpointFlag() cli.Flag {
	return &cli.StringFlag{Name: "checkpoint", Usage: "step-N folder, or a run folder: its newest good checkpoint"}
}

// evaluation is what eval prints as JSON.
type evaluation struct {
	Checkpoint     string  `json:"checkpoint"`
	Step           int64   `json:"step"`
	MLMLoss        float64 `json:"mlm_loss"`
	Perplexity     float64 `json:"perplexity"`
	MLMAccuracy    float64 `json:"mlm_accuracy"`
	NSPLoss        float64 `json:"nsp_loss"`
	NSPAccuracy    float64 `json:"nsp_accuracy"`
	UnigramEntropy float64 `json:"unigram_entropy"`
	Tokens         int64   `json:"tokens"`
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
	if err := useHelper(c, c.String("device")); err != nil {
		return err
	}
	m, trained, err := train.LoadModel(c.String("checkpoint"), devices.Open, func(config *train.Config) {
		config.Device, config.Threads = c.String("device"), c.Int("threads")
		switch {
		case c.IsSet("precision"):
			config.Precision = c.String("precision")
		case device.Resolve(config.Device) == "cpu":
			config.Precision = "fp32" // whatever it was trained in: weights are float32
		}
	})
	if err != nil {
		return err
	}
	defer m.Backend().Close()
	log := progress.NewLog(c.App.ErrWriter, false, false)
	progress.WarnSkipped(log, trained.Skipped)
	if path := c.String("vocab"); path != "" {
		vocab, err := corpus.LoadVocab(path)
		if err != nil {
			return err
		}
		if vocab.SHA256() != trained.Vocab.SHA256() {
			return usage.Errorf("vocab: found %s with %d tokens, expected the checkpoint's own vocabulary of %d tokens", path, vocab.Size(), trained.Vocab.Size())
		}
	}
	config := trained.Config
	var data *train.Data
	if paths := c.StringSlice("corpus"); len(paths) > 0 {
		data, err = train.LoadEvalData(c.Context, config, paths, trained.Vocab, progress.StageLines(log))
	} else {
		data, err = train.LoadData(c.Context, config, trained.Vocab, progress.StageLines(log))
	}
	if err != nil {
		return err
	}
	e, err := train.Evaluate(c.Context, m, data.Valid, c.Int("batches"))
	if err != nil {
		return err
	}
	out := evaluation{
		Checkpoint: trained.Path, Step: trained.Step, MLMLoss: e.MLMLoss, Perplexity: train.Perplexity(e.MLMLoss), MLMAccuracy: e.MLMAccuracy,
		NSPLoss: e.NSPLoss, NSPAccuracy: e.NSPAccuracy, UnigramEntropy: data.UnigramEntropy, Tokens: data.ValidTokens,
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, out)
	}
	_, err = fmt.Fprintf(c.App.Writer, "checkpoint      %s (step %d)\nmasked tokens   loss %.4f, perplexity %.2f, accuracy %.2f %%\nnext sentence   loss %.4f, accuracy %.2f %%\ncorpus          %d tokens, unigram entropy %.3f\n",
		out.Checkpoint, out.Step, out.MLMLoss, out.Perplexity, 100*out.MLMAccuracy, out.NSPLoss, 100*out.NSPAccuracy, out.Tokens, out.UnigramEntropy)
	return err
}
