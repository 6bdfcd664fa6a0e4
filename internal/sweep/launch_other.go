//go:build !unix

package sweep

import (
	"os"
	"os/exec"
)

// ownGroup does nothing: this system has no process groups.
func ownGroup(*exec.Cmd) {}

// endGroup ends the launcher: this system has no signal for it. The job goes on from its last
// checkpoint.
func endGroup(leader *os.Process) { _ = leader.Kill() }
