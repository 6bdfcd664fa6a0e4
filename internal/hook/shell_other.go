//go:build !unix

package hook

import (
	"context"
	"os/exec"
)

// shell is the command.
func shell(ctx context.Context, command string) *exec.Cmd {
	return exec.CommandContext(ctx, "cmd", "/c", command)
}
