package main

import (
	"cmp"
	"fmt"
	"math/bits"
	"os"
	"sync/atomic"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/mpi"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/launcher"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/spawn"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// silent says that another process tells of signals.
var silent atomic.Bool

// patience is how long processes may take to end after one has failed.
const patience = time.Minute

// toStart returns how many processes are to train in the place of this one, and on which machine of
// several; 1 of one where it is to train itself.
func toStart(config train.Config) (n int, node launcher.Node, err error) {
	node, found, err := launcher.FindNode(os.Getenv)
	if err != nil {
		return 0, node, usage.Mark(err)
	}
	p, err := place()
	if err != nil {
		return 0, node, err
	}
	asked := config.Processes
	if (p.Size > 1 || found) && !settings.IsGiven(&config, "processes") {
		asked = 0 // a launcher says it; what the run to be resumed was begun with is nothing to it
	}
	if n = cmp.Or(asked, 1); !found || config.MPILibrary == mpi.Alone {
		if n > 1 && p.Size > 1 {
			return 0, node, once(p, usage.Errorf("processes: found %d, and %s, expected one of them", n, p))
		}
		return n, launcher.Node{Count: 1}, nil
	}
	if asked == 0 {
		n = node.Each
	}
	if n == 0 && device.Resolve(config.Device) == "cuda" {
		if n, err = device.GPUs(); err != nil {
			return 0, node, err
		}
	}
	return max(1, n), node, nil // on the CPU one has all cores
}

// sharing returns how many processes are to share a run in all, as a dry run counts.
func sharing(config train.Config) (int, error) {
	n, node, err := toStart(config)
	if err != nil {
		return 0, err
	}
	if n*node.Count > 1 {
		return n * node.Count, checkProcesses(n, node)
	}
	p, err := place()
	if err != nil || config.MPILibrary == mpi.Alone {
		return 1, err
	}
	return p.Size, nil
}

// checkProcesses says whether n processes on each machine can train together.
func checkProcesses(n int, node launcher.Node) error {
	switch all := n * node.Count; {
	case n > settings.MaxProcesses:
		return usage.Errorf("processes: found %d, expected at most %d on a machine", n, settings.MaxProcesses)
	case bits.OnesCount(uint(all)) != 1 && node.Count > 1:
		return usage.Errorf("processes: found %d on each of %d nodes, expected a power of two in all, as replicas are", n, node.Count)
	case bits.OnesCount(uint(all)) != 1:
		return usage.Errorf("processes: found %d, expected a power of two, as replicas are", n)
	}
	return nil
}

// startProcesses runs this command line in so many processes, which train together, those of other
// nodes too.
func startProcesses(n int, node launcher.Node) error {
	if err := checkProcesses(n, node); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's file: %w", err)
	}
	silent.Store(true)
	code, err := spawn.Processes{
		Number: n, Node: node, Program: program, Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr,
		Patience: patience, Failed: func(code int) bool { return !exit.Saved(code) },
	}.Run()
	if err == nil && code != exit.Done {
		err = quietError{exit.Ended(code)}
	}
	return err
}
