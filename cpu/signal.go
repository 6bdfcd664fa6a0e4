package cpu

import (
	"sync/atomic"

	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

// waitPauses is how often a thread looks for a signal before it sleeps: some tens of microseconds,
// more than most gaps between two operations, and about what waking takes.
const waitPauses = 500

// signal is an event that one thread waits for, spinning at first and then asleep. It is set once
// for each wait.
type signal struct {
	state  atomic.Int32
	sleep  chan struct{}
	pauses int
}

const (
	unset int32 = iota
	sleeping
	isSet
)

func newSignal(pauses int) *signal { return &signal{sleep: make(chan struct{}, 1), pauses: pauses} }

// set ends the wait, or the next one.
func (s *signal) set() {
	if s.state.Swap(isSet) == sleeping {
		s.sleep <- struct{}{}
	}
}

// wait returns when the signal is set, and resets it.
func (s *signal) wait() {
	for i := 0; s.state.Load() != isSet; i++ {
		if i < s.pauses {
			kernel.Pause()
		} else if s.state.CompareAndSwap(unset, sleeping) {
			<-s.sleep
			break
		}
	}
	s.state.Store(unset)
}
