package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/report"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

func reportCommand() *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "make one self-contained HTML page of run and sweep folders, with plots",
		ArgsUsage: "RUN...",
		Description: "A RUN is a run folder, finished or not, a sweep folder, or a sweep's results.jsonl. The page needs no\n" +
			"network. Each figure is written as SVG and PNG too, to the folder FILE-figures unless --figures says otherwise.",
		Flags:  reportFlags(),
		Action: reportAction,
	}
}

func reportFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write the page to `FILE`"},
		&cli.StringFlag{Name: "figures", Usage: "`FOLDER` for the figures (default: the name of FILE with -figures for .html)"},
		&cli.BoolFlag{Name: "no-figures", Usage: "write the page only"},
		&cli.StringFlag{Name: "step-times", Usage: "set losses against time too, by a `FILE` of bench --step --json"},
		&cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "serve the page, which follows the runs, until Ctrl-C"},
		&cli.StringFlag{Name: "listen", Value: "127.0.0.1:0", Usage: "`ADDRESS` for --watch (default: this machine only, a free port)"},
	}
}

func reportAction(c *cli.Context) error {
	paths := c.Args().Slice()
	if len(paths) == 0 {
		return usage.Errorf("report: no RUN given, expected folders of runs or sweeps")
	}
	if slices.Contains(paths, "") {
		return usage.Errorf("report: found an empty name, expected a folder")
	}
	if c.Bool("watch") {
		return watchReport(c, paths)
	}
	if c.IsSet("listen") {
		return usage.Errorf("report: found --listen without --watch, expected both")
	}
	if err := commandline.Require(c, "out"); err != nil {
		return err
	}
	out := c.String("out")
	figures := c.String("figures")
	switch {
	case c.Bool("no-figures") && c.IsSet("figures"):
		return usage.Errorf("report: found --figures and --no-figures, expected one of them")
	case c.IsSet("figures") && figures == "":
		return usage.Errorf("report: no path given for --figures")
	case figures == "":
		figures = strings.TrimSuffix(out, filepath.Ext(out)) + "-figures"
	}
	if err := report.CheckOut(out); err != nil {
		return err
	}
	if err := report.CheckFigures(figures); err != nil && !c.Bool("no-figures") {
		return err
	}
	r, err := report.Make(paths, c.String("step-times"))
	if err != nil {
		return err
	}
	if r.Empty() {
		return usage.Errorf("report: found no record in %s, expected a run that has logged something", strings.Join(paths, ", "))
	}
	log := progress.NewLog(c.App.ErrWriter, false, false)
	for _, w := range r.Warnings() {
		log.Warn().Msg(w)
	}
	if !c.Bool("no-figures") {
		if err := r.WriteFigures(figures); err != nil {
			return err
		}
	}
	return r.WriteHTML(out)
}

// watchReport serves the page until the context ends.
func watchReport(c *cli.Context, paths []string) error {
	for _, name := range []string{"out", "figures", "no-figures", "step-times"} {
		if c.IsSet(name) {
			return usage.Errorf("report: found --%s with --watch, expected one of them", name)
		}
	}
	s, err := report.NewServer(paths)
	if err != nil {
		return err
	}
	l, err := report.Listen(c.String("listen"))
	if err != nil {
		return err
	}
	if s, ok := c.App.ErrWriter.(*progress.Screen); ok {
		s.SetEnds("the page is no longer served; the runs go on as they were")
	}
	fmt.Fprintf(c.App.Writer, "http://%s/\n", l.Addr())
	return s.Serve(c.Context, l)
}
