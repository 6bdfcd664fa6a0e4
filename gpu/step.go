package gpu

import (
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/internal/backend"
)

// deviceStep is struct StepScalars of kernels/include/step.cuh.
type deviceStep struct {
	seed               uint64
	step               int64
	micro, train       int32
	lr                 float32
	mlmScale, nspScale float32
	_                  int32
}

const (
	stepBytes = int(unsafe.Sizeof(deviceStep{}))
	stepSlots = 64
)

// stepScalars hands the scalars of a step to the kernels. They are copied from a
// ring of pinned memory, so that BeginStep does not wait for the work before it.
type stepScalars struct {
	device Ptr
	pinned []byte
	used   int // slots whose copy may not be finished
}

// startStep allocates the scalars, all zero until the first BeginStep.
func (b *Backend) startStep() error {
	b.steps.device = b.take("New", "step scalars", int64(stepBytes))
	b.working += int64(stepBytes)
	pinned, err := b.drv.AllocPinned(stepSlots * stepBytes)
	b.keep("New", err)
	b.steps.pinned = pinned
	return b.err
}

// BeginStep sets the scalars of the operations that follow.
func (b *Backend) BeginStep(s backend.StepScalars) {
	if !b.ok() {
		return
	}
	b.step = s
	if b.steps.used == stepSlots {
		b.keep("BeginStep", b.drv.Sync(0))
		b.steps.used = 0
	}
	d := deviceStep{seed: s.Seed, step: s.Step, micro: int32(s.Micro), lr: s.LR, mlmScale: s.MLMScale, nspScale: s.NSPScale}
	if s.Train {
		d.train = 1
	}
	slot := b.steps.pinned[b.steps.used*stepBytes:][:stepBytes]
	copy(slot, bytesOf([]deviceStep{d}))
	b.keep("BeginStep", b.drv.CopyIn(0, b.steps.device, slot))
	b.steps.used++
}

// scalars returns the address of the step's scalars.
func (b *Backend) scalars() ptrStepScalars { return ptrStepScalars(b.steps.device) }
