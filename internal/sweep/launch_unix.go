//go:build unix

package sweep

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup makes a command a process group of its own: a signal from the terminal is for the
// sweep, which tells its jobs.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// endGroup tells a process group to save and to end. One that has ended needs no word.
func endGroup(leader *os.Process) { _ = syscall.Kill(-leader.Pid, syscall.SIGUSR1) }
