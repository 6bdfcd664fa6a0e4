package gpu

import "time"

// laps are marks on the device's own clock between queued operations. Their events
// are used again.
type laps struct {
	events []Event
	used   int
}

// Lap implements backend.Clock.
func (b *device) Lap() error {
	l := &b.laps
	if l.used == len(l.events) {
		e, err := b.drv.NewEvent()
		if err != nil {
			return err
		}
		l.events = append(l.events, e)
	}
	l.used++
	return b.drv.Record(l.events[l.used-1], b.k.stream)
}

// Laps implements backend.Clock.
func (b *device) Laps() ([]time.Duration, error) {
	l := &b.laps
	n := l.used
	l.used = 0
	if err := b.Sync(); err != nil {
		return nil, err
	}
	var times []time.Duration
	for i := 1; i < n; i++ {
		t, err := b.drv.Elapsed(l.events[i-1], l.events[i])
		if err != nil {
			return nil, err
		}
		times = append(times, t)
	}
	return times, nil
}
