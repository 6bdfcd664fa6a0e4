package device

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/helper"
	"github.com/sparsebert/sparsebert-gpu/internal/nvidia"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/internal/version"
)

const (
	// HelperName is the file of the helper binary, which stands beside the program's own.
	HelperName = "sparsebert-gpu-cuda"
	// ProbeFlag alone makes the helper open the GPU, name it and exit.
	ProbeFlag = "--probe-cuda"
	// probeTime is how long that may take: a driver that hangs must not hang us.
	probeTime = time.Minute
)

// missingGPU says whether this machine shows a GPU. Tests play one that does.
var missingGPU = nvidia.Missing

// UseHelper does not return where the device needs the helper binary, which then runs the same
// command line. It returns an error of one line where it cannot, and nil where the device is one
// of this process. note is told of a GPU that auto leaves unused.
func UseHelper(ctx context.Context, device string, note func(string)) error {
	if HasCUDA || device != "cuda" && device != "auto" {
		return nil
	}
	program, err := helper.Path(HelperName)
	if err != nil {
		return err
	}
	if device == "auto" && missingGPU() != "" {
		return nil
	}
	if why := helper.Missing(program, "ci/build-cuda.sh builds both (docs/gpu.md)"); why != "" {
		if device == "auto" {
			note(why + ": the GPU of this machine is not used")
			return nil
		}
		if missingGPU() != "" {
			why += "; and this machine shows no NVIDIA GPU"
		}
		return usage.Errorf("device: cuda cannot be used: %s; or use --device cpu", why)
	}
	if err := probeHelper(ctx, program, probeTime); err != nil {
		return err
	}
	return usage.Errorf("device: cuda cannot be used: %v; or use --device cpu", helper.Become(program))
}

// probeHelper asks the helper whether it is of this version, can start and can use the GPU. What
// the loader, package preflight and the driver say comes out here.
func probeHelper(ctx context.Context, helper string, limit time.Duration) error {
	timed, stop := context.WithTimeout(ctx, limit)
	defer stop()
	cmd := exec.CommandContext(timed, helper, ProbeFlag)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	switch {
	case err == nil && slices.Contains(lines, HelperName+" "+version.Full()):
		return nil
	case err == nil:
		found := "no version"
		for _, line := range lines {
			if v, ok := strings.CutPrefix(line, HelperName+" "); ok {
				found = "version " + v
			}
		}
		return usage.Errorf("device: cuda cannot be used: %s: found %s, expected %s as this program has; build both anew with ci/build-cuda.sh, or use --device cpu", helper, found, version.Full())
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(timed.Err(), context.DeadlineExceeded):
		return usage.Errorf("device: cuda cannot be used: %s gave no answer in %v; look at nvidia-smi and the driver, or use --device cpu", helper, limit)
	}
	return usage.Errorf("device: cuda cannot be used: %s; or use --device cpu", failureOf(helper, lines[len(lines)-1], err))
}
