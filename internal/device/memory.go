package device

import (
	"errors"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

// IsOutOfMemory says whether a GPU had too little memory.
func IsOutOfMemory(err error) bool {
	const code = 2 // CUDA_ERROR_OUT_OF_MEMORY
	e, ok := errors.AsType[*gpu.Error](err)
	return ok && e.Code == code
}

// WithRemedy adds to an error of a device what the user can do, where that is not plain.
func WithRemedy(err error) error {
	if IsOutOfMemory(err) {
		return fmt.Errorf("%w: found too little memory on the GPU, expected more; take a smaller batch or model"+
			" (flops and train --dry-run say what each needs), or stop what else uses the GPU (nvidia-smi)", err)
	}
	return err
}
