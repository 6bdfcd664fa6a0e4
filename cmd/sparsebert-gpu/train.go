package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/sockets"
	"github.com/sparsebert/sparsebert-gpu/internal/cost"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/report"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func trainCommand() *cli.Command {
	return &cli.Command{
		Name:  "train",
		Usage: "pre-train a BERT; with no flags: BERT-Tiny, s = 0.9, B = 16, on the built-in demo corpus",
		Description: "The run folder gets config.yaml, environment.json, vocab.txt, metrics.jsonl, TensorBoard\n" +
			"events, checkpoints and report.html. SIGINT, SIGTERM, SIGHUP, SIGUSR1\n" +
			"and --max-time finish the step, save and exit; --resume goes on.\n" +
			"Every flag may also stand in the file of --config, or in the environment (SPARSEBERT_MAX_STEPS).",
		Flags:  configFlags(train.DefaultConfig(), settings.All()),
		Action: trainAction,
	}
}

func trainAction(c *cli.Context) error {
	config, err := readConfig(c, train.DefaultConfig(), settings.All())
	if err != nil {
		return err
	}
	if config.Resume && config.OutputDir != "" {
		// Only what is given now is compared with the run's own configuration.
		base, err := train.ReadRunConfig(config.OutputDir)
		if err != nil {
			return err
		}
		if config, err = readConfig(c, base, settings.All()); err != nil {
			return err
		}
	} else if config.ContinueFrom != "" {
		base, err := train.ContinuedConfig(config.ContinueFrom)
		if err != nil {
			return err
		}
		if config, err = readConfig(c, base, settings.All()); err != nil {
			return err
		}
		config.ContinueFrom = base.ContinueFrom // a run may have another newest checkpoint by now
	}
	log := progress.NewLog(c.App.ErrWriter, config.Quiet, config.JSONLogs)
	err = trainRun(c, config, log)
	if err != nil && config.JSONLogs {
		err = loggedError{err, log}
	}
	return err
}

// trainRun carries out the run of a configuration.
func trainRun(c *cli.Context, config train.Config, log zerolog.Logger) error {
	started := sockets.Started()
	note := func(said string) {
		if !started { // the process that started this one has said so
			log.Warn().Msg(said)
		}
	}
	if err := device.UseHelper(c.Context, config.Device, note); err != nil {
		p, _ := place()
		return once(p, err)
	}
	if !started && !config.DryRun {
		if n, node, err := toStart(config); err != nil || n*node.Count > 1 {
			if err == nil {
				err = startProcesses(n, node)
			}
			return err
		}
	}
	stdout := exit.KeepWriting(c.App.Writer)
	devices, err := onOwnGPU(devices).OnPath(config.CPUPath)
	if err != nil {
		return err
	}
	devices.PTX = config.PTX
	if config.DryRun {
		if p, err := place(); err != nil || p.Rank > 0 {
			return err // one process of several tells what a run would take
		}
		if config.Processes, err = sharing(config); err != nil {
			return err
		}
		dry, err := train.DryRun(c.Context, config, devices.Open)
		if err != nil {
			return err
		}
		return cost.WriteDry(c.App.Writer, dry)
	}
	comm, err := join(c, config, log)
	if err != nil {
		return err
	}
	if comm != nil && comm.Rank() != 0 {
		return trainBeside(c, comm, config, devices.Open, log)
	}
	if s, ok := c.App.ErrWriter.(*progress.Screen); ok && config.JSONLogs {
		s.SetLog(log)
	}
	watch := progress.NewRun(log, c.App.ErrWriter, config)
	watchers, end, err := attach(config, watch, log)
	if err != nil {
		watch.Close()
		return err
	}
	summary, err := train.RunGroup(c.Context, asGroup(comm), config, ownCores(devices.Open), watchers)
	leaveOnFailure(comm, err)
	end()
	watch.Close()
	if watch.Dir() != "" {
		freeLargeHeap()
		if err := report.Leave(watch.Dir()); err != nil { // the run is not worth less without it
			log.Warn().Err(err).Msg("the run has no report")
		}
	}
	if err != nil {
		if watch.Dir() == "" && device.IsOutOfMemory(err) {
			return usage.Mark(err) // before the first step: nothing was written
		}
		if errors.Is(err, train.ErrStopped) && watch.Dir() != "" {
			log.Info().Str("resume", "sparsebert-gpu train --resume --output-dir "+watch.Dir()).Msg("stopped")
		}
		return err
	}
	printSummary(stdout, summary, config.NoNSP)
	return nil
}

// freeLargeHeap gives back the memory of a large model before the report is made: the collector would
// let the report's come on top of it. That takes longer than a small run.
func freeLargeHeap() {
	const large = 512 << 20
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.HeapAlloc >= large {
		debug.FreeOSMemory()
	}
}

// printSummary writes the closing lines of a finished run.
func printSummary(w io.Writer, s *train.Summary, noNSP bool) {
	fmt.Fprintf(w, "\nmasked tokens   loss %.3f on the training text (at first %.3f), %.3f on the validation text\n", s.Train.MLMLoss, s.FirstLoss, s.Eval.MLMLoss)
	fmt.Fprintf(w, "                perplexity %.1f, accuracy %.1f %%; knowing only word frequencies would give a loss of %.3f\n", s.Eval.Perplexity(), 100*s.Eval.MLMAccuracy, s.UnigramEntropy)
	if train.OnPlateau(s.Eval.MLMLoss, s.UnigramEntropy) {
		fmt.Fprintf(w, "                too short to compare: within %g of that loss, or above it, methods differ by noise; train longer, or at a higher rate\n", train.PlateauMargin)
	}
	if !noNSP {
		fmt.Fprintf(w, "next sentence   loss %.3f, accuracy %.1f %% on the validation text\n", s.Eval.NSPLoss, 100*s.Eval.NSPAccuracy)
	}
	if s.Best != nil {
		fmt.Fprintf(w, "best            loss %.3f on masked tokens of the validation text, at step %d\n", s.Best.MLMLoss, s.Best.Step)
	}
	if s.Test != nil {
		fmt.Fprintf(w, "test text       loss %.3f, accuracy %.1f %%, measured once, after the last step\n", s.Test.MLMLoss, 100*s.Test.MLMAccuracy)
	}
	fmt.Fprintf(w, "FLOPs           %.3g non-embedding, forward and backward", s.FLOPs)
	if s.Sparse {
		fmt.Fprintf(w, "; the dense model would take %.3g, %.1f times as many", s.DenseFLOPs, s.DenseFLOPs/s.FLOPs)
	}
	if asked := fmt.Sprintf("%.3g", s.AskedFLOPs); asked != fmt.Sprintf("%.3g", s.FLOPs) {
		fmt.Fprintf(w, "\n                %s at the density asked for, which whole blocks do not have", asked)
	}
	if s.GrowthFLOPs > 0 {
		fmt.Fprintf(w, "\n                %.3g more for the dense gradients of growth at the updates, %.1f %%", s.GrowthFLOPs, 100*s.GrowthFLOPs/s.FLOPs)
	}
	fmt.Fprintln(w)
	if s.Updated {
		fmt.Fprintf(w, "topology        %.1f %% of the dense weights were active at some time (explored DOF)\n", 100*s.ExploredDOF)
	}
	fmt.Fprintf(w, "time            %d steps; %.1f s in this process\n", s.Steps, s.Seconds)
	if s.Reason != "" {
		fmt.Fprintf(w, "                %s\n", s.Reason)
	}
	fmt.Fprintf(w, "results         %s\n", s.Dir)
}
