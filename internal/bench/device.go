package bench

import (
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// Device is the part of a backend that its products need. Every backend.Backend
// is one.
type Device interface {
	Name() string
	Describe() string
	Activation() backend.DType
	Alloc(name string, dt backend.DType, n int) backend.Buffer
	NewParam(spec backend.ParamSpec) backend.Param
	WriteFloats(dst backend.Buffer, off int, src []float32)
	Refresh(params []backend.Param)
	Sync() error
	backend.Products
	Capabilities() backend.Capabilities
}

// kernel names how d computes a product, "" if it does not say.
func kernel(d Device, op string, p backend.Param, tokens int) string {
	if say := d.Capabilities().Profile; say != nil {
		return say.ProductKernel(op, p, tokens)
	}
	return ""
}

// loaded is what a device has loaded of its kernels, nil where it loads none.
func loaded(have backend.Capabilities) *backend.Loaded {
	if have.Loaded == nil {
		return nil
	}
	l := have.Loaded()
	return &l
}

// threads is the number of d's threads, 0 where that means nothing.
func threads(d Device) int {
	if say := d.Capabilities().Profile; say != nil {
		return say.Threads()
	}
	return 0
}

// precision is what --precision calls the activations' dtype.
func precision(d Device) string {
	switch d.Activation() {
	case backend.F32:
		return "fp32"
	case backend.BF16:
		return "bf16"
	}
	return d.Activation().String()
}

// wallClock times work up to the end of what it queued.
func wallClock(d Device) func(work func()) (time.Duration, error) {
	return func(work func()) (time.Duration, error) {
		start := time.Now()
		work()
		err := d.Sync()
		return time.Since(start), err
	}
}
