//go:build unix

package exit

import (
	"os"
	"os/signal"
	"syscall"
)

// told are the signals that tell of something, with their causes.
var told = map[os.Signal]Signal{syscall.SIGHUP: {"SIGHUP", SIGHUP}, syscall.SIGUSR1: {"SIGUSR1", TryAgain}}

// KeepWriting lets the program live when nobody reads its output any more: a write then fails,
// where it would end the program. It is for commands whose work is worth more than their words.
func KeepWriting() { signal.Ignore(syscall.SIGPIPE) }
