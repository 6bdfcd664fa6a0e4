package train

import (
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/clock"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// window collects the steps since the last log line. It is part of a
// checkpoint, so that a resumed run logs what the uninterrupted one would have.
type window struct {
	Steps    int64   `json:"steps"`
	MLMLoss  float64 `json:"mlm_loss"` // sums over steps
	NSPLoss  float64 `json:"nsp_loss"`
	GradNorm float64 `json:"grad_norm"`
	Tokens   int64   `json:"-"` // for the speed, which is of this process
	ran      int64   // steps of this process
	since    time.Time
}

// add takes one step's result.
func (w *window) add(s model.StepResult, tokens int64) {
	w.Steps++
	w.ran++
	w.MLMLoss += s.MLMLoss
	w.NSPLoss += s.NSPLoss
	w.GradNorm += s.GradNorm
	w.Tokens += tokens
}

// windowRecord is the log line of the steps since the last one, of which there must
// be some.
func (r *runner) windowRecord() metrics.Train {
	w := &r.window
	n := float64(w.Steps)
	c := &r.plan.Config
	rec := metrics.Train{
		Step:    r.done,
		Loss:    (w.MLMLoss + w.NSPLoss) / n,
		MLMLoss: w.MLMLoss / n, NSPLoss: w.NSPLoss / n,
		LR:              c.rate(r.done - 1),
		GradNorm:        w.GradNorm / n,
		TokensPerSecond: float64(w.Tokens) / clock.Since(w.since).Seconds(),
		FLOPs:           r.plan.FLOPs(r.done), GrowthFLOPs: r.plan.GrowthFLOPs(r.done),
	}
	r.seen.perWeight(r.weights, &rec)
	if w.ran > 0 {
		perStep := clock.Since(w.since).Seconds() / float64(w.ran)
		rec.SecondsLeft = perStep * float64(c.MaxSteps-r.done)
		if r.peak > 0 {
			rec.MFU = (rec.FLOPs - r.plan.FLOPs(r.done-w.ran)) / float64(w.ran) / perStep / r.peak
		}
	}
	return rec
}

// logWindow writes the log line of the steps since the last one.
func (r *runner) logWindow() error {
	r.kernels() // which may have warnings
	if r.window.Steps == 0 {
		return nil
	}
	rec := r.windowRecord()
	if r.summary.FirstLoss == 0 {
		r.summary.FirstLoss = rec.MLMLoss
	}
	r.summary.Train = TrainMetrics(rec)
	r.window = window{since: clock.Now()}
	if err := r.write(&rec); err != nil {
		return err
	}
	r.watch.Logged(r.summary.Train)
	return nil
}
