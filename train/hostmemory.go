package train

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train/internal/host"
)

// checkHostMemory compares what a model on b will take of the host's memory with what
// is free, so that a run which cannot fit ends in a line and not by the kernel. A
// device that plans its own memory is not checked here.
func (p *Plan) checkHostMemory(b backend.Backend) error {
	if b.Capabilities().Planner != nil {
		return nil
	}
	return p.fitsHost(host.FreeMemory())
}

// fitsHost is checkHostMemory with so many bytes free; -1: unknown.
func (p *Plan) fitsHost(free int64) error {
	needed, err := p.hostBytes(p.Config.BatchSize, p.Config.Checkpointing)
	if err != nil || free < 0 || needed <= free {
		return err
	}
	remedy, err := p.hostRemedy(free)
	if err != nil {
		return err
	}
	return usage.Errorf("memory: found %s free, expected %s for training with micro-batches of %d; %s",
		mebibytes(free), mebibytes(needed+1<<20-1), p.Config.BatchSize, remedy)
}

// hostBytes is what the model takes with other micro-batches.
func (p *Plan) hostBytes(micro int, checkpointing bool) (int64, error) {
	other := *p
	other.Config.BatchSize, other.Config.Checkpointing = micro, checkpointing
	e, err := other.estimateCost()
	if err != nil {
		return 0, err
	}
	replicas, err := model.ReplicaBytes(p.Model, p.options())
	return e.MemoryBytes + replicas, err
}

// hostRemedy says which micro-batch would fit.
func (p *Plan) hostRemedy(free int64) (string, error) {
	batch := p.Config.BatchSize * p.Config.Accumulation
	for micro := p.Config.BatchSize; micro >= 1; micro-- {
		if batch%micro != 0 || batch/micro > settings.MaxAccumulation || batch/micro%max(1, p.Config.Replicas) != 0 {
			continue
		}
		needed, err := p.hostBytes(micro, p.Config.Checkpointing)
		if err != nil {
			return "", err
		}
		if needed <= free {
			return fmt.Sprintf("the largest that would fit: --batch-size %d --gradient-accumulation-steps %d", micro, batch/micro), nil
		}
	}
	return "not even micro-batches of 1 would fit", nil
}

// FitsHost compares the bytes that models of several runs at a time take with what of the
// host's memory is free: each run alone may fit where they do not together. largest first:
// the error says how many would fit. It is nil for a device that plans its own memory.
func (d *Dry) FitsHost(largest []int64) error {
	if d.Device != nil {
		return nil
	}
	return fitTogether(largest, host.FreeMemory())
}

// fitTogether is FitsHost with so many bytes free; -1: unknown.
func fitTogether(largest []int64, free int64) error {
	fit, needed := 0, int64(0)
	for _, bytes := range largest {
		if needed += bytes; needed <= free {
			fit++
		}
	}
	if free < 0 || needed <= free {
		return nil
	}
	return usage.Errorf("memory: found %s free, expected %s for %d runs at a time; --jobs %d would fit", mebibytes(free), mebibytes(needed+1<<20-1), len(largest), max(1, fit))
}
