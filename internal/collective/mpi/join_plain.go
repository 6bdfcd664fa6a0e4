//go:build !mpi || !unix

package mpi

import (
	"os"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// Available says whether this build can use MPI.
const Available = false

// Join fails: this build has no MPI.
func Join(o Options) (*group.Comm, string, error) {
	return nil, "", usage.Errorf("%s, which this build cannot join: it has no MPI; build with -tags mpi (docs/scaling.md)", o.Place)
}

// Exit ends the process with a code.
func Exit(code int) { os.Exit(code) }
