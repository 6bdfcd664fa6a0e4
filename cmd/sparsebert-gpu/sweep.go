package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
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
		Usage:     "carry out a grid of training runs from one YAML file; the same command goes on after a cut",
		ArgsUsage: "FILE",
		Description: "Each run is made as `train --resume` makes it, in DIR/runs/NAME/. Finished ones are passed over.\n" +
			"Files for the paper's experiments stand under experiments/; docs/sweeps.md says how to write one.",
		Flags:  flags,
		Action: sweepAction,
	}
}

func sweepAction(c *cli.Context) error {
	if c.Args().Len() != 1 {
		return usage.Errorf("sweep: found %d arguments, expected one file; see `sparsebert-gpu sweep --help`", c.Args().Len())
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
	jobs := c.Int("jobs")
	runs, err := file.Runs(func(run *train.Config) { override(c, run, ours, jobs) })
	if err != nil {
		return err
	}
	s := &sweep.Sweep{File: file, Runs: runs, Out: c.String("out"), Jobs: jobs, Open: devices.Open}
	if s.Out == "" && !c.Bool("dry-run") && !c.Bool("list") {
		return usage.Errorf("sweep: found no --out, expected the sweep's folder")
	}
	switch {
	case c.Bool("list"):
		return listSweep(c.App.Writer, s)
	case c.Bool("dry-run"):
		return drySweep(c.Context, c.App.Writer, s)
	}
	watch := progress.NewSweep(log, c.App.ErrWriter, runs, ours)
	s.Watch = watch
	err = s.Do(c.Context)
	watch.Close()
	if err == nil || errors.Is(err, sweep.ErrFailed) {
		printGroups(c.App.Writer, s)
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
		}
	}
	if c.IsSet("corpus") && !c.IsSet("valid") { // the file's would be of another text
		run.Valid = nil
	}
	run.Quiet, run.Threads = true, ours.Threads
	if run.Threads == 0 && jobs > 1 {
		run.Threads = max(1, runtime.NumCPU()/jobs)
	}
}

// drySweep prints what a sweep would take.
func drySweep(ctx context.Context, w io.Writer, s *sweep.Sweep) error {
	p, err := s.Check(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d runs, %d finished; those left: %d steps, %.3g FLOPs by the paper's count\n", p.Runs, p.Finished, p.Steps, p.FLOPs)
	fmt.Fprintf(w, "memory of the largest run: %s (%s)\n", mebibytes(p.Memory), p.MemoryOf)
	fmt.Fprintf(w, "disk: %s for one checkpoint of every run\n", mebibytes(p.CheckpointSum))
	return nil
}

// listSweep prints the runs of a sweep, which may be under way.
func listSweep(w io.Writer, s *sweep.Sweep) error {
	standings, err := s.Progress()
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RUN\tSTATE\tSTEPS\tMLM LOSS")
	for _, r := range standings {
		steps, loss := fmt.Sprint(r.Done), ""
		if r.Steps > 0 {
			steps += fmt.Sprint("/", r.Steps)
		}
		if r.MLMLoss != nil {
			loss = fmt.Sprintf("%.4f", *r.MLMLoss)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", r.Run.Name, r.State, steps, loss)
	}
	return t.Flush()
}

// printGroups sums a sweep up.
func printGroups(w io.Writer, s *sweep.Sweep) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "GROUP\tDONE\tDIVERGED\tFAILED\tBEST MLM LOSS\tRUN")
	for _, g := range s.File.Groups {
		counts := map[string]int{}
		var best *sweep.Result
		for _, r := range s.Results() {
			if r.Group != g.Name {
				continue
			}
			counts[r.Status]++
			if r.MLMLoss != nil && (best == nil || *r.MLMLoss < *best.MLMLoss) {
				best = r
			}
		}
		name, loss := "", ""
		if best != nil {
			name, loss = best.Name, fmt.Sprintf("%.4f", *best.MLMLoss)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t%s\n", g.Name, counts[sweep.Done], counts[sweep.Diverged], counts[sweep.Failed], loss, name)
	}
	t.Flush()
}
