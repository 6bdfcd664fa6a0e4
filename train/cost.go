package train

import (
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/clock"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/train/internal/host"
)

// cost collects where the time of this process goes until the next cost record.
type cost struct {
	metrics.Cost
	since time.Time
}

// logCost writes where the time has gone since the last such record.
func (r *runner) logCost() error {
	now := clock.Now()
	r.cost.Step, r.cost.Seconds = r.done, now.Sub(r.cost.since).Seconds()
	r.cost.HostBytes, r.cost.DeviceBytes = host.PeakBytes(), deviceBytes(r.model.Backend())
	if r.group != nil {
		sent := r.group.Sent()
		r.cost.SentBytes, r.sent = sent-r.sent, sent
	}
	rec := r.cost.Cost
	r.cost = cost{since: now}
	if err := r.write(&rec); err != nil {
		return err
	}
	r.watch.Spent(CostMetrics(rec))
	return nil
}

// deviceBytes is what a device has given out.
func deviceBytes(b backend.Backend) int64 {
	if p := b.Capabilities().Planner; p != nil {
		return p.DeviceMemory().Bytes
	}
	return b.MemoryBytes()
}
