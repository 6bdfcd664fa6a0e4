package cpu

import (
	"testing"
	"time"
)

// Two threads take turns by two signals, asleep or awake, early or late: each sees what the other
// wrote before it set the signal, and no turn is lost or taken twice.
func TestSignalsTakeTurns(t *testing.T) {
	const turns = 400
	for _, pauses := range []int{0, 1, waitPauses} {
		ping, pong := newSignal(pauses), newSignal(pauses)
		count := 0 // without a lock: the race detector sees a turn taken twice
		go func() {
			for i := range turns {
				ping.wait()
				if i%50 == 0 {
					time.Sleep(time.Millisecond) // the other one falls asleep
				}
				count++
				pong.set()
			}
		}()
		for i := range turns {
			count++
			if i%50 == 25 {
				time.Sleep(time.Millisecond)
			}
			ping.set()
			pong.wait()
			if count != 2*(i+1) {
				t.Fatalf("%d pauses, turn %d: found %d, expected %d", pauses, i, count, 2*(i+1))
			}
		}
	}
}

// A signal that is set before the wait ends it at once, one time.
func TestSignalSetEarly(t *testing.T) {
	for _, pauses := range []int{0, waitPauses} {
		s := newSignal(pauses)
		s.set()
		s.wait()
		ended := make(chan struct{})
		go func() {
			s.wait()
			close(ended)
		}()
		select {
		case <-ended:
			t.Fatalf("%d pauses: found a second wait ended, expected it to last", pauses)
		case <-time.After(20 * time.Millisecond):
		}
		s.set()
		<-ended
	}
}
