package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// estimateCost accounts for a plan's model on the device that it will run on.
func (p *Plan) estimateCost() (model.CostEstimate, error) {
	store := model.Storage{Param: backend.F32, Activation: backend.F32}
	if p.Config.Precision == "bf16" {
		store.Activation = backend.BF16
	}
	return model.EstimateCost(p.Model, p.options(), store)
}

// Dry is what a run would take.
type Dry struct {
	Plan            *Plan
	Estimate        model.CostEstimate
	Dir             string
	CheckpointBytes int64 // of one checkpoint's tensors
	DiskBytes       int64 // of as many as exist at once
	FreeBytes       int64 // of the file system; -1: unknown
	// Device is the memory of the device; nil where it is the host's. The estimate
	// has what it takes.
	Device *DeviceMemory
}

// DryRun makes every check that Run makes before its first step, and writes
// nothing. A device without the memory is no error of its own: see Dry.Device.
func DryRun(ctx context.Context, c Config, open Opener) (*Dry, error) {
	if c.OutputDir == "" {
		c.OutputDir = DefaultOutputDir(c, time.Now())
	}
	if err := checkFolder(c.OutputDir, c.Resume); err != nil {
		return nil, err
	}
	var from resumePoint
	if c.Resume {
		if err := checkUnlocked(c.OutputDir); err != nil {
			return nil, err
		}
		var err error
		if from, err = findResumePoint(c); err != nil {
			return nil, err
		}
	}
	p, origin, err := newPlan(ctx, c, from, nil)
	if err != nil {
		return nil, err
	}
	if origin != nil {
		if err := origin.weights.Close(); err != nil {
			return nil, fmt.Errorf("close %s: %w", origin.path, err)
		}
	}
	if err := from.sameText(p); err != nil {
		return nil, err
	}
	d := &Dry{Plan: p, Dir: c.OutputDir, FreeBytes: freeBytes(existingParent(c.OutputDir))}
	if err := d.account(open); err != nil {
		return nil, err
	}
	table, err := model.Table(p.Model)
	if err != nil {
		return nil, err
	}
	if err := from.checkTensors(table); err != nil {
		return nil, err
	}
	if d.CheckpointBytes, err = CheckpointBytes(table); err != nil {
		return nil, err
	}
	saves := int64(1)
	if c.SaveSteps > 0 {
		saves = (p.Config.MaxSteps + c.SaveSteps - 1) / c.SaveSteps
	}
	// A new checkpoint is whole before an old one goes.
	if keep := int64(c.SaveTotalLimit); keep > 0 {
		saves = min(saves, keep+1)
	}
	d.DiskBytes = saves * d.CheckpointBytes
	return d, nil
}

// account works out the estimate, with what the plan's device says of its memory.
func (d *Dry) account(open Opener) (err error) {
	p := d.Plan
	if d.Estimate, err = p.estimateCost(); err != nil {
		return err
	}
	b, err := open(p.Config.Device, p.Config.Precision, p.Config.Threads)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := model.CanTrain(b, p.Model); err != nil {
		return err
	}
	if d.Device, err = p.deviceMemory(b); err != nil || d.Device == nil {
		return err
	}
	dense := p.Model
	dense.Method = model.Dense
	plan, err := model.PlanMemory(b.Capabilities().Planner, dense, p.optionsOn(b))
	if err != nil {
		return err
	}
	d.Estimate.AddWorking(d.Device.Plan, plan)
	return nil
}

// maxMasked is the number of masked slots of a sequence.
func (c *Config) maxMasked() int { return corpus.MaxMasked(c.SeqLen, c.MLMProbability) }
