package gpu

import (
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// ProductKernel implements backend.Profile.
func (b *device) ProductKernel(op string, p backend.Param, tokens int) string {
	q, ok := p.(*param)
	product, err := launch.ParseOp(op)
	if !ok || q == nil || err != nil {
		return ""
	}
	plan, err := launch.Product(b.traits(), b.act, product, q.weight(), tokens)
	if err != nil {
		return ""
	}
	return plan.Describe(q.weight())
}

// Timer implements backend.Clock.
func (b *device) Timer() (func(work func()) (time.Duration, error), error) {
	var events [2]Event
	for i := range events {
		var err error
		if events[i], err = b.drv.NewEvent(); err != nil {
			return nil, err
		}
	}
	return func(work func()) (time.Duration, error) {
		if err := b.drv.Record(events[0], b.k.stream); err != nil {
			return 0, err
		}
		work()
		if err := b.drv.Record(events[1], b.k.stream); err != nil {
			return 0, err
		}
		if err := b.Sync(); err != nil {
			return 0, err
		}
		return b.drv.Elapsed(events[0], events[1])
	}, nil
}

// CopyRate implements backend.Profile, by the driver's own copy.
func (b *device) CopyRate(n int64) (rate float64, err error) {
	var ends [2]Ptr
	for i := range ends {
		if ends[i], err = b.drv.Alloc(n, "copy"); err != nil {
			return 0, err
		}
		defer func() {
			if e := b.drv.Free(ends[i]); err == nil {
				err = e
			}
		}()
	}
	if err := b.drv.Memset(b.k.stream, ends[1], 0x5a, n); err != nil {
		return 0, err
	}
	timed, err := b.Timer()
	if err != nil {
		return 0, err
	}
	for range 5 {
		var queued error
		took, err := timed(func() { queued = b.drv.Copy(b.k.stream, ends[0], ends[1], n) })
		if err == nil {
			err = queued
		}
		if err != nil {
			return 0, err
		}
		rate = max(rate, 2*float64(n)/max(took.Seconds(), 1e-9))
	}
	return rate, nil
}
