package exit

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Signal is the cause with which a signal ends a context.
type Signal struct {
	Name string // SIGINT or SIGTERM
	Code int    // the exit code
}

// Error says which signal it was.
func (s Signal) Error() string { return "stopped by " + s.Name }

// OnSignal returns a context that the first SIGINT or SIGTERM ends, with a [Signal] as its cause,
// so that work in progress is finished and saved. The second signal exits at once. notify tells
// the user of the first by its name. stop releases the signals.
func OnSignal(parent context.Context, notify func(signal string)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		var first Signal
		for s := range signals {
			if first.Code != 0 {
				os.Exit(first.Code)
			}
			first = Signal{"SIGINT", SIGINT}
			if s == syscall.SIGTERM {
				first = Signal{"SIGTERM", SIGTERM}
			}
			notify(first.Name)
			cancel(first)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
