// Package sweep carries out a grid of training runs that one YAML file describes
// (docs/sweeps.md).
//
// [Load] reads a file into groups, and [File.Runs] crosses each group's lists into
// runs, in the order in which they stand in results.jsonl. [Sweep] makes each of
// them exactly as `train --resume` would, in a run folder of its own under runs/,
// so that nothing but the run folders and results.jsonl is needed to go on after an
// interruption. A group may leave its learning rate open: then runs with a seed of their
// own try each candidate, and the group's wait for the best by final validation loss (paper,
// appendix on learning rates). [FitRule] fits the paper's learning-rate rule to
// what the runs found.
//
// The folder of a sweep:
//
//	sweep.yaml     the file, as it was last given
//	runs/NAME/     the run folders
//	results.jsonl  a line for each finished run, in grid order, see Result
//	timings.jsonl  what took how long; the only file that may differ between two sweeps
//	fit.json       the fitted learning-rate rule, where the file asks for it
package sweep

import (
	"errors"
)

// ErrFailed is wrapped by the error of a sweep that came to its end with runs
// that failed.
var ErrFailed = errors.New("runs failed")
