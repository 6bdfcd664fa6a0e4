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
	Name string // SIGINT or SIGTERM
	Code int    // the exit code
}

// Error says which signal it was.
func (s Signal) Error() string { return "stopped by " + s.Name }

// Same is the time within which a second signal is the first one again: terminals,
// timeout(1) and container runtimes send one both to the process and to its group.
const Same = 2 * time.Second

// OnSignal returns a context that the first SIGINT or SIGTERM ends, with a [Signal] as its cause,
// so that work in progress is finished and saved. A second signal after [Same] exits at once with
// [Unsaved]. notify tells the user of the first by its name, lost of the second. stop releases the
// signals.
func OnSignal(parent context.Context, notify, lost func(signal string)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		var first Signal
		var at time.Time
		for s := range signals {
			now := Signal{"SIGINT", SIGINT}
			if s == syscall.SIGTERM {
				now = Signal{"SIGTERM", SIGTERM}
			}
			switch {
			case first.Code == 0:
				first, at = now, time.Now()
				notify(first.Name)
				cancel(first)
			case time.Since(at) >= Same:
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
