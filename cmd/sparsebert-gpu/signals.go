package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// stopSignal is the cause with which a signal ends the context.
type stopSignal struct {
	name string
	code int
}

func (s stopSignal) Error() string { return "stopped by " + s.name }

// untilSignal returns a context that the first SIGINT or SIGTERM ends, with a
// stopSignal as its cause, so that work in progress is finished and saved. The
// second signal exits at once. notify tells the user of it by its name. stop releases
// the signals.
func untilSignal(parent context.Context, notify func(signal string)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		var first stopSignal
		for s := range signals {
			if first.code != 0 {
				os.Exit(first.code)
			}
			first = stopSignal{"SIGINT", exitSIGINT}
			if s == syscall.SIGTERM {
				first = stopSignal{"SIGTERM", exitSIGTERM}
			}
			notify(first.name)
			cancel(first)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
