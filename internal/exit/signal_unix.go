//go:build unix

package exit

import (
	"os"
	"os/signal"
	"syscall"
)

// told are the signals that tell of something, with their causes.
var told = map[os.Signal]Signal{syscall.SIGHUP: {"SIGHUP", SIGHUP}, syscall.SIGUSR1: {"SIGUSR1", TryAgain}}

// ignorePipe lets writes fail that would end the program, since nobody reads them.
func ignorePipe() { signal.Ignore(syscall.SIGPIPE) }
