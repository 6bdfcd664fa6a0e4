package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

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
		Flags:  append(configFlags(flopsDefaults(), settings.Of(settings.Flops)), jsonFlag()),
		Action: flopsAction,
	}
}

// jsonFlag is --json of the commands that can print for machines.
func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print JSON"} }

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
		return printJSON(c.App.Writer, estimate)
	}
	return printEstimate(c.App.Writer, estimate)
}

// printJSON writes v as indented JSON.
func printJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode as JSON: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

// printEstimate writes the account as three tables.
func printEstimate(w io.Writer, l model.CostEstimate) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, cells ...string) {
		fmt.Fprintf(t, "%-34s", name)
		for _, c := range cells {
			fmt.Fprintf(t, "\t%s", c)
		}
		fmt.Fprint(t, "\t\n")
	}
	row("PARAMETERS", "this model", "dense")
	row("all", fmt.Sprint(l.Stored), fmt.Sprint(l.Parameters))
	row("encoder weights", fmt.Sprint(l.EncoderActive), fmt.Sprint(l.Encoder))
	row("")
	row(fmt.Sprintf("FLOPs OF ONE SEQUENCE OF %d", l.SeqLen), "by the paper", "executed", "dense")
	for _, p := range l.FLOPs {
		row(p.Name, sci(p.Theoretical), sci(p.Executed), sci(p.Dense))
	}
	row("non-embedding (the paper's count)", sci(l.NonEmbeddingFLOPs), "", sci(l.DenseNonEmbeddingFLOPs))
	row("everything", "", sci(l.ExecutedFLOPs), sci(l.DenseExecutedFLOPs))
	row("")
	row(fmt.Sprintf("MEMORY FOR MICRO-BATCHES OF %d", l.MicroBatch), "this model", "dense")
	for _, p := range l.Memory {
		row(p.Name, mebibytes(p.Bytes), mebibytes(p.Dense))
	}
	row("together", mebibytes(l.MemoryBytes), mebibytes(l.DenseMemoryBytes))
	return t.Flush()
}

func sci(x float64) string         { return fmt.Sprintf("%.4g", x) }
func mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// dryRun checks everything that train would, and prints what it would take.
func dryRun(ctx context.Context, w io.Writer, config train.Config) error {
	d, err := train.DryRun(ctx, config, devices.Open)
	if err != nil {
		return err
	}
	if err := printEstimate(w, d.Estimate); err != nil {
		return err
	}
	c := d.Plan.Config
	sequences := float64(c.BatchSize*c.Accumulation) * float64(c.MaxSteps)
	fmt.Fprintf(w, "\nrun: %d steps of %d sequences of %d tokens, %d topology updates, peak learning rate %.3g\n",
		c.MaxSteps, c.BatchSize*c.Accumulation, c.SeqLen, len(d.Plan.UpdateAt), c.LearningRate)
	fmt.Fprintf(w, "     %.3g FLOPs by the paper's count, %.2f epochs of %d examples\n",
		d.Plan.FLOPs(c.MaxSteps), sequences/float64(d.Plan.Data.Train.Examples()), d.Plan.Data.Train.Examples())
	fmt.Fprintf(w, "disk: %s a checkpoint, %s at most in %s", mebibytes(d.CheckpointBytes), mebibytes(d.DiskBytes), d.Dir)
	if d.FreeBytes >= 0 {
		fmt.Fprintf(w, " (%s free)", mebibytes(d.FreeBytes))
	}
	fmt.Fprintln(w)
	if m := d.Device; m != nil {
		fmt.Fprintf(w, "memory: %d bytes on %s, which has %d of %d free\n", m.Plan.Bytes, m.Device, m.Free, m.Total)
		if err := m.Err(); err != nil {
			return err
		}
	}
	if d.FreeBytes >= 0 && d.FreeBytes < d.DiskBytes {
		return fmt.Errorf("disk: found %s free, expected %s", mebibytes(d.FreeBytes), mebibytes(d.DiskBytes))
	}
	return nil
}
