package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/mpi"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/sockets"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/launcher"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// onceOnly are the commands besides train that write what several processes would all write.
var onceOnly = map[string]string{
	"sweep": "give each its --shard I/N", "prepare": "", "export": "", "import": "", "report": "",
}

// notSeveralTimes refuses a command that each of the processes of a launcher would carry out in
// full, in each other's way.
func notSeveralTimes(c *cli.Context) error {
	instead, ok := onceOnly[c.Command.Name]
	if !ok || c.Command.Name == "sweep" && (c.IsSet("shard") || c.IsSet(runFlag)) {
		return nil
	}
	p, err := place()
	if err != nil || p.Size == 1 {
		return err
	}
	if instead != "" {
		instead = ", or " + instead
	}
	return once(p, usage.Errorf("%s: %s, and each would do all of the work: start one process%s", c.Command.Name, p, instead))
}

// once lets one process of each machine tell an error of the user's that all of it have.
func once(p launcher.Place, err error) error {
	if p.Local > 0 && usage.Is(err) {
		time.Sleep(2 * time.Second) // a launcher ends the others as soon as one has ended
		return quietError{err}
	}
	return err
}

// place is where this process stands among those that a launcher started.
func place() (launcher.Place, error) {
	p, err := launcher.Find(os.Getenv)
	return p, usage.Mark(err)
}

// build names this build.
func build() string {
	switch {
	case device.HasCUDA:
		return "build for NVIDIA GPUs"
	case mpi.Available:
		return mpi.Build
	}
	return "plain build"
}

// joined is this process's part in a run of several; nil: it is alone.
var joined atomic.Pointer[group.Comm]

// threads are those of a device where their number is not given and the process has joined others.
var threads int

// join joins the processes that a launcher started, for a run with this configuration. It returns
// nil where there is one only. Where this build has no MPI and the one beside it has, it does not
// return.
func join(c *cli.Context, config train.Config, log zerolog.Logger) (*group.Comm, error) {
	p, err := place()
	if err != nil || p.Size == 1 || config.MPILibrary == mpi.Alone && !sockets.Started() {
		return nil, err
	}
	comm, by, err := meet(c, config, p)
	if err != nil {
		return nil, once(p, err)
	}
	if comm.Rank() == 0 {
		log.Info().Int("processes", comm.Size()).Str("by", by).Msg("joined")
		if unused, of := comm.Unused(); unused > of/2 && byMPI.Load() {
			log.Warn().Msgf("the launcher leaves %d of the %d cores of this machine to no process; mpirun --bind-to none gives all to all", unused, of)
		}
	}
	if err := useNCCL(comm, config, log); err != nil {
		_ = comm.Close() // the error is the one to tell
		return nil, once(p, err)
	}
	joined.Store(comm)
	// Processes that have the same cores share them. What is sent during a backward pass is moved by a
	// thread of its own, which must not wait for one that computes.
	cores := runtime.GOMAXPROCS(0)
	threads = max(1, cores/comm.Sharing())
	runtime.GOMAXPROCS(cores + 1)
	return comm, nil
}

// byMPI says whether MPI has joined this process to others.
var byMPI atomic.Bool

// meet joins the processes of a place, and says by what.
func meet(c *cli.Context, config train.Config, p launcher.Place) (*group.Comm, string, error) {
	timeout := time.Duration(cmp.Or(config.DDPTimeout, 300)) * time.Second
	var conns []net.Conn
	var err error
	by, started := "sockets", sockets.Started()
	silent.Store(started && p.Local > 0) // a terminal sends its signals to all
	switch {
	case sockets.Inherited():
		conns, err = sockets.Inherit(p.Rank, p.Size)
	case started || p.Launcher == launcher.Other && config.MPILibrary == "":
		if err := os.Unsetenv(sockets.Variable); err != nil { // what this one starts is none of them
			return nil, "", err
		}
		var m sockets.Meeting
		if m, err = sockets.ByEnvironment(os.Getenv, p, timeout); err != nil {
			return nil, "", err
		}
		by = "sockets, met at " + m.Address
		conns, err = sockets.Meet(c.Context, m)
	default:
		if err := mpi.UseHelper(c.Context, p); err != nil {
			return nil, "", err
		}
		byMPI.Store(true)
		comm, library, err := mpi.Join(mpi.Options{Library: config.MPILibrary, Timeout: timeout, Place: p})
		return comm, library, err
	}
	if err != nil {
		return nil, "", err
	}
	comm, err := sockets.Join(p.Rank, conns, timeout)
	return comm, by, err
}

// leave ends the process, after its part in a run of several.
func leave(code int) {
	if comm := joined.Load(); comm != nil && !byMPI.Load() {
		_, _ = comm.Depart() // whatever the others do, this one ends
	}
	mpi.Exit(code)
}

// asGroup is comm for package train: nil without one, and no pointer in the interface.
func asGroup(comm *group.Comm) model.Communicator {
	if comm == nil {
		return nil
	}
	return comm
}

// ownCores opens devices with this process's part of the cores. A GPU that NCCL is to use is given to it.
func ownCores(open train.Opener) train.Opener {
	return func(device, precision string, n int) (backend.Backend, error) {
		b, err := open(device, precision, cmp.Or(n, threads))
		if err == nil && byNCCL != nil {
			if err = byNCCL.take(b); err != nil {
				_ = b.Close() // the error is the one to tell
				return nil, err
			}
		}
		return b, err
	}
}

// onOwnGPU has devices opened on the GPU of this process among those of the machine: of the number that
// the launcher says, and else of that which the processes have found among themselves.
func onOwnGPU(devices device.Opener) device.Opener {
	devices.Local = func() int {
		p, err := place()
		if comm := joined.Load(); comm != nil && (err != nil || p.Local < 0) {
			return comm.Local()
		}
		return max(0, p.Local)
	}
	return devices
}

// withRank is an error told with the rank of the process, where there are several.
func withRank(err error) error {
	comm := joined.Load()
	if _, ok := errors.AsType[*collective.Error](err); ok || comm == nil || strings.HasPrefix(err.Error(), "rank ") {
		return err
	}
	return fmt.Errorf("rank %d: %w", comm.Rank(), err)
}

// quietError is an error that another process tells of.
type quietError struct{ error }

func (e quietError) Unwrap() error { return e.error }

// notScreen hides that w is a terminal: only one process of a run draws a bar.
type notScreen struct{ io.Writer }

// tellWaiting tells on w what an operation between the processes waits for, if it does so in the
// second after SIGTERM: by this signal launchers end the others when one has died, and they give no
// more time.
func tellWaiting(signal string, w io.Writer) {
	comm := joined.Load()
	if signal != "SIGTERM" || comm == nil {
		return
	}
	comm.TellWaiting(func(text string) { fmt.Fprintf(w, "sparsebert-gpu: rank %d: %s\n", comm.Rank(), text) })
}

// trainBeside takes part in a run as another rank than 0: it tells warnings only, and errors that
// rank 0 does not know of.
func trainBeside(c *cli.Context, comm *group.Comm, config train.Config, open train.Opener, log zerolog.Logger) error {
	watch := progress.NewRun(log.With().Int("rank", comm.Rank()).Logger(), notScreen{c.App.ErrWriter}, config)
	_, err := train.RunGroup(c.Context, comm, config, ownCores(open), watch)
	leaveOnFailure(comm, err)
	watch.Close()
	if code := exit.Code(err); err != nil && (code == exit.Usage || exit.Saved(code)) {
		return quietError{err} // all have it, and rank 0 tells it
	}
	return err
}

// leaveOnFailure lets the other processes know at once that this one goes on no more. One that has
// finished leaves at the end of the program.
func leaveOnFailure(comm *group.Comm, err error) {
	if comm != nil && err != nil && !errors.Is(err, train.ErrStopped) {
		_ = comm.Close() // the error is the one to tell
	}
}
