//go:build unix

package hook

import (
	"context"
	"os/exec"
	"syscall"
)

// shell is the command in a process group of its own: a signal from the terminal is not for
// it, and when its time is over what it started ends too.
func shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}
