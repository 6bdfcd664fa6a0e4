//go:build mpi && unix

package mpi

import (
	"fmt"
	"os"
	"runtime"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// Available says whether this build can use MPI.
const Available = true

// session is this process's part in MPI, which can begin and end once in a process.
type session struct {
	library *library
	comm    *group.Comm
	ended   bool // MPI has been finalized
}

// joined is the session that Exit ends; nil: none has begun.
var joined *session

// Join begins this process's part in MPI and returns its rank, and the library's name. It is called
// once, and Exit at the end of the process whatever happens. An error that the user can mend is one
// of package usage.
func Join(o Options) (*group.Comm, string, error) {
	c := group.New("MPI", o.Timeout)
	var l *library
	err := c.Run(o.Timeout+group.Grace, func() error {
		var err error
		if l, err = load(o.Library, finder{os.Getenv, runtime.GOOS}); err != nil {
			return err
		}
		rank, size, err := l.begin()
		if err != nil {
			return fmt.Errorf("%s: %w", l, err)
		}
		joined = &session{library: l, comm: c}
		if size != o.Place.Size {
			joined.ended = l.end() == nil // it is alone in what the library takes for the job
			hint := "expected the library of the MPI that started them; name its file"
			switch o.Place.Launcher {
			case "srun":
				hint = "expected a library that srun can start; srun --mpi=pmix is for Open MPI, --mpi=pmi2 for MPICH"
			case "a launcher":
				hint = "expected mpirun or srun, which start processes that MPI joins"
			}
			return usage.Errorf("mpi_library: %s, but %s sees %d: %s", o.Place, l, size, hint)
		}
		r, err := newRequests(l, group.Slots(size))
		if err != nil {
			return err
		}
		return c.Start(r, rank, size)
	})
	if err != nil {
		return nil, "", fmt.Errorf("join the other processes: %w", err)
	}
	if err := c.Introduce(); err != nil {
		return nil, "", fmt.Errorf("join the other processes by %s: %w", l, err)
	}
	return c, l.String(), nil
}

// String names the library.
func (l *library) String() string { return fmt.Sprintf("%s (%s, %s)", l.version, l.file, l.abi.name) }

// Exit ends the process with a code. Before that it ends its part in MPI: in order where all is well,
// and else by ending all processes of the job, after a moment in which the others can say what they
// know.
func Exit(code int) {
	if joined != nil {
		joined.leave(code)
	}
	os.Exit(code)
}

// leave ends the session and, where MPI answers, the process.
func (s *session) leave(code int) {
	l, c := s.library, s.comm
	if !s.ended && !c.Started() { // joining has failed
		_ = c.Run(group.Grace, func() error { return l.abort(max(code, 1)) })
		return
	}
	if !s.ended {
		inOrder, err := c.Depart()
		if err != nil {
			return // MPI answers no more; the launcher sees this process end
		}
		if !inOrder {
			_ = c.Run(group.Grace, func() error { return l.abort(max(code, 1)) })
			return
		}
		if c.Run(group.Grace, l.end) != nil {
			return
		}
	}
	// MPICH tells its launcher at the C library's exit that all is over, which Go's does not call. It
	// takes a process that ends without for one that failed, and kills the others.
	_ = c.Run(group.Grace, func() error { return l.exit(code) })
}
