// Sparsebert-gpu pre-trains BERT with weights that are block-sparse from the
// first step to the last. See README.md for its use and ARCHITECTURE.md for the
// way through the code.
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

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// The exit codes.
const (
	exitDone     = 0
	exitFailed   = 1   // the run failed
	exitUsage    = 2   // bad usage, configuration or data; nothing was written
	exitDiverged = 3   // the loss or a gradient was NaN or Inf
	exitSIGINT   = 130 // stopped by the signal after saving
	exitSIGTERM  = 143
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == probeFlag {
		os.Exit(probe(os.Stdout, os.Stderr))
	}
	stderr := &screen{File: os.Stderr}
	ctx, stop := untilSignal(context.Background(), stderr.stopping)
	defer stop()
	os.Exit(run(ctx, os.Args, os.Stdout, stderr))
}

// run is the program: args[0] is its name. It writes at most one line about an
// error, to stderr, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := newApp(stdout, stderr)
	err := app.RunContext(ctx, flagsFirst(app, foldUnderscores(args)))
	code := exitCode(err)
	if code == exitDone {
		return code
	}
	line := strings.ReplaceAll(withRemedy(err).Error(), "\n", " ")
	if logged, ok := errors.AsType[loggedError](err); ok {
		logged.log.Error().Msg(line)
	} else {
		fmt.Fprintf(stderr, "sparsebert-gpu: %s\n", line)
	}
	return code
}

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
		Version:         describeVersion(),
		HideHelpCommand: true,
		Writer:          stdout,
		ErrWriter:       stderr,
		// A path may hold a comma: repeat a flag to give several.
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {}, // run prints and exits
		Commands: []*cli.Command{
			trainCommand(), sweepCommand(), reportCommand(), evalCommand(), prepareCommand(), flopsCommand(), inspectCommand(),
			exportCommand(), importCommand(), benchCommand(), verifyCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError("found command %q, expected one of %s", c.Args().First(), commandNames(c.App))
			}
			return cli.ShowAppHelp(c)
		},
	}
	app.OnUsageError = onUsageError
	for _, cmd := range app.Commands {
		cmd.OnUsageError = onUsageError
		cmd.HideHelpCommand = true
		cmd.Before = beforeCommand
	}
	return app
}

// commandNames lists the commands for an error message.
func commandNames(app *cli.App) string {
	var names []string
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// errUsage marks errors of the command line itself.
var errUsage = errors.New("bad usage")

// usageError returns an error with exit code 2.
func usageError(format string, args ...any) error {
	return commandLineError(fmt.Sprintf(format, args...))
}

type commandLineError string

func (e commandLineError) Error() string        { return string(e) }
func (e commandLineError) Is(target error) bool { return target == errUsage }

// usage gives an error exit code 2.
type usage struct{ error }

func (e usage) Unwrap() error        { return e.error }
func (e usage) Is(target error) bool { return target == errUsage }

// exitCode maps an error to the exit code.
func exitCode(err error) int {
	var stopped stopSignal
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &stopped):
		return stopped.code
	case errors.Is(err, model.ErrNotFinite):
		return exitDiverged
	case errors.Is(err, errUsage), train.IsUsage(err):
		return exitUsage
	}
	for _, kind := range []error{checkpoint.ErrCorrupt, checkpoint.ErrNewer, checkpoint.ErrNone, checkpoint.ErrUnreadable, checkpoint.ErrInUse} {
		if errors.Is(err, kind) {
			return exitUsage
		}
	}
	return exitFailed
}
