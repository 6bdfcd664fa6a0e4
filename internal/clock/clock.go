// Package clock tells the time that a process has had to work in: its own clock, which
// stands still while the process is stopped, by Ctrl-Z or by a scheduler that suspends
// its jobs. Rates and times left are then those of the work.
package clock

import (
	"sync/atomic"
	"time"
)

// suspended is how long the process was stopped, in nanoseconds.
var suspended atomic.Int64

// Now is time.Now less the time in which the process was stopped, as far as [Watch] has
// seen it. It is for differences, not for dates.
func Now() time.Time { return time.Now().Add(-time.Duration(suspended.Load())) }

// Since is the time that the process has had since t, which is of Now.
func Since(t time.Time) time.Duration { return Now().Sub(t) }

// tick is how often the time is noted, to know when the process was stopped.
const tick = 200 * time.Millisecond

// longest is the longest gap between two ticks that is not looked at: a busy machine
// makes some, too.
const longest = 5 * tick

// watcher finds the gaps that come from being stopped: those that end with SIGCONT.
type watcher struct {
	last time.Time     // the last tick
	gap  time.Duration // the last long one between two ticks
	seen time.Time     // when it ended
}

// ticked notes a tick.
func (w *watcher) ticked(now time.Time) {
	if g := now.Sub(w.last); g > longest {
		w.gap, w.seen = g, now
	}
	w.last = now
}

// continued returns how long the process was stopped that has just been continued. The
// tick that ends the gap may have come first. A part of a tick is not counted, so that
// the clock never goes back.
func (w *watcher) continued(now time.Time) time.Duration {
	g := now.Sub(w.last)
	if g <= longest && now.Sub(w.seen) <= longest {
		g = w.gap
	}
	w.gap, w.last = 0, now
	return max(0, g-tick)
}
