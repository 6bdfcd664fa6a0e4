package main

import (
	"cmp"
	"errors"
	"runtime"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// maxJobs is the largest number of runs at a time.
const maxJobs = 256

func sweepCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "folder of the sweep: `DIR`/runs/NAME/, results.jsonl (needed to run)"},
		&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Value: 1, Usage: "runs at a time, which share the cores"},
		&cli.BoolFlag{Name: "dry-run", Usage: "check every run, print what the sweep would take, write nothing"},
		&cli.BoolFlag{Name: "list", Usage: "print the runs and how far they are, also while the sweep runs; write nothing"},
	}
	flags = append(flags, settingFlags(settings.Of(settings.Sweep)...)...)
	return &cli.Command{
		Name:      "sweep",
		Usage:     "carry out a grid of training runs from one YAML file; the same command goes on after an interruption",
		ArgsUsage: "FILE",
		Description: "Each run is made as `train --resume` makes it, in DIR/runs/NAME/. Finished ones are passed over.\n" +
			"Files for the paper's experiments stand under experiments/; docs/sweeps.md says how to write one.",
		Flags:  flags,
		Action: sweepAction,
	}
}

func sweepAction(c *cli.Context) error {
	switch n := c.Args().Len(); {
	case n == 0:
		return usage.Errorf("sweep: no FILE given; see `sparsebert-gpu sweep --help`")
	case n > 1:
		return usage.Errorf("sweep: found %d arguments, expected one FILE; see `sparsebert-gpu sweep --help`", n)
	}
	if err := commandline.RequireRange(c, 1, maxJobs, "jobs"); err != nil {
		return err
	}
	file, err := sweep.Load(c.Args().First())
	if err != nil {
		return err
	}
	ours, err := readConfig(c, train.DefaultConfig(), settings.Of(settings.Sweep))
	if err != nil {
		return err
	}
	if key, wrong := settings.OutOfRange(&ours); key != "" {
		return usage.Errorf("sweep: %s: %s", key, wrong)
	}
	log := progress.NewLog(c.App.ErrWriter, ours.Quiet, ours.JSONLogs)
	if !c.Bool("list") { // which needs no device, and the GPU may be busy with the sweep
		if err := device.UseHelper(c.Context, ours.Device, func(note string) { log.Warn().Msg(note) }); err != nil {
			return err
		}
	}
	devices, err := devices.OnPath(ours.CPUPath)
	if err != nil {
		return err
	}
	jobs := c.Int("jobs")
	runs, err := file.Runs(func(run *train.Config) { override(c, run, ours, jobs) })
	if err != nil {
		return err
	}
	s := &sweep.Sweep{File: file, Runs: runs, Out: c.String("out"), Jobs: jobs, Open: devices.Open}
	if s.Out == "" && !c.Bool("dry-run") && !c.Bool("list") {
		return usage.Errorf("sweep: no --out given")
	}
	switch {
	case c.Bool("list"):
		runs, err := s.Progress()
		if err != nil {
			return err
		}
		return sweep.WriteStandings(c.App.Writer, runs)
	case c.Bool("dry-run"):
		preview, err := s.Check(c.Context)
		if err != nil {
			return err
		}
		for _, text := range preview.Warnings {
			log.Warn().Msg(text)
		}
		return preview.Write(c.App.Writer)
	}
	ctx, cancel, err := train.WithMaxTime(c.Context, ours.MaxTime)
	if err != nil {
		return err
	}
	defer cancel()
	stdout := exit.KeepWriting(c.App.Writer)
	watch := progress.NewSweep(log, c.App.ErrWriter, runs, ours)
	s.Watch = watch
	err = s.Do(ctx)
	watch.Close()
	if err == nil || errors.Is(err, sweep.ErrFailed) {
		err = cmp.Or(err, s.WriteGroups(stdout))
	}
	if err != nil && ours.JSONLogs {
		err = loggedError{err, log}
	}
	return err
}

// override puts what the command line says into a run.
func override(c *cli.Context, run *train.Config, ours train.Config, jobs int) {
	for _, s := range settings.Of(settings.Sweep) {
		if _, ofTheLog := s.Default.(bool); c.IsSet(s.Flag()) && !ofTheLog {
			s.Copy(run, &ours)
			s.MarkGiven(run)
		}
	}
	if c.IsSet("corpus") && !c.IsSet("valid") { // the file's would be of another text
		run.Valid = nil
	}
	run.Quiet, run.Threads = true, ours.Threads
	if run.Threads == 0 && jobs > 1 {
		run.Threads = max(1, runtime.GOMAXPROCS(0)/jobs)
	}
}
