package model

import (
	"fmt"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// PlanMemory returns what training and evaluating a model of configuration c, built
// for o, will take on the device of b, to the byte. It runs the same calls on a
// backend that only counts, without initial values, and takes nothing from b.
// Errors about c and o wrap ErrConfig.
func PlanMemory(b backend.Planner, c Config, o Options) (backend.DeviceMemory, error) {
	var none backend.DeviceMemory
	p, err := b.Plan()
	if err != nil {
		return none, fmt.Errorf("plan of memory: %w", err)
	}
	defer p.Close() // it holds nothing
	m, err := newModel(p, c, o, true)
	if err != nil {
		return none, err
	}
	batch := blankBatch(o)
	micro := []Batch{batch}
	if m.replicas != nil {
		micro = slices.Repeat(micro, m.replicas.own)
	}
	for _, args := range planSteps(c) {
		if _, err := m.Step(args, micro); err != nil {
			return none, fmt.Errorf("plan of memory: %w", err)
		}
	}
	if _, err := m.Eval(batch); err != nil {
		return none, fmt.Errorf("plan of memory: %w", err)
	}
	return p.Capabilities().Planner.DeviceMemory(), p.Sync()
}

// planSteps are the kinds of step that training has.
func planSteps(c Config) []StepArgs {
	steps := []StepArgs{{}}
	if c.Method == Dynamic {
		steps = append(steps, StepArgs{Update: &sparse.Update{Number: 1, Growth: c.Growth}})
	}
	return steps
}

// blankBatch is a full batch in which there is nothing to predict.
func blankBatch(o Options) Batch {
	unused := func(n int) []int32 {
		list := make([]int32, n)
		for i := range list {
			list[i] = -1
		}
		return list
	}
	return Batch{
		Size: o.MicroBatch, IDs: make([]int32, o.MicroBatch*o.SeqLen), Segments: make([]int32, o.MicroBatch*o.SeqLen),
		Lengths:   make([]int32, o.MicroBatch),
		MaskedPos: unused(o.MicroBatch * o.MaxMasked), MaskedLabels: unused(o.MicroBatch * o.MaxMasked),
		NSPLabels: unused(o.MicroBatch),
	}
}

// planGroup is a rank's place in a group that moves nothing: other ranks need not plan.
type planGroup struct{ of Communicator }

var _ collective.DeviceCommunicator = planGroup{}

func (g planGroup) Rank() int                            { return g.of.Rank() }
func (g planGroup) Size() int                            { return g.of.Size() }
func (g planGroup) AllToAll(_, _ [][]byte) error         { return nil }
func (g planGroup) AllGather(_ []byte, _ [][]byte) error { return nil }
func (g planGroup) Broadcast(int, []byte) error          { return nil }
func (g planGroup) Barrier() error                       { return nil }
func (g planGroup) Close() error                         { return nil }

// MovesDevice is as in the group that is planned for.
func (g planGroup) MovesDevice(device [16]byte) bool {
	d, ok := g.of.(collective.DeviceCommunicator)
	return ok && d.MovesDevice(device)
}

func (g planGroup) AllMoveDevices() bool                                 { return true }
func (g planGroup) AllToAllOnDevice(_, _ []collective.DeviceSlice) error { return nil }
func (g planGroup) AllGatherOnDevice(collective.DeviceSlice, []collective.DeviceSlice) error {
	return nil
}
