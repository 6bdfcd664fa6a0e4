package mpi

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/helper"
	"github.com/sparsebert/sparsebert-gpu/internal/launcher"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/internal/version"
)

const (
	// HelperName is the file of the build for MPI where it stands beside the plain program.
	HelperName = "sparsebert-gpu-mpi"
	// Build is what that build calls itself in --version.
	Build = "build for MPI"
	// Alone as a library means that the process is not to join those that were started with it.
	Alone = "none"
	// askTime is how long the helper binary may take to name its version.
	askTime = time.Minute
)

// UseHelper does not return where this build has no MPI and the one beside it has: that runs the same
// command line. It returns an error of one line, of package usage, where there is none that can.
func UseHelper(ctx context.Context, p launcher.Place) error {
	if Available {
		return nil
	}
	cannot := func(why string) error {
		return usage.Errorf("%s, and each would do all of the work: this build has no MPI to join them with, and %s; or --mpi-library %s to train alone in each", p, why, Alone)
	}
	program, err := helper.Path(HelperName)
	if err != nil {
		return err
	}
	if why := helper.Missing(program, "go build -tags mpi makes a program that joins by itself (docs/scaling.md)"); why != "" {
		return cannot(why)
	}
	timed, stop := context.WithTimeout(ctx, askTime)
	defer stop()
	ask := exec.CommandContext(timed, program, "--version")
	ask.WaitDelay = time.Second
	out, err := ask.Output()
	said := firstLine(string(out))
	_, found, _ := strings.Cut(said, " version ")
	switch want := version.Describe(Build); {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		text := err.Error()
		if ended, ok := errors.AsType[*exec.ExitError](err); ok && len(ended.Stderr) > 0 {
			text = firstLine(string(ended.Stderr))
		}
		return cannot(HelperName + " beside it does not start: " + text)
	case found != want:
		return cannot("found " + HelperName + " of version " + found + " beside it, expected " + want)
	}
	return cannot(helper.Become(program).Error())
}
