//go:build mpi && unix

package mpi

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// Available says whether this build can use MPI.
const Available = true

// session is this process's part in MPI, which can begin and end once in a process.
type session struct {
	library *library
	comm    *Comm
	ended   bool // MPI has been finalized
}

// joined is the session that Exit ends; nil: none has begun.
var joined *session

// Join begins this process's part in MPI and returns its rank, and the library's name. It is called
// once, and Exit at the end of the process whatever happens. An error that the user can mend is one
// of package usage.
func Join(o Options) (*Comm, string, error) {
	c := newComm(&group{timeout: o.Timeout})
	var l *library
	err := c.run(o.Timeout+grace, func() error {
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
		r, err := newRequests(l, size*slotsEach)
		if err != nil {
			return err
		}
		g, err := newGroup(r, rank, size, o.Timeout)
		if err == nil {
			c.g = g
		}
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("join the other processes: %w", err)
	}
	if err := c.introduce(); err != nil {
		return nil, "", fmt.Errorf("join the other processes by %s: %w", l, err)
	}
	return c, l.String(), nil
}

// String names the library.
func (l *library) String() string { return fmt.Sprintf("%s (%s, %s)", l.version, l.file, l.abi.name) }

// introduce tells all ranks who each other is, for messages, and which cores each has.
func (c *Comm) introduce() error {
	const long = 96 // bytes of each of two texts
	host, err := os.Hostname()
	if err != nil {
		host = "a host without a name"
	}
	own := make([]byte, 2*long)
	copy(own[:long], fmt.Sprintf("%.60s, process %d", host, os.Getpid()))
	here := fmt.Sprintf("%.60s", host)
	copy(own[long:], fmt.Sprintf("%s, cores %x", here, fnvOf(cores())))
	recv := make([][]byte, c.Size())
	for i := range recv {
		recv[i] = make([]byte, len(own))
	}
	if err := c.AllGather(own, recv); err != nil {
		return err
	}
	for _, b := range recv {
		if bytes.Equal(b[long:], own[long:]) {
			c.sharing++
		}
		if there, _, _ := strings.Cut(string(b[long:]), ", cores "); there == here {
			c.beside++
		}
	}
	return c.run(grace, func() error {
		for i, b := range recv {
			c.g.names[i] = oneLine(string(bytes.TrimRight(b[:long], "\x00")))
		}
		return nil
	})
}

// fnvOf is a hash of text.
func fnvOf(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}

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
	if !s.ended && c.g.port == nil { // joining has failed
		_ = c.run(grace, func() error { return l.abort(max(code, 1)) })
		return
	}
	if !s.ended {
		_ = c.Close()
		begin, inOrder := time.Now(), false
		if c.run(c.g.timeout+grace, func() error {
			limit := c.g.patience
			if limit == 0 {
				limit = c.g.timeout
			}
			inOrder = c.g.awaitAll(limit)
			return nil
		}) != nil {
			return // MPI answers no more; the launcher sees this process end
		}
		if !inOrder {
			time.Sleep(time.Until(begin.Add(c.g.patience))) // until what the others say is out
			_ = c.run(grace, func() error { return l.abort(max(code, 1)) })
			return
		}
		if c.run(grace, l.end) != nil {
			return
		}
	}
	// MPICH tells its launcher at the C library's exit that all is over, which Go's does not call. It
	// takes a process that ends without for one that failed, and kills the others.
	_ = c.run(grace, func() error { return l.exit(code) })
}

// awaitAll waits until every other rank has left or failed, at most so long, and says whether all
// have left in order.
func (g *group) awaitAll(limit time.Duration) bool {
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		gone, inOrder := 1, true
		for i := range g.peers {
			if err := g.peers[i].gone; i != g.rank && err != nil {
				gone++
				_, bad := err.(told)
				inOrder = inOrder && !bad
			}
		}
		if gone == g.size || time.Since(begin) > limit {
			return gone == g.size && inOrder
		}
		var err error
		if g.slots, err = g.port.done(g.slots[:0]); err != nil {
			return false
		}
		for _, slot := range g.slots {
			if slot%slotsEach == headIn {
				g.departed(slot / slotsEach)
			}
		}
	}
}
