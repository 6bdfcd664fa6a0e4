package train

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// DeviceMemory is what a run takes on a device that can say so beforehand.
type DeviceMemory struct {
	Device string
	Plan   backend.DeviceMemory
	Free   int64 // bytes that the run may take
	Total  int64 // of the device
	wrong  error // why the run does not fit
}

// Err returns nil if the run fits the device, else an error of one line that says
// what would fit.
func (d *DeviceMemory) Err() error { return d.wrong }

// deviceMemory works out what training takes on b, nil where b cannot say it.
func (p *Plan) deviceMemory(b backend.Backend) (*DeviceMemory, error) {
	device := b.Capabilities().Planner
	if device == nil {
		return nil, nil
	}
	d := &DeviceMemory{Device: b.Name()}
	var err error
	if d.Plan, err = model.PlanMemory(device, p.Model, p.optionsOn(b)); err != nil {
		return nil, err
	}
	if d.Free, d.Total, err = device.FreeMemory(); err != nil {
		return nil, err
	}
	d.Free += device.DeviceMemory().Bytes // which the plan counts too
	if d.Plan.Needed > d.Free {
		remedy, err := p.remedy(b, d.Free)
		if err != nil {
			return nil, err
		}
		d.wrong = usage.Errorf("memory: found %s free on %s, expected %s for training with micro-batches of %d; %s",
			mebibytes(d.Free), b.Name(), mebibytes(d.Plan.Needed+1<<20-1), p.Config.BatchSize, remedy)
	}
	return d, nil
}

// mebibytes rounds down.
func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }

// remedy says how a run would fit into free bytes: the largest micro-batch, with
// the accumulation that keeps the batch, and whether checkpointing lets it be
// larger.
func (p *Plan) remedy(b backend.Backend, free int64) (string, error) {
	plain, err := p.largest(b, free, p.Config.Checkpointing)
	if err != nil {
		return "", err
	}
	again := plain
	if !p.Config.Checkpointing {
		if again, err = p.largest(b, free, true); err != nil {
			return "", err
		}
	}
	flags := func(micro int) string {
		return fmt.Sprintf("--batch-size %d --gradient-accumulation-steps %d", micro, p.Config.BatchSize*p.Config.Accumulation/micro)
	}
	switch {
	case again == 0:
		return "not even micro-batches of 1 would fit, with --gradient-checkpointing or without", nil
	case plain == 0:
		return fmt.Sprintf("the largest that would fit: %s --gradient-checkpointing", flags(again)), nil
	case again > plain:
		return fmt.Sprintf("the largest that would fit: %s, or %s --gradient-checkpointing", flags(plain), flags(again)), nil
	}
	return "the largest that would fit: " + flags(plain), nil
}

// largest returns the largest micro-batch, of those that divide the batch, whose
// training fits into free bytes; 0: none does.
func (p *Plan) largest(b backend.Backend, free int64, checkpointing bool) (int, error) {
	batch := p.Config.BatchSize * p.Config.Accumulation
	var sizes []int // ascending
	for n := 1; n <= p.Config.BatchSize; n++ {
		if batch%n == 0 && batch/n <= settings.MaxAccumulation && batch/n%max(1, p.Config.Replicas) == 0 {
			sizes = append(sizes, n)
		}
	}
	lo, hi := 0, len(sizes) // sizes[:lo] fit, sizes[hi:] do not
	for lo < hi {
		mid := (lo + hi) / 2
		o := p.optionsOn(b)
		o.MicroBatch, o.Recompute = sizes[mid], checkpointing
		plan, err := model.PlanMemory(b.Capabilities().Planner, p.Model, o)
		if err != nil {
			return 0, err
		}
		if plan.Needed <= free {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return 0, nil
	}
	return sizes[lo-1], nil
}
