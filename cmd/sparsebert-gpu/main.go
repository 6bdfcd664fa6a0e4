// Sparsebert-gpu pre-trains BERT with weights that are block-sparse from the
// first step to the last. See README.md for its use and ARCHITECTURE.md for the
// way through the code. Each command has a file of its name here: its flags, the
// call of the package that does the work, and what it prints.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/clock"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/sockets"
	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/internal/version"
)

// devices opens the devices of all commands; tests put one that fails in its place.
var devices device.Opener

func main() {
	if len(os.Args) == 2 && os.Args[1] == device.ProbeFlag {
		os.Exit(probe(os.Stdout, os.Stderr))
	}
	stderr := &progress.Screen{File: os.Stderr}
	ctx, stop := exit.OnSignal(context.Background(), func(signal string) {
		if !silent.Load() {
			stderr.Stopping(signal)
		}
		tellWaiting(signal, stderr)
	}, stderr.Lost)
	defer stop()
	defer clock.Watch()()
	leave(run(ctx, os.Args, os.Stdout, stderr))
}

// run is the program: args[0] is its name. It writes at most one line about an
// error, to stderr, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	output := exit.NewOutput(stdout)
	app := newApp(output, stderr)
	args = commandline.RepeatLists(app, commandline.FoldUnderscores(args))
	err := app.RunContext(ctx, commandline.FlagsFirst(app, args))
	if err == nil {
		err = output.Err()
	}
	if err == nil {
		return exit.Done
	}
	if _, ok := errors.AsType[quietError](err); ok {
		return exit.Code(err)
	}
	line := oneLine(withRank(device.WithRemedy(err)))
	if logged, ok := errors.AsType[loggedError](err); ok {
		logged.log.Error().Msg(line)
	} else {
		fmt.Fprintf(stderr, "sparsebert-gpu: %s\n", line)
	}
	return exit.Code(err)
}

// probe is run for the helper binary's answer whether it can use a GPU.
func probe(stdout, stderr io.Writer) int {
	err := device.Probe(stdout)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %s\n", device.HelperName, oneLine(err))
	}
	return exit.Code(err)
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", " ") }

// loggedError is an error that is to be told as a line of a log.
type loggedError struct {
	error
	log zerolog.Logger
}

func (e loggedError) Unwrap() error { return e.error }

// newApp puts the commands together.
func newApp(stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:            "sparsebert-gpu",
		Usage:           "pre-train BERT with dynamic block sparsity",
		Version:         version.Describe(build()),
		HideHelpCommand: true,
		Writer:          stdout,
		ErrWriter:       stderr,
		// A path may hold a comma: repeat a flag to give several.
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {}, // run prints and exits
		Commands: []*cli.Command{
			trainCommand(), sweepCommand(), reportCommand(), evalCommand(), fillMaskCommand(), prepareCommand(), flopsCommand(), inspectCommand(),
			exportCommand(), importCommand(), benchCommand(), verifyCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage.Errorf("found command %q, expected one of %s", c.Args().First(), commandNames(c.App))
			}
			return cli.ShowAppHelp(c)
		},
	}
	app.OnUsageError = commandline.OnUsageError
	for _, cmd := range app.Commands {
		cmd.Flags = commandline.Verbatim(cmd.Flags)
		cmd.OnUsageError = commandline.OnUsageError
		cmd.HideHelpCommand = true
		cmd.Before = beforeCommand
	}
	return app
}

// beforeCommand makes the checks that every command begins with.
func beforeCommand(c *cli.Context) error {
	if s, ok := c.App.ErrWriter.(*progress.Screen); ok && c.Command.Name != "train" && c.Command.Name != "sweep" {
		s.SetEnds("stopping; once more, after two seconds, to exit at once") // there is no step to finish
	}
	if err := commandline.NoStrayArguments(c); err != nil {
		return err
	}
	if err := commandline.NoEmptyTexts(c, []string{"config", "continue-from", "resume"}, []string{runFlag, "launcher"}); err != nil {
		return err
	}
	if err := notSeveralTimes(c); err != nil {
		return err
	}
	return commandline.NoUnknownVariables(os.Environ(), configVariable, sockets.Variable)
}

// commandNames lists the commands for an error message.
func commandNames(app *cli.App) string {
	var names []string
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// useHelper starts the helper binary where the device needs it, and does not return then. Notes
// go to stderr as lines of the program.
func useHelper(c *cli.Context, name string) error {
	return device.UseHelper(c.Context, name, func(note string) {
		fmt.Fprintf(c.App.ErrWriter, "sparsebert-gpu: %s\n", note)
	})
}
