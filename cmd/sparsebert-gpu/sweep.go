package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/rs/zerolog"
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

// runFlag names the flag for one run of a sweep.
const runFlag = "run"

// maxJobs is the largest number of runs at a time.
const maxJobs = 256

func sweepCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "folder of the sweep: `DIR`/runs/NAME/, results.jsonl (needed to run)"},
		&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Value: 1, Usage: "runs at a time, which share the cores"},
		&cli.BoolFlag{Name: "dry-run", Usage: "check every run, print what the sweep would take, write nothing"},
		&cli.StringFlag{Name: "shard", Usage: "`I/N`: this is process I of N that share the sweep and its folder, on any number of machines; it begins with every N-th run"},
		&cli.StringFlag{Name: "launcher", Usage: "start each run as a job with this `COMMAND`, such as \"srun -n1\"; --jobs are how many at a time"},
		&cli.StringFlag{Name: runFlag, Usage: "make the run `NAME` only, beside other processes: what --launcher starts"},
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
	s := &sweep.Sweep{File: file, Out: c.String("out"), Jobs: c.Int("jobs")}
	if err := besideOthers(c, s, ours); err != nil {
		return err
	}
	jobs := s.Jobs
	if s.Launch != nil {
		jobs = 1 // each has the cores that its launcher gives it
	}
	if !c.Bool("list") && s.Launch == nil { // which need no device, and the GPU may be busy with the sweep
		if err := device.UseHelper(c.Context, ours.Device, func(note string) { log.Warn().Msg(note) }); err != nil {
			return err
		}
	}
	devices, err := onOwnGPU(devices).OnPath(ours.CPUPath)
	if err != nil && s.Launch == nil {
		return err
	}
	devices.PTX = ours.PTX
	s.Open = devices.Open
	if s.Runs, err = file.Runs(func(run *train.Config) { override(c, run, ours, jobs) }); err != nil {
		return err
	}
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
	err = carryOut(c, s, ours, log)
	if err != nil && ours.JSONLogs {
		err = loggedError{err, log}
	}
	return err
}

// carryOut makes the runs of a sweep, or the one that is asked for.
func carryOut(c *cli.Context, s *sweep.Sweep, ours train.Config, log zerolog.Logger) error {
	ctx, cancel, err := train.WithMaxTime(c.Context, ours.MaxTime)
	if err != nil {
		return err
	}
	defer cancel()
	stdout := exit.KeepWriting(c.App.Writer)
	if name := c.String(runFlag); name != "" {
		return doRun(ctx, c, s, name, ours, log)
	}
	watch := progress.NewSweep(log, c.App.ErrWriter, s.Runs, ours)
	s.Watch = watch
	err = s.Do(ctx)
	watch.Close()
	if err == nil || errors.Is(err, sweep.ErrFailed) {
		err = cmp.Or(err, s.WriteGroups(stdout))
	}
	return err
}

// doRun makes one run of a sweep, with the other processes of its launcher.
func doRun(ctx context.Context, c *cli.Context, s *sweep.Sweep, name string, ours train.Config, log zerolog.Logger) error {
	comm, err := join(c, ours, log)
	if err != nil {
		return err
	}
	s.With, s.Open = asGroup(comm), ownCores(s.Open)
	screen := c.App.ErrWriter
	if comm != nil && comm.Rank() != 0 {
		log, screen = log.With().Int("rank", comm.Rank()).Logger(), notScreen{screen}
	}
	watch := progress.NewSweep(log, screen, s.Runs, ours)
	s.Watch = watch
	err = s.DoRun(ctx, name)
	watch.Close()
	if comm != nil && comm.Rank() != 0 && usage.Is(err) {
		return quietError{err} // all have it, and rank 0 tells it
	}
	return err
}

// besideOthers reads the flags of a sweep at which several processes are.
func besideOthers(c *cli.Context, s *sweep.Sweep, ours train.Config) (err error) {
	if c.IsSet(runFlag) {
		for _, name := range []string{"jobs", "shard", "launcher", "list", "dry-run"} {
			if c.IsSet(name) {
				return usage.Errorf("sweep: found --%s and --%s, expected one of them: --%s makes one run in this process", runFlag, name, runFlag)
			}
		}
		if c.String(runFlag) == "" {
			return usage.Errorf("sweep: --%s: found no name, expected that of a run; --list prints them", runFlag)
		}
	}
	if c.IsSet("shard") {
		if s.Shard, err = sweep.ParseShard(c.String("shard")); err != nil {
			return err
		}
	}
	if c.IsSet("launcher") {
		job, err := jobCommand(c, ours)
		if err != nil {
			return err
		}
		s.Launch, err = sweep.NewLauncher(c.String("launcher"), job)
		return err
	}
	return nil
}

// jobCommand is this program, as a job of the sweep that is to be named at its end.
func jobCommand(c *cli.Context, ours train.Config) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's file: %w", err)
	}
	file, err := filepath.Abs(c.Args().First())
	if err != nil {
		return nil, fmt.Errorf("find the sweep's file: %w", err)
	}
	out, err := filepath.Abs(c.String("out"))
	if err != nil {
		return nil, fmt.Errorf("find the sweep's folder: %w", err)
	}
	job := []string{self, "sweep", file, "--out", out, "--quiet"}
	for _, s := range settings.Of(settings.Sweep) {
		if _, ofTheLog := s.Default.(bool); !c.IsSet(s.Flag()) || ofTheLog || s.Key == "max_time" { // at whose end jobs are told
			continue
		}
		values, list := s.Pointer(&ours).(*[]string)
		if !list {
			values = &[]string{c.String(s.Flag())}
		}
		for _, value := range *values {
			if value == "-" {
				return nil, usage.Errorf("sweep: %s: found standard input, expected files: every job of a --launcher reads them", s.Key)
			}
			job = append(job, "--"+s.Flag()+"="+value)
		}
	}
	return append(job, "--"+runFlag), nil
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
