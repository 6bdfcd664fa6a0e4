package mpi

import (
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/launcher"
)

// Options say how to join.
type Options struct {
	// Library is the file or name of an MPI library; "": the first that is found.
	Library string
	// Timeout bounds every operation, joining too. It is above 0.
	Timeout time.Duration
	// Place is what the launcher says, which MPI must agree with.
	Place launcher.Place
}
