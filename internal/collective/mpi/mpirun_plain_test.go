//go:build !mpi || !unix

package mpi

import "testing"

func actAsRank(string) int { return 1 }

// Without the tag the program says so in one line.
func TestPlainBuildHasNoMPI(t *testing.T) {
	if _, _, err := Join(Options{}); err == nil || Available {
		t.Errorf("found %v, expected that this build has no MPI", err)
	}
}
