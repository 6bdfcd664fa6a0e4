package gpu

import (
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/backend"
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

const stepBytes = int64(unsafe.Sizeof(deviceStep{}))

// startStep allocates the scalars, all zero until the first BeginStep.
func (b *device) startStep() error {
	b.stepAt = b.take("New", "step scalars", stepBytes)
	return b.err
}

// BeginStep sets the scalars of the operations that follow.
func (b *device) BeginStep(s backend.StepScalars) {
	if !b.ok() {
		return
	}
	b.step = s
	d := deviceStep{seed: s.Seed, step: s.Step, micro: int32(s.Micro), lr: s.LR, mlmScale: s.MLMScale, nspScale: s.NSPScale}
	if s.Train {
		d.train = 1
	}
	b.stage("BeginStep", b.stepAt, bytesOf([]deviceStep{d}))
}

// scalars returns the address of the step's scalars.
func (b *device) scalars() ptrStepScalars { return ptrStepScalars(b.stepAt) }
