// Package mpitest starts programs by mpirun for tests, on machines of few cores too.
package mpitest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Variable is an environment variable that lists the mpiruns to test with, with colons between them.
// ci/mpi.sh sets it. By default it is the one in PATH.
const Variable = "TEST_MPI_LAUNCHERS"

// Launchers returns the mpiruns to test with. The test is skipped where there is none.
func Launchers(t *testing.T) []string {
	t.Helper()
	if list := os.Getenv(Variable); list != "" {
		return filepath.SplitList(list)
	}
	file, err := exec.LookPath("mpirun")
	if err != nil {
		t.Skip("found no mpirun in PATH, so nothing is tested with MPI; ci/mpi.sh installs it")
	}
	return []string{file}
}

// Command is a command that starts n processes of a program by a launcher. The processes have one
// Go thread each.
func Command(ctx context.Context, launcher string, n int, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, launcher, append([]string{"-n", fmt.Sprint(n), program}, args...)...)
	cmd.Env = append(os.Environ(),
		// Open MPI asks these of root, and of machines with few cores: MPICH refuses the options.
		"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
		"OMPI_MCA_rmaps_base_oversubscribe=1", "PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe",
		"GOMAXPROCS=1", "PATH="+filepath.Dir(launcher)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	cmd.WaitDelay = time.Second
	return cmd
}
