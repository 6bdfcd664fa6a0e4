package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/writable"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train/internal/folder"
	"github.com/sparsebert/sparsebert-gpu/train/internal/host"
	"github.com/sparsebert/sparsebert-gpu/train/internal/state"
)

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
// nothing. A device without the memory is no error of its own: see Dry.Device. With
// open nil the device, and what depends on it, is not looked at. Where c.Processes is
// above 1 it is that of a run which so many processes share, see RunGroup.
func DryRun(ctx context.Context, c Config, open Opener) (*Dry, error) {
	if c.Processes > 1 {
		var err error
		if c, err = sharedBy(c, c.Processes); err != nil {
			return nil, err
		}
		c.Processes = 0 // those of several machines may be more than one may have
	}
	if c.OutputDir == "" {
		c.OutputDir = defaultOutputDir(c, time.Now())
	}
	if err := folder.Check(c.OutputDir, c.Resume); err != nil {
		return nil, err
	}
	var from resumePoint
	if c.Resume {
		if err := folder.CheckUnlocked(c.OutputDir); err != nil {
			return nil, err
		}
		var err error
		if from, err = findResumePoint(c); err != nil {
			return nil, err
		}
	}
	p, initial, err := newPlan(ctx, c, from, nil)
	if err != nil {
		return nil, err
	}
	if initial != nil {
		if err := initial.weights.Close(); err != nil {
			return nil, fmt.Errorf("close %s: %w", initial.path, err)
		}
	}
	if _, err := from.sameText(p); err != nil {
		return nil, err
	}
	d := &Dry{Plan: p, Dir: c.OutputDir, FreeBytes: host.FreeBytes(writable.Nearest(c.OutputDir))}
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
	if d.CheckpointBytes, err = state.Bytes(table); err != nil {
		return nil, err
	}
	saves := int64(1)
	if every := p.Config.SaveSteps; every > 0 {
		saves = 1 + (p.Config.MaxSteps-1)/every - p.first()/every // the sum could be beyond int64
	}
	// A new checkpoint is whole before an old one goes.
	if keep := int64(c.SaveTotalLimit); keep > 0 {
		saves = min(saves, keep+1)
	}
	if c.SaveBest {
		saves += min(2, (p.Config.MaxSteps+p.Config.EvalSteps-1)/p.Config.EvalSteps)
	}
	d.DiskBytes = saves * d.CheckpointBytes
	bytes, every, err := p.topologyFiles()
	if err != nil {
		return nil, err
	}
	if every > 0 {
		d.DiskBytes += bytes * p.savedTopologies(every)
	}
	return d, nil
}

// account works out the estimate, with what the plan's device says of its memory.
func (d *Dry) account(open Opener) (err error) {
	p := d.Plan
	if d.Estimate, err = p.estimateCost(); err != nil {
		return err
	}
	if open == nil {
		return nil
	}
	b, err := open(p.Config.Device, p.Config.Precision, p.Config.Threads)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := p.canTrain(b); err != nil {
		return err
	}
	if err := p.checkHostMemory(b); err != nil {
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
