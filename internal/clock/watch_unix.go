//go:build unix

package clock

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Watch begins to notice that the process was stopped. A program calls it once; stop
// ends it.
func Watch() (stop func()) {
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, syscall.SIGCONT)
	done := make(chan struct{})
	ticks := time.NewTicker(tick)
	w := watcher{last: time.Now()}
	go func() {
		for {
			select {
			case <-ticks.C:
				w.ticked(time.Now())
			case <-resumed:
				suspended.Add(int64(w.continued(time.Now())))
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(resumed)
		ticks.Stop()
		close(done)
	}
}
