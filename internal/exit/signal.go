package exit

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Signal is the cause with which a signal ends a context.
type Signal struct {
	Name string // such as SIGTERM
	Code int    // the exit code
}

// Error says which signal it was.
func (s Signal) Error() string { return "stopped by " + s.Name }

// Same is the time within which a second signal is the first one again: terminals,
// timeout(1) and container runtimes send one both to the process and to its group.
const Same = 2 * time.Second

// asked are the signals by which a user asks the program to end: whoever does so twice will not
// wait. The others tell of something that happens: the terminal is closed, the scheduler's time is
// nearly up. What follows them is no second request.
var asked = map[os.Signal]Signal{syscall.SIGINT: {"SIGINT", SIGINT}, syscall.SIGTERM: {"SIGTERM", SIGTERM}}

// OnSignal returns a context that the first SIGINT, SIGTERM, SIGHUP or SIGUSR1 ends, with a [Signal]
// as its cause, so that work in progress is finished and saved. A second SIGINT or SIGTERM after
// [Same] exits at once with [Unsaved]. SIGHUP stays ignored where it is, as under nohup. notify
// tells the user of the first by its name, lost of the second. stop releases the signals.
func OnSignal(parent context.Context, notify, lost func(signal string)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	for s := range told {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	go func() {
		var first time.Time // when the user asked
		for s := range signals {
			if now, ok := told[s]; ok {
				if ctx.Err() == nil {
					notify(now.Name)
					cancel(now)
				}
				continue
			}
			switch now := asked[s]; {
			case first.IsZero():
				first = time.Now()
				notify(now.Name)
				cancel(now) // the cause stays that of the first signal
			case time.Since(first) >= Same:
				lost(now.Name)
				os.Exit(Unsaved)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
